//! What a Vault tells of its cluster: health without a token; peers, raft's judgement, mounts and the seals of
//! namespaces with one. What the token may not ask is said to be denied, and nothing else is lost by it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::api::{Api, Question};
use super::client::Answer;
use super::faults::{Refusal, refused};
use super::wire::{Heard, WireMount};
use crate::model::vault::{
    Autopilot, HealthWord, MountState, NamespaceSeal, Peer, RaftServer, ReplicaHealth, Surroundings, Told,
};
use crate::model::{Fault, FaultKind, Name, Text};

/// More nodes, mounts or raft servers than this are not kept: no Vault has so many, and a broken one may say so.
const MOST: usize = 500;

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireHealth {
    cluster_id: Text,
    replication_performance_mode: Text,
}

/// Reads `sys/health`: its status is no failure.
pub(in crate::gateways) fn health(answer: &Answer, said: &Name) -> Result<ReplicaHealth, Fault> {
    let Some(says) = HealthWord::of_status(answer.status) else { return Err(refused(answer.status, &answer.body, said)) };
    let body: WireHealth = serde_json::from_slice(&answer.body).map_err(|_| {
        Fault::new(FaultKind::Http, &format!("{said} answers with something that is not Vault's health."))
            .hinted("A proxy stands in between, or the port is another's.")
    })?;
    Ok(ReplicaHealth { says, cluster: body.cluster_id, replication: body.replication_performance_mode })
}

/// Asks for everything of it; see [`crate::ports::Vault::surroundings`].
pub(in crate::gateways) async fn surroundings(api: &dyn Api, said: &Name, namespaces: &[Text]) -> Result<Surroundings, Fault> {
    let ask = Asking { api, said };
    let peers = ask.one::<Nodes>("", "sys/ha-status".to_owned(), &[]).await?;
    let autopilot =
        ask.one::<WireAutopilot>("", "sys/storage/raft/autopilot/state".to_owned(), &["raft", "unsupported path"]).await?;
    let mounts = ask.one::<Mounts>("", "sys/internal/ui/mounts".to_owned(), &[]).await?;
    let mut seals = Vec::with_capacity(namespaces.len());
    for namespace in namespaces {
        seals.push((namespace.clone(), ask.seal(namespace).await?));
    }
    Ok(Surroundings {
        peers: read(peers, Nodes::read),
        autopilot: read(autopilot, WireAutopilot::read),
        mounts: read(mounts, Mounts::read),
        namespaces: seals,
    })
}

fn read<W, T>(told: Told<W>, read: impl FnOnce(W) -> T) -> Told<T> {
    match told {
        Told::Said(wire) => Told::Said(read(wire)),
        Told::NotAsked => Told::NotAsked,
        Told::Denied => Told::Denied,
        Told::Absent => Told::Absent,
        Told::Failed(fault) => Told::Failed(fault),
    }
}

struct Asking<'a> {
    api: &'a dyn Api,
    said: &'a Name,
}

impl Asking<'_> {
    /// One question. A fault is one that every further question would meet too; a server without a leader fails at
    /// some questions only (`local node not active but active cluster node not found`). One of these words in a
    /// refusal says that the server has no such thing (`unsupported path`, `enterprise-only feature`: Vault 1.21.4).
    async fn one<W: for<'de> Deserialize<'de>>(&self, above: &str, path: String, absent: &[&str]) -> Result<Told<W>, Fault> {
        let Some(answer) = self.api.ask(&Question::get(above, path)).await? else { return Ok(Told::NotAsked) };
        let error = || Refusal::read(&answer.body).first();
        if (400..500).contains(&answer.status) && answer.status != 403 && absent.iter().any(|word| error().contains(word)) {
            return Ok(Told::Absent);
        }
        match answer.heard::<W>(self.said) {
            Ok(Heard::Said(wire)) => Ok(Told::Said(wire)),
            Ok(Heard::Denied | Heard::TokenOrDenied) => Ok(Told::Denied),
            Ok(Heard::Nothing | Heard::NoMount | Heard::NoSuchEndpoint) => Ok(Told::Absent),
            Err(fault) if fault.kind == FaultKind::Server || !fault.concerns_all() => Ok(Told::Failed(fault)),
            Err(fault) => Err(fault),
        }
    }

    /// The seal of a namespace, asked for in the one above it: in itself nothing answers while it is sealed.
    async fn seal(&self, namespace: &Text) -> Result<Told<NamespaceSeal>, Fault> {
        let path = namespace.as_str().trim_matches('/');
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let told = self
            .one::<WireSeal>(
                above,
                format!("sys/namespaces/{name}/seal-status"),
                &["not sealable", "unsupported path", "enterprise-only"],
            )
            .await?;
        Ok(match read(told, WireSeal::read) {
            // It is a namespace, and has no seal of its own; a server without sealable namespaces says so too.
            Told::Absent => Told::Said(NamespaceSeal::default()),
            told => told,
        })
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Nodes {
    nodes: Vec<WireNode>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireNode {
    hostname: Text,
    api_address: Text,
    active_node: bool,
    last_echo: Option<Timestamp>,
    version: Text,
}

impl Nodes {
    fn read(self) -> Vec<Peer> {
        let read = |node: WireNode| Peer {
            host: node.hostname,
            address: node.api_address,
            active: node.active_node,
            echoed: node.last_echo,
            version: node.version,
        };
        let mut peers: Vec<Peer> = self.nodes.into_iter().take(MOST).map(read).collect();
        peers.sort_by(|a, b| (&a.host, &a.address).cmp(&(&b.host, &b.address)));
        peers
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct WireAutopilot {
    healthy: bool,
    failure_tolerance: u32,
    leader: Text,
    servers: BTreeMap<String, WireServer>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct WireServer {
    address: Text,
    status: Text,
    healthy: bool,
    last_contact: Text,
    last_index: u64,
    stable_since: Option<Timestamp>,
}

impl WireAutopilot {
    fn read(self) -> Autopilot {
        let newest = self.servers.values().map(|server| server.last_index).max().unwrap_or_default();
        let leader = self.leader;
        let read = |(id, server): (String, WireServer)| {
            let id = Text::foreign(&id);
            RaftServer {
                contact: if id == leader { Text::default() } else { server.last_contact },
                address: server.address,
                status: server.status,
                healthy: server.healthy,
                behind: newest.saturating_sub(server.last_index),
                // Go's zero time, before it was ever judged.
                stable: server.stable_since.filter(|at| at.as_second() > 0),
                id,
            }
        };
        Autopilot {
            healthy: self.healthy,
            tolerance: self.failure_tolerance,
            servers: self.servers.into_iter().take(MOST).map(read).collect(),
        }
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Mounts {
    secret: BTreeMap<String, WireMount>,
}

impl Mounts {
    fn read(self) -> Vec<(Text, MountState)> {
        let own =
            |engine: &str| matches!(engine, "system" | "identity" | "cubbyhole" | "ns_system" | "ns_identity" | "ns_cubbyhole");
        let mounts = self.secret.into_iter().filter(|(_, mount)| !own(mount.engine()));
        mounts.take(MOST).map(|(name, mount)| (Text::foreign(name.trim_matches('/')), mount.state())).collect()
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct WireSeal {
    sealed: bool,
    progress: u32,
    t: u32,
    n: u32,
    nonce: Text,
}

impl WireSeal {
    fn read(self) -> NamespaceSeal {
        let (progress, threshold, shares) = (self.progress, self.t, self.n);
        NamespaceSeal { sealable: true, sealed: self.sealed, progress, threshold, shares, nonce: self.nonce }
    }
}

#[cfg(test)]
mod tests;
