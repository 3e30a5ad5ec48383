//! Vaults and their replicas.

use std::sync::Arc;

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state;
use crate::engine::Snapshot;
use crate::model::vault::{NamespaceSeal, Peer, RaftServer, Seal, Surroundings, Told};
use crate::model::{Kind, Name, ObjectRef, Replica, Text, VaultServer};

const ALSO: &[Kind] = &[Kind::SecretStore, Kind::ClusterSecretStore, Kind::ExternalSecret];

/// Vaults.
pub(super) const VAULTS: What = What {
    name: "vaults",
    words: &[],
    about: "Vaults and OpenBaos that stores name",
    kinds: &[Kind::Vault],
    also: ALSO,
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.vaults.values();
        Listing::of(what.name, COLUMNS, snapshot, all.map(|server| (server.subject(), server.as_ref())))
    },
};

/// Replicas.
pub(super) const REPLICAS: What = What {
    name: "replicas",
    words: &["vaultreplicas"],
    about: "replicas of these, each with its own seal",
    kinds: &[Kind::VaultReplica],
    also: &[Kind::SecretStore, Kind::ClusterSecretStore],
    paths: false,
    list: |what, snapshot| {
        let of = |server: &Arc<VaultServer>| {
            let one = |pod: &Name| (server.replica_ref(pod), Box::new(One { server: server.clone(), pod: pod.clone() }));
            server.replicas.keys().map(one).collect::<Vec<_>>()
        };
        Listing::of(what.name, REPLICA_COLUMNS, snapshot, snapshot.world.vaults.values().flat_map(of))
    },
};

/// The seal of the first replica that told it: kind, shares and version are the same for all.
fn seal(server: &VaultServer, value: fn(&Seal) -> Value) -> Value {
    server.replicas.values().find_map(|replica| replica.seal.as_ref()).map_or(Value::None, value)
}

fn shares(seal: &Seal) -> Value {
    Value::text(&format!("{} of {}", seal.threshold, seal.shares))
}

/// What a Vault tells of its cluster; nothing where it was not or may not be asked.
fn around(server: &VaultServer, value: impl FnOnce(&Surroundings) -> Value) -> Value {
    server.surroundings().map_or(Value::None, value)
}

fn peers(around: &Surroundings) -> Value {
    let peer = |peer: &Peer| {
        Value::Record(vec![
            ("host", Value::text(&peer.host)),
            ("address", Value::text(&peer.address)),
            ("active", Value::Flag(peer.active)),
            ("heard", Value::since(peer.echoed)),
            ("version", Value::text(&peer.version)),
        ])
    };
    around.peers.said().map_or(Value::None, |peers| Value::List(peers.iter().map(peer).collect()))
}

fn mounts(around: &Surroundings) -> Value {
    around.mounts.said().map_or(Value::None, |mounts| Value::texts(mounts.iter().map(|(name, state)| format!("{name}:{state}"))))
}

fn namespaces(around: &Surroundings) -> Value {
    let namespace = |(name, seal): &(Text, Told<NamespaceSeal>)| {
        let flag = |of: fn(&NamespaceSeal) -> bool| seal.said().map_or(Value::None, |seal| Value::Flag(of(seal)));
        Value::Record(vec![
            ("name", Value::text(name)),
            ("sealable", flag(|seal| seal.sealable)),
            ("sealed", flag(|seal| seal.sealed)),
        ])
    };
    Value::List(around.namespaces.iter().map(namespace).collect())
}

/// How a Vault as a whole is.
fn state_of(snapshot: &Snapshot, server: &VaultServer) -> state::State {
    state::of_server(server).unless_starting(snapshot.diagnosis.starting.has(&server.subject()))
}

const COLUMNS: &[Column<VaultServer>] = &[
    Column::always("NAMESPACE", "namespace", |_, server| Value::text(&server.subject().namespace)),
    Column::always("NAME", "name", |_, server| Value::text(&server.subject().name)),
    Column::data("health", |snapshot, server| Value::Health(state_of(snapshot, server).health)),
    Column::always("STATE", "state", |snapshot, server| Value::State(state_of(snapshot, server))),
    Column::always("SINCE", "since", |snapshot, server| Value::since(state::server_since(&snapshot.diagnosis, server))),
    Column::always("OPEN", "open", |_, server| Value::count(server.open().count())),
    Column::always("REPLICAS", "replicas", |_, server| Value::count(server.replicas.len())),
    Column::always("LEADER", "leader", |_, server| {
        Value::texts(server.replicas.iter().filter(|(_, replica)| replica.leads()).map(|(pod, _)| pod))
    }),
    Column::wide("ADDRESS", "address", |_, server| Value::text(&server.address)),
    Column::wide("SEAL", "seal", |_, server| seal(server, |seal| Value::text(&seal.kind))),
    Column::wide("SHARES", "shares", |_, server| seal(server, shares)),
    Column::wide("VERSION", "version", |_, server| seal(server, |seal| Value::text(&seal.version))),
    Column::wide("STORAGE", "storage", |_, server| seal(server, |seal| Value::text(&seal.storage))),
    Column::data("clusters", |_, server| Value::texts(server.clusters())),
    Column::data("peers", |_, server| around(server, peers)),
    Column::wide("RAFT", "raft", |_, server| {
        let word = |well: bool| if well { "well" } else { "not well" };
        around(server, |all| all.autopilot.said().map_or(Value::None, |raft| Value::text(word(raft.healthy))))
    }),
    Column::wide("SPARE", "raft_failure_tolerance", |_, server| {
        around(server, |all| all.autopilot.said().map_or(Value::None, |raft| Value::Number(raft.tolerance.into())))
    }),
    Column::wide("MOUNTS", "mounts", |_, server| around(server, mounts)),
    Column::data("namespaces", |_, server| around(server, namespaces)),
    Column::wide("TOKEN OF", "token_of", |_, server| server.token.as_ref().map_or(Value::None, |token| Value::text(&token.name))),
    Column::wide("TOKEN FROM", "token_from", |_, server| {
        server.token.as_ref().map_or(Value::None, |token| Value::text(&token.from))
    }),
    Column::wide("POLICIES", "token_policies", |_, server| Value::texts(server.token.iter().flat_map(|token| &token.policies))),
    Column::wide("TOKEN ENDS", "token_ends", |_, server| {
        server.token.as_ref().and_then(|token| token.expires).map_or(Value::None, Value::Until)
    }),
    Column::always("STORES", "stores", |snapshot, server| Value::count(snapshot.world.stores_of(&server.subject()).count())),
    Column::always("PATHS", "paths", |_, server| Value::count(server.paths.len())),
    Column::always("CAUSE", "causes", |snapshot, server| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &server.subject()))
    }),
    Column::data("seen", |snapshot, server| {
        // Never newer than the picture: the answers of a recording are all of its moment.
        Value::since(server.replicas.values().filter_map(|replica| replica.answered).max().map(|at| at.min(snapshot.now)))
    }),
];

/// One replica of one Vault.
struct One {
    server: Arc<VaultServer>,
    pod: Name,
}

impl One {
    fn object(&self) -> ObjectRef {
        self.server.replica_ref(&self.pod)
    }

    fn replica(&self, value: impl FnOnce(&Replica) -> Value) -> Value {
        self.server.replicas.get(&self.pod).map_or(Value::None, value)
    }

    fn peer(&self, value: impl FnOnce(&Peer) -> Value) -> Value {
        self.server.surroundings().and_then(|all| all.peer(self.pod.as_str())).map_or(Value::None, value)
    }

    fn raft(&self, value: impl FnOnce(&RaftServer) -> Value) -> Value {
        self.server.surroundings().and_then(|all| all.raft(self.pod.as_str())).map_or(Value::None, value)
    }

    fn seal(&self, value: fn(&Seal) -> Value) -> Value {
        self.replica(|replica| replica.seal.as_ref().map_or(Value::None, value))
    }
}

const REPLICA_COLUMNS: &[Column<One>] = &[
    Column::always("NAMESPACE", "namespace", |_, one| Value::text(&one.object().namespace)),
    Column::always("NAME", "name", |_, one| Value::text(&one.pod)),
    Column::data("health", |_, one| one.replica(|replica| Value::Health(state::of_replica(replica).health))),
    Column::always("STATE", "state", |_, one| one.replica(|replica| Value::State(state::of_replica(replica)))),
    Column::always("SINCE", "since", |snapshot, one| {
        one.replica(|replica| Value::since(state::replica_since(&snapshot.diagnosis, &one.server, replica)))
    }),
    Column::always("VAULT", "vault", |_, one| Value::Ref(one.server.subject())),
    Column::always("ROLE", "role", |_, one| one.replica(|replica| Value::text(replica.role.as_str()))),
    Column::wide("HEALTH", "says", |_, one| one.replica(|replica| Value::text(replica.health.says.as_str()))),
    Column::wide("RAFT", "raft", |_, one| {
        one.raft(|raft| Value::text(&if raft.healthy { raft.status.to_string() } else { format!("{}, not well", raft.status) }))
    }),
    Column::wide("HEARD", "heard", |snapshot, one| {
        // Never newer than the picture: the answers of a recording are all of its moment.
        one.peer(|peer| Value::since(peer.echoed.map(|at| at.min(snapshot.now))))
    }),
    Column::data("raft_behind", |_, one| one.raft(|raft| Value::count(usize::try_from(raft.behind).unwrap_or(usize::MAX)))),
    Column::data("raft_contact", |_, one| one.raft(|raft| Value::text(&raft.contact))),
    Column::data("cluster", |_, one| one.replica(|replica| Value::text(&replica.health.cluster))),
    Column::data("replication", |_, one| one.replica(|replica| Value::text(&replica.health.replication))),
    Column::data("sealed", |_, one| one.seal(|seal| Value::Flag(seal.sealed))),
    Column::data("shares_given", |_, one| one.seal(|seal| Value::Number(seal.progress.into()))),
    Column::wide("SHARES", "shares", |_, one| one.seal(shares)),
    Column::wide("SEAL", "seal", |_, one| one.seal(|seal| Value::text(&seal.kind))),
    Column::always("VERSION", "version", |_, one| one.seal(|seal| Value::text(&seal.version))),
    Column::wide("STORAGE", "storage", |_, one| one.seal(|seal| Value::text(&seal.storage))),
    Column::wide("STARTED", "started", |_, one| one.replica(|replica| Value::since(replica.started))),
    Column::wide("FAULT", "fault", |_, one| one.replica(|replica| replica.fault.as_ref().map_or(Value::None, Value::text))),
    Column::always("CAUSE", "causes", |snapshot, one| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &one.object()))
    }),
    Column::data("seen", |_, one| one.replica(|replica| Value::since(replica.answered))),
];
