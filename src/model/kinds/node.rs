//! `Node`: whether an upgrade of the cluster still runs. Pods that move cost Vaults their seals.

use serde::Deserialize;

use super::{Api, Meta, Watched, WireCondition, ready};
use crate::model::health::Condition;
use crate::model::object::{Kind, Name, Names};
use crate::model::text::Text;
use crate::model::wire::Whole;

/// A Node.
#[derive(Clone, Debug)]
pub struct Node {
    /// Metadata.
    pub meta: Meta,
    /// Version of its kubelet.
    pub version: Name,
    /// Whether no new pod may come (`kubectl cordon`, an upgrade).
    pub cordoned: bool,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireSpec {
    unschedulable: bool,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    conditions: Vec<WireCondition>,
    node_info: WireInfo,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireInfo {
    kubelet_version: Text,
}

impl Watched for Node {
    const KIND: Kind = Kind::Node;
    const API: Api = Api { group: "", versions: &["v1"], plural: "nodes", namespaced: false };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        Self {
            version: names.intern(status.node_info.kubelet_version.as_str()),
            cordoned: spec.unschedulable,
            ready: ready(&status.conditions, names),
            meta: Meta::read(&metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
