//! The writes to the API server.

use std::collections::BTreeMap;

use http::Method;
use http::header::{ACCEPT, DATE, HeaderValue};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Inner;
use super::faults::Failure;
use super::requests::{segment, with_body};
use super::served::collection;
use crate::model::kinds;
use crate::model::{Fault, FaultKind, ObjectRef};
use crate::runbooks::{KubernetesWrite, Receipt};

/// The name under which our writes stand in `managedFields`.
const MANAGER: &str = "sealwatch";

#[derive(Serialize)]
struct Patch<'a> {
    metadata: PatchMetadata<'a>,
}

#[derive(Serialize)]
struct PatchMetadata<'a> {
    annotations: BTreeMap<&'a str, &'a str>,
}

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

/// See [`crate::ports::Cluster::write`].
pub(super) async fn write(inner: &Inner, write: &KubernetesWrite) -> Result<Receipt, Fault> {
    match write {
        KubernetesWrite::Annotate { object, key, value } => annotate(inner, object, key, value).await,
    }
}

async fn annotate(inner: &Inner, object: &ObjectRef, key: &str, value: &str) -> Result<Receipt, Fault> {
    let asked = format!("annotate {object}");
    let api = kinds::api(object.kind)
        .ok_or_else(|| Fault::new(FaultKind::Invalid, &format!("Could not {asked}: sealwatch does not write this kind.")))?;
    let version = inner.served.version(inner, &api).await?;
    let collection = collection(&api, version, Some(&object.namespace).filter(|namespace| !namespace.is_empty()))?;
    let place = format!("{collection}/{}?fieldManager={MANAGER}", segment(object.name.as_str())?);
    let patch = Patch { metadata: PatchMetadata { annotations: BTreeMap::from([(key, value)]) } };
    let mut request = with_body(Method::PATCH, &place, "application/merge-patch+json", &patch)?;
    // The answer need not hold more than the metadata, whatever the kind.
    let metadata = HeaderValue::from_static("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    request.headers_mut().insert(ACCEPT, metadata);
    let response = inner.send(request, &asked).await.map_err(unknown_if_cut)?;
    let date = response.headers().get(DATE).and_then(|date| jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok());
    // It is done: an answer that cannot be read does not undo it.
    let patched: Patched = inner.json(response, &asked).await.unwrap_or_default();
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
