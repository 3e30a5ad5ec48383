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
replica answers `429` like a healthy standby, but `sys/leader` names no leader, or still the last one: writes fail
with `local node not active but active cluster node not found`, logins fail with 500 or 503.

**How it is known.** `GET sys/leader` of every open replica lacks `leader_address`; or no replica says that it leads itself, and
fewer are open than a leader needs. A standby that lost both others goes on naming its last leader (seen on OpenBao 2.7.2).

**How it is repaired.** Unseal enough replicas for a quorum (runbook `recover`); then the rest.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    if ServerState::of(server) == ServerState::NoActiveNode {
        let (open, all, quorum) = (server.open().count(), server.replicas.len(), server.quorum());
        let summary = match open {
            1 => format!("1 of {all} replicas is open and does not lead; a leader needs {quorum}."),
            _ => format!("{open} of {all} replicas are open and none of them leads; a leader needs {quorum}."),
        };
        let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(since(case, server));
        for (pod, replica) in server.open() {
            let says = match replica.role {
                ReplicaRole::Leaderless => "names no leader",
                ReplicaRole::Standby => "names a leader, and no replica says that it is that",
                _ => continue,
            };
            root = root.seen(Source::Vault, format!("{pod}: GET sys/leader {says}"), replica.answered);
        }
        // What does not answer us may be the leader that a standby names, or stand by.
        let silent = server.replicas.values().filter(|replica| replica.fault.is_some()).count();
        let named = server.open().all(|(_, replica)| replica.role == ReplicaRole::Standby);
        let may_lead = named && server.open().count() + silent >= server.quorum() && silent > 0;
        found.push(if may_lead { root.suspected() } else { root });
        replicas_under(RULE.slug, server, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fault, FaultKind, Name, Replica, VaultAddress};

    fn replica(sealed: bool, role: ReplicaRole) -> Replica {
        let seal = format!(r#"{{"initialized":true,"sealed":{sealed}}}"#);
        Replica { seal: serde_json::from_str(&seal).unwrap(), role, ..Replica::default() }
    }

    fn state(replicas: &[(bool, ReplicaRole)]) -> ServerState {
        let mut server = VaultServer::new(VaultAddress::parse("http://vault.a.svc:8200").unwrap());
        server.listed = true;
        for (number, (sealed, role)) in replicas.iter().enumerate() {
            server.replicas.insert(Name::new(&format!("vault-{number}")), replica(*sealed, role.clone()));
        }
        ServerState::of(&server)
    }

    #[test]
    fn a_standby_that_was_left_names_its_last_leader_and_there_is_none() {
        let (sealed, standby) = ((true, ReplicaRole::Unknown), (false, ReplicaRole::Standby));
        assert_eq!(state(&[standby.clone(), sealed.clone(), sealed.clone()]), ServerState::NoActiveNode);
        assert_eq!(state(&[(false, ReplicaRole::Leaderless), sealed.clone(), sealed.clone()]), ServerState::NoActiveNode);
        // Two of three elect another; one whose role is not known may lead; one that is reached alone may be any of many.
        assert_eq!(state(&[standby.clone(), standby.clone(), sealed.clone()]), ServerState::PartlySealed);
        assert_eq!(state(&[(false, ReplicaRole::Unknown), sealed.clone(), sealed.clone()]), ServerState::PartlySealed);
        assert_eq!(state(&[(false, ReplicaRole::Active), sealed.clone(), sealed]), ServerState::PartlySealed);
        assert_eq!(state(std::slice::from_ref(&standby)), ServerState::Open);
        // The one that does not answer us may be the leader that the others name.
        let mut server = VaultServer::new(VaultAddress::parse("http://vault.a.svc:8200").unwrap());
        let silent = Replica { fault: Some(Fault::new(FaultKind::Timeout, "no answer")), ..Replica::default() };
        server.replicas.insert(Name::new("vault-0"), silent);
        for name in ["vault-1", "vault-2"] {
            server.replicas.insert(Name::new(name), replica(standby.0, standby.1.clone()));
        }
        assert_eq!(ServerState::of(&server), ServerState::Open);
    }
}
