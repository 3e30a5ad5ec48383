//! What Kubernetes itself keeps around the objects of a scenario: workloads, Services and what they reach, Nodes.
//! Who writes the half of it that a person does not write stands in `controllers.rs`.

use super::object::{Use, Words};

/// The label that tells the pods of one template of a Deployment from those of another.
pub(super) const HASH: &str = "pod-template-hash";
/// The label by which a slice belongs to its Service.
pub(super) const SERVICE: &str = "kubernetes.io/service-name";
/// The version of every kubelet.
pub(super) const KUBELET: &str = "v1.37.2";
/// Where External Secrets runs.
pub(super) const EXTERNAL_SECRETS: &str = "external-secrets";

/// A Deployment, a `StatefulSet` or a Job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Workload {
    /// How many pods are wanted.
    pub(super) wanted: usize,
    /// What the names of its pods begin with: of a Deployment the name of its `ReplicaSet`.
    pub(super) stem: String,
    /// The owner that its pods carry.
    pub(super) owner: [String; 4],
    pub(super) image: String,
    pub(super) secrets: Vec<(Use, String)>,
    /// The labels of its pods.
    pub(super) labels: Words,
    /// How many pods there are; its controller counts them.
    pub(super) pods: usize,
    /// How many of them are ready.
    pub(super) ready: usize,
}

/// A Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) selector: Words,
    pub(super) port: u16,
    pub(super) headless: bool,
    pub(super) publishes_not_ready: bool,
}

/// An `EndpointSlice`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Slice {
    pub(super) endpoints: Vec<Endpoint>,
}

/// One endpoint of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) pod: String,
    /// Whether requests are sent to it.
    pub(super) ready: bool,
    /// Whether its pod says that it is ready.
    pub(super) serving: bool,
}

/// A Node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) version: &'static str,
}

/// Whether an object with these labels is meant by a selector; an empty one means none.
pub(super) fn selects(selector: &Words, labels: &Words) -> bool {
    !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value))
}
