//! The current version of a path was deleted, and can be brought back.

use super::finding::Finding;
use super::{PathCase, Check, Rule, Severity};
use crate::model::PathState;

pub(super) const RULE: Rule = Rule {
    slug: "version-deleted",
    title: "Version was deleted",
    severity: Severity::Error,
    runbooks: &["undelete-version"],
    check: Check::Path(check),
    explain: "\
The current version of this path was deleted. It can be undeleted. External Secrets says `Secret does not exist`.

**How it is known.** The path's metadata gives the current version a `deletion_time` in the past.

**How it is repaired.** `bao kv undelete -versions=<n> <mount>/<path>`, if the deletion was a mistake; else write a new version.
Then annotate the ExternalSecrets. A `deletion_time` that was in the future when it was written (`delete_version_after`) means that
it will happen again.
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    let PathState::Deleted { version, at } = case.state() else { return };
    case.tell(RULE.slug, format!("Its current version, {version}, was deleted; it can be undeleted."), *at, "metadata: deletion_time of the current version is past", found);
}
