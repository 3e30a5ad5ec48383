//! Vault and OpenBao as plain data: servers, replicas, seals, paths.
//!
//! Every replica is sealed on its own, and only `sys/seal-status` of that replica tells: a pod's
//! readiness, its labels and `sys/health`'s code do not (facts: a sealed node says `standby:true`).

mod cluster;
mod lead;
mod login;
mod login_checks;
mod path;
mod tls;
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::fault::{Fault, FaultKind};
use super::inventory::under;
use super::object::{Kind, Name, ObjectRef};
use super::sorted_map::SortedMap;
use super::text::Text;
pub use cluster::{Autopilot, HealthWord, NamespaceSeal, Peer, RaftServer, ReplicaHealth, Surroundings, Told};
pub use lead::{ELECTION, Lead, Leader, LeaderAt, ReplicaRole};
pub use login::{Login, StoreLogin};
pub use login_checks::{AuthConfig, AuthRole, LoginChecks};
pub use path::{Folder, Has, May, Mount, MountState, Older, PathFacts, PathState, Properties, SecretPath};
pub use tls::{Authority, Bundle, Ca, ServerTls};
pub use token::{Token, TokenSource};

/// Where a store says that its Vault is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct VaultAddress {
    /// Whether `https`.
    pub tls: bool,
    /// Host name or address, lower case.
    pub host: Text,
    /// Port, 8200 where the URL names none and is plain, else the scheme's.
    pub port: u16,
}

impl VaultAddress {
    /// Reads a URL such as `http://vault.ns.svc.cluster.local:8200`; a path prefix is not supported by
    /// any client that External Secrets uses and is cut off.
    #[must_use]
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let tls = match scheme {
            "https" => true,
            "http" => false,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next()?;
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !host.ends_with(':') && !port.ends_with(']') => (host, port.parse().ok()?),
            _ => (authority, if tls { 443 } else { 80 }),
        };
        (!host.is_empty()).then(|| Self { tls, host: Text::foreign(&host.to_ascii_lowercase()), port })
    }

    /// The Service behind an in-cluster name: `vault.ns.svc`, with or without the cluster's domain.
    #[must_use]
    pub fn service(&self) -> Option<(Name, Name)> {
        let mut labels = self.host.as_str().split('.');
        let (service, namespace, svc) = (labels.next()?, labels.next()?, labels.next()?);
        (svc == "svc" && !service.is_empty() && !namespace.is_empty()).then(|| (Name::new(namespace), Name::new(service)))
    }

    /// What findings about this server have as subject: `Vault/namespace/service` or `Vault//host:port`.
    #[must_use]
    pub fn subject(&self) -> ObjectRef {
        self.service().map_or_else(
            || ObjectRef::new(Kind::Vault, "", self.host_port().as_str()),
            |(namespace, service)| ObjectRef { kind: Kind::Vault, namespace, name: service },
        )
    }

    /// The reference of one of its paths: `VaultPath/<host:port>/<mount>/<path>`.
    #[must_use]
    pub fn path_ref(&self, path: &Text) -> ObjectRef {
        ObjectRef::new(Kind::VaultPath, self.host_port().as_str(), path.as_str())
    }

    /// What findings about one of its namespaces have as subject, where that has a seal of its own: that of the server with
    /// the namespace behind it.
    #[must_use]
    pub fn space_ref(&self, namespace: &str) -> ObjectRef {
        let server = self.subject();
        let name = Name::new(&format!("{}/{}", server.name, namespace.trim_matches('/')));
        ObjectRef { name, ..server }
    }

    /// The namespace that such a subject names, if it is one of this server's.
    #[must_use]
    pub fn space_named<'a>(&self, subject: &'a ObjectRef) -> Option<&'a str> {
        let server = self.subject();
        let here = server.kind == subject.kind && server.namespace == subject.namespace;
        let space = subject.name.as_str().strip_prefix(server.name.as_str())?.strip_prefix('/')?;
        (here && !space.is_empty()).then_some(space)
    }

    /// `host:port`.
    #[must_use]
    pub fn host_port(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl fmt::Display for VaultAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}:{}", if self.tls { "https" } else { "http" }, self.host, self.port)
    }
}

impl Serialize for VaultAddress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VaultAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let url = String::deserialize(deserializer)?;
        Self::parse(&url).ok_or_else(|| serde::de::Error::custom("that is no address of a Vault"))
    }
}

/// One Vault or OpenBao server as the stores know it.
#[derive(Clone, Debug)]
pub struct VaultServer {
    /// Where the stores say it is.
    pub address: VaultAddress,
    /// Its replicas by pod name; for a server outside the cluster one replica, named by its address.
    pub replicas: BTreeMap<Name, Replica>,
    /// Who leads, as far as its replicas say.
    pub lead: Lead,
    /// Whether the replicas were ever listed.
    pub listed: bool,
    /// Why the replicas could not be listed the last time, if they could not.
    pub unlisted: Option<Fault>,
    /// Paths that something references, by `mount/path`, or `namespace/mount/path`, as `vault` and `bao` write
    /// it. An answer about some of them copies those, and one about a seal none.
    pub paths: SortedMap<Text, SecretPath>,
    /// Folders of these paths that were listed, by `mount/folder` or `namespace/mount/folder`.
    pub folders: Arc<BTreeMap<Text, Folder>>,
    /// The mounts that stores name, by `mount` or `namespace/mount`.
    pub mounts: BTreeMap<Text, Mount>,
    /// What it tells of its cluster to the token that reads the paths, and when it was asked.
    pub around: Told<(Arc<Surroundings>, Timestamp)>,
    /// The token that reads the paths, as far as it was asked who it is.
    pub token: Option<Token>,
    /// Why the paths cannot be read, if they cannot: no token, a dead one.
    pub unreadable: Option<Fault>,
    /// How logins stand that fail, by store and service account.
    pub logins: BTreeMap<(ObjectRef, ObjectRef), Arc<LoginChecks>>,
}

impl VaultServer {
    /// A server of which nothing has been asked yet.
    #[must_use]
    pub fn new(address: VaultAddress) -> Self {
        Self {
            address,
            replicas: BTreeMap::new(),
            lead: Lead::default(),
            listed: false,
            unlisted: None,
            paths: SortedMap::default(),
            folders: Arc::new(BTreeMap::new()),
            mounts: BTreeMap::new(),
            around: Told::NotAsked,
            token: None,
            unreadable: None,
            logins: BTreeMap::new(),
        }
    }

    /// Whether every replica answered or failed to, at least once: nothing is to be judged before that.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        let asked = |replica: &Replica| replica.seal.is_some() || replica.fault.is_some();
        self.unlisted.is_some() || (self.listed && self.replicas.values().all(asked))
    }

    /// The subject of findings about it.
    #[must_use]
    pub fn subject(&self) -> ObjectRef {
        self.address.subject()
    }

    /// The reference of one of its replicas.
    #[must_use]
    pub fn replica_ref(&self, pod: &Name) -> ObjectRef {
        let namespace = self.address.service().map_or_else(Name::empty, |(namespace, _)| namespace);
        ObjectRef { kind: Kind::VaultReplica, namespace, name: pod.clone() }
    }

    /// Replicas that said they are sealed.
    pub fn sealed(&self) -> impl Iterator<Item = (&Name, &Replica)> {
        self.replicas.iter().filter(|(_, replica)| replica.is_sealed())
    }

    /// The replica that takes writes: it is open, and leads.
    #[must_use]
    pub fn active(&self) -> Option<ObjectRef> {
        let (pod, _) = self.open().find(|(_, replica)| replica.leads())?;
        Some(self.replica_ref(pod))
    }

    /// Replicas that said they are open.
    pub fn open(&self) -> impl Iterator<Item = (&Name, &Replica)> {
        self.replicas.iter().filter(|(_, replica)| replica.is_open())
    }

    /// What it tells of its cluster, if it was asked.
    #[must_use]
    pub fn surroundings(&self) -> Option<&Surroundings> {
        self.around.said().map(|(around, _)| around.as_ref())
    }

    /// Its namespaces that have a seal of their own and said that they are sealed.
    pub fn sealed_spaces(&self) -> impl Iterator<Item = (&Text, &NamespaceSeal)> {
        let all = self.surroundings().into_iter().flat_map(|around| &around.namespaces);
        all.filter_map(|(name, seal)| Some((name, seal.said().filter(|seal| seal.sealed)?)))
    }

    /// One of its namespaces by what findings call it: its name, what was said of its seal, and when.
    #[must_use]
    pub fn space(&self, subject: &ObjectRef) -> Option<(&Text, &Told<NamespaceSeal>, Timestamp)> {
        let (around, asked) = self.around.said()?;
        let (name, seal) = around.namespaces.iter().find(|(name, _)| self.address.space_ref(name.as_str()) == *subject)?;
        Some((name, seal, *asked))
    }

    /// The full path that a reference means, if it is one of this server's and something references it.
    #[must_use]
    pub fn path_named(&self, path: &ObjectRef) -> Option<Text> {
        let here = path.kind == Kind::VaultPath && path.namespace.as_str() == self.address.host_port();
        here.then(|| Text::foreign(path.name.as_str())).filter(|full| self.paths.contains_key(full))
    }

    /// The mount of a path, if it was asked for.
    #[must_use]
    pub fn mount_of(&self, path: &SecretPath) -> Option<&Mount> {
        self.mounts.get(&under(path.namespace.as_str(), path.mount.clone()))
    }

    /// The folder of a path, if it was listed.
    #[must_use]
    pub fn folder_of(&self, path: &Text) -> Option<(&Text, &Folder)> {
        let (folder, _) = path.as_str().rsplit_once('/')?;
        self.folders.get_key_value(&Text::foreign(folder))
    }

    /// What stands in that folder beside it: the full path of each name, and whether anything references it. A folder
    /// in it has a slash at its end, and is referenced where a path below it is.
    pub fn neighbours(&self, path: &Text) -> impl Iterator<Item = (Text, bool)> {
        let listed = self.folder_of(path).and_then(|(place, folder)| Some((place, folder.names.said()?)));
        listed.into_iter().flat_map(move |(place, names)| {
            names.iter().map(move |name| {
                let full = Text::foreign(&format!("{place}/{name}"));
                let referenced = if name.as_str().ends_with('/') {
                    let first = self.paths.iter_from(&full).next();
                    first.is_some_and(|(path, _)| path.as_str().starts_with(full.as_str()))
                } else {
                    self.paths.contains_key(&full)
                };
                (full, referenced)
            })
        })
    }

    /// The clusters that its replicas say they belong to. More than one: they were initialised apart, have other keys
    /// and other paths, and the Service sends to both (vault#16031).
    #[must_use]
    pub fn clusters(&self) -> BTreeSet<&Text> {
        self.replicas.values().map(|replica| &replica.health.cluster).filter(|id| !id.is_empty()).collect()
    }

    /// How many open replicas a raft cluster of this size needs to have a leader.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.replicas.len() / 2 + 1
    }
}

/// One pod of a Vault, and the answers it gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replica {
    /// The last `sys/seal-status`.
    pub seal: Option<Seal>,
    /// What it is in the cluster.
    pub role: ReplicaRole,
    /// Where it said that it is when it led; of this pod, and nothing if it was not seen to lead.
    pub led_at: Option<LeaderAt>,
    /// The last `sys/health`; asked more seldom than the seal.
    pub health: ReplicaHealth,
    /// When it last answered.
    pub answered: Option<Timestamp>,
    /// Since when its seal is in this state, as far as we saw; the first sighting if it was so already.
    pub since: Option<Timestamp>,
    /// Whether `since` is a first sighting rather than a change that we saw.
    pub since_before: bool,
    /// Why it did not answer the last time, if it did not.
    pub fault: Option<Fault>,
    /// When the pod started, if it is a pod.
    pub started: Option<Timestamp>,
}

impl Replica {
    /// When it was seen to change. A first sighting says nothing: it was so before.
    #[must_use]
    pub fn changed(&self) -> Option<Timestamp> {
        self.since.filter(|_| !self.since_before)
    }

    /// Whether it answers, with a certificate that is refused.
    #[must_use]
    pub fn is_mistrusted(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Tls)
    }

    /// Whether it said that it is initialised and sealed.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.fault.is_none() && self.seal.as_ref().is_some_and(|seal| seal.initialized && seal.sealed)
    }

    /// Whether it serves writes: it leads its cluster, or is not part of one.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.is_open() && matches!(self.role, ReplicaRole::Active(_) | ReplicaRole::Single)
    }

    /// Whether it said that it is open.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.fault.is_none() && self.seal.as_ref().is_some_and(|seal| !seal.sealed)
    }
}

/// `sys/seal-status` (and the answer of `sys/unseal`, which has the same shape).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// `shamir`, or the kind of auto-unseal.
    #[serde(rename = "type", default)]
    pub kind: Text,
    /// Whether `operator init` was ever run.
    pub initialized: bool,
    /// Whether it is sealed.
    pub sealed: bool,
    /// Shares needed.
    #[serde(rename = "t", default)]
    pub threshold: u32,
    /// Shares that exist.
    #[serde(rename = "n", default)]
    pub shares: u32,
    /// Shares given in the attempt that runs.
    #[serde(default)]
    pub progress: u32,
    /// Names the attempt that runs; empty when none does.
    #[serde(default)]
    pub nonce: Text,
    /// Whether threshold, shares and progress are those of the recovery keys of an auto-unseal.
    #[serde(rename = "recovery_seal", default)]
    pub recovery: bool,
    /// Version of the server.
    #[serde(default)]
    pub version: Text,
    /// `raft`, `file`, `inmem` (dev mode), …
    #[serde(rename = "storage_type", default)]
    pub storage: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_called_by_its_service_or_by_its_address() {
        for (url, subject) in [
            ("http://vault-core-dev.ameide-dev.svc.cluster.local:8200", Some("Vault/ameide-dev/vault-core-dev")),
            ("https://vault.vault.svc:8200/", Some("Vault/vault/vault")),
            ("https://Vault.Example.com", Some("Vault//vault.example.com:443")),
            ("http://10.0.0.7:8200", Some("Vault//10.0.0.7:8200")),
            ("https://[::1]:8200", Some("Vault//[::1]:8200")),
            ("vault.example.com", None),
            ("ftp://vault", None),
            ("http://:8200", None),
        ] {
            assert_eq!(VaultAddress::parse(url).map(|a| a.subject().to_string()).as_deref(), subject, "{url}");
        }
    }
}
