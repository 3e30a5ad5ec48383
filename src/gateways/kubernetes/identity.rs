//! Who asks, and whom.

use std::time::Duration;

use http::Method;
use serde::{Deserialize, Serialize};

use super::Inner;
use super::channel::Deadline;
use super::requests::{get, with_body};
use crate::model::{Fault, FaultKind, Text};
use crate::ports::Identity;

/// A server that does not say who we are within this time is treated as not there.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Review {
    api_version: &'static str,
    kind: &'static str,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reviewed {
    status: ReviewStatus,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ReviewStatus {
    user_info: UserInfo,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct UserInfo {
    username: Text,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Named {
    metadata: Metadata,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Metadata {
    uid: Text,
}

/// See [`crate::ports::Cluster::identity`].
pub(super) async fn identity(inner: &Inner) -> Result<Identity, Fault> {
    let review = Review { api_version: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let mut who = with_body(Method::POST, path, "application/json", &review)?;
    who.extensions_mut().insert(Deadline(PATIENCE));
    let mut whom = get("/api/v1/namespaces/kube-system")?;
    whom.extensions_mut().insert(Deadline(PATIENCE));
    let (who, whom) =
        tokio::join!(inner.ask::<Reviewed>(who, "ask who I am"), inner.ask::<Named>(whom, "read the namespace kube-system"));
    let user = answered(who.map(|review| review.status.user_info.username).map_err(Fault::from))?;
    let cluster_uid = answered(whom.map(|named| named.metadata.uid).map_err(Fault::from))?;
    let (context, server, aim) = (inner.context.clone(), inner.server.clone(), inner.aim.clone());
    Ok(Identity { context, server, user, cluster_uid, insecure: inner.insecure, aim })
}

/// A server that refuses (no such right, no such API before 1.28) was reached; one that does not know the
/// caller was reached too, but nothing else will work.
fn answered(answer: Result<Text, Fault>) -> Result<Text, Fault> {
    match answer {
        Err(fault) if matches!(fault.kind, FaultKind::Forbidden | FaultKind::NotFound | FaultKind::Invalid) => {
            Ok(Text::default())
        }
        other => other,
    }
}
