//! A login in the stead of a store that is expected to fail, and Vault's own reason for it. The reason stands only in the
//! log at debug level, which `sys/monitor` streams without changing the level of the server
//! (vault-plugin-auth-kubernetes#374); it can show other people's logins, so only lines of this mount count.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::header::{ACCEPT, HOST, HeaderValue};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Inner;
use super::api::{Api, Question};
use super::client::{self, Answer, Call};
use super::connection::{Line, Open};
use super::endpoints::Post;
use super::login::{LOGIN, login_path, token_of};
use super::login_checks::{login_checks, words};
use super::reads::Reads;
use super::sessions::Session;
use super::tls::StoreWord;
use super::wire::Heard;
use crate::gateways::capture::tape;
use crate::gateways::clock;
use crate::model::vault::{LoginChecks, StoreLogin, TokenSource, Told};
use crate::model::{Fault, Text};
use crate::ports::ReplicaAddress;

/// How long a step may take that asks nothing of storage.
const STEP: Duration = Duration::from_secs(3);
/// How long the log is listened to after the answer: its line is written before that, but comes on a connection of its own.
/// No line within it is taken for no reason, which makes another rule certain.
const LISTENS: Duration = Duration::from_secs(2);
/// More of the log than this is not looked at.
const MOST: usize = 256 * 1024;

/// What is said of a token that is none (go-jose `ParseSigned`). Ours is one: so that line is of somebody who asks as
/// [`login_checks`] does, most likely a colleague who looks at the same incident.
const MALFORMED: &str = "compact JWS format must have three parts";

/// One replica, asked without a token.
struct Anybody<'a> {
    inner: &'a Inner,
    replica: &'a ReplicaAddress,
    word: StoreWord,
}

#[async_trait]
impl Api for Anybody<'_> {
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
        let route = self.inner.route(self.replica)?;
        let way = self.inner.way(&self.replica.server, &route, Some(&self.word));
        let namespace = Some(question.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.or(self.inner.environment.namespace.as_deref());
        let answer = client::ask(&Line::default(), way, question, Call::login(STEP, namespace)).await.map(Some);
        tape::note(question, &answer);
        answer
    }
}

impl Inner {
    /// See [`crate::ports::Vault::login_checks`].
    pub(super) async fn login_checks(&self, replica: &ReplicaAddress, login: &StoreLogin, attempt: bool) -> LoginChecks {
        let anybody = Anybody { inner: self, replica, word: StoreWord::of(login) };
        // Without a token the role and the configuration stay unknown; all else can be asked.
        let reads = self.reads(replica).await.ok();
        let holder = reads.as_ref().map(|reads| reads as &dyn Api);
        let mut checks = login_checks(&anybody, holder, login, &replica.pod, clock::now()).await;
        if attempt {
            let monitor = match &reads {
                Some(reads) => Monitor::open(self, reads, login).await,
                None => Err(Told::NotAsked),
            };
            checks.login = self.attempt(replica, login).await.map_or_else(Told::Failed, Told::Said);
            checks.reason = match monitor {
                // Only a refusal has a reason.
                Ok(monitor) if matches!(checks.login, Told::Said(Some(_))) => monitor.reason().await,
                Ok(_) => Told::Absent,
                Err(told) => told,
            };
        }
        checks
    }

    /// Logs in as the store does. What that gets is revoked at once: only the answer matters.
    async fn attempt(&self, replica: &ReplicaAddress, login: &StoreLogin) -> Result<Option<Text>, Fault> {
        self.may_log_in(replica)?;
        let cluster = self.cluster.as_ref().ok_or_else(|| {
            Fault::new(
                crate::model::FaultKind::Local,
                "To log in as a store does, its cluster must be connected: it gives the token.",
            )
        })?;
        let path = login_path(login.mount.as_str(), None)?;
        let jwt = cluster.account_token(&login.account, &login.audiences).await?;
        let namespace = Some(login.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.or(self.environment.namespace.as_deref());
        let (route, word) = (self.route(replica)?, StoreWord::of(login));
        let way = self.way(&replica.server, &route, Some(&word));
        let fields = [("role", login.role.as_str()), ("jwt", jwt.as_str())];
        let answer = client::ask(&Line::default(), way, &Post::of(path, &fields), Call::login(LOGIN, namespace)).await?;
        if let Some(words) = words(&answer) {
            return Ok(Some(words));
        }
        let session = Session {
            at: replica.clone(),
            token: token_of(&answer, &replica.pod)?,
            from: TokenSource::Store(login.store.clone()),
            again: Some(login.clone()),
            namespace: namespace.map(ToOwned::to_owned),
        };
        // It ends by itself if this fails.
        let _ = self.revoke(&session).await;
        Ok(None)
    }
}

/// The server's log, from now on.
struct Monitor {
    log: Incoming,
    /// The name of the method's logger.
    module: String,
    /// The connection that carries it.
    _open: Open,
}

/// One line of the log.
#[derive(Deserialize)]
struct Logged {
    #[serde(rename = "@module", default)]
    module: String,
    #[serde(rename = "@message", default)]
    message: String,
    #[serde(default)]
    err: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Mounts {
    auth: BTreeMap<String, AuthMethod>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthMethod {
    accessor: String,
}

impl Monitor {
    /// Begins to listen; else why it cannot be.
    async fn open(inner: &Inner, reads: &Reads<'_>, login: &StoreLogin) -> Result<Self, Told<Text>> {
        // A method that is not there logs nothing, and of one that is not shown nobody could tell which lines are its own.
        let accessor = accessor(reads, login).await.ok_or(Told::NotAsked)?;
        let module = format!("auth.kubernetes.{accessor}");
        let way = inner.way(&reads.replica.server, &reads.route, reads.word.as_ref());
        let opening = async {
            let mut open = Open::to(way, true).await?;
            let request = request(&reads.replica.server.host_port(), &reads.token)?;
            let response = open.send(request, &reads.route).await.map_err(super::connection::Lost::fault)?;
            Ok::<_, Fault>((open, response))
        };
        match tokio::time::timeout(STEP, opening).await {
            Ok(Ok((open, response))) if response.status().is_success() => {
                Ok(Self { log: response.into_body(), module, _open: open })
            }
            Ok(Ok((_, response))) if response.status().as_u16() == 403 => Err(Told::Denied),
            Ok(Ok(_)) => Err(Told::Absent),
            Ok(Err(fault)) => Err(Told::Failed(fault)),
            Err(_) => Err(Told::NotAsked),
        }
    }

    /// Why the login was refused that was made since.
    async fn reason(mut self) -> Told<Text> {
        let mut seen = Vec::new();
        let mut reasons: Vec<Text> = Vec::new();
        let end = tokio::time::Instant::now() + LISTENS;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(end, self.log.frame()).await {
            let Some(data) = frame.data_ref() else { continue };
            seen.extend_from_slice(data);
            while let Some(line) = seen.iter().position(|byte| *byte == b'\n').map(|at| seen.drain(..=at).collect::<Vec<u8>>()) {
                reasons.extend(self.read(&line));
            }
            if seen.len() > MOST || !reasons.is_empty() {
                break;
            }
        }
        reasons.dedup();
        match (reasons.len(), reasons.pop()) {
            (0, _) | (_, None) => Told::Absent,
            (1, Some(reason)) => Told::Said(reason),
            // Somebody else's login may have failed too, and nothing tells which is whose.
            _ => Told::NotAsked,
        }
    }

    fn read(&self, line: &[u8]) -> Option<Text> {
        refusal(&self.module, line)
    }
}

/// What a line of the log says of a refused login, if it is of the method whose logger is called so.
fn refusal(module: &str, line: &[u8]) -> Option<Text> {
    let line: Logged = serde_json::from_slice(line).ok()?;
    // A server whose logger has a name of its own puts that before.
    let is_told = line.module.ends_with(module) && line.message == "login unauthorized";
    (is_told && !line.err.contains(MALFORMED)).then(|| Text::foreign(&line.err))
}

/// The accessor of a method, which its logger is called by.
async fn accessor(reads: &Reads<'_>, login: &StoreLogin) -> Option<String> {
    let answer = reads.ask(&Question::get(login.namespace.as_str(), "sys/internal/ui/mounts")).await.ok()??;
    let Ok(Heard::Said(mounts)) = answer.heard::<Mounts>(&reads.replica.pod) else { return None };
    let mount = format!("{}/", login.mount.as_str().trim_matches('/'));
    mounts.auth.get(&mount).map(|method| method.accessor.clone()).filter(|accessor| !accessor.is_empty())
}

fn request(host: &str, token: &Zeroizing<String>) -> Result<Request<Full<Bytes>>, Fault> {
    let unformed = || Fault::new(crate::model::FaultKind::Invalid, &format!("The request to {host} cannot be formed."));
    let mut secret = HeaderValue::from_str(token).map_err(|_| unformed())?;
    secret.set_sensitive(true);
    Request::builder()
        .method(Method::GET)
        .uri("/v1/sys/monitor?log_level=debug&log_format=json")
        .header(HOST, host)
        .header(ACCEPT, "application/json")
        .header("x-vault-request", "true")
        .header("x-vault-token", secret)
        .body(Full::default())
        .map_err(|_| unformed())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &str = "auth.kubernetes.auth_kubernetes_0badcafe";

    fn read(module: &str, message: &str, err: &str) -> Option<String> {
        let line = serde_json::json!({ "@level": "debug", "@module": module, "@message": message, "err": err });
        refusal(METHOD, line.to_string().as_bytes()).map(|text| text.to_string())
    }

    #[test]
    fn the_reason_of_a_refusal_is_a_line_of_the_method_itself() {
        let x509 = "Post \"https://kubernetes.default.svc\": x509: certificate signed by unknown authority";
        assert_eq!(read(METHOD, "login unauthorized", x509).as_deref(), Some(x509));
        assert_eq!(read(&format!("vault-0.{METHOD}"), "login unauthorized", x509).as_deref(), Some(x509));
        assert_eq!(read("auth.kubernetes.auth_kubernetes_deadbeef", "login unauthorized", x509), None);
        assert_eq!(read(METHOD, "role written", x509), None);
    }

    #[test]
    fn a_colleagues_login_with_a_token_that_is_none_gives_no_reason() {
        let theirs = "error verifying token signature: go-jose/go-jose: compact JWS format must have three parts";
        assert_eq!(read(METHOD, "login unauthorized", theirs), None);
        let pinned = "error verifying token signature: no known key successfully validated the token signature";
        assert_eq!(read(METHOD, "login unauthorized", pinned).as_deref(), Some(pinned), "that is a true reason");
    }
}
