//! The writes to the API server.

mod jobs;

use http::header::{ACCEPT, DATE, HeaderValue};
use http::{Method, Request};
use jiff::Timestamp;
use kube::client::Body;
use serde::Deserialize;

use super::Inner;
use super::faults::Failure;
use super::requests::{segment, with_body};
use super::served::collection;
use crate::model::kinds;
use crate::model::{Fault, FaultKind, ObjectRef};
use crate::ports::Seen;
use crate::runbooks::operation::{RESTARTED_AT, binding_name};
use crate::runbooks::{KubernetesWrite, Receipt};

/// The name under which our writes stand in `managedFields`.
const MANAGER: &str = "sealwatch";

#[derive(Deserialize, Default)]
#[serde(default)]
struct Patched {
    metadata: PatchedMetadata,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct PatchedMetadata {
    resource_version: String,
    managed_fields: Vec<ManagedFields>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ManagedFields {
    manager: String,
    time: Option<Timestamp>,
}

/// What asks the API server to do everything but keep it.
const DRY: &str = "&dryRun=All";

/// See [`crate::ports::Cluster::write`].
pub(super) async fn write(inner: &Inner, write: &KubernetesWrite, seen: Option<&Seen>) -> Result<Receipt, Fault> {
    let asked = asked(write);
    let done = match write {
        KubernetesWrite::RunAgain { job } => jobs::run_again(inner, job, seen, &asked).await,
        write => told(inner, request(inner, write, seen, "", &asked).await?, &asked).await,
    };
    done.map_err(|fault| if seen.is_some() { if_changed(fault) } else { fault })
}

/// A precondition that does not hold: a version is refused as a conflict (409), and another uid as a field that cannot be
/// changed (422).
fn if_changed(mut fault: Fault) -> Fault {
    if fault.kind == FaultKind::Invalid && fault.message.as_str().contains("metadata.uid") {
        fault.kind = FaultKind::Conflict;
    }
    fault
}

/// See [`crate::ports::Cluster::rehearse`].
pub(super) async fn rehearse(inner: &Inner, write: &KubernetesWrite) -> Result<(), Fault> {
    let asked = asked(write);
    match write {
        KubernetesWrite::RunAgain { job } => jobs::rehearse(inner, job, &asked).await,
        write => told(inner, request(inner, write, None, DRY, &asked).await?, &asked).await.map(drop),
    }
}

/// What an error says that could not be done.
fn asked(write: &KubernetesWrite) -> String {
    let object = write.object();
    match write {
        KubernetesWrite::Annotate { .. } => format!("annotate {object}"),
        KubernetesWrite::Restart { .. } => format!("restart {object}"),
        KubernetesWrite::Sync { .. } => format!("sync {object}"),
        KubernetesWrite::StartJob { cron_job, .. } => format!("start {object} from {cron_job}"),
        KubernetesWrite::RunAgain { .. } => format!("run {object} again"),
        KubernetesWrite::Delegate { .. } => format!("let {object} review tokens"),
        KubernetesWrite::ReadVault { .. } | KubernetesWrite::KeepValue { .. } => format!("change {object}"),
        KubernetesWrite::Hold { .. } => format!("hold {object}"),
        KubernetesWrite::GiveBack { .. } => format!("give {object} back"),
    }
}

/// The one request that a write is.
async fn request(
    inner: &Inner,
    write: &KubernetesWrite,
    seen: Option<&Seen>,
    more: &str,
    asked: &str,
) -> Result<Request<Body>, Fault> {
    match write {
        KubernetesWrite::StartJob { cron_job, job } => jobs::starting(inner, cron_job, job, more, asked).await,
        KubernetesWrite::Delegate { account } => delegation(account, more),
        write => {
            let place = format!("{}?fieldManager={MANAGER}{more}", place(inner, write.object(), asked).await?);
            let mut patch =
                patch(write).ok_or_else(|| Fault::new(FaultKind::Invalid, &format!("Could not {asked}: it is no change.")))?;
            if let Some(seen) = seen {
                only_on(&mut patch, seen);
            }
            with_body(Method::PATCH, &place, "application/merge-patch+json", &patch)
        }
    }
}

/// A change as a merge patch, where it is one.
fn patch(write: &KubernetesWrite) -> Option<serde_json::Value> {
    use serde_json::json;
    match write {
        KubernetesWrite::Annotate { key, value, .. } => Some(json!({ "metadata": { "annotations": { *key: value } } })),
        KubernetesWrite::Restart { at, .. } => {
            // In whole seconds, as `kubectl` writes it.
            let at = Timestamp::from_second(at.as_second()).unwrap_or(*at);
            Some(json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: at.to_string() } } } } }))
        }
        KubernetesWrite::ReadVault { store, remote, property, secret_key, .. } => Some(json!({ "spec": {
            "dataFrom": null,
            "refreshPolicy": "Periodic",
            "secretStoreRef": { "kind": store.kind.as_str(), "name": store.name },
            "data": [{ "secretKey": secret_key, "remoteRef": { "key": remote, "property": property } }],
        } })),
        other => serde_json::from_str(&other.patch()?).ok(),
    }
}

/// Has the API server refuse a patch if the object is not the one that was seen.
fn only_on(patch: &mut serde_json::Value, seen: &Seen) {
    patch["metadata"]["uid"] = seen.uid.to_string().into();
    if let Some(version) = seen.version {
        patch["metadata"]["resourceVersion"] = version.to_string().into();
    }
}

/// Binds `system:auth-delegator` to an account.
fn delegation(account: &ObjectRef, more: &str) -> Result<Request<Body>, Fault> {
    let binding = serde_json::json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": { "name": binding_name(account) },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator" },
        "subjects": [{ "kind": "ServiceAccount", "namespace": account.namespace, "name": account.name }],
    });
    let place = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings?fieldManager={MANAGER}{more}");
    with_body(Method::POST, &place, "application/json", &binding)
}

/// The path of an object in the API.
async fn place(inner: &Inner, object: &ObjectRef, asked: &str) -> Result<String, Fault> {
    let api = kinds::api(object.kind)
        .ok_or_else(|| Fault::new(FaultKind::Invalid, &format!("Could not {asked}: sealwatch does not write this kind.")))?;
    let version = inner.served.version(inner, &api).await?;
    let collection = collection(&api, version, Some(&object.namespace).filter(|namespace| !namespace.is_empty()))?;
    Ok(format!("{collection}/{}", segment(object.name.as_str())?))
}

/// Sends a write, and tells what came of it.
async fn told(inner: &Inner, mut request: Request<Body>, asked: &str) -> Result<Receipt, Fault> {
    // The answer need not hold more than the metadata, whatever the kind.
    let metadata = HeaderValue::from_static("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    request.headers_mut().insert(ACCEPT, metadata);
    let response = inner.send(request, asked).await.map_err(unknown_if_cut)?;
    let date = response.headers().get(DATE).and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
    // It is done: an answer that cannot be read does not undo it.
    let patched: Patched = inner.json(response, asked).await.unwrap_or_default();
    let ours = patched.metadata.managed_fields.iter().filter(|fields| fields.manager == MANAGER);
    Ok(Receipt {
        server_time: ours.filter_map(|fields| fields.time).max().or(date.map(|date| date.timestamp())),
        resource_version: patched.metadata.resource_version.parse().unwrap_or(0),
        seal: None,
    })
}

/// A connection that ends without an answer leaves open whether the write was done. A refused connection
/// or an unknown name does not.
fn unknown_if_cut(failure: Failure) -> Fault {
    let mut fault = failure.fault;
    let refused = fault.message.as_str().contains("refuses connections");
    if failure.code.is_none() && matches!(fault.kind, FaultKind::Timeout | FaultKind::Tcp) && !refused {
        fault.kind = FaultKind::Unknown;
        fault.hint = "Whether it was done, the object itself will tell.";
    }
    fault
}
