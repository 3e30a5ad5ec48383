//! The version of a path that is read was destroyed.

use super::finding::Finding;
use super::{Check, PathCase, ReaderCase, Rule, Severity};
use crate::model::{PathState, Text};

pub(super) const RULE: Rule = Rule {
    slug: "version-destroyed",
    title: "Version was destroyed",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Several(&[Check::Path(check), Check::ExternalSecret(held)]),
    explain: "\
The current version of this path was destroyed, or the one that the ExternalSecret is held to (`remoteRef.version`): its data is
gone for good. Other versions may still be there. External Secrets says `Secret does not exist`.

**How it is known.** The path's metadata says `destroyed: true` for that version, or has only newer ones: a path keeps ten of them,
or as many as its `max_versions` says.

**How it is repaired.** Where one is held to it, name a version that is there. Else write the value anew, from where it came, or bring an older version back as a new one
(`bao kv rollback -version=<n> <mount>/<path>`). Then annotate the ExternalSecrets. Secrets that exist still hold the last value.
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    let PathState::Destroyed { version } = case.state() else { return };
    case.tell(RULE.slug, format!("Its current version, {version}, was destroyed: its data is gone."), None, "metadata: destroyed=true of the current version", found);
}

fn held(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let why = |full: &Text, state: &PathState| match state {
        PathState::Destroyed { version } => {
            Some((format!("It is held to version {version} of {full}, which was destroyed or has made room for newer ones."), None))
        }
        _ => None,
    };
    case.tell_held(RULE.slug, why, found);
}
