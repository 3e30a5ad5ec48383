//! A store is not Ready although its Vault serves, or its provider is not a Vault.

use super::{Check, Rule, StoreCase};
use super::finding::{Finding, Severity};
use super::server::ServerState;
use crate::model::Status;

pub(super) const RULE: Rule = Rule {
    slug: "store-invalid",
    title: "Store is not ready",
    severity: Severity::Error,
    runbooks: &["refresh"],
    check: Check::Store(check),
    explain: "\
External Secrets cannot use this store: it cannot build a client, log in, or validate. The reason stands
in the store's last Warning event; the condition of External Secrets >= 0.20 does not hold it.

**How it is known.** `Ready=False` on the store while its Vault answers and is open.

**How it is repaired.** By what the event says. After the repair any changed annotation makes the store
validate at once, instead of after its back-off of up to 7 minutes.
",
};

fn check(case: &StoreCase<'_>, found: &mut Vec<Finding>) {
    let Some(ready) = case.store.ready.as_ref().filter(|ready| ready.status != Status::True) else { return };
    // Where something else is found it is not the store that is to blame, nor under a server that we could not ask.
    let unknown = case.server.is_some_and(|server| ServerState::of(server) != ServerState::Open);
    if unknown || found.iter().any(|finding| finding.severity == Severity::Error) {
        return;
    }
    let because = case.word.as_ref().map_or(ready.message.as_str(), |word| word.text);
    let summary = format!("External Secrets cannot use this store, and no rule knows why: {because}");
    found.push(case.finding(RULE.slug, RULE.severity, summary).suspected());
}
