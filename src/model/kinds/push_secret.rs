//! `PushSecret`: writes a Secret of the cluster into a Vault (external-secrets 2.9.0,
//! `apis/externalsecrets/v1alpha1/pushsecret_types.go`). Its condition holds the whole cause, unlike that of an
//! `ExternalSecret`.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::external_secret::{StoreRef, WireGenerator, WireStoreRef, synced_resource_version};
use super::{Api, Link, Meta, Role, Watched, WireCondition, generator, go_duration, ready};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Whole, or_default};

/// A `PushSecret`.
#[derive(Clone, Debug)]
pub struct PushSecret {
    /// Metadata.
    pub meta: Meta,
    /// The Secret that is pushed; empty if it is chosen by its labels, or generated.
    pub secret: Name,
    /// The generator whose value is pushed: a new one at every refresh.
    pub generator: Option<ObjectRef>,
    /// The stores that are named.
    pub stores: Box<[StoreRef]>,
    /// Whether stores or the Secret are chosen by their labels, so that not all are named here.
    pub by_labels: bool,
    /// What goes where.
    pub pushes: Box<[Push]>,
    /// Whether all keys go to a store (`dataTo`), under names that only the controller works out.
    pub pushes_all: bool,
    /// `Replace`, or `IfNotExists`, which leaves what is there.
    pub update_policy: Name,
    /// `Delete` removes from the Vault what is pushed no longer.
    pub deletion_policy: Name,
    /// Seconds between two pushes; 0 pushes at a change only.
    pub interval: i64,
    /// The last word of the controller.
    pub ready: Option<Condition>,
    /// When it was last pushed.
    pub refreshed: Option<Timestamp>,
    /// Whether the newest spec, labels and annotations are those that were pushed.
    pub synced_current: bool,
}

/// One key and its place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Push {
    /// The key of the Secret; empty for the whole of it.
    pub from: Text,
    /// The path, relative to the mount of the store.
    pub key: Text,
    /// The property there; empty for the whole.
    pub property: Text,
}

impl PushSecret {
    /// Health as its own condition tells it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.ready.as_ref().map_or(Health::Unknown, Condition::health)
    }
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    refresh_interval: Option<Text>,
    #[serde(deserialize_with = "or_default")]
    secret_store_refs: Vec<WireStore>,
    update_policy: Option<Text>,
    deletion_policy: Option<Text>,
    selector: WireSelector,
    #[serde(deserialize_with = "or_default")]
    data: Vec<WireData>,
    #[serde(deserialize_with = "or_default")]
    data_to: Vec<WireDataTo>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireStore {
    #[serde(flatten)]
    named: WireStoreRef,
    label_selector: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSelector {
    secret: Option<WireSecret>,
    generator_ref: Option<WireGenerator>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireSecret {
    name: Text,
    selector: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireData {
    #[serde(rename = "match")]
    matched: WireMatch,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireMatch {
    secret_key: Text,
    remote_ref: WireRemote,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireRemote {
    remote_key: Text,
    property: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireDataTo {
    store_ref: WireStore,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
    refresh_time: Option<Timestamp>,
    synced_resource_version: Option<Box<str>>,
}

impl Watched for PushSecret {
    const KIND: Kind = Kind::PushSecret;
    const API: Api =
        Api { group: "external-secrets.io", versions: &["v1", "v1alpha1"], plural: "pushsecrets", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let expected = synced_resource_version(metadata.generation, &metadata.annotations, &metadata.labels);
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        let WireSelector { secret, generator_ref } = spec.selector;
        let secret = secret.unwrap_or_default();
        let wire_stores = || spec.secret_store_refs.iter().chain(spec.data_to.iter().map(|all| &all.store_ref));
        let mut stores: Vec<StoreRef> = wire_stores().filter_map(|store| StoreRef::read(&store.named, names)).collect();
        stores.sort_unstable();
        stores.dedup();
        let pushes = spec.data.iter().map(|data| Push {
            from: data.matched.secret_key.clone(),
            key: data.matched.remote_ref.remote_key.clone(),
            property: data.matched.remote_ref.property.clone(),
        });
        Self {
            secret: names.intern(secret.name.as_str()),
            generator: generator_ref.map(|one| generator::reference(&one.kind, &one.name, &meta.namespace, names)),
            by_labels: secret.selector.is_some() || wire_stores().any(|store| store.label_selector.is_some()),
            stores: stores.into(),
            pushes: pushes.collect(),
            pushes_all: !spec.data_to.is_empty(),
            update_policy: names.intern(spec.update_policy.as_ref().map_or("Replace", Text::as_str)),
            deletion_policy: names.intern(spec.deletion_policy.as_ref().map_or("None", Text::as_str)),
            interval: spec.refresh_interval.as_ref().and_then(|text| go_duration(text.as_str())).unwrap_or(3600),
            ready: ready(&status.conditions, names),
            refreshed: status.refresh_time.filter(|at| at.as_second() > 0),
            synced_current: status.synced_resource_version.as_deref() == Some(expected.as_str()),
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        let secret = (!self.secret.is_empty()).then(|| Link {
            to: ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: self.secret.clone() },
            role: Role::Consumes,
        });
        let stores = self.stores.iter().map(|store| Link { to: store.from(&self.meta.namespace), role: Role::PushesThrough });
        let generator = self.generator.iter().map(|to| Link { to: to.clone(), role: Role::Generates });
        secret.into_iter().chain(stores).chain(generator).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_a_secret_and_writes_through_each_store_once() {
        let wire = r#"{"metadata": {"name": "db", "namespace": "shop", "generation": 3}, "spec": {
            "refreshInterval": "10m", "deletionPolicy": "Delete",
            "secretStoreRefs": [{"name": "vault", "kind": "ClusterSecretStore"}, {"labelSelector": {"matchLabels": {"a": "b"}}}],
            "selector": {"secret": {"name": "db"}},
            "data": [{"match": {"secretKey": "password", "remoteRef": {"remoteKey": "shop/db", "property": "password"}}}],
            "dataTo": [{"storeRef": {"name": "vault", "kind": "ClusterSecretStore"}}]},
            "status": {"refreshTime": null, "syncedPushSecrets": {"ClusterSecretStore/vault": {}},
                "conditions": [{"type": "Ready", "status": "False", "reason": "Errored", "message": "set secret failed: sealed"}]}}"#;
        let push = PushSecret::read(serde_json::from_str(wire).expect("a PushSecret"), &mut Names::default());
        let to: Vec<_> = push.links().iter().map(|link| (link.to.to_string(), link.role)).collect();
        let store = ("ClusterSecretStore//vault".to_owned(), Role::PushesThrough);
        assert_eq!(to, [("Secret/shop/db".to_owned(), Role::Consumes), store]);
        assert_eq!((push.interval, push.health(), push.by_labels, push.pushes_all), (600, Health::Failing, true, true));
        assert_eq!(push.pushes[0].key.as_str(), "shop/db");
        assert_eq!((push.update_policy.as_str(), push.deletion_policy.as_str()), ("Replace", "Delete"));
    }
}
