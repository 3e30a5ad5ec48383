//! What a pod said last. Only lines that tell of a failure are handed out: a log may hold anything.

use super::Inner;
use super::requests::{get, segment};
use crate::model::inventory::runs::telling;
use crate::model::{Fault, ObjectRef, Text};

/// So many lines, and so many bytes, are looked at.
const LOOKED_AT: &str = "tailLines=100&limitBytes=65536";

/// See [`crate::ports::Cluster::failures`].
pub(super) async fn failures(inner: &Inner, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
    let (namespace, name) = (segment(pod.namespace.as_str())?, segment(pod.name.as_str())?);
    let request = get(&format!("/api/v1/namespaces/{namespace}/pods/{name}/log?{LOOKED_AT}"))?;
    let log = inner.bytes(request, &format!("read the log of {pod}")).await?;
    Ok(telling(String::from_utf8_lossy(&log).lines()))
}
