//! `Application` of Argo CD (3.1, pkg/apis/application/v1alpha1): what it deploys, and whether it reverts what others
//! write there. An annotation that asks for a sync is such a write, unless a rule of it ignores that.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Watched};
use crate::model::gitops::{Held, Origin, deployed, manages, without_login};
use crate::model::health::{Condition, Health, Status};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Whole, or_default};

/// An `Application`.
#[derive(Clone, Debug)]
pub struct Application {
    /// Metadata.
    pub meta: Meta,
    /// `Synced`, `OutOfSync`, `Unknown`; empty before the first comparison.
    pub sync: Name,
    /// Its health, as a condition: the reason is Argo's word (`Healthy`, `Degraded`, `Progressing`, …).
    pub health: Option<Condition>,
    /// How the last sync ended: `Succeeded`, `Failed`, `Error`, `Running`, `Terminating`; empty before the first.
    pub phase: Name,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// What Argo said of it.
    pub said: Text,
    /// The error that Argo tells of itself (`ComparisonError`, …); empty if there is none.
    pub error: Text,
    /// Whether it syncs by itself when Git changes.
    pub automated: bool,
    /// Whether it also syncs by itself when the cluster changes, and so reverts what others write.
    pub heals: bool,
    /// Whether it deploys to another cluster: then nothing here is its own.
    pub elsewhere: bool,
    /// The differences that it lets be, on kinds that matter here.
    pub ignores: Box<[Ignored]>,
    /// What it deploys that matters here.
    pub deployed: Box<[ObjectRef]>,
    /// Where that stands in Git.
    pub origins: Box<[Origin]>,
    /// That we hold its self-heal.
    pub held: Option<Held>,
}

/// A rule by which differences are let be (`spec.ignoreDifferences`).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ignored {
    /// On this kind; `None` for every kind of a group.
    pub kind: Option<Kind>,
    /// On the object with this name; empty for all.
    pub name: Name,
    /// In this namespace; empty for all.
    pub namespace: Name,
    /// The fields: JSON pointers and jq expressions.
    pub fields: Box<[Text]>,
}

impl Application {
    /// Whether it is being synced now.
    #[must_use]
    pub fn is_syncing(&self) -> bool {
        matches!(self.phase.as_str(), "Running" | "Terminating")
    }

    /// How well it is: in sync, and healthy as Argo sees it.
    #[must_use]
    pub fn health(&self) -> Health {
        let own = self.health.as_ref().map_or(Health::Unknown, Condition::health);
        match (own, self.sync.as_str()) {
            (Health::Failing, _) => Health::Failing,
            _ if !self.error.is_empty() || matches!(self.phase.as_str(), "Failed" | "Error") => Health::Failing,
            (_, "OutOfSync") => Health::Warning,
            (own, _) => own,
        }
    }

    /// Whether it lets this object keep what somebody else writes into its metadata.
    #[must_use]
    pub fn lets_annotations_be(&self, object: &ObjectRef) -> bool {
        self.lets_be(object, "metadata", "annotations")
    }

    /// Whether it lets this object keep what somebody else writes into this field.
    #[must_use]
    pub fn lets_be(&self, object: &ObjectRef, above: &str, field: &str) -> bool {
        let of = |rule: &&Ignored| {
            rule.kind.is_none_or(|kind| kind == object.kind)
                && (rule.name.is_empty() || rule.name == object.name)
                && (rule.namespace.is_empty() || rule.namespace == object.namespace)
        };
        let named = |said: &Text| {
            let mut words = said.as_str().split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
            words.next() == Some(above) && words.next().is_none_or(|word| word == field)
        };
        self.ignores.iter().filter(of).any(|rule| rule.fields.iter().any(named))
    }
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    destination: WireDestination,
    sync_policy: WirePolicy,
    source: Option<WireSource>,
    #[serde(deserialize_with = "or_default")]
    sources: Vec<WireSource>,
    #[serde(deserialize_with = "or_default")]
    ignore_differences: Vec<WireIgnored>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireDestination {
    server: Text,
    name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSource {
    #[serde(rename = "repoURL")]
    repo_url: Text,
    path: Text,
    chart: Text,
    target_revision: Text,
}

impl WireSource {
    fn read(self) -> Origin {
        let repository = without_login(&self.repo_url);
        Origin { repository, folder: self.path, chart: self.chart, revision: self.target_revision }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WirePolicy {
    automated: Option<WireAutomated>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireAutomated {
    self_heal: bool,
    enabled: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireIgnored {
    group: Text,
    kind: Text,
    name: Text,
    namespace: Text,
    #[serde(deserialize_with = "or_default")]
    json_pointers: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    jq_path_expressions: Vec<Text>,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    sync: WireWord,
    health: WireWord,
    #[serde(deserialize_with = "or_default")]
    operation_state: WirePhase,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireError>,
    #[serde(deserialize_with = "or_default")]
    resources: Vec<WireResource>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireWord {
    status: Text,
    message: Text,
    last_transition_time: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WirePhase {
    phase: Text,
    message: Text,
    #[serde(rename = "finishedAt")]
    finished_at: Option<Timestamp>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireError {
    #[serde(rename = "type")]
    kind: Text,
    message: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireResource {
    group: Text,
    kind: Text,
    namespace: Text,
    name: Text,
}

/// The address under which Argo CD knows the cluster that it runs in, and its name for it.
const HERE: [&str; 2] = ["https://kubernetes.default.svc", "in-cluster"];

/// The groups of which every kind may be meant by `*`.
const GROUPS: [&str; 3] = ["*", "external-secrets.io", "generators.external-secrets.io"];

impl WireIgnored {
    fn read(self, names: &mut Names) -> Option<Ignored> {
        let any = self.kind.as_str() == "*" && GROUPS.contains(&self.group.as_str());
        let kind = deployed(self.group.as_str(), self.kind.as_str(), "", "", names).map(|object| object.kind);
        (any || kind.is_some()).then(|| Ignored {
            kind,
            name: names.intern(self.name.as_str()),
            namespace: names.intern(self.namespace.as_str()),
            fields: self.json_pointers.into_iter().chain(self.jq_path_expressions).collect(),
        })
    }
}

impl Watched for Application {
    const KIND: Kind = Kind::Application;
    const API: Api = Api { group: "argoproj.io", versions: &["v1alpha1"], plural: "applications", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let WireDestination { server, name } = spec.destination;
        let elsewhere = [&server, &name].into_iter().any(|at| !at.is_empty() && !HERE.contains(&at.as_str()));
        let automated = spec.sync_policy.automated.filter(|policy| policy.enabled != Some(false));
        let of = |resource: &WireResource, names: &mut Names| {
            let [group, kind, namespace, name] = [&resource.group, &resource.kind, &resource.namespace, &resource.name];
            deployed(group.as_str(), kind.as_str(), namespace.as_str(), name.as_str(), names)
        };
        let resources = status.resources.iter().filter(|_| !elsewhere);
        let health = (!status.health.status.is_empty()).then(|| Condition {
            status: match status.health.status.as_str() {
                "Healthy" => Status::True,
                "Degraded" => Status::False,
                _ => Status::Unknown,
            },
            reason: names.intern(status.health.status.as_str()),
            message: status.health.message.clone(),
            since: status.health.last_transition_time,
        });
        Self {
            sync: names.intern(status.sync.status.as_str()),
            health,
            phase: names.intern(status.operation_state.phase.as_str()),
            finished: status.operation_state.finished_at,
            said: status.operation_state.message,
            error: status.conditions.into_iter().find(|one| one.kind.as_str().ends_with("Error")).map_or_else(Text::default, |one| one.message),
            heals: automated.as_ref().is_some_and(|policy| policy.self_heal),
            automated: automated.is_some(),
            elsewhere,
            ignores: spec.ignore_differences.into_iter().filter_map(|rule| rule.read(names)).collect(),
            deployed: resources.filter_map(|resource| of(resource, names)).collect(),
            origins: spec.source.into_iter().chain(spec.sources).map(WireSource::read).collect(),
            held: Held::read(&metadata),
            meta: Meta::read(&metadata, names).marked(Self::KIND, &metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.health.as_ref()
    }

    fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        manages(&self.deployed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_what_it_deploys_and_what_it_lets_be() {
        let wire = |server: &str| {
            format!(
                r#"{{"metadata": {{"name": "shop", "namespace": "argocd"}}, "spec": {{"project": "default",
                "destination": {{"server": "{server}", "namespace": "shop"}}, "syncPolicy": {{"automated": {{"selfHeal": true, "prune": true}}}},
                "ignoreDifferences": [{{"group": "external-secrets.io", "kind": "ExternalSecret", "jsonPointers": ["/metadata/annotations/force-sync"]}},
                    {{"group": "apps", "kind": "Deployment", "jsonPointers": ["/spec/replicas"]}}]}},
                "status": {{"sync": {{"status": "OutOfSync"}}, "health": {{"status": "Degraded", "message": "db fails"}}, "operationState": {{"phase": "Succeeded"}},
                "resources": [{{"group": "external-secrets.io", "version": "v1", "kind": "ExternalSecret", "namespace": "shop", "name": "db", "status": "Synced"}},
                    {{"version": "v1", "kind": "Service", "namespace": "shop", "name": "web"}}]}}}}"#
            )
        };
        let read = |server| Application::read(serde_json::from_str(&wire(server)).expect("an Application"), &mut Names::default());
        let here = read("https://kubernetes.default.svc");
        let db = ObjectRef::new(Kind::ExternalSecret, "shop", "db");
        assert_eq!((&*here.deployed, here.ignores.len(), here.heals), (&[db.clone()][..], 1, true));
        assert!(here.lets_annotations_be(&db) && !here.lets_annotations_be(&ObjectRef::new(Kind::SecretStore, "shop", "db")));
        assert_eq!((here.health(), here.sync.as_str()), (Health::Failing, "OutOfSync"));
        let other = read("https://10.0.0.1:6443");
        assert!(other.elsewhere && other.links().is_empty());
    }
}
