//! A store says `Valid` although nothing can be read through its Vault.

use jiff::Timestamp;

use super::Rule;
use super::finding::{Finding, Severity, Source};
use super::server::ServerState;
use crate::model::{Clock, Inventory, Status};

pub(super) const RULE: Rule = Rule {
    slug: "store-status-stale",
    title: "Store says Valid, wrongly",
    severity: Severity::Info,
    runbooks: &["recover"],
    check,
    explain: "\
External Secrets checks a store every 5 minutes (`--store-requeue-interval`, or the store's own
`refreshInterval`), and a referent ClusterSecretStore never. In between, `Ready=True Valid` is a memory.

**How it is known.** The store's Vault itself says that it cannot serve, and the store still says `Valid`.

**How it is repaired.** Repair the Vault; then any changed annotation on the store makes it validate at once.
",
};

fn check(world: &Inventory, _now: Timestamp, found: &mut Vec<Finding>) {
    for server in world.vaults.values() {
        let state = ServerState::of(server);
        // That we cannot reach it is no word of the Vault.
        let (true, Some(cause)) = (state.is_down() && state != ServerState::Unreachable, state.slug()) else { continue };
        let subject = server.subject();
        let since = super::server::since(world, server);
        for store in world.stores_of(&subject) {
            let Some(ready) = store.ready.as_ref().filter(|ready| ready.status == Status::True) else { continue };
            let object = store.store_ref();
            let checked = world.events_of(&object).iter().rev().find(|event| event.reason.as_str() == "Valid").and_then(|event| event.last);
            let summary = match checked {
                Some(at) => format!("It says {} as of its last check at {}; its Vault says otherwise now.", ready.reason, Clock(at)),
                None => format!("It says {}; its Vault says otherwise now.", ready.reason),
            };
            found.push(
                Finding::certain(RULE.slug, RULE.severity, object, summary)
                    .under(cause, subject.clone())
                    .since(since)
                    .seen(Source::Kubernetes, format!("Ready=True {}: {}", ready.reason, ready.message), checked.or(ready.since)),
            );
        }
    }
}
