//! `Pod`: which Secrets it needs, since when it runs, and why it cannot start.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::pod_spec::{PodSpec, WirePodSpec};
use crate::model::text::Text;
use crate::model::wire::Whole;

/// A Pod, as a consumer of Secrets.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Metadata.
    pub meta: Meta,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: Name,
    /// When the kubelet first saw it.
    pub started: Option<Timestamp>,
    /// When the oldest of its running containers started: each reads its environment then.
    pub running: Option<Timestamp>,
    /// Why a container waits (`CreateContainerConfigError`, `ImagePullBackOff`, …), with its sentence.
    pub waiting: Option<(Name, Text)>,
    /// The workload that made it, through its `ReplicaSet` if there is one.
    pub workload: Option<ObjectRef>,
    /// The Secrets and images it needs.
    pub spec: PodSpec,
}

impl Pod {
    /// Whether it waits for something before it can run, for want of a Secret as far as one can tell.
    #[must_use]
    pub fn wants_secret(&self) -> bool {
        const REASONS: [&str; 4] = ["CreateContainerConfigError", "ImagePullBackOff", "ErrImagePull", "ContainerCreating"];
        self.phase.as_str() == "Pending" && self.waiting.as_ref().is_some_and(|(reason, _)| REASONS.contains(&reason.as_str()))
    }

    /// Why it waits, as its kubelet says it: `reason: message`; empty if it does not wait.
    #[must_use]
    pub fn why_it_waits(&self) -> String {
        let said = self.waiting.as_ref().map_or_else(String::new, |(reason, message)| format!("{reason}: {message}"));
        said.trim_end_matches([':', ' ']).to_owned()
    }

    /// Whether it will never run again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The workload that owns it, as a person names it.
    #[must_use]
    pub fn workload(&self) -> Option<String> {
        let of_a_known_kind = self.workload.as_ref().map(|workload| format!("{}/{}", workload.kind, workload.name));
        of_a_known_kind.or_else(|| self.meta.controller.as_ref().map(|(kind, name)| format!("{kind}/{name}")))
    }
}

impl Pod {
    /// What a person restarts to give it a new value: its workload, or itself if a kind owns it that
    /// sealwatch does not know.
    #[must_use]
    pub fn consumer(&self) -> ObjectRef {
        self.workload.clone().unwrap_or_else(|| self.object_ref())
    }
}

/// What is read off the wire.
pub type Wire = Whole<WirePodSpec, WireStatus>;

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    phase: Text,
    start_time: Option<Timestamp>,
    container_statuses: Vec<WireContainerStatus>,
    init_container_statuses: Vec<WireContainerStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireContainerStatus {
    state: WireState,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireState {
    waiting: Option<WireWaiting>,
    running: Option<WireRunning>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireWaiting {
    reason: Text,
    message: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireRunning {
    started_at: Option<Timestamp>,
}

/// The controller of a pod; in place of a `ReplicaSet` its Deployment, whose name is what stands before the hash
/// that the pod carries as a label. A `ReplicaSet` that nobody made has no such hash in its name.
fn workload(meta: &Meta, labels: &BTreeMap<String, String>, names: &mut Names) -> Option<ObjectRef> {
    let (kind, name) = meta.controller.as_ref()?;
    if kind.as_str() != "ReplicaSet" {
        return meta.owner();
    }
    let hash = labels.get("pod-template-hash").map(String::as_str);
    let (stem, suffix) = name.as_str().rsplit_once('-')?;
    let deployed = hash.is_none_or(|hash| hash == suffix);
    deployed.then(|| ObjectRef { kind: Kind::Deployment, namespace: meta.namespace.clone(), name: names.intern(stem) })
}

impl Watched for Pod {
    const KIND: Kind = Kind::Pod;
    const API: Api = Api { group: "", versions: &["v1"], plural: "pods", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let Wire { metadata, spec, status } = wire;
        let mut statuses = status.init_container_statuses.iter().chain(&status.container_statuses);
        let waiting = statuses.find_map(|s| s.state.waiting.as_ref());
        let meta = Meta::read(&metadata, names);
        Self {
            phase: names.intern(status.phase.as_str()),
            started: status.start_time,
            running: status.container_statuses.iter().filter_map(|s| s.state.running.as_ref()?.started_at).min(),
            waiting: waiting.map(|w| (names.intern(w.reason.as_str()), w.message.clone())),
            workload: workload(&meta, &metadata.labels, names),
            spec: spec.read(names),
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        let made_by = self.workload.clone().map(|to| Link { to, role: Role::MadeBy });
        self.spec.links(&self.meta).chain(made_by).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(owner: &str, labels: &str) -> Pod {
        let wire = format!(
            r#"{{"metadata": {{"name": "p", "namespace": "a", "labels": {labels}, "ownerReferences": [{owner}]}},
                "status": {{"phase": "Running", "startTime": "2026-11-25T00:00:00Z", "containerStatuses": [
                    {{"state": {{"running": {{"startedAt": "2026-11-25T00:09:00Z"}}}}}}, {{"state": {{"running": {{"startedAt": "2026-11-25T00:01:00Z"}}}}}}]}}}}"#
        );
        Pod::read(serde_json::from_str(&wire).expect("a Pod"), &mut Names::default())
    }

    #[test]
    fn the_workload_is_what_a_person_deployed() {
        let of = |kind: &str, name: &str, labels: &str| {
            pod(&format!(r#"{{"kind": "{kind}", "name": "{name}", "controller": true}}"#), labels).workload()
        };
        let hash = r#"{"pod-template-hash": "7f9c8d6b5"}"#;
        assert_eq!(of("ReplicaSet", "web-api-7f9c8d6b5", hash).as_deref(), Some("Deployment/web-api"));
        assert_eq!(of("ReplicaSet", "web-api", hash).as_deref(), Some("ReplicaSet/web-api"));
        assert_eq!(of("StatefulSet", "db", "{}").as_deref(), Some("StatefulSet/db"));
        assert_eq!(of("Rollout", "canary", "{}").as_deref(), Some("Rollout/canary"));
    }

    #[test]
    fn it_runs_since_its_oldest_container() {
        assert_eq!(pod("", "{}").running, "2026-11-25T00:01:00Z".parse().ok());
    }
}
