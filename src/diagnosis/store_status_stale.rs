//! A store says `Valid` although nothing can be read through its Vault.

use super::{Check, Rule, StoreCase};
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, since};
use crate::model::{Clock, Status};

pub(super) const RULE: Rule = Rule {
    slug: "store-status-stale",
    title: "Store says Valid, wrongly",
    severity: Severity::Info,
    runbooks: &["recover"],
    check: Check::Store(check),
    explain: "\
External Secrets checks a store every 5 minutes (`--store-requeue-interval`, or the store's own
`refreshInterval`), and a referent ClusterSecretStore never. In between, `Ready=True Valid` is a memory.

**How it is known.** The store's Vault itself says that it cannot serve, and the store still says `Valid`.

**How it is repaired.** Repair the Vault; then any changed annotation on the store makes it validate at once.
",
};

fn check(case: &StoreCase<'_>, found: &mut Vec<Finding>) {
    let Some(ready) = case.store.ready.as_ref().filter(|ready| ready.status == Status::True) else { return };
    let Some(server) = case.server else { return };
    let state = ServerState::of(server);
    // That we cannot reach it is no word of the Vault.
    let (true, Some(slug)) = (state.is_down() && state != ServerState::Unreachable, state.slug()) else { return };
    let events = case.case.world.events_of(&case.object);
    let checked = events.iter().rev().find(|event| event.reason.as_str() == "Valid").and_then(|event| event.last);
    let summary = match checked {
        Some(at) => format!("It says {} as of its last check at {}; its Vault says otherwise now.", ready.reason, Clock(at)),
        None => format!("It says {}; its Vault says otherwise now.", ready.reason),
    };
    found.push(
        Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary)
            .under(slug, server.subject())
            .since(since(&case.case, server))
            .seen(Source::Kubernetes, format!("Ready=True {}: {}", ready.reason, ready.message), checked.or(ready.since)),
    );
}
