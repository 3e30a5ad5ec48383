//! May I? A forecast: admission can still refuse what RBAC allows.

use serde::{Deserialize, Serialize};

use super::Inner;
use crate::model::Fault;
use crate::runbooks::Right;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec<'a>,
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
struct Reviewed {
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    allowed: bool,
}

/// See [`crate::ports::Cluster::may`].
pub(super) async fn may(inner: &Inner, right: &Right) -> Result<bool, Fault> {
    let allowed = ask(inner, right, right.verb);
    // A port-forward is a WebSocket, and so a GET: the server asks for `get`, and from 1.35 on for `create` too.
    if right.resource == "pods/portforward" && right.verb == "create" {
        let (create, get) = tokio::join!(allowed, ask(inner, right, "get"));
        return Ok(create? && get?);
    }
    allowed.await
}

async fn ask(inner: &Inner, right: &Right, verb: &str) -> Result<bool, Fault> {
    let (resource, subresource) = right.resource.split_once('/').unwrap_or((right.resource, ""));
    let resource_attributes = Attributes { verb, group: right.group, resource, subresource, namespace: right.namespace.as_str() };
    let review =
        Review { api_version: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: Spec { resource_attributes } };
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let reviewed: Reviewed = inner.post(path, &review, &format!("ask whether I may {right}")).await?;
    Ok(reviewed.status.allowed)
}
