//! May I? A forecast: admission can still refuse what RBAC allows.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Inner;
use super::faults::Failure;
use crate::model::Fault;
use crate::runbooks::ClusterRight;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a, S> {
    api_version: &'static str,
    kind: &'a str,
    spec: S,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    resource_attributes: Attributes<'a>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    verb: &'a str,
    group: &'a str,
    resource: &'a str,
    subresource: &'a str,
    namespace: &'a str,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reviewed<T: Default> {
    status: T,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    allowed: bool,
}

/// See [`crate::ports::Cluster::may`].
pub(super) async fn may(inner: &Inner, right: &ClusterRight) -> Result<bool, Fault> {
    let allowed = ask(inner, right, right.verb);
    // A port-forward is a WebSocket, and so a GET: the server asks for `get`, and from 1.35 on for `create` too.
    if right.resource == "pods/portforward" && right.verb == "create" {
        let (create, get) = tokio::join!(allowed, ask(inner, right, "get"));
        return Ok(create? && get?);
    }
    allowed.await
}

async fn ask(inner: &Inner, right: &ClusterRight, verb: &str) -> Result<bool, Fault> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let resource_attributes = Attributes { verb, group: right.group, resource, subresource, namespace: right.namespace.as_str() };
    let asked = format!("ask whether I may {right}");
    let status: Status = review(inner, "SelfSubjectAccessReview", Spec { resource_attributes }, &asked).await?;
    Ok(status.allowed)
}

/// The status of a review that the API server makes of us; it stores none.
pub(super) async fn review<T: DeserializeOwned + Default>(
    inner: &Inner,
    kind: &str,
    spec: impl Serialize,
    asked: &str,
) -> Result<T, Failure> {
    let review = Review { api_version: "authorization.k8s.io/v1", kind, spec };
    let path = format!("/apis/authorization.k8s.io/v1/{}s", kind.to_ascii_lowercase());
    Ok(inner.post::<Reviewed<T>>(&path, &review, asked).await?.status)
}
