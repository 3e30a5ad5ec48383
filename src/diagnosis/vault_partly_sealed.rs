//! Some replicas of a Vault are sealed while it still serves.

use super::{Case, Check, Rule};
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, replicas_under, since};
use crate::model::VaultServer;

pub(super) const RULE: Rule = Rule {
    slug: "vault-partly-sealed",
    title: "Some replicas of Vault are sealed",
    severity: Severity::Error,
    runbooks: &["recover", "unseal"],
    check: Check::Vault(check),
    explain: "\
The cluster has a leader, or lost it a moment ago, and at least one replica is sealed. A Service that includes pods which are not
ready (the chart's plain `vault` Service does) sends a share of the requests to the sealed replica: stores
flap between `Valid` and `InvalidProviderConfig`, and logins fail now and then (vault-helm#430).

**How it is known.** `GET sys/seal-status` of each replica; another replica answers as the leader.

**How it is repaired.** Give the shares to the sealed replicas (runbook `recover`). A replica that
restarts often seals often: look at why before trusting the repair.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    if ServerState::of(server) == ServerState::PartlySealed {
        let sealed = server.sealed().count();
        let summary = format!(
            "{sealed} of {} replicas {} sealed: about one request in {} that the Service sends there fails.",
            server.replicas.len(),
            if sealed == 1 { "is" } else { "are" },
            server.replicas.len().div_ceil(sealed),
        );
        let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(case, server));
        for (pod, replica) in server.sealed() {
            root = root.seen(Source::Vault, format!("{pod}: GET sys/seal-status: sealed=true"), replica.answered);
        }
        found.push(root);
        replicas_under(RULE.slug, server, found);
    }
}
