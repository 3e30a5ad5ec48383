//! A Vault has open replicas and no leader.

use jiff::Timestamp;

use super::Rule;
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, dependents_under, in_state, replicas_under, since};
use crate::model::Inventory;
use crate::model::vault::ReplicaRole;

pub(super) const RULE: Rule = Rule {
    slug: "vault-no-active-node",
    title: "Vault has no leader",
    severity: Severity::Error,
    runbooks: &["recover", "unseal"],
    check,
    explain: "\
A raft cluster elects a leader only while more than half of its replicas are open. Below that, an open
replica answers `429` like a healthy standby, but `sys/leader` names no leader: writes fail with
`local node not active but active cluster node not found`, logins fail with 500 or 503.

**How it is known.** `GET sys/leader` of every open replica lacks `leader_address`.

**How it is repaired.** Unseal enough replicas for a quorum (runbook `recover`); then the rest.
",
};

fn check(world: &Inventory, _now: Timestamp, found: &mut Vec<Finding>) {
    for server in in_state(world, ServerState::NoActiveNode) {
        let summary = format!(
            "{} of {} replicas are open and none of them leads; a leader needs {}.",
            server.open().count(),
            server.replicas.len(),
            server.quorum(),
        );
        let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(world, server));
        for (pod, replica) in server.open().filter(|(_, replica)| replica.role == ReplicaRole::Leaderless) {
            root = root.seen(Source::Vault, format!("{pod}: GET sys/leader names no leader"), replica.answered);
        }
        found.push(root);
        replicas_under(RULE.slug, server, found);
        dependents_under(RULE.slug, world, server, found);
    }
}
