//! One Vault or OpenBao behind one Service: its replicas, what it holds, who may log in. Time passes for
//! it only through the wishes that it hands to the world.

pub(super) mod api;
pub(super) mod cluster;
pub(super) mod kv;
pub(super) mod login;
pub(super) mod seal;
pub(super) mod space;
pub(super) mod visitor;

use std::collections::BTreeMap;
use std::time::Duration;

use self::kv::Mount;
use self::login::Role;
use self::seal::Replica;
use self::visitor::Visitor;
use super::random::Random;
use crate::model::VaultAddress;

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) namespace: String,
    pub(super) service: String,
    /// Version, `2.7.2` of OpenBao by default.
    pub(super) version: String,
    pub(super) threshold: usize,
    /// Names the cluster that its replicas belong to.
    pub(super) cluster: String,
    /// The real shares, in hex.
    pub(super) shares: Vec<String>,
    pub(super) root_token: String,
    pub(super) replicas: Vec<Replica>,
    /// Which replica leads.
    pub(super) leader: Option<usize>,
    electing: bool,
    pub(super) mounts: BTreeMap<String, Mount>,
    /// What it issues credentials at, `mount/path`, and for how many seconds.
    pub(super) leases: BTreeMap<String, u64>,
    /// By auth mount and name.
    pub(super) roles: BTreeMap<(String, String), Role>,
    /// Its namespaces that have a seal of their own: each a server with one replica, which is sealed or not.
    pub(super) spaces: BTreeMap<String, Self>,
    /// Who reads it from the console, if not root.
    pub(super) visitor: Option<Visitor>,
    random: Random,
    /// What it wants to do, and in which time.
    pub(super) wishes: Vec<(Duration, Wish)>,
}

/// What a server does by itself after a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Its replicas choose a leader.
    Elect,
    /// A replica that has all its shares and joins the cluster opens, or forgets them.
    Join(usize),
}

/// An answer that is not 2xx.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// 0 if there was no HTTP answer at all.
    pub(super) code: u16,
    pub(super) error: String,
}

impl Refusal {
    pub(super) fn new(code: u16, error: impl Into<String>) -> Self {
        Self { code, error: error.into() }
    }

    /// Whether Vault's Go client asks twice more (5xx and no connection).
    pub(super) const fn is_retried(&self) -> bool {
        self.code == 0 || self.code >= 500
    }

    /// As Vault's Go client says it (vault/api response.go).
    pub(super) fn said(&self, method: &str, url: &str) -> String {
        self.said_in("", method, url)
    }

    /// The same of a request that names a namespace.
    pub(super) fn said_in(&self, namespace: &str, method: &str, url: &str) -> String {
        if self.code == 0 {
            let method = method.chars().take(1).chain(method.chars().skip(1).flat_map(char::to_lowercase)).collect::<String>();
            return format!("{method} \"{url}\": {}", self.error);
        }
        let namespace = if namespace.is_empty() { String::new() } else { format!("Namespace: {namespace}\n") };
        format!("Error making API request.\n\n{namespace}URL: {method} {url}\nCode: {}. Errors:\n\n* {}", self.code, self.error)
    }
}

impl Server {
    pub(super) fn new(namespace: &str, service: &str, seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0xba0);
        Self {
            namespace: namespace.to_owned(),
            service: service.to_owned(),
            version: "2.7.2".to_owned(),
            threshold: 1,
            shares: Vec::new(),
            cluster: format!("51ea1a7c-0000-4000-b000-{:012x}", seed & 0xffff_ffff_ffff),
            root_token: format!("s.{}", random.hex(12)),
            replicas: Vec::new(),
            leader: None,
            electing: false,
            mounts: BTreeMap::new(),
            leases: BTreeMap::new(),
            roles: BTreeMap::new(),
            spaces: BTreeMap::new(),
            visitor: None,
            random,
            wishes: Vec::new(),
        }
    }

    /// Whether this address is that of its Service.
    pub(super) fn is_at(&self, address: &VaultAddress) -> bool {
        address
            .service()
            .is_some_and(|(namespace, service)| namespace.as_str() == self.namespace && service.as_str() == self.service)
    }

    /// The replica to which the Service sends the next connection: any of them, as kube-proxy's rules do,
    /// and sealed ones too (`publishNotReadyAddresses`, as the charts have it).
    pub(super) fn connect(&mut self) -> usize {
        usize::try_from(self.random.below(self.replicas.len() as u64)).unwrap_or(0)
    }

    fn enough_are_open(&self) -> bool {
        self.replicas.iter().filter(|replica| !replica.sealed).count() > self.replicas.len() / 2
    }

    /// Whether a replica serves requests that need a leader.
    pub(super) fn serves(&self, replica: usize) -> Result<(), Refusal> {
        match self.replicas.get(replica) {
            None => Err(Refusal::new(0, "dial tcp 10.96.41.7:8200: connect: connection refused")),
            Some(replica) if replica.sealed => Err(Refusal::new(503, "Vault is sealed")),
            // Enough are open, and none has a vote: it sends on to the leader that it knows, and that is sealed.
            Some(replica) if self.leader.is_none() && replica.follows_another() && self.enough_are_open() => {
                Err(Refusal::new(503, "Vault is sealed"))
            }
            Some(_) if self.leader.is_none() => Err(Refusal::new(500, "local node not active but active cluster node not found")),
            Some(_) => Ok(()),
        }
    }
}
