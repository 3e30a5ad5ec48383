//! `ClusterExternalSecret`: makes one `ExternalSecret` in each chosen namespace and reverts what others
//! write on them.

use serde::Deserialize;

use super::{Api, Meta, Namespace, Watched, WireCondition, WireMeta, go_duration, ready};
use crate::model::health::Condition;
use crate::model::object::{Kind, Name, Names};
use crate::model::selector::{Selector, WireSelector};
use crate::model::text::Text;
use crate::model::wire::or_default;

/// A `ClusterExternalSecret`, the fields that matter.
#[derive(Clone, Debug)]
pub struct ClusterExternalSecret {
    /// Metadata.
    pub meta: Meta,
    /// What its `ExternalSecret`s are called.
    pub child: Name,
    /// The namespaces that are named.
    pub namespaces: Box<[Name]>,
    /// The namespaces that are chosen by their labels: those that any of these selects.
    pub selectors: Box<[Selector]>,
    /// Seconds between two looks at the namespaces; `None` is the default of the controller.
    pub interval: Option<i64>,
    /// Where it has made one.
    pub provisioned: Box<[Name]>,
    /// Where it could not, and why.
    pub failed: Box<[(Name, Text)]>,
    /// The last word of the controller; it has neither reason nor time.
    pub ready: Option<Condition>,
}

impl ClusterExternalSecret {
    /// Whether it should make one in a namespace; `None` if that cannot be said.
    #[must_use]
    pub fn wants(&self, namespace: &Namespace) -> Option<bool> {
        if self.namespaces.contains(&namespace.meta.name) {
            return Some(true);
        }
        let selected: Vec<_> = self.selectors.iter().map(|selector| selector.selects(&namespace.labels)).collect();
        if selected.contains(&Some(true)) { Some(true) } else { selected.iter().all(Option::is_some).then_some(false) }
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
    external_secret_name: Text,
    #[serde(deserialize_with = "or_default")]
    namespaces: Vec<Text>,
    /// Deprecated for the list.
    namespace_selector: Option<WireSelector>,
    #[serde(deserialize_with = "or_default")]
    namespace_selectors: Vec<WireSelector>,
    refresh_time: Option<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
    #[serde(deserialize_with = "or_default")]
    provisioned_namespaces: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    failed_namespaces: Vec<WireFailed>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireFailed {
    namespace: Text,
    reason: Text,
}

impl Watched for ClusterExternalSecret {
    const KIND: Kind = Kind::ClusterExternalSecret;
    const API: Api =
        Api { group: "external-secrets.io", versions: &["v1", "v1beta1"], plural: "clusterexternalsecrets", namespaced: false };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let Wire { metadata, spec, status } = wire;
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        let intern = |list: &[Text], names: &mut Names| list.iter().map(|name| names.intern(name.as_str())).collect();
        let selectors = spec.namespace_selector.into_iter().chain(spec.namespace_selectors);
        Self {
            child: if spec.external_secret_name.is_empty() {
                meta.name.clone()
            } else {
                names.intern(spec.external_secret_name.as_str())
            },
            namespaces: intern(&spec.namespaces, names),
            selectors: selectors.map(|selector| selector.read(names)).collect(),
            interval: spec.refresh_time.and_then(|text| go_duration(text.as_str())),
            provisioned: intern(&status.provisioned_namespaces, names),
            failed: status.failed_namespaces.into_iter().map(|one| (names.intern(one.namespace.as_str()), one.reason)).collect(),
            ready: ready(&status.conditions, names),
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }
}
