//! `ExternalSecret`: what is to be read from where, into which Secret, and how the last attempt went.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Deserialize;
use sha3::{Digest, Sha3_224};

use super::{Api, Link, Meta, Role, Watched, WireCondition, WireMeta, go_duration, ready};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;

/// An `ExternalSecret`, the fields that matter.
#[derive(Clone, Debug)]
pub struct ExternalSecret {
    /// Metadata.
    pub meta: Meta,
    /// The store it reads through; `None` for one that only generates.
    pub store: Option<StoreRef>,
    /// The Secret it writes (in its own namespace).
    pub target: Name,
    /// Seconds between two refreshes; 0 never refreshes.
    pub interval: i64,
    /// When it refreshes at all.
    pub policy: RefreshPolicy,
    /// `Owner`, `Orphan`, `Merge`, `None`, or what a newer version invents.
    pub creation_policy: Name,
    /// What is read from the store, in order.
    pub remote: Box<[RemoteRef]>,
    /// The generators that are asked for a *new* value at every sync (external-secrets#5782).
    pub generators: Box<[ObjectRef]>,
    /// The last word of the controller.
    pub ready: Option<Condition>,
    /// When the last *successful* sync began.
    pub refreshed: Option<Timestamp>,
    /// Whether the newest spec, labels and annotations are the ones that were last synced: the
    /// controller's `syncedResourceVersion` equals the hash computed here.
    pub synced_current: bool,
    /// The value of the annotation that [`FORCE_SYNC`] names.
    pub force_sync: Text,
}

/// The customary annotation; any changed annotation makes External Secrets sync.
pub const FORCE_SYNC: &str = "force-sync";

/// Which store, of which of the two kinds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct StoreRef {
    /// `SecretStore` or `ClusterSecretStore`.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
}

/// One thing that is read from the store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteRef {
    /// The path, relative to the mount of the store.
    pub key: Text,
    /// The property; empty for the whole object.
    pub property: Text,
}

/// When an `ExternalSecret` reads its source again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RefreshPolicy {
    /// At every interval and at every change of the object.
    #[default]
    Periodic,
    /// Only at a change of the object.
    OnChange,
    /// Once in the life of the object.
    CreatedOnce,
}

impl ExternalSecret {
    /// Health as its own condition tells it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.ready.as_ref().map_or(Health::Unknown, Condition::health)
    }

    /// Whether a sync makes a new value. Such an object must not be refreshed as part of a sweep.
    #[must_use]
    pub const fn rotates(&self) -> bool {
        !self.generators.is_empty()
    }

    /// The store as a full reference, seen from this object's namespace.
    #[must_use]
    pub fn store_ref(&self) -> Option<ObjectRef> {
        self.store.as_ref().map(|store| ObjectRef {
            kind: store.kind,
            namespace: if store.kind == Kind::SecretStore { self.meta.namespace.clone() } else { Name::empty() },
            name: store.name.clone(),
        })
    }

    /// The `ClusterExternalSecret` that made it and reverts what others write.
    #[must_use]
    pub fn parent(&self) -> Option<&Name> {
        self.meta.controller.as_ref().filter(|(kind, _)| kind.as_str() == "ClusterExternalSecret").map(|(_, name)| name)
    }

    /// When it will be read again by itself, if it is green and ever will.
    #[must_use]
    pub fn next_refresh(&self) -> Option<Timestamp> {
        (self.policy == RefreshPolicy::Periodic && self.interval > 0)
            .then(|| self.refreshed.and_then(|at| at.checked_add(jiff::SignedDuration::from_secs(self.interval)).ok()))
            .flatten()
    }

    /// Whether an annotation makes External Secrets read the source again: once synced, `CreatedOnce` and
    /// interval 0 ignore it (`shouldRefresh`, measured on 2.9.0).
    #[must_use]
    pub fn refresh_has_effect(&self) -> bool {
        self.refreshed.is_none()
            || match self.policy {
                RefreshPolicy::CreatedOnce => false,
                RefreshPolicy::OnChange => true,
                RefreshPolicy::Periodic => self.interval > 0,
            }
    }
}

/// `syncedResourceVersion` as the controller computes it: generation, then the SHA3-224 of Go's `%+v` of
/// annotations and labels (runtime/esutils `ObjectHash`; the format was md5 before 0.16.2).
#[must_use]
pub fn synced_resource_version(generation: i64, annotations: &BTreeMap<String, String>, labels: &BTreeMap<String, String>) -> String {
    let go_map = |map: &BTreeMap<String, String>| {
        let inner: Vec<String> = map.iter().map(|(k, v)| format!("{k}:{v}")).collect();
        format!("map[{}]", inner.join(" "))
    };
    let digest = Sha3_224::digest(format!("{{annotations:{} labels:{}}}", go_map(annotations), go_map(labels)));
    let mut out = format!("{generation}-");
    for byte in digest {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// What is read off the wire.
#[derive(Clone, Debug, Deserialize)]
pub struct Wire {
    #[serde(default)]
    metadata: WireMeta,
    #[serde(default)]
    spec: WireSpec,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSpec {
    secret_store_ref: Option<WireStoreRef>,
    refresh_interval: Option<Text>,
    refresh_policy: Option<Text>,
    target: WireTarget,
    data: Vec<WireData>,
    data_from: Vec<WireDataFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireStoreRef {
    kind: Option<Text>,
    name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireTarget {
    name: Option<Text>,
    creation_policy: Option<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireData {
    remote_ref: WireRemote,
    source_ref: Option<WireSource>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireDataFrom {
    extract: Option<WireRemote>,
    source_ref: Option<WireSource>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireRemote {
    key: Text,
    property: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSource {
    store_ref: Option<WireStoreRef>,
    generator_ref: Option<WireGenerator>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireGenerator {
    kind: Text,
    name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireStatus {
    conditions: Vec<WireCondition>,
    refresh_time: Option<Timestamp>,
    synced_resource_version: Option<Box<str>>,
}

impl Watched for ExternalSecret {
    const KIND: Kind = Kind::ExternalSecret;
    const API: Api =
        Api { group: "external-secrets.io", versions: &["v1", "v1beta1"], plural: "externalsecrets", namespaced: true };
    type Wire = Wire;

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn fails(&self) -> bool {
        self.health() == Health::Failing
    }

    fn links(&self) -> Vec<Link> {
        let mut links = Vec::with_capacity(3);
        if let Some(store) = self.store_ref() {
            links.push(Link { to: store, role: Role::ReadsThrough });
        }
        let target = ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: self.target.clone() };
        links.push(Link { to: target, role: Role::Writes });
        for (at, remote) in self.remote.iter().enumerate() {
            if self.remote.iter().take(at).all(|other| other.key != remote.key) {
                links.push(Link { to: ObjectRef::new(Kind::VaultPath, Name::empty(), &remote.key), role: Role::Reads });
            }
        }
        if let Some(parent) = self.parent() {
            let parent = ObjectRef { kind: Kind::ClusterExternalSecret, namespace: Name::empty(), name: parent.clone() };
            links.push(Link { to: parent, role: Role::MadeBy });
        }
        links
    }

    fn read(wire: Wire, names: &mut Names) -> Self {
        let Wire { metadata, spec, status } = wire;
        let expected = synced_resource_version(metadata.generation, &metadata.annotations, &metadata.labels);
        let meta = Meta::read(&metadata, names);
        let sources = spec.data.iter().filter_map(|d| d.source_ref.as_ref()).chain(spec.data_from.iter().filter_map(|d| d.source_ref.as_ref()));
        let generators = sources
            .clone()
            .filter_map(|source| source.generator_ref.as_ref())
            // Every generator refreshes alike; the kind matters only to the person, and is in the YAML.
            .map(|g| ObjectRef { kind: Kind::parse(g.kind.as_str()).unwrap_or(Kind::Password), namespace: meta.namespace.clone(), name: names.intern(g.name.as_str()) })
            .collect();
        let store = spec.secret_store_ref.as_ref().or_else(|| sources.clone().find_map(|source| source.store_ref.as_ref()));
        let store = store.filter(|store| !store.name.is_empty()).map(|store| StoreRef {
            kind: if store.kind.as_ref().is_some_and(|kind| kind.as_str() == "ClusterSecretStore") { Kind::ClusterSecretStore } else { Kind::SecretStore },
            name: names.intern(store.name.as_str()),
        });
        let data = spec.data.iter().map(|d| &d.remote_ref).filter(|r| !r.key.is_empty());
        let extracts = spec.data_from.iter().filter_map(|d| d.extract.as_ref());
        let remote = data.chain(extracts).map(|r| RemoteRef { key: r.key.clone(), property: names.share(&r.property) }).collect();
        Self {
            // Mostly the Secret is called as the ExternalSecret is: the same characters, not a copy of them.
            target: spec.target.name.as_ref().filter(|name| name.as_str() != meta.name.as_str()).map_or_else(|| meta.name.clone(), Name::from),
            interval: spec.refresh_interval.as_ref().and_then(|text| go_duration(text.as_str())).unwrap_or(3600),
            policy: match spec.refresh_policy.as_ref().map_or("", Text::as_str) {
                "OnChange" => RefreshPolicy::OnChange,
                "CreatedOnce" => RefreshPolicy::CreatedOnce,
                _ => RefreshPolicy::Periodic,
            },
            creation_policy: names.intern(spec.target.creation_policy.as_ref().map_or("Owner", Text::as_str)),
            remote,
            store,
            generators,
            ready: ready(&status.conditions, names),
            refreshed: status.refresh_time.filter(|at| at.as_second() > 0),
            synced_current: status.synced_resource_version.as_deref() == Some(expected.as_str()),
            force_sync: metadata.annotations.get(FORCE_SYNC).map_or_else(Text::default, |value| Text::foreign(value)),
            meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::synced_resource_version;
    use std::collections::BTreeMap;

    #[test]
    fn the_hash_is_the_one_that_the_controller_writes() {
        // Recorded from External Secrets 2.9.0, world 02: no annotations, no labels, generation 1.
        let none = BTreeMap::new();
        assert_eq!(synced_resource_version(1, &none, &none), "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2");
    }
}
