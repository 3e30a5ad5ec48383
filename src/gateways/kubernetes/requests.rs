//! One request and its answer: small structs in and out, a cap and a deadline on every body.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde::Deserialize;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::Inner;
use super::faults::{Failure, of, refused};
use super::rest::retry_after;
use crate::model::{Fault, FaultKind};

/// No page of a list that we ask for is larger (500 objects of at most 1.5 MiB rarely come near).
const LARGEST_ANSWER: usize = 256 * 1024 * 1024;
/// A status is a few hundred bytes.
const LARGEST_REFUSAL: usize = 64 * 1024;
/// How long a body may stand still.
const STILL: Duration = Duration::from_secs(15);
/// A list as we read it.
#[derive(Deserialize)]
pub(super) struct Items<T> {
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

/// The part of a `Status` that is shown.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    message: String,
}

impl Inner {
    /// Sends a request; what is not a success is a failure with the server's own words.
    pub(super) async fn send(&self, request: Request<Body>, asked: &str) -> Result<Response<Body>, Failure> {
        let response = self.client.send(request).await.map_err(|error| of(&error, &self.server, asked))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let after = retry_after(response.headers());
        let body = self.body(response, LARGEST_REFUSAL, asked).await.unwrap_or_default();
        let message =
            serde_json::from_slice::<Refusal>(&body).map_or_else(|_| String::from_utf8_lossy(&body).into_owned(), |r| r.message);
        let mut failure = Failure { after, ..refused(status.as_u16(), &message, asked) };
        if let (FaultKind::Unauthorized, Some(channel)) = (failure.fault.kind, &self.channel) {
            failure.fault.hint = channel.login_hint();
        }
        Err(failure)
    }

    /// Sends a request and reads its answer.
    pub(super) async fn ask<T: DeserializeOwned>(&self, request: Request<Body>, asked: &str) -> Result<T, Failure> {
        let response = self.send(request, asked).await?;
        self.json(response, asked).await
    }

    /// Reads an answer.
    pub(super) async fn json<T: DeserializeOwned>(&self, response: Response<Body>, asked: &str) -> Result<T, Failure> {
        let body = self.body(response, LARGEST_ANSWER, asked).await?;
        serde_json::from_slice(&body).map_err(|_| self.not_kubernetes(asked).into())
    }

    /// Sends a request and collects its answer, wiped when dropped.
    pub(super) async fn bytes(&self, request: Request<Body>, asked: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let response = self.send(request, asked).await?;
        self.body(response, LARGEST_ANSWER, asked).await
    }

    /// Reads an object.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, asked: &str) -> Result<T, Failure> {
        self.ask(get(path)?, asked).await
    }

    /// Creates an object, such as a review.
    pub(super) async fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize, asked: &str) -> Result<T, Failure> {
        self.ask(with_body(Method::POST, path, "application/json", body)?, asked).await
    }

    async fn body(&self, response: Response<Body>, largest: usize, asked: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let length = response.headers().get(http::header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let mut body = response.into_body();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length.unwrap_or(4096).min(1024 * 1024)));
        loop {
            let Ok(frame) = tokio::time::timeout(STILL, body.frame()).await else {
                let message = format!("The API server at {} stopped in the middle of an answer.", self.server);
                return Err(Fault::new(FaultKind::Timeout, &message).into());
            };
            let Some(frame) = frame else { return Ok(bytes) };
            let frame = frame.map_err(|error| of(&error, &self.server, asked))?;
            if let Some(data) = frame.data_ref() {
                if bytes.len() + data.len() > largest {
                    return Err(Fault::new(FaultKind::Http, &format!("Could not {asked}: the answer is too large.")).into());
                }
                grow(&mut bytes, data.len());
                bytes.extend_from_slice(data);
            }
        }
    }

    pub(super) fn not_kubernetes(&self, asked: &str) -> Fault {
        Fault::new(FaultKind::Http, &format!("Could not {asked}: the answer of {} is not what Kubernetes says.", self.server))
    }
}

/// Makes room by copying into a new buffer, so that the old one is wiped and not only freed.
fn grow(bytes: &mut Zeroizing<Vec<u8>>, more: usize) {
    if bytes.capacity() - bytes.len() < more {
        let mut larger = Zeroizing::new(Vec::with_capacity((bytes.len() + more) * 2));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
}

/// A GET of a path that was made by [`segment`].
pub(super) fn get(path: &str) -> Result<Request<Body>, Fault> {
    Request::get(path).header(ACCEPT, "application/json").body(Body::empty()).map_err(|_| unformed())
}

/// A request that carries JSON.
pub(super) fn with_body(method: Method, path: &str, content: &str, body: &impl Serialize) -> Result<Request<Body>, Fault> {
    let body = serde_json::to_vec(body).map_err(|_| unformed())?;
    Request::builder()
        .method(method)
        .uri(path)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, content)
        .body(Body::from(body))
        .map_err(|_| unformed())
}

/// A name as one segment of a URL. A name of Kubernetes needs no quoting, and what does is not a name.
pub(super) fn segment(name: &str) -> Result<&str, Fault> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.:".contains(c);
    if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) {
        return Err(Fault::new(FaultKind::Invalid, &format!("“{name}” cannot be the name of an object of Kubernetes.")));
    }
    Ok(name)
}

fn unformed() -> Fault {
    Fault::new(FaultKind::Invalid, "The request cannot be formed: a name in it is not one.")
}

#[cfg(test)]
mod tests {
    use super::segment;

    #[test]
    fn a_name_cannot_leave_its_place_in_a_url() {
        for name in ["", "..", "a/b", "a?b", "a b", "%2e%2e", "ä"] {
            assert!(segment(name).is_err(), "{name}");
        }
        assert!(segment("vault-0.x").is_ok());
    }
}
