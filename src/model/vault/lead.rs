//! Who leads the replicas of a Vault, and since when nobody does.
//!
//! A standby names the leader that it knows, for ever if nobody follows that one: that it names one is no proof that there
//! is one (seen on `OpenBao` 2.7.2).

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Replica, VaultServer};
use crate::model::object::Name;
use crate::model::text::Text;

/// How long replicas that can elect a leader may be without one, in seconds. With raft's default of the servers
/// (`performance_multiplier` 5) a follower waits 5 to 10 s before it asks for votes, and as long again if these are split
/// (hashicorp/raft, `DefaultConfig`); on two busy cores with 1 in place of 5 it took up to 6 s.
pub const ELECTION: i64 = 20;

/// What a replica is in its cluster (`sys/leader`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReplicaRole {
    /// It was not asked, or is sealed and does not say.
    #[default]
    Unknown,
    /// It leads, and is here.
    Active(LeaderAt),
    /// It follows a leader that it knows, which is there.
    Standby(LeaderAt),
    /// It is open and knows no leader: the cluster has no quorum (429 is not "fine").
    Leaderless,
    /// It is not part of a cluster.
    Single,
}

/// The addresses of a leader, as the servers tell each other (`api_addr`, `cluster_addr`); empty where they are not told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaderAt {
    /// For clients. In the charts this is the address of the pod.
    pub api: Text,
    /// For the other replicas. In the charts its host is the name of the pod and of a headless Service.
    pub cluster: Text,
}

/// `sys/leader`. Keys may be absent: OpenBao outside a cluster says `ha_enabled` only.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Leader {
    ha_enabled: bool,
    is_self: bool,
    #[serde(rename = "leader_address")]
    address: Text,
    #[serde(rename = "leader_cluster_address")]
    cluster_address: Text,
}

/// Who leads a Vault, over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Lead {
    /// Not every replica was asked yet.
    #[default]
    NotSeen,
    /// One leads, or one that does not answer may.
    Somebody,
    /// All answer, and none of them leads.
    Nobody {
        /// Since when, as far as we saw.
        since: Timestamp,
        /// Whether it was so when we first looked, and not a hand-over that we saw.
        before: bool,
        /// Whether it lasts longer than an election takes.
        lasts: bool,
    },
}

impl Leader {
    /// What the replica that answered so is in its cluster.
    #[must_use]
    pub fn role(self) -> ReplicaRole {
        let at = LeaderAt { api: self.address, cluster: self.cluster_address };
        match (self.ha_enabled, self.is_self) {
            (false, _) => ReplicaRole::Single,
            (true, true) => ReplicaRole::Active(at),
            (true, false) if at.api.is_empty() => ReplicaRole::Leaderless,
            (true, false) => ReplicaRole::Standby(at),
        }
    }
}

impl ReplicaRole {
    /// The word for a column.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Active(_) => "active",
            Self::Standby(_) => "standby",
            Self::Leaderless => "no leader",
            Self::Single => "single",
        }
    }
}

impl LeaderAt {
    /// The first labels of its hosts: the name of its pod, where they are not addresses.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        [&self.cluster, &self.api].into_iter().filter_map(|url| {
            let host = url.as_str().split_once("://").map_or(url.as_str(), |(_, rest)| rest);
            host.split(['.', ':', '/']).next()
        })
    }

    /// Whether these are the addresses of that pod: by its name, or because it said so itself when it led.
    fn is_of(&self, pod: &Name, replica: &Replica) -> bool {
        (!self.api.is_empty() && replica.led_at.as_ref() == Some(self)) || self.hosts().any(|host| host == pod.as_str())
    }

    /// Whether they name a pod of the same `StatefulSet` as that one.
    fn is_beside(&self, pod: &Name) -> bool {
        let stem = |name: &str| name.rsplit_once('-').filter(|(_, nth)| nth.parse::<u32>().is_ok()).map(|(stem, _)| stem.len());
        let own = stem(pod.as_str()).and_then(|end| pod.as_str().get(..end));
        self.hosts().any(|host| own.is_some() && stem(host).and_then(|end| host.get(..end)) == own)
    }
}

impl VaultServer {
    /// Whom its standbys name.
    fn named(&self) -> impl Iterator<Item = &LeaderAt> {
        self.open().filter_map(|(_, replica)| match &replica.role {
            ReplicaRole::Standby(at) => Some(at),
            _ => None,
        })
    }

    /// The replicas that open ones name as their leader, and that do not lead.
    #[must_use]
    pub fn named_in_vain(&self) -> BTreeSet<&Name> {
        let pods = self.named().flat_map(|at| self.replicas.iter().filter(move |(pod, replica)| at.is_of(pod, replica)));
        pods.filter(|(_, replica)| !replica.leads()).map(|(pod, _)| pod).collect()
    }

    /// Whether a standby names a pod that its Service does not send to (a Service of the standbys alone).
    fn is_led_from_outside(&self) -> bool {
        self.named().any(|at| {
            let is_one = self.replicas.iter().any(|(pod, replica)| at.is_of(pod, replica));
            !is_one && self.replicas.keys().any(|pod| at.is_beside(pod))
        })
    }

    /// Whether nobody leads it although enough of its replicas are open, and this is no hand-over that we see.
    #[must_use]
    pub fn is_unled(&self) -> bool {
        let Lead::Nobody { before, lasts, .. } = self.lead else { return false };
        let knows_none = self.open().any(|(_, replica)| replica.role == ReplicaRole::Leaderless);
        // One that is reached alone may be any of many.
        let several = self.replicas.len() > 1;
        // Where it cannot be told who is named, it is one that is sealed: the open ones do not lead.
        let is_sealed = || self.sealed().next().is_some() && !self.is_led_from_outside();
        let named = several && (!self.named_in_vain().is_empty() || is_sealed());
        (before || lasts) && (knows_none || named)
    }

    /// Takes in who leads now; says whether that is another thing than before.
    pub fn note_lead(&mut self, now: Timestamp) -> bool {
        let all = || self.replicas.values();
        let is_clear = |replica: &Replica| {
            replica.fault.is_none() && replica.seal.is_some() && !(replica.is_open() && replica.role == ReplicaRole::Unknown)
        };
        let clear = self.listed && !self.replicas.is_empty() && all().all(is_clear);
        let leads = all().any(Replica::leads);
        let open = all().any(Replica::is_open);
        let then = self.lead;
        self.lead = match then {
            _ if leads => Lead::Somebody,
            Lead::NotSeen if !clear => Lead::NotSeen,
            _ if !clear => Lead::Somebody,
            // Sealed as a whole: whoever opens elects anew.
            _ if !open => Lead::Somebody,
            Lead::Nobody { since, before, lasts } => {
                let lasts = lasts || now.as_second() - since.as_second() >= ELECTION;
                Lead::Nobody { since, before, lasts }
            }
            _ => Lead::Nobody { since: now, before: then == Lead::NotSeen, lasts: false },
        };
        self.lead != then
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VaultAddress;

    fn at(api: &str, cluster: &str) -> LeaderAt {
        LeaderAt { api: Text::foreign(api), cluster: Text::foreign(cluster) }
    }

    #[test]
    fn the_role_is_told_by_who_leads() {
        for (answer, role) in [
            (
                r#"{"ha_enabled":true,"is_self":true,"leader_address":"http://a:8200"}"#,
                ReplicaRole::Active(at("http://a:8200", "")),
            ),
            (
                r#"{"ha_enabled":true,"is_self":false,"leader_address":"http://a:8200","leader_cluster_address":"https://b:8201"}"#,
                ReplicaRole::Standby(at("http://a:8200", "https://b:8201")),
            ),
            (r#"{"ha_enabled":true,"is_self":false,"raft_committed_index":1006}"#, ReplicaRole::Leaderless),
            (r#"{"ha_enabled":false}"#, ReplicaRole::Single),
            (r#"{"ha_enabled":false,"is_self":false,"leader_address":"","raft_applied_index":0}"#, ReplicaRole::Single),
        ] {
            assert_eq!(serde_json::from_str::<Leader>(answer).expect("an answer").role(), role, "{answer}");
        }
    }

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    fn replica(sealed: bool, role: ReplicaRole) -> Replica {
        let seal = format!(r#"{{"initialized":true,"sealed":{sealed}}}"#);
        Replica { seal: serde_json::from_str(&seal).expect("a seal"), role, ..Replica::default() }
    }

    fn server(replicas: Vec<Replica>) -> VaultServer {
        let mut server = VaultServer::new(VaultAddress::parse("http://vault.a.svc:8200").expect("an address"));
        server.listed = true;
        let named = replicas.into_iter().enumerate();
        server.replicas = named.map(|(number, replica)| (Name::new(&format!("vault-{number}")), replica)).collect();
        server
    }

    #[test]
    fn a_leader_is_known_by_its_name_or_by_what_it_said_when_it_led() {
        let led = at("http://10.0.0.7:8200", "https://10.0.0.7:8201");
        let of = |said: LeaderAt| {
            let old = Replica { led_at: Some(led.clone()), ..replica(true, ReplicaRole::Unknown) };
            server(vec![old, replica(false, ReplicaRole::Standby(said))])
        };
        let first = Name::new("vault-0");
        for said in [
            led.clone(),
            at("http://10.0.0.7:8200", "https://vault-0.vault-internal:8201"),
            at("https://vault-0.vault-internal.a.svc:8200", ""),
        ] {
            assert_eq!(of(said.clone()).named_in_vain(), BTreeSet::from([&first]), "{said:?}");
        }
        for said in [at("http://10.0.0.8:8200", ""), at("http://vault:8200", ""), at("http://vault-01.x:8200", "")] {
            assert_eq!(of(said.clone()).named_in_vain(), BTreeSet::new(), "{said:?}");
        }
    }

    #[test]
    fn an_election_that_is_seen_is_given_its_time_and_what_is_found_so_is_said() {
        let (old, new) = (at("", "https://vault-0.i:8201"), at("", "https://vault-1.i:8201"));
        let standby = |at: &LeaderAt| replica(false, ReplicaRole::Standby(at.clone()));
        let mut seen = server(vec![replica(false, ReplicaRole::Active(old.clone())), standby(&old), standby(&old)]);
        assert!(seen.note_lead(second(0)) && seen.lead == Lead::Somebody);
        seen.replicas.insert(Name::new("vault-0"), replica(true, ReplicaRole::Unknown));
        assert!(seen.note_lead(second(1)) && !seen.is_unled(), "the others have just lost it");
        assert!(!seen.note_lead(second(20)) && !seen.is_unled());
        assert!(seen.note_lead(second(21)) && seen.is_unled());
        assert!(!seen.note_lead(second(22)), "nothing new");
        // One that is silent may lead.
        let mut other = seen.clone();
        other.replicas.insert(Name::new("vault-2"), Replica::default());
        assert!(other.note_lead(second(23)) && !other.is_unled());
        seen.replicas.insert(Name::new("vault-1"), replica(false, ReplicaRole::Active(new)));
        assert!(seen.note_lead(second(24)) && !seen.is_unled());

        let mut found = server(vec![replica(true, ReplicaRole::Unknown), standby(&old), standby(&old)]);
        assert!(found.note_lead(second(0)) && found.is_unled(), "nobody knows for how long it is so");
        // Whom these name stands behind another Service, or nobody knows where.
        let outside = at("http://10.0.0.7:8200", "https://vault-7.i:8201");
        for (leader, sealed, unled) in [
            (&outside, false, false),
            (&outside, true, false),
            (&at("http://vault:8200", ""), false, false),
            (&at("http://vault:8200", ""), true, true),
        ] {
            let mut part = server(vec![replica(sealed, ReplicaRole::Standby(leader.clone())), standby(leader)]);
            assert!(part.note_lead(second(0)));
            assert_eq!(part.is_unled(), unled, "{leader:?} {sealed}");
        }
    }
}
