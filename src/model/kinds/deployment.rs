//! `Deployment`, and what it has in common with the other workloads that keep pods running.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Names};
use crate::model::pod_spec::{PodSpec, WireTemplate};
use crate::model::reloader::Reloader;
use crate::model::wire::Whole;

/// A workload that keeps pods running.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Metadata.
    pub meta: Meta,
    /// How many pods are wanted.
    pub wanted: u32,
    /// How many of them are ready.
    pub ready: u32,
    /// How many of them have the newest template.
    pub updated: u32,
    /// Whether its controller has seen the newest spec.
    pub observed: bool,
    /// What its pods need.
    pub template: PodSpec,
    /// When somebody last restarted it on purpose (`kubectl rollout restart`, Vault Secrets Operator).
    pub restarted: Option<Timestamp>,
    /// Whether Reloader restarts it when a Secret changes.
    pub reloader: Option<Box<Reloader>>,
}

/// What is read off the wire.
pub type Wire = Whole<WireSpec, WireStatus>;

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireSpec {
    replicas: Option<u32>,
    template: WireTemplate,
}

/// The status on the wire; a `DaemonSet` has names of its own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    observed_generation: i64,
    #[serde(alias = "numberReady")]
    ready_replicas: u32,
    #[serde(alias = "updatedNumberScheduled")]
    updated_replicas: u32,
    desired_number_scheduled: Option<u32>,
}

/// The annotations by which a restart is asked for.
const RESTARTED: [&str; 2] = ["kubectl.kubernetes.io/restartedAt", "vso.secrets.hashicorp.com/restartedAt"];

/// Reads any workload.
pub(super) fn read(wire: Wire, names: &mut Names) -> Workload {
    let Wire { metadata, spec, status } = wire;
    let template = &spec.template.metadata.annotations;
    Workload {
        wanted: status.desired_number_scheduled.or(spec.replicas).unwrap_or(1),
        ready: status.ready_replicas,
        updated: status.updated_replicas,
        observed: status.observed_generation >= metadata.generation,
        restarted: RESTARTED.iter().filter_map(|key| template.get(*key)?.parse().ok()).max(),
        reloader: Reloader::read([&metadata.annotations, template], names),
        template: spec.template.spec.read(names),
        meta: Meta::read(&metadata, names),
    }
}

impl Workload {
    pub(super) fn links(&self) -> Vec<Link> {
        self.template.links(&self.meta).chain(self.meta.made_by()).collect()
    }
}

/// Makes a kind of a workload: its name and its plural are all that tells it from another.
macro_rules! workload {
    ($(#[$doc:meta])* $Kind:ident, $plural:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $Kind(pub Workload);

        impl Watched for $Kind {
            const KIND: Kind = Kind::$Kind;
            const API: Api = Api { group: "apps", versions: &["v1"], plural: $plural, namespaced: true };
            type Wire = Wire;

            fn read(wire: Wire, names: &mut Names) -> Self {
                Self(read(wire, names))
            }

            fn meta(&self) -> &Meta {
                &self.0.meta
            }

            fn links(&self) -> Vec<Link> {
                self.0.links()
            }
        }
    };
}
pub(super) use workload;

workload! {
    /// A `Deployment`.
    Deployment, "deployments"
}
