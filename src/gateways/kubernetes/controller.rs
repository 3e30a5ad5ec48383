//! External Secrets itself: does it run, does it lead, how many objects does it work on at once.

use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use super::Inner;
use super::faults::Failure;
use super::lease::Lease;
use super::requests::{Items, segment};
use crate::model::kinds::go_duration;
use crate::model::{Controller, Fault, Kind, Name, ObjectRef, Text};

/// Where it is looked for if all namespaces may not be listed: the chart's namespace and the operator's.
const USUAL: [&str; 2] = ["external-secrets", "external-secrets-system"];
const LABEL: &str = "app.kubernetes.io%2Fname%3Dexternal-secrets";
/// The lease of the manager, where leader election is on.
const LEASE: &str = "external-secrets-controller";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Deployment {
    metadata: Metadata,
    spec: DeploymentSpec,
    status: DeploymentStatus,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    name: Text,
    namespace: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct DeploymentSpec {
    template: Template,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Template {
    spec: PodSpec,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct PodSpec {
    containers: Vec<Container>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Container {
    image: Text,
    args: Vec<String>,
    command: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct DeploymentStatus {
    ready_replicas: u32,
    conditions: Vec<DeploymentCondition>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct DeploymentCondition {
    #[serde(rename = "type")]
    kind: Text,
    status: Text,
    last_transition_time: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Wire {
    spec: Lease,
}

/// See [`crate::ports::Cluster::controller`].
pub(super) async fn controller(inner: &Inner) -> Result<Option<Controller>, Fault> {
    let mut watched = inner.lease.lock().await;
    let read = ask(inner).await;
    let Ok(Some((deployment, lease))) = read else {
        watched.forget();
        return read.map(|_| None);
    };
    let mut controller = shown(&deployment, &lease, inner.clock.now());
    if controller.ready == 0 {
        watched.forget();
    } else if watched.takes(&lease, Instant::now()) {
        controller.lapsed = true;
        controller.leader = Name::new(lease.holder_identity.as_str());
    }
    Ok(Some(controller))
}

async fn ask(inner: &Inner) -> Result<Option<(Deployment, Lease)>, Fault> {
    let Some(deployment) = choose(find(inner).await?) else { return Ok(None) };
    let lease = if elects(&deployment) { lease(inner, &deployment).await? } else { Lease::default() };
    Ok(Some((deployment, lease)))
}

async fn find(inner: &Inner) -> Result<Vec<Deployment>, Fault> {
    let asked = "find External Secrets";
    let everywhere = inner.get::<Items<Deployment>>(&format!("/apis/apps/v1/deployments?labelSelector={LABEL}"), asked).await;
    match everywhere {
        Ok(found) => Ok(found.items),
        Err(Failure { code: Some(403), fault, .. }) => {
            let mut found = Vec::new();
            let mut seen_one = false;
            for namespace in USUAL {
                let path = format!("/apis/apps/v1/namespaces/{namespace}/deployments?labelSelector={LABEL}");
                if let Ok(mut some) = inner.get::<Items<Deployment>>(&path, asked).await {
                    seen_one = true;
                    found.append(&mut some.items);
                }
            }
            // "There is none" may be said only by who could look.
            if found.is_empty() && !seen_one { Err(fault) } else { Ok(found) }
        }
        Err(failure) => Err(failure.fault),
    }
}

/// The chart's webhook and cert-controller may share the label in some installations.
fn choose(mut found: Vec<Deployment>) -> Option<Deployment> {
    let helper = |name: &str| name.ends_with("webhook") || name.ends_with("cert-controller");
    found.sort_by_key(|d| (helper(d.metadata.name.as_str()), std::cmp::Reverse(d.status.ready_replicas)));
    found.into_iter().next()
}

async fn lease(inner: &Inner, deployment: &Deployment) -> Result<Lease, Fault> {
    let namespace = segment(deployment.metadata.namespace.as_str())?;
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}");
    match inner.get::<Wire>(&path, "read the lease of External Secrets").await {
        Ok(lease) => Ok(lease.spec),
        Err(Failure { code: Some(403 | 404), .. }) => Ok(Lease::default()),
        Err(failure) => Err(failure.fault),
    }
}

fn arguments(deployment: &Deployment) -> impl Iterator<Item = &str> {
    let containers = deployment.spec.template.spec.containers.iter();
    containers.flat_map(|container| container.command.iter().chain(&container.args)).map(String::as_str)
}

/// The value of `--name=value` or `--name value`.
fn argument<'a>(deployment: &'a Deployment, name: &str) -> Option<&'a str> {
    let mut arguments = arguments(deployment);
    while let Some(argument) = arguments.next() {
        let Some(rest) = argument.strip_prefix(name) else { continue };
        match rest.strip_prefix('=') {
            Some(value) => return Some(value),
            None if rest.is_empty() => return arguments.next(),
            None => {}
        }
    }
    None
}

/// Whether it elects a leader; without, a lease that lies about is left from another time.
fn elects(deployment: &Deployment) -> bool {
    arguments(deployment).any(|argument| matches!(argument, "--enable-leader-election" | "--enable-leader-election=true"))
}

fn shown(deployment: &Deployment, lease: &Lease, seen: Timestamp) -> Controller {
    let concurrent = argument(deployment, "--concurrent").and_then(|value| value.parse().ok()).unwrap_or(1);
    let store_requeue = argument(deployment, "--store-requeue-interval").and_then(go_duration).unwrap_or(300);
    let image = deployment.spec.template.spec.containers.first().map_or("", |container| container.image.as_str());
    Controller {
        version: Text::foreign(tag(image)),
        ready: deployment.status.ready_replicas,
        unready: deployment
            .status
            .conditions
            .iter()
            .find(|condition| condition.kind.as_str() == "Available" && condition.status.as_str() == "False")
            .and_then(|condition| condition.last_transition_time),
        concurrent,
        store_requeue,
        leader: if lease.is_fresh(seen) { Name::new(lease.holder_identity.as_str()) } else { Name::empty() },
        renewed: lease.renew_time,
        lapsed: false,
        seen,
        deployment: ObjectRef::new(Kind::Deployment, deployment.metadata.namespace.as_str(), deployment.metadata.name.as_str()),
    }
}

/// The tag of an image, without registry, digest and flavour: `v0.16.2` of `ghcr.io/x/y:v0.16.2-ubi@sha256:…`.
fn tag(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split_once(':').map_or("", |(_, tag)| tag.split('-').next().unwrap_or(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_of_a_deployment_is_read() {
        let text = r#"{"metadata":{"name":"external-secrets","namespace":"es"},"spec":{"template":{"spec":{"containers":[
            {"image":"ghcr.io:5000/external-secrets/external-secrets:v0.16.2-ubi@sha256:ab","args":["--concurrent=4","--store-requeue-interval","30s","--enable-leader-election=true"]}]}}},
            "status":{"readyReplicas":2,"conditions":[{"type":"Available","status":"True","lastTransitionTime":"1970-01-01T00:00:00Z"}]}}"#;
        let deployment: Deployment = serde_json::from_str(text).unwrap();
        assert!(elects(&deployment));
        let controller = shown(&deployment, &Lease::default(), Timestamp::UNIX_EPOCH);
        assert_eq!(
            (controller.version.as_str(), controller.ready, controller.concurrent, controller.store_requeue),
            ("v0.16.2", 2, 4, 30)
        );
        assert_eq!((controller.release(), controller.unready), (Some((0, 16)), None));
        let waits = r#"{"status":{"conditions":[{"type":"Progressing","status":"True","lastTransitionTime":"1970-01-01T00:00:05Z"},
            {"type":"Available","status":"False","lastTransitionTime":"1970-01-01T00:00:09Z"}]}}"#;
        let controller = shown(&serde_json::from_str(waits).unwrap(), &Lease::default(), Timestamp::UNIX_EPOCH);
        assert_eq!((controller.ready, controller.unready.map(Timestamp::as_second)), (0, Some(9)));
    }

    #[test]
    fn the_defaults_are_those_of_external_secrets_and_helpers_are_not_it() {
        let named = |name: &str, ready| Deployment {
            metadata: Metadata { name: Text::foreign(name), namespace: Text::foreign("es") },
            status: DeploymentStatus { ready_replicas: ready, ..DeploymentStatus::default() },
            ..Deployment::default()
        };
        let found = choose(vec![named("es-webhook", 3), named("es", 0)]).unwrap();
        assert!(!elects(&found));
        let controller = shown(&found, &Lease::default(), Timestamp::UNIX_EPOCH);
        assert_eq!((controller.deployment.name.as_str(), controller.concurrent, controller.store_requeue), ("es", 1, 300));
    }
}
