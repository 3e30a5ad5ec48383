//! An `ExternalSecret` still fails although its cause is gone: it waits for its back-off.

use super::{Check, ReaderCase, Rule};
use super::back_off::next_try;
use jiff::Timestamp;

use super::finding::{Finding, Severity, Source};
use super::server::ServerState;
use crate::model::{Clock, Health, PathState};

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
    let told = case.told || found.iter().any(|finding| finding.severity == Severity::Error);
    let open = case.server.is_some_and(|server| ServerState::of(server) == ServerState::Open);
    if told || !open {
        return;
    }
    if let Some((what, written)) = written_since(case) {
        found.push(case.finding(RULE.slug, RULE.severity, when(case)).seen(Source::Vault, what, written));
        return;
    }
    if !is_of_the_past(case.text()) {
        return;
    }
    let (world, object) = (case.case.world, store.store_ref());
    let events = world.events_of(&object);
    let validated = events.iter().rev().find(|event| event.reason.as_str() == "Valid").and_then(|event| event.last);
    let validated = validated.max(store.ready.as_ref().and_then(|ready| ready.since));
    if validated < case.word.as_ref().and_then(|word| word.at) {
        return;
    }
    let what = format!("{} {} is Ready and was validated after that", object.kind, object.name);
    found.push(case.finding(RULE.slug, RULE.severity, when(case)).seen(Source::Kubernetes, what, validated));
}

fn when(case: &ReaderCase<'_>) -> String {
    match next_try(case.case.world, case.es).filter(|next| !case.case.has_passed(*next)) {
        Some(next) => format!("Its cause is gone, but External Secrets tries again only at about {}.", Clock(next)),
        None => "Its cause is gone; External Secrets will try again any moment.".to_owned(),
    }
}

/// What it could not find in Vault at its last try, and when that was written since.
fn written_since(case: &ReaderCase<'_>) -> Option<(String, Option<Timestamp>)> {
    let missed = ["Secret does not exist", "cannot find secret data for key"].iter().any(|sign| case.text().contains(sign));
    let tried = case.word.as_ref().and_then(|word| word.at).filter(|_| missed)?;
    let there = case.reads().all(|read| matches!(read.state().as_deref(), Some(PathState::Present { .. })));
    let written = case.newest_version().filter(|written| there && *written > tried)?;
    Some(("what it reads was written after its last try".to_owned(), Some(written)))
}

/// Whether a failure was one of the store, which is well now. “could not get secret data from provider” is not one: every
/// fault of a read says that in the condition, and where the event is gone nothing else is said.
fn is_of_the_past(text: &str) -> bool {
    [
        "is not ready",
        "Vault is sealed",
        "namespace is sealed",
        "connection refused",
        "unable to log in",
        "invalid vault credentials",
        "could not get SecretStore",
        "could not get ClusterSecretStore",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_condition_says_of_every_fault_is_not_of_the_past() {
        assert!(!is_of_the_past("could not get secret data from provider"));
        assert!(is_of_the_past("could not get SecretStore \"s\", SecretStore.external-secrets.io \"s\" not found"));
        assert!(is_of_the_past("error processing spec.data[0] (key: a), err: SecretStore \"s\" is not ready"));
    }
}
