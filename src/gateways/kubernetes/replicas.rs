//! The pods behind a Service, ready or not: a sealed Vault is not ready, and it is the one that matters.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::Inner;
use super::faults::Failure;
use super::requests::{Items, segment};
use crate::model::{Fault, FaultKind, Name, Text};
use crate::ports::ReplicaPod;

#[derive(Deserialize, Default)]
#[serde(default)]
struct Service {
    spec: ServiceSpec,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServiceSpec {
    selector: BTreeMap<String, String>,
    ports: Vec<ServicePort>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ServicePort {
    port: u16,
    target_port: Option<TargetPort>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum TargetPort {
    Number(u16),
    Named(String),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Pod {
    metadata: Metadata,
    spec: PodSpec,
    status: PodStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    name: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Container {
    ports: Vec<ContainerPort>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ContainerPort {
    name: String,
    container_port: u16,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct PodStatus {
    phase: String,
    start_time: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Slice {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Endpoint {
    target_ref: Option<TargetRef>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct TargetRef {
    kind: String,
    name: Text,
}

/// See [`crate::ports::Cluster::replicas`].
pub(super) async fn replicas(inner: &Inner, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault> {
    let asked = format!("find the pods of the Service {namespace}/{service}");
    let spec =
        read_service(inner, namespace, service, &asked).await.map_err(|failure| no_service(failure, namespace, service))?;
    let namespace = segment(namespace.as_str())?;
    if spec.selector.is_empty() {
        return by_slices(inner, namespace, service, &asked).await;
    }
    let selector = selector(&spec.selector)?;
    let pods: Items<Pod> = inner.get(&format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}"), &asked).await?;
    let alive = pods.items.into_iter().filter(|pod| !matches!(pod.status.phase.as_str(), "Succeeded" | "Failed"));
    let mut pods: Vec<ReplicaPod> =
        alive.map(|pod| ReplicaPod { name: Name::new(pod.metadata.name.as_str()), started: pod.status.start_time }).collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(pods)
}

async fn read_service(inner: &Inner, namespace: &Name, service: &Name, asked: &str) -> Result<ServiceSpec, Failure> {
    let path = format!("/api/v1/namespaces/{}/services/{}", segment(namespace.as_str())?, segment(service.as_str())?);
    inner.get::<Service>(&path, asked).await.map(|service| service.spec)
}

fn no_service(failure: Failure, namespace: &Name, service: &Name) -> Fault {
    if failure.code != Some(404) {
        return failure.fault;
    }
    Fault::new(
        FaultKind::NotFound,
        &format!("There is no Service {service} in {namespace}, which the stores name as their Vault."),
    )
    .hinted("Compare spec.provider.vault.server of the stores with the Services.")
}

/// A Service without a selector has its pods written down by somebody else.
async fn by_slices(inner: &Inner, namespace: &str, service: &Name, asked: &str) -> Result<Vec<ReplicaPod>, Fault> {
    let label = format!("kubernetes.io%2Fservice-name%3D{}", segment(service.as_str())?);
    let path = format!("/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices?labelSelector={label}");
    let slices: Items<Slice> = inner.get(&path, asked).await?;
    let targets = slices.items.into_iter().flat_map(|slice| slice.endpoints).filter_map(|endpoint| endpoint.target_ref);
    let names: BTreeSet<Name> =
        targets.filter(|target| target.kind == "Pod").map(|target| Name::new(target.name.as_str())).collect();
    let mut pods = Vec::with_capacity(names.len());
    for name in names {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{}", segment(name.as_str())?);
        match inner.get::<Pod>(&path, asked).await {
            Ok(pod) => pods.push(ReplicaPod { name, started: pod.status.start_time }),
            Err(Failure { code: Some(404), .. }) => {}
            Err(failure) => return Err(failure.fault),
        }
    }
    Ok(pods)
}

/// A selector for a query. Its keys and values hold nothing but letters, digits and `-_./`.
fn selector(labels: &BTreeMap<String, String>) -> Result<String, Fault> {
    let plain = |text: &str| text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    let pairs: Option<Vec<String>> = labels
        .iter()
        .map(|(key, value)| (plain(key) && plain(value)).then(|| format!("{}%3D{value}", key.replace('/', "%2F"))))
        .collect();
    pairs.map(|pairs| pairs.join("%2C")).ok_or_else(|| Fault::new(FaultKind::Invalid, "The Service's selector is not one."))
}

/// The port of a pod behind a port of its Service; the same number where that cannot be read.
pub(super) async fn target_port(inner: &Inner, namespace: &Name, service: &Name, pod: &Name, port: u16) -> u16 {
    let asked = "find the port of the pod";
    let Ok(spec) = read_service(inner, namespace, service, asked).await else { return port };
    match spec.ports.into_iter().find(|known| known.port == port).and_then(|known| known.target_port) {
        Some(TargetPort::Number(target)) if target != 0 => target,
        Some(TargetPort::Named(name)) => named_port(inner, namespace, pod, &name).await.unwrap_or(port),
        _ => port,
    }
}

async fn named_port(inner: &Inner, namespace: &Name, pod: &Name, name: &str) -> Option<u16> {
    let path = format!("/api/v1/namespaces/{}/pods/{}", segment(namespace.as_str()).ok()?, segment(pod.as_str()).ok()?);
    let pod: Pod = inner.get(&path, "find the port of the pod").await.ok()?;
    pod.spec
        .containers
        .iter()
        .flat_map(|container| &container.ports)
        .find(|port| port.name == name)
        .map(|port| port.container_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_quoted_for_a_query() {
        let labels =
            BTreeMap::from([("app.kubernetes.io/name".to_owned(), "vault".to_owned()), ("a".to_owned(), "b".to_owned())]);
        assert_eq!(selector(&labels).unwrap(), "a%3Db%2Capp.kubernetes.io%2Fname%3Dvault");
        assert!(selector(&BTreeMap::from([("a".to_owned(), "b&watch=true".to_owned())])).is_err());
    }

    #[test]
    fn a_target_port_is_a_number_or_a_name() {
        let text = r#"{"spec":{"ports":[{"port":8200,"targetPort":8200},{"port":80,"targetPort":"http"},{"port":81}]}}"#;
        let service: Service = serde_json::from_str(text).unwrap();
        assert!(matches!(service.spec.ports[0].target_port, Some(TargetPort::Number(8200))));
        assert!(matches!(&service.spec.ports[1].target_port, Some(TargetPort::Named(name)) if name == "http"));
        assert!(service.spec.ports[2].target_port.is_none());
    }
}
