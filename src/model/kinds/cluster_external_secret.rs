//! `ClusterExternalSecret`: makes one `ExternalSecret` in each chosen namespace and reverts what others
//! write on them.

use serde::Deserialize;

use super::{Api, Meta, Watched, WireCondition, WireMeta, ready};
use crate::model::health::Condition;
use crate::model::object::{Kind, Names};

/// A `ClusterExternalSecret`, the fields that matter.
#[derive(Clone, Debug)]
pub struct ClusterExternalSecret {
    /// Metadata.
    pub meta: Meta,
    /// The last word of the controller; it has neither reason nor time.
    pub ready: Option<Condition>,
}

/// What is read off the wire.
#[derive(Clone, Debug, Deserialize)]
pub struct Wire {
    #[serde(default)]
    metadata: WireMeta,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireStatus {
    conditions: Vec<WireCondition>,
}

impl Watched for ClusterExternalSecret {
    const KIND: Kind = Kind::ClusterExternalSecret;
    const API: Api =
        Api { group: "external-secrets.io", versions: &["v1", "v1beta1"], plural: "clusterexternalsecrets", namespaced: false };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        Self { meta: Meta::read(&wire.metadata, names), ready: ready(&wire.status.conditions, names) }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
