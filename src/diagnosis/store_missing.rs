//! An `ExternalSecret` names a store that does not exist.

use jiff::Timestamp;

use super::Rule;
use super::finding::{Finding, Severity, Source};
use crate::model::kinds::{ExternalSecret, Watched};
use crate::model::Inventory;

pub(super) const RULE: Rule = Rule {
    slug: "store-missing",
    title: "Store does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check,
    explain: "\
The ExternalSecret names a SecretStore (in its own namespace) or a ClusterSecretStore that does not exist.

**How it is known.** The store is not among the stores of that kind, and those of its place (the namespace, or
the cluster for a ClusterSecretStore) could be listed. Without that right, its absence is not known.

**How it is repaired.** Correct `spec.secretStoreRef`, or create the store. External Secrets does not watch
stores for this: after creating one, annotate the ExternalSecret.
",
};

fn check(world: &Inventory, _now: Timestamp, found: &mut Vec<Finding>) {
    for es in world.all::<ExternalSecret>().iter() {
        let Some(store) = es.store_ref() else { continue };
        if !world.would_show(&store) || world.store(&store).is_some() {
            continue;
        }
        let summary = format!("It reads through {} “{}”, which does not exist.", store.kind, store.name);
        found.push(
            Finding::certain(RULE.slug, RULE.severity, es.object_ref(), summary)
                .since(es.ready.as_ref().and_then(|ready| ready.since))
                .seen(Source::Kubernetes, format!("spec.secretStoreRef: {} {}", store.kind, store.name), None),
        );
    }
}
