//! A short-lived token of a service account (`TokenRequest`), for a login in its stead. Nothing is stored: such a
//! token is no object of the cluster, and ends by itself.

use http::Method;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::KubernetesGateway;
use super::requests::{segment, with_body};
use crate::model::{Fault, FaultKind, ObjectRef, Text};

/// What External Secrets asks for, and the least that the API server gives.
const SECONDS: u32 = 600;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    api_version: &'static str,
    kind: &'static str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Spec<'a> {
    /// Left out for that of the API server.
    #[serde(skip_serializing_if = "<[Text]>::is_empty")]
    audiences: &'a [Text],
    expiration_seconds: u32,
}

/// Borrows from the answer's buffer, which is wiped: a JWT holds nothing that JSON would escape.
#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    status: Status<'a>,
}

#[derive(Deserialize)]
struct Status<'a> {
    token: &'a str,
}

impl KubernetesGateway {
    /// A token of this service account for these audiences.
    pub(in crate::gateways) async fn account_token(
        &self,
        account: &ObjectRef,
        audiences: &[Text],
    ) -> Result<Zeroizing<String>, Fault> {
        self.refuse_if_insecure("request for a token")?;
        let (namespace, name) = (segment(account.namespace.as_str())?, segment(account.name.as_str())?);
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token");
        let spec = Spec { audiences, expiration_seconds: SECONDS };
        let request = Request { api_version: "authentication.k8s.io/v1", kind: "TokenRequest", spec };
        let asked = format!("get a token of {account}");
        let body = self.0.bytes(with_body(Method::POST, &path, "application/json", &request)?, &asked).await?;
        let unreadable = |_| Fault::new(FaultKind::Http, &format!("Could not {asked}: the answer holds none."));
        serde_json::from_slice::<Answer<'_>>(&body)
            .map(|answer| Zeroizing::new(answer.status.token.to_owned()))
            .map_err(unreadable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_audience_is_left_out() {
        let of = |audiences: &[Text]| {
            let spec = Spec { audiences, expiration_seconds: SECONDS };
            serde_json::to_string(&Request { api_version: "v", kind: "TokenRequest", spec }).unwrap()
        };
        assert_eq!(of(&[]), r#"{"apiVersion":"v","kind":"TokenRequest","spec":{"expirationSeconds":600}}"#);
        assert!(of(&[Text::foreign("vault")]).contains(r#""audiences":["vault"],"#));
    }
}
