//! `Pod`: which Secrets it needs, since when it runs, and why it cannot start.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireMeta};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;

/// A Pod, as a consumer of Secrets.
#[derive(Clone, Debug)]
pub struct Pod {
    /// Metadata.
    pub meta: Meta,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: Name,
    /// When the kubelet first saw it.
    pub started: Option<Timestamp>,
    /// Why a container waits (`CreateContainerConfigError`, `ImagePullBackOff`, …), with its sentence.
    pub waiting: Option<(Name, Text)>,
    /// The Secrets it needs, each once, by env, envFrom, volumes, projected volumes or image pulls.
    pub secrets: Vec<Name>,
}

impl Pod {
    /// Whether it waits for something before it can run, for want of a Secret as far as one can tell.
    #[must_use]
    pub fn wants_secret(&self) -> bool {
        const REASONS: [&str; 4] = ["CreateContainerConfigError", "ImagePullBackOff", "ErrImagePull", "ContainerCreating"];
        self.phase.as_str() == "Pending" && self.waiting.as_ref().is_some_and(|(reason, _)| REASONS.contains(&reason.as_str()))
    }

    /// Whether it will never run again.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.phase.as_str(), "Succeeded" | "Failed")
    }

    /// The workload that owns it, as a person names it: the `ReplicaSet`'s hash is cut off.
    #[must_use]
    pub fn workload(&self) -> Option<String> {
        let (kind, name) = self.meta.controller.as_ref()?;
        Some(match kind.as_str() {
            "ReplicaSet" => format!("Deployment/{}", name.as_str().rsplit_once('-').map_or(name.as_str(), |(stem, _)| stem)),
            kind => format!("{kind}/{name}"),
        })
    }
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
    containers: Vec<WireContainer>,
    init_containers: Vec<WireContainer>,
    volumes: Vec<WireVolume>,
    image_pull_secrets: Vec<WireNamed>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireContainer {
    env: Vec<WireEnv>,
    env_from: Vec<WireEnvFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireEnv {
    value_from: Option<WireValueFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireValueFrom {
    secret_key_ref: Option<WireNamed>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireEnvFrom {
    secret_ref: Option<WireNamed>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireNamed {
    name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireVolume {
    secret: Option<WireSecretVolume>,
    projected: Option<WireProjected>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSecretVolume {
    secret_name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireProjected {
    sources: Vec<WireProjection>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireProjection {
    secret: Option<WireNamed>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireStatus {
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
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireWaiting {
    reason: Text,
    message: Text,
}

impl WireSpec {
    fn secrets(&self) -> BTreeSet<&str> {
        let containers = self.containers.iter().chain(&self.init_containers);
        let env = containers.clone().flat_map(|c| &c.env).filter_map(|e| e.value_from.as_ref()?.secret_key_ref.as_ref());
        let env_from = containers.flat_map(|c| &c.env_from).filter_map(|e| e.secret_ref.as_ref());
        let projected = self.volumes.iter().filter_map(|v| v.projected.as_ref()).flat_map(|p| &p.sources).filter_map(|s| s.secret.as_ref());
        let volumes = self.volumes.iter().filter_map(|v| v.secret.as_ref()).map(|s| s.secret_name.as_str());
        env.chain(env_from).chain(projected).chain(&self.image_pull_secrets).map(|n| n.name.as_str()).chain(volumes).filter(|n| !n.is_empty()).collect()
    }
}

impl Watched for Pod {
    const KIND: Kind = Kind::Pod;
    const API: Api = Api { group: "", versions: &["v1"], plural: "pods", namespaced: true };
    type Wire = Wire;

    fn wire_meta(wire: &Wire) -> &WireMeta {
        &wire.metadata
    }

    fn read(wire: Wire, names: &mut Names) -> Self {
        let mut statuses = wire.status.init_container_statuses.iter().chain(&wire.status.container_statuses);
        let waiting = statuses.find_map(|s| s.state.waiting.as_ref());
        Self {
            meta: Meta::read(&wire.metadata, names),
            phase: names.intern(wire.status.phase.as_str()),
            started: wire.status.start_time,
            waiting: waiting.map(|w| (names.intern(w.reason.as_str()), w.message.clone())),
            secrets: wire.spec.secrets().into_iter().map(|name| names.intern(name)).collect(),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        let to = |name: &Name| ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: name.clone() };
        self.secrets.iter().map(|name| Link { to: to(name), role: Role::Consumes }).collect()
    }
}
