//! A Vault has open replicas and no leader.

use super::{Case, Check, Rule};
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, replicas_under, since};
use crate::model::VaultServer;
use crate::model::vault::ReplicaRole;

pub(super) const RULE: Rule = Rule {
    slug: "vault-no-active-node",
    title: "Vault has no leader",
    severity: Severity::Error,
    runbooks: &["recover", "unseal"],
    check: Check::Vault(check),
    explain: "\
A raft cluster elects a leader only while more than half of its replicas are open. Below that, an open
replica answers `429` like a healthy standby, but `sys/leader` names no leader: writes fail with
`local node not active but active cluster node not found`, logins fail with 500 or 503.

**How it is known.** `GET sys/leader` of every open replica lacks `leader_address`.

**How it is repaired.** Unseal enough replicas for a quorum (runbook `recover`); then the rest.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    if ServerState::of(server) == ServerState::NoActiveNode {
        let summary = format!(
            "{} of {} replicas are open and none of them leads; a leader needs {}.",
            server.open().count(),
            server.replicas.len(),
            server.quorum(),
        );
        let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(case.world, server));
        for (pod, replica) in server.open().filter(|(_, replica)| replica.role == ReplicaRole::Leaderless) {
            root = root.seen(Source::Vault, format!("{pod}: GET sys/leader names no leader"), replica.answered);
        }
        found.push(root);
        replicas_under(RULE.slug, server, found);
    }
}
