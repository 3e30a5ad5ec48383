//! A store that External Secrets never checks.

use super::finding::{Finding, Source};
use super::{StoreCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "store-never-validated",
    title: "Store is never checked",
    severity: Severity::Info,
    runbooks: &[],
    check: Check::Store(check),
    explain: "\
External Secrets does not check this store: a ClusterSecretStore that leaves the namespace of its service account open
(referent) is always `Valid`, and a store with a `spec.controller` is left to another controller. Whether it works, only an
ExternalSecret that reads through it tells.

**How it is known.** By its spec; it has no condition, or one that nothing was asked for.

**How it is repaired.** Nothing has to be. To have it checked, name `serviceAccountRef.namespace`; log in as it does (L) to know
now.
",
};

fn check(case: &StoreCase<'_>, found: &mut Vec<Finding>) {
    let readers = case.case.world.readers_of(&case.object).next().is_some();
    let summary = if !readers {
        return;
    } else if case.store.is_referent() {
        "External Secrets never checks this store: each ExternalSecret logs in with an account of its own namespace."
    } else if !case.store.class.is_empty() && case.store.ready.is_none() {
        "This store is left to another controller (spec.controller), and that has said nothing of it."
    } else {
        return;
    };
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary.to_owned());
    let ready = case.store.ready.as_ref().map_or_else(|| "no condition".to_owned(), |ready| format!("Ready {}", ready.reason));
    found.push(finding.seen(Source::Kubernetes, ready, case.store.ready.as_ref().and_then(|ready| ready.since)));
}
