//! A store is not Ready although its Vault serves, or its provider is not a Vault.

use jiff::Timestamp;

use super::Rule;
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, said};
use crate::model::kinds::Watched;
use crate::model::{Health, Inventory, Status};

pub(super) const RULE: Rule = Rule {
    slug: "store-invalid",
    title: "Store is not ready",
    severity: Severity::Error,
    runbooks: &["refresh"],
    check,
    explain: "\
External Secrets cannot use this store: it cannot build a client, log in, or validate. The reason stands
in the store's last Warning event; the condition of External Secrets >= 0.20 does not hold it.

**How it is known.** `Ready=False` on the store while its Vault answers and is open.

**How it is repaired.** By what the event says. After the repair any changed annotation makes the store
validate at once, instead of after its back-off of up to 7 minutes.
",
};

fn check(world: &Inventory, _now: Timestamp, found: &mut Vec<Finding>) {
    for store in world.stores() {
        let Some(ready) = store.ready.as_ref().filter(|ready| ready.status != Status::True) else { continue };
        let server = world.vault_of(store);
        // Under a server that is down, or that we could not ask, the store is not the one to blame.
        if server.is_some_and(|server| !matches!(ServerState::of(server), ServerState::Open)) {
            continue;
        }
        let object = store.store_ref();
        let event = world.events_of(&object).into_iter().rev().find(|event| event.warning).cloned();
        let because = event.as_ref().map_or(&ready.message, |event| &event.message);
        let mut finding = Finding::certain(RULE.slug, RULE.severity, object.clone(), format!("External Secrets cannot use this store: {because}"))
            .since(ready.since)
            .seen(Source::Kubernetes, format!("Ready={} {}: {}", said(ready.status), ready.reason, ready.message), ready.since);
        if let Some(event) = event {
            finding = finding.seen(Source::Event, format!("{}: {}", event.reason, event.message), event.last);
        }
        found.push(finding);
        for es in world.readers_of(&object).filter(|es| es.health() == Health::Failing) {
            let summary = "It fails because its store is not ready.".to_owned();
            let since = es.ready.as_ref().and_then(|ready| ready.since);
            found.push(Finding::certain(RULE.slug, RULE.severity, es.object_ref(), summary).under(RULE.slug, object.clone()).since(since));
        }
    }
}
