//! The one way to the API server: a tower service around kube-rs' own. Whatever passes here
//!
//! - reads Secrets as metadata only, unless `shares.rs` marked it;
//! - carries the credential of the kubeconfig's plug-in, renewed once if the server refuses it;
//! - has its answer within a deadline;
//! - tells us the server's clock.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use futures::future::BoxFuture;
use http::header::{ACCEPT, AUTHORIZATION, DATE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use jiff::Timestamp;
use kube::client::Body;
use tower::{BoxError, Service};
use zeroize::Zeroizing;

use super::exec::{Credential, Plugin};
use super::faults;
use crate::gateways::clock;
use crate::model::{Fault, FaultKind, Text};

/// Marks the one request that may read the data of a Secret.
#[derive(Clone, Copy)]
pub(super) struct WithData;

/// How long a request may wait for the beginning of its answer.
#[derive(Clone, Copy)]
pub(super) struct Deadline(pub(super) Duration);

impl Default for Deadline {
    fn default() -> Self {
        Self(Duration::from_secs(15))
    }
}

/// How far the server's clock is from ours, from the `Date` of its answers.
#[derive(Default)]
pub(super) struct ServerClock {
    ahead: AtomicI64,
}

impl ServerClock {
    /// The server's time; ours, until it has told.
    pub(super) fn now(&self) -> Timestamp {
        let ahead = jiff::SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        clock::now().checked_add(ahead).unwrap_or_else(|_| clock::now())
    }

    fn hear(&self, date: Option<&HeaderValue>) {
        let told = date.and_then(|date| date.to_str().ok()).and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        if let Some(told) = told {
            self.ahead.store(told.timestamp().as_second() - clock::now().as_second(), Ordering::Relaxed);
        }
    }
}

/// See the module.
#[derive(Clone)]
pub(super) struct Channel(Arc<Shared>);

struct Shared {
    /// The connection for credentials that are headers, or part of the kubeconfig.
    client: kube::Client,
    plugin: Option<Plugin>,
    /// The connection for the client certificate that a plug-in answered, by the number of that answer.
    certified: Mutex<Option<(u64, kube::Client)>>,
    config: kube::Config,
    server: Text,
    clock: Arc<ServerClock>,
}

impl Channel {
    pub(super) fn new(
        config: kube::Config,
        plugin: Option<Plugin>,
        server: Text,
        clock: Arc<ServerClock>,
    ) -> Result<Self, Fault> {
        let client =
            kube::Client::try_from(config.clone()).map_err(|error| faults::of(&error, &server, "prepare a connection").fault)?;
        Ok(Self(Arc::new(Shared { client, plugin, certified: Mutex::new(None), config, server, clock })))
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        withhold_secret_data(&mut request);
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.send(request).await })
    }
}

impl Shared {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let Some(plugin) = &self.plugin else { return self.pass(&self.client, request).await };
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let again = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let credential = plugin.credential().await?;
        let response = self.pass_with(&credential, Request::from_parts(parts, Body::from(body))).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        plugin.refused(credential.run).await;
        let credential = plugin.credential().await?;
        self.pass_with(&credential, again).await
    }

    async fn pass_with(&self, credential: &Credential, mut request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if let Some(token) = &credential.token {
            let header = Zeroizing::new(format!("Bearer {}", token.reveal()));
            let mut header = HeaderValue::from_str(&header)
                .map_err(|_| Fault::new(FaultKind::Local, "The login plug-in answered a token that is not one."))?;
            header.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, header);
        }
        let client = self.client_for(credential)?;
        self.pass(&client, request).await
    }

    /// kube-rs takes a client certificate only when it is built.
    fn client_for(&self, credential: &Credential) -> Result<kube::Client, Fault> {
        let Some((certificate, key)) = &credential.certificate else { return Ok(self.client.clone()) };
        let mut certified = self.certified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((run, client)) = certified.as_ref()
            && *run == credential.run
        {
            return Ok(client.clone());
        }
        let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
        let mut config = self.config.clone();
        config.auth_info.client_certificate_data = Some(encode(certificate));
        config.auth_info.client_key_data = Some(encode(key.reveal()).into());
        let client = kube::Client::try_from(config)
            .map_err(|_| Fault::new(FaultKind::Local, "The login plug-in answered a certificate that cannot be used."))?;
        *certified = Some((credential.run, client.clone()));
        Ok(client)
    }

    async fn pass(&self, client: &kube::Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let deadline = request.extensions().get::<Deadline>().copied().unwrap_or_default().0;
        let Ok(response) = tokio::time::timeout(deadline, client.send(request)).await else {
            let message = format!("The API server at {} did not answer within {} s.", self.server, deadline.as_secs());
            return Err(Fault::new(FaultKind::Timeout, &message).into());
        };
        let response = response?;
        self.clock.hear(response.headers().get(DATE));
        Ok(response)
    }
}

/// The server is asked to leave the data out, and may not answer with anything else: there is no second
/// format in the header.
fn withhold_secret_data(request: &mut Request<Body>) {
    const ONE: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io");
    const LIST: HeaderValue = HeaderValue::from_static("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io");
    if request.method() != Method::GET || request.extensions().get::<WithData>().is_some() {
        return;
    }
    let Some(reads_one) = reads_secrets(request.uri().path()) else { return };
    let watches = request.uri().query().is_some_and(|query| query.split('&').any(|pair| pair.starts_with("watch=")));
    request.headers_mut().insert(ACCEPT, if reads_one || watches { ONE } else { LIST });
}

/// Whether a path reads Secrets, and if so, whether one of them.
fn reads_secrets(path: &str) -> Option<bool> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    if (segments.next(), segments.next()) != (Some("api"), Some("v1")) {
        return None;
    }
    segments.next_if_eq(&"watch");
    if segments.next_if_eq(&"namespaces").is_some() {
        segments.next();
    }
    (segments.next() == Some("secrets")).then(|| segments.next().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(method: Method, uri: &str, marked: bool) -> Option<String> {
        let mut request =
            Request::builder().method(method).uri(uri).header(ACCEPT, "application/json").body(Body::empty()).unwrap();
        if marked {
            request.extensions_mut().insert(WithData);
        }
        withhold_secret_data(&mut request);
        let accept = request.headers().get(ACCEPT).unwrap().to_str().unwrap();
        (accept != "application/json").then(|| accept.to_owned())
    }

    #[test]
    fn no_read_of_secrets_brings_data_unless_it_is_marked() {
        let one = Some("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io".to_owned());
        let list = Some("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io".to_owned());
        for (uri, expected) in [
            ("/api/v1/secrets?limit=500", &list),
            ("/api/v1/namespaces/a/secrets", &list),
            ("/api/v1/secrets?&watch=true&allowWatchBookmarks=true", &one),
            ("/api/v1/namespaces/a/secrets?watch=1", &one),
            ("/api/v1/watch/secrets", &list),
            ("/api/v1/namespaces/a/secrets/b", &one),
            ("//api//v1/secrets/", &list),
            ("/api/v1/namespaces/secrets/pods", &None),
            ("/api/v1/pods", &None),
            ("/apis/external-secrets.io/v1/externalsecrets", &None),
        ] {
            assert_eq!(accepted(Method::GET, uri, false), *expected, "{uri}");
        }
        assert_eq!(accepted(Method::GET, "/api/v1/namespaces/a/secrets/b", true), None);
        assert_eq!(accepted(Method::PATCH, "/api/v1/namespaces/a/secrets/b", false), None);
    }

    #[test]
    fn the_server_tells_its_clock() {
        let clock = ServerClock::default();
        clock.hear(Some(&HeaderValue::from_static("Tue, 15 Nov 2033 08:12:31 GMT")));
        assert!((clock.now().as_second() - 2_015_655_151).abs() <= 1, "{}", clock.now());
        clock.hear(Some(&HeaderValue::from_static("yesterday")));
        assert!((clock.now().as_second() - 2_015_655_151).abs() <= 1);
    }
}
