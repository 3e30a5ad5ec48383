//! An API server that says it has too much to do is left alone for as long as it says. Questions that can wait are
//! not even sent: what polls each second would else be a part of its trouble. Watches keep their own time
//! (`watch.rs`), and what a person decided is always sent. A rest that is nearly over is waited out: a server that just
//! started says 429 for a moment of each kind whose storage it opens, and a single look would else be in vain.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::{HeaderMap, Method, Request, StatusCode, header::RETRY_AFTER};
use tokio::time::Instant;

use super::channel::WithData;
use crate::gateways::network::jittered;
use crate::model::{Fault, FaultKind, Text};

/// The longest rest that a server may ask for; one that wishes for more is asked once a minute.
const LONGEST: Duration = Duration::from_secs(60);
/// The rest of a server that does not say how long.
const SHORTEST: Duration = Duration::from_secs(1);

/// A rest that is waited out rather than told.
pub(super) const BRIEF: Duration = Duration::from_secs(2);

/// A question that is not sent now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    left: Duration,
    fault: Fault,
}

impl Held {
    /// Waits until it may be sent; says why not, where that takes long.
    pub(super) async fn over(self) -> Result<(), Fault> {
        if self.left > BRIEF {
            return Err(self.fault);
        }
        tokio::time::sleep(self.left).await;
        Ok(())
    }
}

/// Until when the server is left alone.
#[derive(Default)]
pub(super) struct Rest(Mutex<Option<Instant>>);

impl Rest {
    /// Hears an answer: 429 is a wish for rest, and so is whatever comes with `Retry-After`.
    pub(super) fn hear(&self, status: StatusCode, headers: &HeaderMap) {
        let overloaded = status == StatusCode::TOO_MANY_REQUESTS;
        let unavailable = status == StatusCode::SERVICE_UNAVAILABLE && headers.contains_key(RETRY_AFTER);
        if !overloaded && !unavailable {
            return;
        }
        let wish = retry_after(headers).unwrap_or(SHORTEST).max(SHORTEST);
        // Everybody was told the same time: nobody comes back at the same moment.
        let until = Instant::now() + wish + jittered(wish / 2);
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *rest = Some(rest.map_or(until, |known| known.max(until)));
    }

    /// Why a question is not sent now, if the server rests.
    pub(super) fn holds<B>(&self, request: &Request<B>, server: &Text) -> Option<Held> {
        // A share that a person asked for is no question that comes again.
        if request.extensions().get::<WithData>().is_some() || !can_wait(request.method(), request.uri()) {
            return None;
        }
        let mut rest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = rest.and_then(|until| until.checked_duration_since(Instant::now())).filter(|left| !left.is_zero());
        let Some(left) = left else {
            *rest = None;
            return None;
        };
        drop(rest);
        let message = format!("The API server at {server} has too much to do and is asked again in {} s.", left.as_secs().max(1));
        Some(Held { left, fault: Fault::new(FaultKind::Throttled, &message) })
    }
}

/// How long the server wishes to be left alone. It says seconds; a date, which it may not say, is not obeyed.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds: u64 = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST))
}

/// Whether it is a question of ours that comes again by itself: a read that is no watch and no page of a list that one
/// goes on with, or a review.
fn can_wait(method: &Method, uri: &http::Uri) -> bool {
    let query = uri.query().unwrap_or_default();
    let of_a_watch = query.split('&').any(|pair| pair.starts_with("watch=") || pair.starts_with("limit="));
    let review = ["/apis/authorization.k8s.io/", "/apis/authentication.k8s.io/"];
    match *method {
        Method::GET => !of_a_watch,
        Method::POST => review.iter().any(|group| uri.path().starts_with(group)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: Method, uri: &str) -> Request<()> {
        Request::builder().method(method).uri(uri).body(()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn questions_wait_and_watches_and_writes_do_not() {
        let (rest, server) = (Rest::default(), Text::foreign("https://x"));
        let question = || request(Method::GET, "/api/v1/namespaces/a/services/b");
        assert_eq!(rest.holds(&question(), &server), None);
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, http::HeaderValue::from_static("10"));
        rest.hear(StatusCode::NOT_FOUND, &headers);
        assert_eq!(rest.holds(&question(), &server), None, "only what is overloaded rests");
        rest.hear(StatusCode::TOO_MANY_REQUESTS, &headers);
        let fault = rest.holds(&question(), &server).expect("it rests").over().await.expect_err("for long");
        assert!(fault.kind == FaultKind::Throttled && fault.message.as_str().contains("asked again in 1"), "{fault}");
        for (method, uri, waits) in [
            (Method::POST, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", true),
            (Method::POST, "/apis/authentication.k8s.io/v1/tokenreviews", true),
            (Method::GET, "/api/v1/namespaces/a/pods/b/portforward?ports=8200", true),
            (Method::GET, "/api/v1/pods?watch=true&resourceVersion=5", false),
            (Method::GET, "/api/v1/pods?limit=500", false),
            (Method::PATCH, "/apis/external-secrets.io/v1/namespaces/a/externalsecrets/b", false),
            (Method::POST, "/api/v1/namespaces/a/serviceaccounts/b/token", false),
        ] {
            assert_eq!(rest.holds(&request(method, uri), &server).is_some(), waits, "{uri}");
        }
        tokio::time::sleep(Duration::from_secs(9)).await;
        let held = rest.holds(&question(), &server).expect("not before it wished");
        assert!(held.left > BRIEF || held.over().await.is_ok(), "what is left is waited for if it is brief");
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert_eq!(rest.holds(&question(), &server), None);
    }
}
