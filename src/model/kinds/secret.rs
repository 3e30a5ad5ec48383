//! `Secret`, as metadata only: its values never reach this program through a watch. Which keys it has, and
//! who wrote them when, is in its managed fields.

use jiff::Timestamp;
use serde::Deserialize;

use super::external_secret::with_hash;
use super::{Api, Link, Meta, Role, Watched, WireMeta};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::DataKeys;

/// A Secret without its data.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Metadata.
    pub meta: Meta,
    /// External Secrets' hash of the data (sha3-224): two readings that differ are a rotation.
    pub data_hash: Text,
    /// Whether External Secrets watches it (its label `managed`). If another writer strips the label, drift goes
    /// unseen until the next interval.
    pub managed: bool,
    /// External Secrets' hash of the `ExternalSecret` that owns it (`namespace/name`); empty if none does.
    pub created_by: Text,
    /// Who wrote data. Empty if the managed fields do not tell (they can be cleared).
    pub writers: Box<[Writer]>,
    /// What other systems noted on it.
    pub marks: Option<Box<Marks>>,
}

/// One manager that owns data of a Secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Writer {
    /// The field manager: `externalsecrets.external-secrets.io/<name>`, `vso`, `Reflector`, `kubectl-edit`, …
    pub manager: Name,
    /// When it last changed what it owns.
    pub at: Option<Timestamp>,
    /// The keys that it owns.
    pub keys: Box<[Name]>,
}

/// What few Secrets carry.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// The object that owns it without controlling it, as the Vault Secrets Operator does: kind, name.
    pub owner: Option<(Name, Name)>,
    /// `app.kubernetes.io/managed-by`.
    pub managed_by: Name,
    /// The Secret that Reflector copies into this one.
    pub reflects: Option<ObjectRef>,
    /// The `resourceVersion` of the source that was copied; the copy is behind if the source has another.
    pub reflected_version: Text,
    /// Into which namespaces it does so by itself, as a list of patterns; empty for all, if it does.
    pub reflection_auto: Option<Text>,
    /// What its annotations say yes to.
    pub yes: Box<[Mark]>,
    /// Whether the hash of its data is that of a known placeholder under its only key.
    pub placeholder: bool,
}

/// An annotation that says yes or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Reflector may copy it elsewhere.
    ReflectionAllowed,
    /// A `SealedSecret` may take it over although it did not make it.
    SealedManaged,
    /// A `SealedSecret` adds its keys to it.
    SealedPatch,
    /// Reloader counts it for workloads that search.
    ReloaderMatch,
    /// Reloader passes it over.
    ReloaderIgnore,
}

const MARKS: [(&str, Mark); 5] = [
    ("reflector.v1.k8s.emberstack.com/reflection-allowed", Mark::ReflectionAllowed),
    ("sealedsecrets.bitnami.com/managed", Mark::SealedManaged),
    ("sealedsecrets.bitnami.com/patch", Mark::SealedPatch),
    ("reloader.stakater.com/match", Mark::ReloaderMatch),
    ("reloader.stakater.com/ignore", Mark::ReloaderIgnore),
];

impl Marks {
    /// Whether its annotations say yes to this.
    #[must_use]
    pub fn say(&self, mark: Mark) -> bool {
        self.yes.contains(&mark)
    }
}

const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";
const MANAGED: &str = "reconcile.external-secrets.io/managed";
const CREATED_BY: &str = "reconcile.external-secrets.io/created-by";

impl Secret {
    /// The names of its keys, each once, in order; none if its managed fields do not tell.
    #[must_use]
    pub fn keys(&self) -> Vec<&Name> {
        let mut keys: Vec<&Name> = self.writers.iter().flat_map(|writer| &writer.keys).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    /// When its data was last written by anybody, as far as its managed fields tell.
    #[must_use]
    pub fn written(&self) -> Option<Timestamp> {
        self.writers.iter().filter_map(|writer| writer.at).max()
    }
}

/// What is read off the wire: `PartialObjectMetadata`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wire {
    metadata: WireMeta<Vec<WireManaged>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireManaged {
    manager: Text,
    time: Option<Timestamp>,
    fields_v1: DataKeys,
}

fn marks(meta: &WireMeta<Vec<WireManaged>>, names: &mut Names) -> Option<Box<Marks>> {
    let annotation = |key: &str| meta.annotations.get(key).map(String::as_str);
    let reflector = |key: &str| annotation(&format!("reflector.v1.k8s.emberstack.com/{key}"));
    let says = |value: Option<&str>| value.is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let owner = meta.owner_references.first().filter(|_| meta.owner_references.iter().all(|owner| !owner.controller));
    let owner = owner.map(|owner| (owner.called(names), names.intern(owner.name.as_str())));
    let mut intern = |text: &str| names.intern(Text::foreign(text).as_str());
    let marks = Marks {
        owner,
        managed_by: meta.labels.get("app.kubernetes.io/managed-by").map_or_else(Name::empty, |by| intern(by)),
        reflects: reflector("reflects")
            .and_then(|source| source.split_once('/'))
            .map(|(namespace, name)| ObjectRef { kind: Kind::Secret, namespace: intern(namespace), name: intern(name) }),
        reflected_version: reflector("reflected-version").map_or_else(Text::default, Text::foreign),
        reflection_auto: says(reflector("reflection-auto-enabled"))
            .then(|| Text::foreign(reflector("reflection-auto-namespaces").unwrap_or_default())),
        placeholder: annotation(DATA_HASH).is_some_and(|hash| is_placeholder(hash, meta)),
        yes: MARKS.iter().filter(|(key, _)| says(annotation(key))).map(|(_, mark)| *mark).collect(),
    };
    (marks != Marks::default()).then(|| Box::new(marks))
}

/// What a bootstrap writes where a value is still to come.
const PLACEHOLDERS: [&str; 1] = ["keycloak_generated_placeholder"];

/// Whether External Secrets' hash of the data is that of a placeholder. Only a Secret with one key can be told so.
fn is_placeholder(hash: &str, meta: &WireMeta<Vec<WireManaged>>) -> bool {
    let mut keys = meta.managed_fields.iter().flat_map(|managed| &managed.fields_v1.0);
    let Some(key) = keys.next() else { return false };
    keys.all(|other| other == key) && PLACEHOLDERS.iter().any(|value| data_hash(key, value.as_bytes()) == hash)
}

/// The hash that External Secrets leaves on a Secret with one key: the SHA3-224 of Go's `%+v` of its data
/// (runtime/esutils `ObjectHash`).
fn data_hash(key: &str, value: &[u8]) -> String {
    let bytes: Vec<String> = value.iter().map(u8::to_string).collect();
    with_hash(String::new(), &format!("map[{key}:[{}]]", bytes.join(" ")))
}

impl Watched for Secret {
    const KIND: Kind = Kind::Secret;
    const API: Api = Api { group: "", versions: &["v1"], plural: "secrets", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let Wire { metadata } = wire;
        let word = |words: &std::collections::BTreeMap<String, String>, key| words.get(key).map_or_else(Text::default, |word| Text::foreign(word));
        let mut intern = |text: &str| names.intern(Text::foreign(text).as_str());
        let wrote = metadata.managed_fields.iter().filter(|managed| !managed.fields_v1.0.is_empty());
        let writers = wrote.map(|managed| Writer {
            manager: intern(managed.manager.as_str()),
            at: managed.time,
            keys: managed.fields_v1.0.iter().map(|key| intern(key)).collect(),
        });
        Self {
            writers: writers.collect(),
            data_hash: word(&metadata.annotations, DATA_HASH),
            managed: metadata.labels.contains_key(MANAGED),
            created_by: word(&metadata.labels, CREATED_BY),
            marks: marks(&metadata, names),
            // External Secrets copies labels and annotations to what it writes, also to what it does not own.
            meta: match Meta::read(&metadata, names) {
                meta if metadata.labels.contains_key(MANAGED) => meta,
                meta => meta.marked(Self::KIND, &metadata, names),
            },
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        let marks = self.marks.as_deref();
        let owner = marks.and_then(|marks| marks.owner.as_ref()).and_then(|(kind, name)| {
            let to = ObjectRef { kind: Kind::parse(kind.as_str())?, namespace: self.meta.namespace.clone(), name: name.clone() };
            Some(Link { to, role: Role::MadeBy })
        });
        let source = marks.and_then(|marks| marks.reflects.clone()).map(|to| Link { to, role: Role::Mirrors });
        self.meta.made_by().into_iter().chain(owner).chain(source).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_writers_and_marks_are_read_from_the_metadata_alone() {
        let wire = r#"{"metadata": {"name": "s", "namespace": "a", "labels": {"reconcile.external-secrets.io/managed": "true"},
            "annotations": {"reflector.v1.k8s.emberstack.com/reflects": "b/source", "reflector.v1.k8s.emberstack.com/reflected-version": "7",
                "kubectl.kubernetes.io/last-applied-configuration": "{\"data\":{\"token\":\"canary\"}}"},
            "managedFields": [
                {"manager": "Reflector", "time": "2026-11-25T00:15:55Z", "fieldsV1": {"f:metadata": {"f:labels": {}}, "f:data": {".": {}, "f:tls.crt": {}, "f:tls.key": {}}}},
                {"manager": "kubectl-edit", "time": "2026-11-25T01:00:00Z", "fieldsV1": {"f:data": {"f:tls.key": {}}}},
                {"manager": "labeller", "time": "2026-11-25T02:00:00Z", "fieldsV1": {"f:metadata": {}}}]}}"#;
        let secret = Secret::read(serde_json::from_str(wire).expect("a Secret"), &mut Names::default());
        assert_eq!(secret.keys().into_iter().map(Name::as_str).collect::<Vec<_>>(), ["tls.crt", "tls.key"]);
        assert_eq!(secret.writers.iter().map(|writer| writer.manager.as_str()).collect::<Vec<_>>(), ["Reflector", "kubectl-edit"]);
        assert_eq!(secret.written(), "2026-11-25T01:00:00Z".parse().ok());
        assert!(secret.managed && !format!("{secret:?}").contains("canary"));
        let source = ObjectRef::new(Kind::Secret, "b", "source");
        assert_eq!(secret.links(), [Link { to: source, role: Role::Mirrors }]);
    }
}
