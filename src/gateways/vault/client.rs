//! One call: rustify's `Client` over our connection.
//!
//! rustify's own `execute` puts every answer that is not a success, body and all, into an error inside a
//! tracing span; this one returns every answer, and only its status and first error become a `Fault`.

use std::sync::Mutex as Taken;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, DATE, HOST, HeaderValue, RETRY_AFTER};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use rustify::endpoint::Endpoint;
use rustify::errors::ClientError;
use zeroize::Zeroizing;

use super::connection::{Line, Lost, Open, Route, Way, fault};
use super::faults;
use crate::model::{Fault, FaultKind, Name};

/// No answer of Vault that we ask for is larger; the largest are pages of detailed lists.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// How long a kept connection may be silent before a new one is tried. When the server at the end of a
/// port-forward dies, the stream stays open: the WebSocket protocol cannot say that one direction ended.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a call is made.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    deadline: Duration,
    writes: bool,
    /// Whether its body is a secret.
    secret: bool,
    token: Option<&'a str>,
    namespace: Option<&'a str>,
}

impl<'a> Call<'a> {
    /// A question that anybody may ask.
    pub(super) const fn question(deadline: Duration) -> Self {
        Self { deadline, writes: false, secret: false, token: None, namespace: None }
    }

    /// A question for which Vault wants a token.
    pub(super) const fn with_token(deadline: Duration, token: &'a str, namespace: Option<&'a str>) -> Self {
        Self { deadline, writes: false, secret: false, token: Some(token), namespace }
    }

    /// Whether a share or a token goes with it.
    const fn is_secret(&self) -> bool {
        self.secret || self.token.is_some()
    }

    /// A write: it is never sent twice.
    pub(super) const fn write(deadline: Duration) -> Self {
        Self { deadline, writes: true, secret: true, token: None, namespace: None }
    }

    /// A write for which Vault wants a token: it is never sent twice.
    pub(super) const fn change(deadline: Duration, token: &'a str, namespace: Option<&'a str>) -> Self {
        Self { deadline, writes: true, secret: true, token: Some(token), namespace }
    }

    /// A login: what it sends is as good as a token.
    pub(super) const fn login(deadline: Duration, namespace: Option<&'a str>) -> Self {
        Self { deadline, writes: false, secret: true, token: None, namespace }
    }
}

/// An answer; its body is wiped when dropped.
pub(in crate::gateways) struct Answer {
    pub(super) status: u16,
    pub(super) date: Option<Timestamp>,
    /// How long the server asks to be left alone (`Retry-After`).
    pub(super) wait: Option<Duration>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// An answer from elsewhere than the wire.
    pub(in crate::gateways) fn of(status: u16, body: Vec<u8>) -> Self {
        Self { status, date: None, wait: None, body: Zeroizing::new(body) }
    }

    /// Its status.
    pub(in crate::gateways) const fn status(&self) -> u16 {
        self.status
    }

    /// The body of a success; else what the server's refusal means.
    pub(super) fn success(&self, said: &Name) -> Result<Zeroizing<Vec<u8>>, Fault> {
        if (200..300).contains(&self.status) {
            Ok(self.body.clone())
        } else {
            Err(faults::refused(self.status, &self.body, said))
        }
    }
}

/// Makes a call within its deadline.
pub(super) async fn ask<E: Endpoint>(line: &Line, way: Way<'_>, endpoint: &E, call: Call<'_>) -> Result<Answer, Fault> {
    let Way { route, server, .. } = way;
    let client = Client { line, way, call, base: format!("{server}/v1"), sent: AtomicBool::new(false), head: Taken::default() };
    let Ok(result) = tokio::time::timeout(call.deadline, endpoint.exec(&client)).await else {
        return Err(client.late());
    };
    let response = result.map_err(|error| own(error, route))?.response;
    let status = response.status().as_u16();
    let Head { date, wait } = *client.head.lock().unwrap_or_else(PoisonError::into_inner);
    Ok(Answer { status, date, wait, body: Zeroizing::new(response.into_body()) })
}

/// The fault that travelled through rustify. Its other errors are about forming the request; their text may
/// hold the body and is dropped.
fn own(error: ClientError, route: &Route) -> Fault {
    match error {
        ClientError::GenericError { source } => source.downcast::<Fault>().ok(),
        _ => None,
    }
    .unwrap_or_else(|| Fault::new(FaultKind::Invalid, &format!("The request to {} cannot be formed.", route.said())))
}

fn unknown(message: &str) -> Fault {
    Fault::new(FaultKind::Unknown, message).hinted("Whether it was done, what is seen next will tell.")
}

struct Client<'a> {
    line: &'a Line,
    way: Way<'a>,
    call: Call<'a>,
    base: String,
    /// Whether the request may have left.
    sent: AtomicBool,
    head: Taken<Head>,
}

/// What the head of an answer tells, which rustify does not pass on.
#[derive(Clone, Copy, Default)]
struct Head {
    date: Option<Timestamp>,
    wait: Option<Duration>,
}

#[async_trait]
impl rustify::client::Client for Client<'_> {
    async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.exchange(request).await.map_err(|fault| ClientError::GenericError { source: fault.into() })
    }

    fn base(&self) -> &str {
        &self.base
    }

    async fn execute(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, ClientError> {
        self.send(request).await
    }
}

impl Client<'_> {
    const fn route(&self) -> &Route {
        self.way.route
    }

    async fn exchange(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, Fault> {
        let mut request = self.dressed(request)?;
        let mut line = self.line.0.lock().await;
        // Taken out, so that a call that is given up takes its half-used connection with it. A write never goes
        // over a kept connection: what dies silently there would leave open whether the write was done.
        let mut open = line.take().filter(|open| !open.is_closed() && !self.call.writes);
        loop {
            let mut up = match open.take() {
                Some(open) => open,
                None => Open::to(self.way, self.call.is_secret()).await?,
            };
            let again = up.used.then(|| copy(&request));
            self.sent.store(true, Ordering::Relaxed);
            let Ok(sent) =
                tokio::time::timeout(if up.used { PATIENCE } else { self.call.deadline }, up.send(request, self.route())).await
            else {
                let Some(again) = again else { return Err(self.late()) };
                request = again;
                continue;
            };
            match sent {
                Ok(response) => {
                    let response = self.collected(response).await?;
                    up.used = true;
                    *line = Some(up);
                    return Ok(response);
                }
                // A kept connection that the server had closed: once more on a new one.
                Err(Lost::Before(unsent, _)) if up.used => request = *unsent,
                Err(Lost::Before(_, fault) | Lost::Nobody(fault)) => return Err(fault),
                Err(Lost::After(fault)) => match again {
                    Some(copy) => request = copy,
                    None if self.call.writes => return Err(unknown(fault.message.as_str())),
                    None => return Err(fault),
                },
            }
        }
    }

    /// The request as it goes on the wire. The body is wiped when the last of its bytes is dropped.
    fn dressed(&self, request: Request<Vec<u8>>) -> Result<Request<Full<Bytes>>, Fault> {
        let unformed = || Fault::new(FaultKind::Invalid, &format!("The request to {} cannot be formed.", self.route().said()));
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(|authority| authority.as_str().to_owned()).ok_or_else(unformed)?;
        let path = parts.uri.path_and_query().cloned().ok_or_else(unformed)?;
        parts.uri = Uri::from(path);
        let headers = &mut parts.headers;
        headers.insert(HOST, HeaderValue::from_str(&host).map_err(|_| unformed())?);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert("x-vault-request", HeaderValue::from_static("true"));
        if !body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = self.call.token {
            let mut token = HeaderValue::from_str(token).map_err(|_| {
                Fault::new(FaultKind::Unauthorized, "The Vault token is not one: it holds characters that no token has.")
            })?;
            token.set_sensitive(true);
            headers.insert("x-vault-token", token);
        }
        if let Some(namespace) = self.call.namespace {
            headers.insert("x-vault-namespace", HeaderValue::from_str(namespace).map_err(|_| unformed())?);
        }
        Ok(Request::from_parts(parts, Full::new(Bytes::from_owner(Zeroizing::new(body)))))
    }

    async fn collected(&self, response: Response<hyper::body::Incoming>) -> Result<Response<Vec<u8>>, Fault> {
        let said = self.route().said();
        let (parts, mut incoming) = response.into_parts();
        if parts.status.is_redirection() {
            let message =
                format!("{said} redirects ({}): it is not the active node, or a proxy stands before it.", parts.status.as_u16());
            return Err(
                Fault::new(FaultKind::Http, &message).hinted("Redirects are not followed: they would take the token elsewhere.")
            );
        }
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let too_large =
            || Fault::new(FaultKind::Http, &format!("{said} answers with more than {LARGEST_ANSWER} bytes: that is not Vault."));
        if length.is_some_and(|length| length > LARGEST_ANSWER) {
            return Err(too_large());
        }
        let mut body = Vec::with_capacity(length.unwrap_or(8192));
        while let Some(frame) = incoming.frame().await {
            let frame = frame.map_err(|error| self.cut(fault(self.route(), &error)))?;
            if let Some(data) = frame.data_ref() {
                if body.len() + data.len() > LARGEST_ANSWER {
                    return Err(too_large());
                }
                body.extend_from_slice(data);
            }
        }
        // Go's own words for a request in clear that came to a port with TLS.
        if parts.status == StatusCode::BAD_REQUEST && body.starts_with(b"Client sent an HTTP request to an HTTPS server") {
            return Err(Fault::new(FaultKind::Http, &format!("{said} speaks TLS, and was asked in plain http."))
                .hinted("The stores must name its address with https."));
        }
        let json = parts.headers.get(CONTENT_TYPE).is_none_or(|kind| kind.as_bytes().starts_with(b"application/json"));
        if !json {
            let message = format!("{said} answers with something that is not Vault's ({}).", parts.status.as_u16());
            return Err(Fault::new(FaultKind::Http, &message)
                .hinted("A proxy or a login page stands in between, or the port is another's."));
        }
        let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = Head {
            date: header(DATE).and_then(|date| jiff::fmt::rfc2822::parse(date).ok()).map(|date| date.timestamp()),
            wait: header(RETRY_AFTER).and_then(|wait| wait.trim().parse().ok()).map(Duration::from_secs),
        };
        Ok(Response::from_parts(parts, body))
    }

    fn late(&self) -> Fault {
        let message = format!("{} did not answer within {} s.", self.route().said(), self.call.deadline.as_secs_f32());
        let left = self.call.writes && self.sent.load(Ordering::Relaxed);
        if left { unknown(&message) } else { Fault::new(FaultKind::Timeout, &message) }
    }

    fn cut(&self, fault: Fault) -> Fault {
        if self.call.writes { unknown(fault.message.as_str()) } else { fault }
    }
}

/// A second copy of a question, for a connection that grew old. Only questions go over kept connections; their
/// bodies hold names.
fn copy(request: &Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let mut copy = Request::new(request.body().clone());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    copy
}
