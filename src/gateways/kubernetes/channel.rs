//! The one way to the API server: a tower service around kube-rs' own. Whatever passes here
//!
//! - reads Secrets as metadata only, unless `shares.rs` or `authorities.rs` marked it;
//! - carries a credential that is renewed once if the server refuses it;
//! - goes over a connection of its own, or one that many watches share;
//! - has its answer within a deadline;
//! - is not sent if the server rests and it can wait;
//! - tells us the server's clock.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use futures::future::BoxFuture;
use http::header::{ACCEPT, AUTHORIZATION, DATE, USER_AGENT};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use jiff::Timestamp;
use kube::client::Body;
use tokio::sync::OnceCell;
use tower::{BoxError, Service};
use zeroize::Zeroizing;

use super::exec::Credential;
use super::faults;
use super::login::Login;
use super::rest::Rest;
use super::transport::{self, Speaks};
use crate::gateways::clock;
use crate::model::{Fault, FaultKind, Text};

/// Marks a request that may read the data of a Secret.
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

/// Puts a request on a connection that it shares with others: all of this number (see `transport.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane(pub(super) usize);

/// See the module.
#[derive(Clone)]
pub(super) struct Channel(Arc<Shared>);

struct Shared {
    login: Login,
    clients: Mutex<Clients>,
    /// Whether the server speaks HTTP/2, once it was asked.
    http2: OnceCell<bool>,
    server: Text,
    clock: Arc<ServerClock>,
    rest: Rest,
}

/// Connections that carry one credential.
struct Clients {
    /// The number of the credential.
    run: u64,
    config: kube::Config,
    one: kube::Client,
    lanes: BTreeMap<Lane, kube::Client>,
}

impl Clients {
    fn new(run: u64, config: kube::Config) -> kube::Result<Self> {
        Ok(Self { run, one: transport::client(&config, Speaks::Http1)?, config, lanes: BTreeMap::new() })
    }

    fn lane(&mut self, lane: Option<Lane>) -> kube::Result<kube::Client> {
        let Some(lane) = lane else { return Ok(self.one.clone()) };
        if let Some(client) = self.lanes.get(&lane) {
            return Ok(client.clone());
        }
        let client = transport::client(&self.config, Speaks::Http2)?;
        self.lanes.insert(lane, client.clone());
        Ok(client)
    }
}

impl Channel {
    pub(super) fn new(login: Login, server: Text, clock: Arc<ServerClock>) -> Result<Self, Fault> {
        let clients =
            Clients::new(0, login.config()).map_err(|error| faults::of(&error, &server, "prepare a connection").fault)?;
        let (http2, rest) = (OnceCell::new(), Rest::default());
        Ok(Self(Arc::new(Shared { login, clients: Mutex::new(clients), http2, server, clock, rest })))
    }

    /// What to say of a refusal of the login.
    pub(super) fn login_hint(&self) -> &'static str {
        self.0.login.hint()
    }

    /// Whether many watches can share a connection: asked once, of a server that answers.
    pub(super) async fn shares(&self) -> bool {
        *self.0.http2.get_or_try_init(|| self.0.speaks_http2()).await.unwrap_or(&false)
    }
}

/// By this the audit log of an API server knows what was asked by us.
const OURS: HeaderValue = HeaderValue::from_static(concat!("sealwatch/", env!("CARGO_PKG_VERSION")));

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<Body>, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        withhold_secret_data(&mut request);
        request.headers_mut().insert(USER_AGENT, OURS);
        let shared = Arc::clone(&self.0);
        Box::pin(async move { shared.send(request).await })
    }
}

impl Shared {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        if let Some(held) = self.rest.holds(&request, &self.server) {
            held.over().await?;
        }
        let (parts, body) = request.into_parts();
        let body = body.collect_bytes().await?;
        let lane = parts.extensions.get::<Lane>().copied();
        let again = Request::from_parts(parts.clone(), Body::from(body.clone()));
        let credential = self.login.credential().await?;
        let response = self.pass_with(&credential, lane, Request::from_parts(parts, Body::from(body))).await?;
        if response.status() != StatusCode::UNAUTHORIZED {
            return Ok(response);
        }
        match self.login.renewed(credential.run).await? {
            Some(credential) => self.pass_with(&credential, lane, again).await,
            None => Ok(response),
        }
    }

    async fn pass_with(
        &self,
        credential: &Credential,
        lane: Option<Lane>,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, BoxError> {
        authorize(credential, &mut request)?;
        let client = self.client_for(credential, |clients| clients.lane(lane))?;
        self.pass(&client, request).await
    }

    /// A connection that carries this credential: kube-rs takes certificates and tokens only when it is built.
    fn client_for(
        &self,
        credential: &Credential,
        choose: impl FnOnce(&mut Clients) -> kube::Result<kube::Client>,
    ) -> Result<kube::Client, Fault> {
        let unusable = |what: &str| Fault::new(FaultKind::Local, &format!("The {what} cannot be used."));
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        // The token of a plug-in is put on each request: the same connection carries the next one too.
        if clients.run != credential.run && credential.token.is_none() {
            let mut config = self.login.config();
            if let Some((certificate, key)) = &credential.certificate {
                let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
                config.auth_info.client_certificate_data = Some(encode(certificate));
                config.auth_info.client_key_data = Some(encode(key.reveal()).into());
            }
            *clients = Clients::new(credential.run, config).map_err(|_| unusable(credential.named()))?;
        }
        choose(&mut clients).map_err(|_| unusable(credential.named()))
    }

    /// Whether the server agrees on HTTP/2 when that is offered.
    async fn speaks_http2(&self) -> Result<bool, BoxError> {
        let credential = self.login.credential().await?;
        // Where a proxy stands in between, kube-rs knows the way, and it speaks HTTP/1.1.
        if self.login.config().proxy_url.is_some() {
            return Ok(false);
        }
        let mut request = Request::get("/version").body(Body::empty())?;
        authorize(&credential, &mut request)?;
        let client = self.client_for(&credential, |clients| transport::client(&clients.config, Speaks::Either))?;
        Ok(self.pass(&client, request).await?.version() == Version::HTTP_2)
    }

    async fn pass(&self, client: &kube::Client, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let deadline = request.extensions().get::<Deadline>().copied().unwrap_or_default().0;
        let Ok(response) = tokio::time::timeout(deadline, client.send(request)).await else {
            let message = format!("The API server at {} did not answer within {} s.", self.server, deadline.as_secs());
            return Err(Fault::new(FaultKind::Timeout, &message).into());
        };
        let response = response?;
        self.clock.hear(response.headers().get(DATE));
        self.rest.hear(response.status(), response.headers());
        Ok(response)
    }
}

/// Puts the token of a plug-in on a request; what the kubeconfig holds, the connection knows.
fn authorize(credential: &Credential, request: &mut Request<Body>) -> Result<(), Fault> {
    if let Some(token) = &credential.token {
        let header = Zeroizing::new(format!("Bearer {}", token.reveal()));
        let mut header = HeaderValue::from_str(&header)
            .map_err(|_| Fault::new(FaultKind::Local, "The login plug-in answered a token that is not one."))?;
        header.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, header);
    }
    Ok(())
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
