//! The rights that writes need, and how they are asked for.

use std::fmt;

use super::vault::in_namespace;
use super::{KvPath, by_hand, quoted};
use crate::model::{Name, ObjectRef, Text, VaultAddress, kinds};

/// A right that a write needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// At the API server.
    Cluster(ClusterRight),
    /// At a Vault.
    Vault(VaultRight),
    /// No right, but asked like one before the first write: what writes there is refused otherwise (`cas=0`).
    Vacant(Vacancy),
}

/// A path of a KV v2 mount at which nothing must stand.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vacancy {
    /// The server.
    pub server: VaultAddress,
    /// The replica that is asked.
    pub replica: ObjectRef,
    /// The port of its pod; 0 where it is not known.
    pub port: u16,
    /// The Vault namespace; empty for that of the token.
    pub namespace: Text,
    /// The mount.
    pub mount: Text,
    /// What stands after the mount.
    pub key: String,
}

impl Vacancy {
    /// Of this path.
    #[must_use]
    pub fn of((server, replica, port): (&VaultAddress, &ObjectRef, u16), path: &KvPath) -> Self {
        let (namespace, mount, key) = (path.namespace.clone(), path.mount.clone(), path.key.clone());
        Self { server: server.clone(), replica: replica.clone(), port, namespace, mount, key }
    }
}

/// A right at the API server, as a `SelfSubjectAccessReview` asks for it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterRight {
    /// `get`, `patch`, `create`, …
    pub verb: &'static str,
    /// API group; empty for core.
    pub group: &'static str,
    /// Plural, with its subresource after a slash.
    pub resource: &'static str,
    /// Where; empty for everywhere.
    pub namespace: Name,
}

/// A capability at a Vault (`sys/capabilities-self`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultRight {
    /// The server.
    pub server: VaultAddress,
    /// The replica that is asked.
    pub replica: ObjectRef,
    /// The port of its pod, for whoever asks by hand; 0 where it is not known.
    pub port: u16,
    /// The Vault namespace; empty for that of the token.
    pub namespace: Text,
    /// The path of the API, such as `secret/data/shop/db`.
    pub path: String,
    /// Any of these is enough.
    pub any_of: &'static [&'static str],
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster(right) => right.fmt(f),
            Self::Vault(right) => right.fmt(f),
            Self::Vacant(place) => place.fmt(f),
        }
    }
}

impl fmt::Display for ClusterRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.namespace.is_empty() {
            write!(f, " in {}", self.namespace)?;
        }
        Ok(())
    }
}

impl fmt::Display for VaultRight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} at {}", self.any_of.join(" or "), self.path, self.server)
    }
}

impl fmt::Display for Vacancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "write {}/{} at {} as its first version", self.mount, self.key, self.server)
    }
}

impl Right {
    /// The command that asks for it by hand.
    #[must_use]
    pub fn command(&self) -> String {
        match self {
            Self::Cluster(right) => {
                let group = if right.group.is_empty() { String::new() } else { format!(".{}", right.group) };
                let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
                let namespace =
                    if right.namespace.is_empty() { String::new() } else { format!(" -n {}", quoted(right.namespace.as_str())) };
                let subresource = if subresource.is_empty() { String::new() } else { format!(" --subresource={subresource}") };
                format!("kubectl auth can-i {} {resource}{group}{subresource}{namespace}", right.verb)
            }
            Self::Vault(right) => by_hand((&right.server, &right.replica, right.port), |reach| {
                let namespace = in_namespace(&right.namespace);
                format!("bao token capabilities {reach}{namespace} {}", quoted(&right.path))
            }),
            Self::Vacant(place) => by_hand((&place.server, &place.replica, place.port), |reach| {
                let (namespace, mount) = (in_namespace(&place.namespace), place.mount.as_str().trim_matches('/'));
                format!("bao kv metadata get {reach}{namespace} -mount={} {}", quoted(mount), quoted(&place.key))
            }),
        }
    }

    /// The right to annotate this object.
    #[must_use]
    pub fn annotate(object: &ObjectRef) -> Self {
        Self::Cluster(ClusterRight::on("patch", object))
    }

    /// The right to reach a port of a pod in this namespace through the API server.
    #[must_use]
    pub fn reach_pod(namespace: &Name) -> Self {
        Self::Cluster(ClusterRight::reach_pod(namespace))
    }
}

impl ClusterRight {
    /// The right to reach a port of a pod in this namespace through the API server.
    #[must_use]
    pub fn reach_pod(namespace: &Name) -> Self {
        Self { verb: "create", group: "", resource: "pods/portforward", namespace: namespace.clone() }
    }

    /// The right to do this to an object.
    #[must_use]
    pub fn on(verb: &'static str, object: &ObjectRef) -> Self {
        let api = kinds::api(object.kind);
        let (group, resource) = api.map_or(("", "objects"), |api| (api.group, api.plural));
        Self { verb, group, resource, namespace: object.namespace.clone() }
    }
}
