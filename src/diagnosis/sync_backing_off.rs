//! An `ExternalSecret` still fails although its cause is gone: it waits for its back-off.

use jiff::Timestamp;

use super::Rule;
use super::back_off::next_try;
use super::finding::{Finding, Severity, Source};
use super::server::ServerState;
use crate::model::kinds::{ExternalSecret, Watched};
use crate::model::{Clock, Health, Inventory};

pub(super) const RULE: Rule = Rule {
    slug: "sync-backing-off",
    title: "Waits for its back-off",
    severity: Severity::Error,
    runbooks: &["refresh", "recover"],
    check,
    explain: "\
What made this ExternalSecret fail is gone, but External Secrets waits before it tries again: 1 s after
the first failure, then twice as long each time, up to 7 minutes. It does not watch stores or Vault, so
nothing tells it that the fault is over (external-secrets#4340, #5259).

**How it is known.** Its last failure says that the store was not ready or that Vault was sealed; the store
was validated after that failure, and the Vault is open.

**How it is repaired.** It recovers by itself at the time given. Any changed annotation makes it try now
(runbook `refresh` or `recover`). One with a generator is left out: a sync makes a new value.
",
};

fn check(world: &Inventory, now: Timestamp, found: &mut Vec<Finding>) {
    for es in world.failing::<ExternalSecret>() {
        let Some(store) = es.store_ref() else { continue };
        let Some(standing) = world.store(&store).filter(|store| store.health() == Health::Healthy) else { continue };
        if !world.vault_of(standing).is_some_and(|server| ServerState::of(server) == ServerState::Open) {
            continue;
        }
        let object = es.object_ref();
        let events = world.events_of(&object);
        let Some(event) = events.iter().rev().find(|event| event.warning).filter(|event| is_of_the_past(event.message.as_str())) else { continue };
        let validated = world.events_of(&store).iter().rev().find(|event| event.reason.as_str() == "Valid").and_then(|event| event.last);
        let validated = validated.max(standing.ready.as_ref().and_then(|ready| ready.since));
        if validated < event.last {
            continue;
        }
        let since = es.ready.as_ref().and_then(|ready| ready.since);
        let summary = match next_try(world, es).filter(|next| *next > now) {
            Some(next) => format!("Its cause is gone, but External Secrets tries again only at about {}.", Clock(next)),
            None => "Its cause is gone; External Secrets will try again any moment.".to_owned(),
        };
        found.push(
            Finding::certain(RULE.slug, RULE.severity, object, summary)
                .since(since)
                .seen(Source::Event, format!("{}: {}", event.reason, event.message), event.last)
                .seen(Source::Kubernetes, format!("{} {} is Ready and was validated after that", store.kind, store.name), validated),
        );
    }
}

fn is_of_the_past(text: &str) -> bool {
    text.contains("is not ready") || text.contains("Vault is sealed") || text.contains("connection refused")
}
