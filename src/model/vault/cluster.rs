//! What a Vault tells of its cluster: the health of each replica, the nodes that its leader has heard of, how raft
//! judges them, its mounts, the seals of namespaces. Nothing of it decides whether a replica is sealed: only
//! `sys/seal-status` does.

use jiff::Timestamp;

use super::{MountState, Seal};
use crate::model::fault::Fault;
use crate::model::text::Text;

/// What came of a question that not everybody may ask, and that not every server knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Told<T> {
    /// It was not asked yet, or cannot be.
    #[default]
    NotAsked,
    /// The answer.
    Said(T),
    /// The token may not ask.
    Denied,
    /// The server has no such thing: no raft, an older version.
    Absent,
    /// The question failed.
    Failed(Fault),
}

impl<T> Told<T> {
    /// The answer, if there is one.
    pub const fn said(&self) -> Option<&T> {
        match self {
            Self::Said(answer) => Some(answer),
            _ => None,
        }
    }
}

/// `sys/health` of one replica, in which the status says nearly everything (facts: OpenBao has 200, 429, 501 and 503;
/// the others are HashiCorp's).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicaHealth {
    /// What the status means.
    pub says: HealthWord,
    /// Which cluster it belongs to; a sealed one does not say. Two of them behind one Service were initialised apart.
    pub cluster: Text,
    /// `primary`, `secondary`, `disabled`; empty if it does not say. Without a leader: `unknown`.
    pub replication: Text,
}

/// What the status of `sys/health` means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HealthWord {
    /// It was not asked yet.
    #[default]
    NotAsked,
    /// 200: it serves.
    Active,
    /// 429: it is open and does not lead; a leader may be missing all the same.
    Standby,
    /// 472: it takes over in another place after a disaster.
    DrSecondary,
    /// 473: it serves reads.
    PerformanceStandby,
    /// 474: it cannot reach the node that leads.
    CutOff,
    /// 501: `operator init` was never run.
    Uninitialised,
    /// 503: it is sealed.
    Sealed,
    /// 530: it was taken out of its cluster.
    Removed,
}

impl HealthWord {
    /// By the status of the answer; `None` if no Vault answers so.
    #[must_use]
    pub const fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            200 => Self::Active,
            429 => Self::Standby,
            472 => Self::DrSecondary,
            473 => Self::PerformanceStandby,
            474 => Self::CutOff,
            501 => Self::Uninitialised,
            503 => Self::Sealed,
            530 => Self::Removed,
            _ => return None,
        })
    }

    /// The word for a column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAsked => "",
            Self::Active => "active",
            Self::Standby => "standby",
            Self::DrSecondary => "DR secondary",
            Self::PerformanceStandby => "performance standby",
            Self::CutOff => "cut off from the leader",
            Self::Uninitialised => "not initialised",
            Self::Sealed => "sealed",
            Self::Removed => "removed from its cluster",
        }
    }
}

/// What one Vault tells of itself as a whole, to a token that may ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// The nodes that the leader has heard of, itself among them (`sys/ha-status`). A sealed one that never joined is
    /// not among them.
    pub peers: Told<Vec<Peer>>,
    /// How raft judges its nodes (`sys/storage/raft/autopilot/state`).
    pub autopilot: Told<Autopilot>,
    /// The mounts under which the token has any right (`sys/internal/ui/mounts`), by name without the slash.
    pub mounts: Told<Vec<(Text, MountState)>>,
    /// The seals of the namespaces that stores name (`sys/namespaces/…/seal-status`, OpenBao >= 2.6).
    pub namespaces: Vec<(Text, Told<NamespaceSeal>)>,
}

/// One node as the leader knows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its host name: in a cluster that of its pod.
    pub host: Text,
    /// The address that it tells clients.
    pub address: Text,
    /// Whether it leads.
    pub active: bool,
    /// When the leader heard of it last; it does not hear of itself.
    pub echoed: Option<Timestamp>,
    /// Its version.
    pub version: Text,
}

/// How raft judges its cluster. `healthy` is false for about ten seconds after each join (facts).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Autopilot {
    /// Whether all of it is well.
    pub healthy: bool,
    /// How many more nodes may fail before nobody can lead.
    pub tolerance: u32,
    /// Its nodes by their ids, in order.
    pub servers: Vec<RaftServer>,
}

/// One node of a raft cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftServer {
    /// Its raft id: where the chart sets it, the name of its pod.
    pub id: Text,
    /// Its address within the cluster.
    pub address: Text,
    /// `leader`, `voter`, `non-voter`.
    pub status: Text,
    /// Whether raft calls it well.
    pub healthy: bool,
    /// How long ago it was in contact, in the server's words; the leader is not in contact with itself.
    pub contact: Text,
    /// How many entries of the log it lacks.
    pub behind: u64,
    /// Since when raft has judged it as it does now.
    pub stable: Option<Timestamp>,
}

/// The seal of a namespace that has one of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceSeal {
    /// Whether it has a seal of its own at all.
    pub sealable: bool,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Shares given in the attempt that runs.
    pub progress: u32,
    /// Shares needed.
    pub threshold: u32,
    /// Shares that exist.
    pub shares: u32,
    /// Names the attempt that runs; empty when none does.
    pub nonce: Text,
}

impl NamespaceSeal {
    /// What an answer to a share says; one that is given shares has a seal.
    #[must_use]
    pub fn of(seal: &Seal) -> Self {
        Self {
            sealable: true,
            sealed: seal.sealed,
            progress: seal.progress,
            threshold: seal.threshold,
            shares: seal.shares,
            nonce: seal.nonce.clone(),
        }
    }
}

impl Surroundings {
    /// Whether a person would be told the same: the times of the last echo and contact move with every answer.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        let still = |all: &Self| {
            let mut all = all.clone();
            if let Told::Said(peers) = &mut all.peers {
                for peer in peers {
                    peer.echoed = None;
                }
            }
            if let Told::Said(autopilot) = &mut all.autopilot {
                for server in &mut autopilot.servers {
                    (server.contact, server.behind) = (Text::default(), 0);
                }
            }
            all
        };
        still(self) == still(other)
    }

    /// A node by the name of its pod, as the leader knows it.
    #[must_use]
    pub fn peer(&self, pod: &str) -> Option<&Peer> {
        self.peers.said()?.iter().find(|peer| peer.host.as_str() == pod)
    }

    /// A node by the name of its pod, as raft judges it: by its id, or by the first label of its address.
    #[must_use]
    pub fn raft(&self, pod: &str) -> Option<&RaftServer> {
        let servers = &self.autopilot.said()?.servers;
        let at = |server: &&RaftServer| server.address.as_str().split(['.', ':']).next() == Some(pod);
        servers.iter().find(|server| server.id.as_str() == pod).or_else(|| servers.iter().find(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_echo_is_nothing_new_and_a_lost_node_is() {
        let peer = |host: &str, at: &str| Peer { host: Text::foreign(host), echoed: at.parse().ok(), ..Peer::default() };
        let of = |peers| Surroundings { peers: Told::Said(peers), ..Surroundings::default() };
        let before = of(vec![peer("vault-0", ""), peer("vault-1", "2026-11-25T00:00:00Z")]);
        assert!(before.says_as(&of(vec![peer("vault-0", ""), peer("vault-1", "2026-11-25T00:00:01Z")])));
        assert!(!before.says_as(&of(vec![peer("vault-0", "")])));
        assert!(before.peer("vault-1").is_some() && before.peer("vault-2").is_none());
    }

    #[test]
    fn a_raft_node_is_known_by_its_id_or_by_its_address() {
        let server = |id: &str, address: &str| RaftServer {
            id: Text::foreign(id),
            address: Text::foreign(address),
            ..RaftServer::default()
        };
        let servers = vec![server("a1b2", "vault-0.vault-internal:8201"), server("vault-1", "10.0.0.7:8201")];
        let all =
            Surroundings { autopilot: Told::Said(Autopilot { servers, ..Autopilot::default() }), ..Surroundings::default() };
        assert_eq!(all.raft("vault-0").map(|server| server.id.as_str()), Some("a1b2"));
        assert_eq!(all.raft("vault-1").map(|server| server.id.as_str()), Some("vault-1"));
        assert_eq!(all.raft("vault"), None);
    }
}
