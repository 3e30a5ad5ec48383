//! A path that `ExternalSecret`s read does not exist.

use super::finding::Finding;
use super::{Check, PathCase, ReaderCase, Rule, Severity};
use crate::model::{PathState, Text};

pub(super) const RULE: Rule = Rule {
    slug: "path-missing",
    title: "Path was never written",
    severity: Severity::Error,
    runbooks: &["write-value"],
    check: Check::Several(&[Check::Path(check), Check::ExternalSecret(held)]),
    explain: "\
Nobody ever wrote this path, or all of it was deleted with its metadata; or the ExternalSecret is held to a version
(`remoteRef.version`) that was not written yet. External Secrets says `Secret does not exist`, as it does
for four other faults.

**How it is known.** Vault answers 404 with an empty list of errors for the path's metadata, while the mount is there and of the KV
version that the store expects.

**How it is told from its look-alikes.** A deleted or destroyed version has metadata; a missing mount and another KV version are
answered otherwise.

**How it is repaired.** Write the path (what should have: a bootstrap Job, Terraform, a person?), or correct the `remoteRef.key`.
Names in the same folder that are like it are in the path's page. Then annotate the ExternalSecrets.
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    if *case.state() != PathState::Missing {
        return;
    }
    case.tell(RULE.slug, "This path was never written, or all of it was deleted.".to_owned(), None, "404 with no errors: nothing stands there", found);
}

fn held(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let why = |full: &Text, state: &PathState| {
        let summary = || format!("It is held to a version of {full} that was never written: the current one is older.");
        (*state == PathState::Missing).then(|| (summary(), None))
    };
    case.tell_held(RULE.slug, why, found);
}
