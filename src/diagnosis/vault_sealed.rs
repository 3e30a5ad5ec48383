//! Every replica of a Vault is sealed.

use super::finding::{Evidence, Finding, Severity, Source};
use super::server::{ServerState, operators_word, replicas_under, since};
use super::{Case, Check, Rule};
use crate::model::VaultServer;

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
        _ => {}
    }
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
