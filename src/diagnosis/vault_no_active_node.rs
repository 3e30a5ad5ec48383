//! A Vault has open replicas and no leader.

use super::{Case, Check, Rule};
use super::finding::{Finding, Severity, Source};
use super::server::{ServerState, replicas_under, since};
use crate::model::vault::{ELECTION, Lead, ReplicaRole};
use crate::model::{Name, Replica, VaultServer};

pub(super) const RULE: Rule = Rule {
    slug: "vault-no-active-node",
    title: "Vault has no leader",
    severity: Severity::Error,
    runbooks: &["recover", "unseal"],
    check: Check::Vault(check),
    explain: "\
A raft cluster elects a leader only while more than half of its voters are open. Below that, an open
replica answers `429` like a healthy standby, but `sys/leader` names no leader, or still the last one: writes and
logins fail with `local node not active but active cluster node not found`, or are sent on to a server that is sealed.

It can happen with enough replicas open. One that joined gets no vote for its first 10 s, and one that was demoted gets
none at all (`not part of stable configuration, aborting election` in its log). If the leader is sealed meanwhile, the
open ones elect nobody until it is open again, however long that takes (OpenBao 2.7.2; hashicorp/vault#21166).

**How it is known.** `GET sys/leader` of every open replica lacks `leader_address`, or none of the replicas says that it leads
itself; and fewer are open than a leader needs, or it stays so for more than the 20 s that an election may take. The
leader that the others name is known by the name of its pod in `leader_cluster_address`, or by what it said when it led.
A standby that was left goes on naming its last leader.

**How it is repaired.** Unseal the replica that the others name (runbook `recover`), or enough replicas for a quorum; then
the rest. Do not remove the sealed one from raft: it may be the only one with a vote.
",
};

fn check(case: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    if ServerState::of(server) == ServerState::NoActiveNode {
        let (open, all, quorum) = (server.open().count(), server.replicas.len(), server.quorum());
        let few = open < quorum;
        let sealed = server.named_in_vain().into_iter().filter(|pod| server.replicas.get(*pod).is_some_and(Replica::is_sealed));
        let sealed: Vec<&str> = sealed.map(Name::as_str).collect();
        let none = match open {
            1 => format!("1 of {all} replicas is open and does not lead"),
            _ => format!("{open} of {all} replicas are open and none of them leads"),
        };
        let summary = match sealed.as_slice() {
            _ if few => format!("{none}; a leader needs {quorum}."),
            [] => format!("{none}, although {quorum} are enough for a leader."),
            [one] => format!("{none}: they follow {one}, which is sealed, and elect no other. Unseal {one}."),
            some => format!("{none}: they follow {}, which are sealed, and elect no other. Unseal these.", some.join(" and ")),
        };
        let began = since(case, server);
        let (lost, lasts) = match server.lead {
            Lead::Nobody { since, before, lasts } => ((!before).then_some(since), lasts),
            _ => (None, false),
        };
        let mut root = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary).since(began.or(lost));
        for (pod, replica) in server.open() {
            let says = match &replica.role {
                ReplicaRole::Leaderless => "names no leader".to_owned(),
                ReplicaRole::Standby(_) if few => "names a leader, and no replica says that it is that".to_owned(),
                ReplicaRole::Standby(at) => format!("names {} as its leader, and no replica says that it leads", at.api),
                _ => continue,
            };
            root = root.seen(Source::Vault, format!("{pod}: GET sys/leader {says}"), replica.answered);
        }
        for (pod, replica) in server.sealed().filter(|(pod, _)| sealed.contains(&pod.as_str())) {
            root = root.seen(Source::Vault, format!("{pod}: GET sys/seal-status: sealed=true"), replica.answered);
        }
        // What does not answer us may be the leader that a standby names, or stand by.
        let silent = server.replicas.values().filter(|replica| replica.fault.is_some()).count();
        let named = server.open().all(|(_, replica)| matches!(replica.role, ReplicaRole::Standby(_)));
        let may_lead = named && open + silent >= quorum && silent > 0;
        // Where enough are open they may be electing just now, unless that would have been over; and a leader that cannot be
        // told from its addresses may be one that was not asked.
        let over = lasts || began.is_some_and(|began| case.is_longer_ago(began, ELECTION));
        let may_elect = !few && !(over && (!named || !server.named_in_vain().is_empty()));
        found.push(if may_lead || may_elect { root.suspected() } else { root });
        replicas_under(RULE.slug, server, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Certainty, diagnose};
    use crate::model::inventory::Change;
    use crate::model::kinds::{OnShelf as _, SecretStore, Watched as _};
    use crate::model::vault::{LeaderAt, Seal};
    use crate::model::{Fault, FaultKind, Inventory, Kind, Names, Text, VaultAddress};
    use jiff::Timestamp;

    fn replica(sealed: bool, role: ReplicaRole) -> Replica {
        let seal = format!(r#"{{"initialized":true,"sealed":{sealed}}}"#);
        Replica { seal: serde_json::from_str(&seal).unwrap(), role, ..Replica::default() }
    }

    /// A world with one store of a Vault of three replicas, whose first was sealed so many seconds ago while it led.
    fn leader_sealed(seen: bool, ago: i64) -> Vec<(&'static str, Certainty, String)> {
        let at = |second: i64| Timestamp::from_second(1_790_000_000 + second).unwrap();
        let leader = LeaderAt { api: Text::foreign("http://10.0.0.7:8200"), cluster: Text::foreign("https://10.0.0.7:8201") };
        let seal = |sealed: bool| -> Seal { serde_json::from_str(&format!(r#"{{"initialized":true,"sealed":{sealed}}}"#)).unwrap() };
        let store = serde_json::json!({
            "metadata": {"name": "vault", "namespace": "a"},
            "spec": {"provider": {"vault": {"server": "http://vault.a.svc:8200", "path": "secret", "version": "v2"}}},
        });
        let mut world = Inventory::default();
        let store = SecretStore::read(serde_json::from_value(store).unwrap(), &mut Names::default());
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store.into_object()], Vec::new()), at(0));
        world.settle();
        let address = VaultAddress::parse("http://vault.a.svc:8200").unwrap();
        let pods = ["vault-0", "vault-1", "vault-2"].map(|pod| (Name::new(pod), None)).to_vec();
        world.apply(Change::Replicas(address.clone(), Ok(pods)), at(0));
        let mut answers = |second, sealed: bool| {
            let first = if sealed { ReplicaRole::Unknown } else { ReplicaRole::Active(leader.clone()) };
            let other = || (false, ReplicaRole::Standby(leader.clone()));
            for (pod, (sealed, role)) in [("vault-0", (sealed, first)), ("vault-1", other()), ("vault-2", other())] {
                world.apply(Change::Answered(address.clone(), Name::new(pod), Ok((seal(sealed), role))), at(second));
            }
        };
        if seen {
            answers(1, false);
        }
        for second in 2..=2 + ago {
            answers(second, true);
        }
        let causes = diagnose(&world, at(2 + ago)).causes;
        causes.iter().map(|cause| (cause.slug, cause.certainty, cause.summary.clone())).collect()
    }

    #[test]
    fn two_open_replicas_that_go_on_following_a_sealed_leader_have_none() {
        let named = "2 of 3 replicas are open and none of them leads: they follow vault-0, which is sealed, and elect no other. \
             Unseal vault-0.";
        let slugs = |said: Vec<(&'static str, Certainty, String)>| said.into_iter().map(|(slug, ..)| slug).collect::<Vec<_>>();
        assert_eq!(slugs(leader_sealed(true, 19)), ["vault-partly-sealed"], "an election takes a while");
        assert_eq!(leader_sealed(true, 20), [(RULE.slug, Certainty::Certain, named.to_owned())]);
        // Where it was so from the beginning nobody knows how long, and by its addresses alone it cannot be told who that was.
        let unsure = "2 of 3 replicas are open and none of them leads, although 2 are enough for a leader.";
        assert_eq!(leader_sealed(false, 0), [(RULE.slug, Certainty::Suspected, unsure.to_owned())]);
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
        let (sealed, standby) = ((true, ReplicaRole::Unknown), (false, ReplicaRole::Standby(LeaderAt::default())));
        assert_eq!(state(&[standby.clone(), sealed.clone(), sealed.clone()]), ServerState::NoActiveNode);
        assert_eq!(state(&[(false, ReplicaRole::Leaderless), sealed.clone(), sealed.clone()]), ServerState::NoActiveNode);
        // Two of three elect another; one whose role is not known may lead; one that is reached alone may be any of many.
        assert_eq!(state(&[standby.clone(), standby.clone(), sealed.clone()]), ServerState::PartlySealed);
        assert_eq!(state(&[(false, ReplicaRole::Unknown), sealed.clone(), sealed.clone()]), ServerState::PartlySealed);
        assert_eq!(state(&[(false, ReplicaRole::Active(LeaderAt::default())), sealed.clone(), sealed]), ServerState::PartlySealed);
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
