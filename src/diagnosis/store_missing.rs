//! An `ExternalSecret` names a store that does not exist.

use super::{Check, ReaderCase, Rule};
use super::finding::{Finding, Severity, Source};

pub(super) const RULE: Rule = Rule {
    slug: "store-missing",
    title: "Store does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
The ExternalSecret names a SecretStore (in its own namespace) or a ClusterSecretStore that does not exist.

**How it is known.** The store is not among the stores of that kind, and those of its place (the namespace, or
the cluster for a ClusterSecretStore) could be listed. Without that right, its absence is not known.

**How it is repaired.** Correct `spec.secretStoreRef`, or create the store. External Secrets does not watch
stores for this: after creating one, annotate the ExternalSecret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.store.is_some() {
        return;
    }
    let Some(store) = case.es.store_ref().filter(|store| case.case.world.would_show(store)) else { return };
    let summary = format!("It reads through {} “{}”, which does not exist.", store.kind, store.name);
    let finding = case.finding(RULE.slug, RULE.severity, summary);
    found.push(finding.seen(Source::Kubernetes, format!("spec.secretStoreRef: {} {}", store.kind, store.name), None));
}
