//! `ExternalSecret`: what is to be read from where, into which Secret, and how the last attempt went.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha3::{Digest, Sha3_224};

use super::{Api, Link, Meta, Role, Watched, WireCondition, WireMeta, generator, go_duration, ready};
use crate::model::gitops::{Deployed, WireWrote};
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
    /// What becomes of the Secret when its source is gone.
    pub deletion: Deletion,
    /// Whether a template makes the Secret, so that labels and annotations are not copied to it.
    pub templated: bool,
    /// Whether the Secret is made so that nobody can change it; from 0.19.1 on a new value is then passed over, and
    /// the object is green all the same (external-secrets#5110).
    pub immutable: bool,
    /// What is read from the store, in order; not what is read through [`More::elsewhere`].
    pub remote: Box<[RemoteRef]>,
    /// The generators that are asked for a *new* value at every sync (external-secrets#5782).
    pub generators: Box<[ObjectRef]>,
    /// What few of them have.
    pub more: Option<Box<More>>,
    /// The last word of the controller.
    pub ready: Option<Condition>,
    /// When the last *successful* sync began.
    pub refreshed: Option<Timestamp>,
    /// Whether the newest spec, labels and annotations are the ones that were last synced: the
    /// controller's `syncedResourceVersion` equals the hash computed here.
    pub synced_current: bool,
    /// The value of the annotation that [`FORCE_SYNC`] names.
    pub force_sync: Text,
    /// Which fields of its spec a tool of `GitOps` applied, as the API server noted it; `None` if it noted none.
    pub deployed: Option<Deployed>,
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

/// What few `ExternalSecret`s have.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct More {
    /// Searches in the store (`dataFrom.find`): which paths these read only the Vault tells.
    pub finds: Box<[Find]>,
    /// Entries of [`ExternalSecret::remote`] that read one version whatever the current one is: place and version, by place.
    pub pinned: Box<[(usize, u64)]>,
    /// Other stores that single entries are read through (`sourceRef.storeRef`).
    pub elsewhere: Box<[StoreRef]>,
    /// Which keys it writes into a Secret that it does not own, and from where each comes, in words that are equal only for the
    /// same place. Not of one with a template, which decides the keys itself.
    pub shares: Box<[(Text, Text)]>,
    /// When it may refresh by itself; a forced sync does not mind (external-secrets#6452).
    pub windows: Option<Windows>,
}

/// A search in a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Find {
    /// Below this path; empty for the whole mount.
    pub path: Text,
    /// Names like this regular expression; empty for any.
    pub name: Text,
    /// Whether tags are asked for.
    pub tagged: bool,
}

/// Times in which it refreshes by itself, or does not (UTC).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Windows {
    /// Whether it does not refresh in these times, rather than in these only.
    pub denies: bool,
    /// When each begins, as cron writes it, and how many seconds it lasts.
    pub windows: Box<[(Text, i64)]>,
}

/// What becomes of a Secret when its source is gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Deletion {
    /// It stays as it was.
    #[default]
    Retain,
    /// It is deleted; a wrong mount does that too.
    Delete,
    /// The keys that came from there are taken out.
    Merge,
}

impl Deletion {
    /// As a manifest calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retain => "Retain",
            Self::Delete => "Delete",
            Self::Merge => "Merge",
        }
    }
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

impl StoreRef {
    /// Reads one; `None` if it names nothing.
    pub(super) fn read(wire: &WireStoreRef, names: &mut Names) -> Option<Self> {
        let of_cluster = wire.kind.as_ref().is_some_and(|kind| kind.as_str() == "ClusterSecretStore");
        let kind = if of_cluster { Kind::ClusterSecretStore } else { Kind::SecretStore };
        (!wire.name.is_empty()).then(|| Self { kind, name: names.intern(wire.name.as_str()) })
    }

    /// As a full reference, seen from this namespace.
    #[must_use]
    pub fn from(&self, namespace: &Name) -> ObjectRef {
        let namespace = if self.kind == Kind::SecretStore { namespace.clone() } else { Name::empty() };
        ObjectRef { kind: self.kind, namespace, name: self.name.clone() }
    }
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

    /// The Secret that it writes.
    #[must_use]
    pub fn target_ref(&self) -> ObjectRef {
        ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: self.target.clone() }
    }

    /// The store as a full reference, seen from this object's namespace.
    #[must_use]
    pub fn store_ref(&self) -> Option<ObjectRef> {
        self.store.as_ref().map(|store| store.from(&self.meta.namespace))
    }

    /// What it reads from its store, each entry with the version that it is held to (`remoteRef.version`), if it is to one.
    pub fn reads(&self) -> impl Iterator<Item = (&RemoteRef, Option<u64>)> {
        let pinned = self.more.as_ref().map_or(&[][..], |more| &more.pinned);
        let version = |at: usize| pinned.iter().find(|(place, _)| *place == at).map(|(_, version)| *version);
        self.remote.iter().enumerate().map(move |(at, remote)| (remote, version(at)))
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
    let printed = format!("{{annotations:{} labels:{}}}", go_map(annotations), go_map(labels));
    with_hash(format!("{generation}-"), &printed)
}

/// This, and behind it the hash that External Secrets makes of what Go printed: SHA3-224 in hex.
pub(super) fn with_hash(mut begun: String, printed: &str) -> String {
    for byte in Sha3_224::digest(printed) {
        let _ = write!(begun, "{byte:02x}");
    }
    begun
}

/// What is read off the wire.
#[derive(Clone, Debug, Deserialize)]
pub struct Wire {
    #[serde(default)]
    metadata: WireMeta<Vec<WireWrote>>,
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
    sync_windows: Option<WireWindows>,
    target: WireTarget,
    data: Vec<WireData>,
    data_from: Vec<WireDataFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireWindows {
    kind: Text,
    windows: Vec<WireWindow>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireWindow {
    schedule: Text,
    duration: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireStoreRef {
    kind: Option<Text>,
    name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireTarget {
    name: Option<Text>,
    creation_policy: Option<Text>,
    deletion_policy: Option<Text>,
    immutable: bool,
    template: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireData {
    secret_key: Text,
    remote_ref: WireRemote,
    source_ref: Option<WireSource>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireDataFrom {
    extract: Option<WireRemote>,
    find: Option<WireFind>,
    source_ref: Option<WireSource>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireFind {
    path: Text,
    name: WireFindName,
    tags: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireFindName {
    regexp: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireRemote {
    key: Text,
    property: Text,
    version: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSource {
    store_ref: Option<WireStoreRef>,
    generator_ref: Option<WireGenerator>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireGenerator {
    pub(super) kind: Text,
    pub(super) name: Text,
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

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        let mut links = Vec::with_capacity(3);
        if let Some(store) = self.store_ref() {
            links.push(Link { to: store, role: Role::ReadsThrough });
        }
        let target = self.target_ref();
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
        links.extend(self.generators.iter().map(|to| Link { to: to.clone(), role: Role::Generates }));
        links
    }

    fn read(wire: Wire, names: &mut Names) -> Self {
        let Wire { metadata, spec, status } = wire;
        let expected = synced_resource_version(metadata.generation, &metadata.annotations, &metadata.labels);
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        let sources = spec.data.iter().filter_map(|d| d.source_ref.as_ref()).chain(spec.data_from.iter().filter_map(|d| d.source_ref.as_ref()));
        let generators = sources
            .clone()
            .filter_map(|source| source.generator_ref.as_ref())
            .map(|wire| generator::reference(&wire.kind, &wire.name, &meta.namespace, names))
            .collect();
        let store = spec.secret_store_ref.as_ref().or_else(|| sources.clone().find_map(|source| source.store_ref.as_ref()));
        let store = store.and_then(|store| StoreRef::read(store, names));
        // An entry that names another store is none of this store's Vault: its key means something else there.
        let stranger = |source: Option<&WireSource>, names: &mut Names| {
            let its = source.and_then(|source| StoreRef::read(source.store_ref.as_ref()?, names));
            its.filter(|its| store.as_ref() != Some(its))
        };
        let (mut elsewhere, mut pinned) = (Vec::new(), Vec::new());
        let mut remote = Vec::with_capacity(spec.data.len());
        let data = spec.data.iter().map(|data| (&data.remote_ref, data.source_ref.as_ref()));
        let extracts = spec.data_from.iter().filter_map(|from| Some((from.extract.as_ref()?, from.source_ref.as_ref())));
        for (wire, from) in data.filter(|(wire, _)| !wire.key.is_empty()).chain(extracts) {
            if let Some(store) = stranger(from, names) {
                elsewhere.push(store);
            } else {
                pinned.extend(wire.version.as_str().parse().ok().map(|version| (remote.len(), version)));
                remote.push(RemoteRef { key: wire.key.clone(), property: names.share(&wire.property) });
            }
        }
        let finds = spec.data_from.iter().filter_map(|from| Some((from.find.as_ref()?, from.source_ref.as_ref())));
        let mut here = Vec::new();
        for (wire, from) in finds {
            match stranger(from, names) {
                Some(store) => elsewhere.push(store),
                None => here.push(Find { path: wire.path.clone(), name: wire.name.regexp.clone(), tagged: wire.tags.is_some() }),
            }
        }
        elsewhere.sort_unstable();
        elsewhere.dedup();
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
            deletion: match spec.target.deletion_policy.as_ref().map_or("", Text::as_str) {
                "Delete" => Deletion::Delete,
                "Merge" => Deletion::Merge,
                _ => Deletion::Retain,
            },
            templated: spec.target.template.is_some(),
            immutable: spec.target.immutable,
            more: More::read(&spec, here, pinned, elsewhere),
            remote: remote.into(),
            store,
            generators,
            ready: ready(&status.conditions, names),
            refreshed: status.refresh_time.filter(|at| at.as_second() > 0),
            synced_current: status.synced_resource_version.as_deref() == Some(expected.as_str()),
            force_sync: metadata.annotations.get(FORCE_SYNC).map_or_else(Text::default, |value| Text::foreign(value)),
            deployed: Deployed::read(&metadata.managed_fields),
            meta,
        }
    }
}

impl More {
    fn read(
        spec: &WireSpec,
        finds: Vec<Find>,
        pinned: Vec<(usize, u64)>,
        elsewhere: Vec<StoreRef>,
    ) -> Option<Box<Self>> {
        let seconds = |window: &WireWindow| go_duration(window.duration.as_str()).unwrap_or(0);
        let more = Self {
            finds: finds.into(),
            pinned: pinned.into(),
            elsewhere: elsewhere.into(),
            shares: shares(spec),
            windows: spec.sync_windows.as_ref().map(|wire| Windows {
                denies: wire.kind.as_str() == "deny",
                windows: wire.windows.iter().map(|window| (window.schedule.clone(), seconds(window))).collect(),
            }),
        };
        (more != Self::default()).then(|| Box::new(more))
    }
}

/// What it writes into a Secret that others may write as well.
fn shares(spec: &WireSpec) -> Box<[(Text, Text)]> {
    let policy = spec.target.creation_policy.as_ref().map_or("", Text::as_str);
    if !matches!(policy, "Merge" | "CreateOrMerge") || spec.target.template.is_some() {
        return Box::default();
    }
    let named = spec.data.iter().filter(|data| !data.remote_ref.key.is_empty() && !data.secret_key.is_empty());
    let source = |data: &WireData| {
        let own = data.source_ref.as_ref().and_then(|source| source.store_ref.as_ref());
        let store = own.or(spec.secret_store_ref.as_ref());
        let kind = store.and_then(|store| store.kind.as_ref()).map_or("SecretStore", Text::as_str);
        let store = store.map_or("", |store| store.name.as_str());
        let WireRemote { key, property, version } = &data.remote_ref;
        let property = if property.is_empty() { String::new() } else { format!("#{property}") };
        let version = if version.is_empty() { String::new() } else { format!(" in version {version}") };
        Text::foreign(&format!("{key}{property}{version} of {kind}/{store}"))
    };
    named.map(|data| (data.secret_key.clone(), source(data))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_have_is_read_and_what_all_have_costs_nothing_more() {
        let read = |spec: &str| {
            let wire = format!(r#"{{"metadata": {{"name": "a", "namespace": "n"}}, "spec": {spec}}}"#);
            ExternalSecret::read(serde_json::from_str(&wire).expect("an ExternalSecret"), &mut Names::default())
        };
        let rare = read(
            r#"{"dataFrom": [{"find": {"path": "shop", "name": {"regexp": "^db"}, "tags": {"a": "b"}}},
                {"sourceRef": {"generatorRef": {"kind": "ClusterGenerator", "name": "wide"}}},
                {"sourceRef": {"generatorRef": {"kind": "VaultDynamicSecret", "name": "db"}}}],
                "syncWindows": {"kind": "deny", "windows": [{"schedule": "0 22 * * 1-5", "duration": "8h"}]},
                "target": {"deletionPolicy": "Delete", "immutable": true, "template": {"data": {"a": "{{ .b }}"}}}}"#,
        );
        let more = rare.more.as_deref().expect("more");
        assert_eq!((more.finds[0].path.as_str(), more.finds[0].name.as_str(), more.finds[0].tagged), ("shop", "^db", true));
        assert_eq!(more.windows.as_ref().map(|windows| (windows.denies, windows.windows[0].1)), Some((true, 8 * 3600)));
        assert!(rare.deletion == Deletion::Delete && rare.immutable && rare.templated && rare.rotates());
        let generators: Vec<String> = rare.generators.iter().map(ToString::to_string).collect();
        assert_eq!(generators, ["ClusterGenerator//wide", "VaultDynamicSecretGenerator/n/db"]);
        let merged = read(
            r#"{"secretStoreRef": {"name": "vault"}, "target": {"creationPolicy": "Merge"}, "data": [
                {"secretKey": "a", "remoteRef": {"key": "b", "property": "c", "version": "2"}},
                {"secretKey": "d", "remoteRef": {"key": "e"}, "sourceRef": {"storeRef": {"name": "all", "kind": "ClusterSecretStore"}}}]}"#,
        );
        let shares = merged.more.iter().flat_map(|more| &more.shares);
        let shares: Vec<_> = shares.map(|(key, from)| (key.as_str(), from.as_str())).collect();
        assert_eq!(shares, [("a", "b#c in version 2 of SecretStore/vault"), ("d", "e of ClusterSecretStore/all")]);
        let held = read(r#"{"data": [{"remoteRef": {"key": "a"}}, {"remoteRef": {"key": "b", "version": "3"}}]}"#);
        let reads: Vec<_> = held.reads().map(|(remote, version)| (remote.key.as_str(), version)).collect();
        assert_eq!(reads, [("a", None), ("b", Some(3))]);
        let plain = read(r#"{"data": [{"secretKey": "a", "remoteRef": {"key": "b"}}]}"#);
        assert!(plain.more.is_none() && plain.deletion == Deletion::Retain && !plain.templated);
        assert!(size_of::<ExternalSecret>() <= 320, "{}", size_of::<ExternalSecret>());
    }

    #[test]
    fn an_entry_with_a_store_of_its_own_is_not_looked_for_in_the_vault_of_the_others() {
        let wire = r#"{"metadata": {"name": "a", "namespace": "n"}, "spec": {"secretStoreRef": {"name": "vault"}, "data": [
            {"remoteRef": {"key": "here"}}, {"remoteRef": {"key": "there"}, "sourceRef": {"storeRef": {"name": "azure"}}},
            {"remoteRef": {"key": "too"}, "sourceRef": {"storeRef": {"name": "vault", "kind": "SecretStore"}}}]}}"#;
        let es = ExternalSecret::read(serde_json::from_str(wire).expect("an ExternalSecret"), &mut Names::default());
        assert_eq!(es.remote.iter().map(|remote| remote.key.as_str()).collect::<Vec<_>>(), ["here", "too"]);
        let elsewhere: Vec<&str> = es.more.iter().flat_map(|more| &more.elsewhere).map(|store| store.name.as_str()).collect();
        assert_eq!(elsewhere, ["azure"]);
    }

    #[test]
    fn the_hash_is_the_one_that_the_controller_writes() {
        // Recorded from External Secrets 2.9.0, world 02: no annotations, no labels, generation 1.
        let none = BTreeMap::new();
        assert_eq!(synced_resource_version(1, &none, &none), "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2");
    }
}
