//! `Service`: which pods stand behind a name such as that of a Vault.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Name, Names};
use crate::model::text::Text;
use crate::model::wire::Whole;

/// A Service.
#[derive(Clone, Debug)]
pub struct Service {
    /// Metadata.
    pub meta: Meta,
    /// The labels of its pods; empty if it selects none.
    pub selector: Box<[(Name, Text)]>,
    /// Its ports, in order.
    pub ports: Box<[Port]>,
    /// Whether pods that are not ready are reached too: then one sealed replica costs its share of the requests.
    pub publishes_not_ready: bool,
    /// Where it only names a host outside the cluster.
    pub external_name: Text,
}

/// One port of a Service.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Port {
    /// Its name; may be empty.
    pub name: Name,
    /// Its number.
    pub port: u16,
    /// The number or the name of the port of the pods; empty for the same number.
    pub target: Text,
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    selector: BTreeMap<String, Text>,
    ports: Vec<WirePort>,
    publish_not_ready_addresses: bool,
    external_name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WirePort {
    name: Text,
    port: u16,
    target_port: Text,
}

impl Watched for Service {
    const KIND: Kind = Kind::Service;
    const API: Api = Api { group: "", versions: &["v1"], plural: "services", namespaced: true };
    type Wire = Whole<WireSpec>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, .. } = wire;
        let port = |wire: WirePort, names: &mut Names| Port { name: names.intern(wire.name.as_str()), port: wire.port, target: wire.target_port };
        Self {
            selector: spec.selector.into_iter().map(|(key, value)| (names.intern(Text::foreign(&key).as_str()), value)).collect(),
            ports: spec.ports.into_iter().map(|wire| port(wire, names)).collect(),
            publishes_not_ready: spec.publish_not_ready_addresses,
            external_name: spec.external_name,
            meta: Meta::read(&metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        self.meta.made_by().into_iter().collect()
    }
}
