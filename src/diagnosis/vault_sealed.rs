//! Every replica of a Vault is sealed.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::finding::{Evidence, Finding, Severity, Source};
use super::server::{ServerState, operators_word, replicas_under, since};
use super::{Case, Check, Rule};
use crate::model::vault::Told;
use crate::model::{Health, ObjectRef, Status, VaultServer};

pub(super) const RULE: Rule = Rule {
    slug: "vault-sealed",
    title: "Vault is sealed",
    severity: Severity::Error,
    runbooks: &["recover", "unseal"],
    check: Check::Vault(check),
    explain: "\
A sealed Vault (or OpenBao) holds its data encrypted and answers every request with 503 until enough
unseal shares were given. After a restart every replica without auto-unseal is sealed, each on its own.

**How it is known.** `GET sys/seal-status` of every replica says `sealed: true`. This needs no token.
Kubernetes does not tell: External Secrets checks a store every 5 minutes and until then says `Valid`,
and pods may be Ready while sealed. The condition of a store or ExternalSecret does not name the cause.

**What it breaks.** Stores fail at their next check, ExternalSecrets at their next refresh. Secrets that
exist stay, and pods run on; what needs a new Secret waits. Generators do not need Vault.

**Namespaces of OpenBao.** A namespace may have a seal of its own (OpenBao 2.6 and later): then it is sealed and unsealed by itself,
with shares of its own, and all else of its Vault serves. It is named behind its Vault, as in `Vault/vault/openbao/team`. Its seal is
told by `GET sys/namespaces/<name>/seal-status`, which needs a token; of what was just done the leader knows first, and standbys some
11 s later. It is sealed again when its Vault is. Without a token the word of External Secrets counts (`namespace is sealed`). HashiCorp Vault Community has no namespaces.

**How it is repaired.** Runbook `recover`: every sealed replica gets the shares; then each store is asked
to validate at once, then each ExternalSecret that failed is refreshed. In this order it takes seconds;
left alone, External Secrets' back-off (up to 7 minutes for the store and 7 for the ExternalSecret) has
been measured to need 641 s.

**What not to do.** Do not restart the pods (each restart seals again), do not delete volumes, do not
run `operator init`.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    match ServerState::of(server) {
        ServerState::Sealed => sealed(case, server, found),
        ServerState::Unknown => found.extend(said_to_be(case, server)),
        // While nobody leads, what was said of a namespace is old, and nothing of it matters.
        state if state.is_down() => {}
        _ => spaces(case, server, found),
    }
}

/// Each namespace with a seal of its own that is sealed: a cause by itself, of what stands in it alone.
fn spaces(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let asked = server.around.said().map(|(_, asked)| *asked);
    for (name, seal) in server.sealed_spaces() {
        let subject = server.address.space_ref(name.as_str());
        let summary = format!(
            "The namespace {name} of this Vault is sealed: nothing in it can be read or logged in to until it is unsealed with its own {}.",
            if seal.threshold == 1 { "share" } else { "shares" }
        );
        let what = format!("GET sys/namespaces/{name}/seal-status: sealed=true, progress={} of {}", seal.progress, seal.threshold);
        let root = Finding::certain(RULE.slug, RULE.severity, subject.clone(), summary);
        found.push(root.since(first_failure(case, &subject)).seen(Source::Vault, what, asked));
    }
    said_to_be_sealed(case, server, found);
}

/// What Vault does not tell of a namespace, for want of a token that may ask, External Secrets tells.
fn said_to_be_sealed(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let of_server = server.subject();
    let mut told = BTreeSet::new();
    for store in case.world.stores_of(&of_server).filter(|store| store.health() == Health::Failing) {
        let Some(subject) = store.vault.as_ref().and_then(|vault| vault.spaces().last()) else { continue };
        let is_told = store.vault.as_ref().is_some_and(|vault| {
            vault.spaces().any(|space| server.space(&space).is_some_and(|(_, seal, _)| matches!(seal, Told::Said(_))))
        });
        let object = store.store_ref();
        let word = case.world.events_of(&object).into_iter().rev().find(|event| event.warning);
        let Some(word) = word.filter(|event| event.message.as_str().contains("namespace is sealed")) else { continue };
        if is_told || !told.insert(subject.clone()) {
            continue;
        }
        let summary = format!(
            "External Secrets is told that the namespace {} of this Vault, or one above it, is sealed; sealwatch may not ask.",
            server.address.space_named(&subject).unwrap_or_default()
        );
        let mut root = Finding::certain(RULE.slug, RULE.severity, subject.clone(), summary).suspected();
        root = root.since(first_failure(case, &subject));
        let (what, at) = (word.message.to_string(), word.last);
        root.evidence.push(Evidence { source: Source::Event, object, what, at });
        found.push(root);
    }
}

/// Since when the stores in a namespace fail: nothing tells since when it is sealed.
fn first_failure(case: &Case<'_>, space: &ObjectRef) -> Option<Timestamp> {
    let said = case.world.stores_of(space).filter_map(|store| store.ready.as_ref());
    said.filter(|ready| ready.status == Status::False).filter_map(|ready| ready.since).min()
}

fn sealed(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let summary = match server.replicas.len() {
        1 => "Vault is sealed: nothing can be read or logged in until it is unsealed.".to_owned(),
        n => format!("All {n} replicas of this Vault are sealed: nothing can be read or logged in until they are unsealed."),
    };
    let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(case, server));
    for (pod, replica) in server.sealed() {
        root = root.seen(Source::Vault, format!("{pod}: GET sys/seal-status: sealed=true"), replica.answered);
    }
    found.push(root);
    replicas_under(RULE.slug, server, found);
}

/// We could not ask, but External Secrets did. An uninitialised Vault gives it the same words, and one sealed replica of
/// several too, so this is not certain.
fn said_to_be(case: &Case<'_>, server: &VaultServer) -> Option<Finding> {
    let (object, what, at) = operators_word(case.world, server).filter(|(_, text, _)| text.contains("Vault is sealed"))?;
    let summary = "External Secrets is told that this Vault is sealed; sealwatch could not ask it.".to_owned();
    let root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary);
    let mut root = root.suspected().since(since(case, server));
    root.evidence.push(Evidence { source: Source::Event, object, what, at });
    Some(root)
}
