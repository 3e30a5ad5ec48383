//! A Vault was never initialised.

use super::{Case, Check, Rule};
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, since};
use crate::model::VaultServer;

pub(super) const RULE: Rule = Rule {
    slug: "vault-uninitialised",
    title: "Vault was never initialised",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Vault(check),
    explain: "\
`operator init` was never run on this server: it has no keys and no data.

**How it is known.** `GET sys/seal-status` says `initialized: false`. Clients read the same words as from a
sealed Vault (`503 Vault is sealed`), so stores and ExternalSecrets do not tell the two apart.

**How it is repaired.** If this Vault should hold data, its storage was lost or is not mounted: find out
which before anything else. Only a new Vault is initialised with `operator init`. sealwatch does not do it.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    if ServerState::of(server) == ServerState::Uninitialised {
        let summary = "This Vault was never initialised: it has no keys and no data.".to_owned();
        let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(case, server));
        for (pod, replica) in &server.replicas {
            root = root.seen(Source::Vault, format!("{pod}: GET sys/seal-status: initialized=false"), replica.answered);
        }
        found.push(root);
        for (pod, replica) in &server.replicas {
            let summary = "This replica was never initialised.".to_owned();
            found.push(
                Finding::certain(RULE.slug, RULE.severity, server.replica_ref(pod), summary)
                    .under(RULE.slug, server.subject())
                    .since(replica.changed())
                    .seen(Source::Vault, "GET sys/seal-status: initialized=false", replica.answered),
            );
        }
    }
}
