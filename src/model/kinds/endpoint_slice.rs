//! `EndpointSlice`: which pods a Service really reaches. Of a sealed pod behind a Service that publishes what is
//! not ready it says `ready: true, serving: false` (measured), so `serving` is what counts.

use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireMeta};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::or_default;

/// An `EndpointSlice`.
#[derive(Clone, Debug)]
pub struct EndpointSlice {
    /// Metadata.
    pub meta: Meta,
    /// The Service that it belongs to; empty if its label does not say.
    pub service: Name,
    /// Its endpoints.
    pub endpoints: Box<[Endpoint]>,
    /// The ports of its pods, by the name that the Service gives each; may be empty. A `targetPort` that is a name is a number
    /// here: pods for which it is another one have a slice of their own.
    pub ports: Box<[(Name, u16)]>,
}

/// One endpoint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The pod, if it is one.
    pub pod: Option<Name>,
    /// Whether requests are sent to it.
    pub ready: bool,
    /// Whether its pod says that it is ready.
    pub serving: bool,
}

/// What is read off the wire: it has no spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wire {
    metadata: WireMeta,
    #[serde(deserialize_with = "or_default")]
    endpoints: Vec<WireEndpoint>,
    #[serde(deserialize_with = "or_default")]
    ports: Vec<WirePort>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WirePort {
    #[serde(deserialize_with = "or_default")]
    name: Text,
    port: Option<u16>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireEndpoint {
    conditions: WireConditions,
    target_ref: Option<WireTarget>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireConditions {
    ready: Option<bool>,
    serving: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireTarget {
    kind: Text,
    name: Text,
}

const SERVICE: &str = "kubernetes.io/service-name";

impl Watched for EndpointSlice {
    const KIND: Kind = Kind::EndpointSlice;
    const API: Api = Api { group: "discovery.k8s.io", versions: &["v1"], plural: "endpointslices", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let Wire { metadata, endpoints, ports } = wire;
        let pod = |endpoint: &WireEndpoint, names: &mut Names| {
            let target = endpoint.target_ref.as_ref().filter(|target| target.kind.as_str() == "Pod")?;
            Some(names.intern(target.name.as_str()))
        };
        let read = endpoints.iter().map(|endpoint| {
            // Absent means ready, and absent `serving` means what `ready` means (API reference).
            let ready = endpoint.conditions.ready.unwrap_or(true);
            Endpoint { pod: pod(endpoint, names), ready, serving: endpoint.conditions.serving.unwrap_or(ready) }
        });
        Self {
            endpoints: read.collect(),
            ports: ports.iter().filter_map(|port| Some((names.intern(port.name.as_str()), port.port?))).collect(),
            service: metadata.labels.get(SERVICE).map_or_else(Name::empty, |name| names.intern(Text::foreign(name).as_str())),
            meta: Meta::read(&metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        let to = ObjectRef { kind: Kind::Service, namespace: self.meta.namespace.clone(), name: self.service.clone() };
        (!self.service.is_empty()).then_some(Link { to, role: Role::Serves }).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_not_serving_and_no_endpoints_are_null() {
        let read = |wire: &str| EndpointSlice::read(serde_json::from_str(wire).expect("a slice"), &mut Names::default());
        let sealed = read(
            r#"{"metadata": {"name": "vault-1", "namespace": "vault", "labels": {"kubernetes.io/service-name": "vault"}},
                "endpoints": [{"conditions": {"ready": true, "serving": false}, "targetRef": {"kind": "Pod", "name": "vault-0"}}, {}]}"#,
        );
        let pod = Endpoint { pod: Some("vault-0".into()), ready: true, serving: false };
        assert_eq!(*sealed.endpoints, [pod, Endpoint { pod: None, ready: true, serving: true }]);
        assert_eq!(sealed.links()[0].to, ObjectRef::new(Kind::Service, "vault", "vault"));
        let none = read(r#"{"metadata": {"name": "x"}, "endpoints": null, "ports": null}"#);
        assert!(none.endpoints.is_empty() && none.ports.is_empty());
        let named = read(r#"{"metadata": {"name": "x"}, "ports": [{"name": "http", "port": 8200}, {"port": 8201}, {"name": "any"}]}"#);
        assert_eq!(*named.ports, [("http".into(), 8200), (Name::empty(), 8201)]);
    }
}
