//! The KV mount of a store does not exist.

use super::finding::Finding;
use super::{PathCase, Check, Rule, Severity};
use crate::model::PathState;

pub(super) const RULE: Rule = Rule {
    slug: "mount-missing",
    title: "Mount does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Path(check),
    explain: "\
The store reads from a mount that its Vault does not have. The store is `Valid` all the same: its login works, and the mount is not
checked. External Secrets says `Secret does not exist`, or `permission denied` where the store's policy does not cover that mount.

**How it is known.** Vault answers `no handler for route`, or does not list the mount to a token that could see it.

**How it is repaired.** Correct `spec.provider.vault.path` of the store, or mount the engine: `bao secrets enable -path=<mount>
kv-v2`. Then annotate the ExternalSecrets. With `deletionPolicy: Delete` External Secrets has deleted their Secrets meanwhile.
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    if *case.state() == PathState::NoMount {
        let mount = case.path.mount.clone();
        let summary = move |other: Option<String>| match other {
            Some(other) => format!("Its Vault has no mount “{mount}”. {other}"),
            None => format!("Its Vault has no mount “{mount}”."),
        };
        case.tell_stores(RULE.slug, summary, "no handler for the route of this mount", found);
    }
}
