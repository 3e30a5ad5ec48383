//! An `ExternalSecret` still fails although its cause is gone: it waits for its back-off.

use super::{Check, ReaderCase, Rule};
use super::back_off::next_try;
use super::finding::{Finding, Severity, Source};
use super::server::ServerState;
use crate::model::{Clock, Health};

pub(super) const RULE: Rule = Rule {
    slug: "sync-backing-off",
    title: "Waits for its back-off",
    severity: Severity::Error,
    runbooks: &["refresh", "recover"],
    check: Check::Failing(check),
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

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let Some(store) = case.store.filter(|store| store.health() == Health::Healthy) else { return };
    if !case.server.is_some_and(|server| ServerState::of(server) == ServerState::Open) || !is_of_the_past(case.text()) {
        return;
    }
    let (world, object) = (case.case.world, store.store_ref());
    let events = world.events_of(&object);
    let validated = events.iter().rev().find(|event| event.reason.as_str() == "Valid").and_then(|event| event.last);
    let validated = validated.max(store.ready.as_ref().and_then(|ready| ready.since));
    if validated < case.word.as_ref().and_then(|word| word.at) {
        return;
    }
    let summary = match next_try(world, case.es).filter(|next| *next > case.case.now) {
        Some(next) => format!("Its cause is gone, but External Secrets tries again only at about {}.", Clock(next)),
        None => "Its cause is gone; External Secrets will try again any moment.".to_owned(),
    };
    let what = format!("{} {} is Ready and was validated after that", object.kind, object.name);
    found.push(case.finding(RULE.slug, RULE.severity, summary).seen(Source::Kubernetes, what, validated));
}

fn is_of_the_past(text: &str) -> bool {
    text.contains("is not ready") || text.contains("Vault is sealed") || text.contains("connection refused")
}
