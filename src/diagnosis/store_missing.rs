//! An `ExternalSecret` names a store that does not exist.

use jiff::Timestamp;

use super::Rule;
use super::finding::{Finding, Severity, Source};
use crate::model::kinds::Watched as _;
use crate::model::{Inventory, ObjectRef};

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
    let missing = |store: &&&ObjectRef| world.would_show(store) && world.store(store).is_none();
    let stores = world.stores_read_through();
    let readers =
        stores.iter().filter(missing).flat_map(|store| world.readers_of(store).map(move |es| (es.object_ref(), es, store)));
    let mut readers: Vec<_> = readers.collect();
    readers.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    for (object, es, store) in readers {
        let summary = format!("It reads through {} “{}”, which does not exist.", store.kind, store.name);
        found.push(
            Finding::certain(RULE.slug, RULE.severity, object, summary)
                .since(es.ready.as_ref().and_then(|ready| ready.since))
                .seen(Source::Kubernetes, format!("spec.secretStoreRef: {} {}", store.kind, store.name), None),
        );
    }
}
