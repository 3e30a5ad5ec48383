//! The current version of a path was destroyed.

use super::finding::Finding;
use super::{PathCase, Check, Rule, Severity};
use crate::model::PathState;

pub(super) const RULE: Rule = Rule {
    slug: "version-destroyed",
    title: "Version was destroyed",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Path(check),
    explain: "\
The current version of this path was destroyed: its data is gone for good. Older versions may still be there. External Secrets says
`Secret does not exist`.

**How it is known.** The path's metadata says `destroyed: true` for the current version.

**How it is repaired.** Write the value anew, from where it came, or bring an older version back as a new one
(`bao kv rollback -version=<n> <mount>/<path>`). Then annotate the ExternalSecrets. Secrets that exist still hold the last value.
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    let PathState::Destroyed { version } = case.state() else { return };
    case.tell(RULE.slug, format!("Its current version, {version}, was destroyed: its data is gone."), None, "metadata: destroyed=true of the current version", found);
}
