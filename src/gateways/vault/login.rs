//! Logging in, renewing what a login got, and revoking it in the end.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use zeroize::Zeroizing;

use super::client::{self, Answer, Call};
use super::connection::Line;
use super::endpoints::Post;
use super::reads::Reads;
use super::sessions::{Session, is_same};
use super::tls::StoreWord;
use super::whose::{self, Known};
use super::{Inner, of};
use crate::gateways::clock;
use crate::model::vault::{Login, StoreLogin, Token, TokenSource};
use crate::model::{Fault, FaultKind, Name, VaultAddress};
use crate::ports::{ReplicaAddress, Typed};

/// A login goes through storage, and Vault asks the API server in between.
pub(super) const LOGIN: Duration = Duration::from_secs(10);
/// How long the end of the program may be held up for each Vault.
const REVOKE: Duration = Duration::from_secs(2);

/// Borrows from the answer's buffer, which is wiped: a token holds nothing that JSON would escape.
#[derive(Deserialize)]
struct Given<'a> {
    #[serde(borrow)]
    auth: Option<Auth<'a>>,
}

#[derive(Deserialize)]
struct Auth<'a> {
    #[serde(borrow, default)]
    client_token: &'a str,
}

impl Inner {
    /// See [`crate::ports::Vault::log_in`].
    pub(super) async fn log_in(
        &self,
        replica: &ReplicaAddress,
        login: &Login,
        typed: Option<&Typed>,
    ) -> Result<Option<Token>, Fault> {
        self.may_log_in(replica)?;
        let typed = typed.filter(|typed| !typed.is_empty());
        let session = match (login, typed) {
            (Login::Token, Some(typed)) => Session {
                at: replica.clone(),
                token: Zeroizing::new(typed.reveal().to_owned()),
                from: TokenSource::Typed,
                again: None,
                namespace: self.environment.namespace.clone(),
            },
            (Login::User { mount, name }, Some(typed)) => {
                let path = login_path(mount, Some(name))?;
                let namespace = self.environment.namespace.clone();
                let fields = [("password", typed.reveal())];
                let token = self.given(replica, &path, &fields, namespace.as_deref(), None).await?;
                Session { at: replica.clone(), token, from: TokenSource::User, again: None, namespace }
            }
            (Login::Store(store), _) => self.as_store(replica, store).await?,
            (Login::Token | Login::User { .. }, None) => {
                return Err(Fault::new(FaultKind::Local, "There is nothing to log in with: what was typed was wiped.")
                    .hinted("Type it again."));
            }
        };
        // A dead token is not put in place of one that may be good.
        let known = match whose::known(&self.reads_with(replica, &session)?, &replica.pod).await {
            Ok(known) => known,
            Err(fault) => {
                // What was got and is not used does not stay behind, if that can be helped.
                let _ = self.revoke(&session).await;
                return Err(fault);
            }
        };
        let token = known.map(|known| Token { from: session.from.clone(), ..known.token });
        self.install(session).await;
        Ok(token)
    }

    /// A login in the stead of a store, as External Secrets makes it.
    async fn as_store(&self, replica: &ReplicaAddress, login: &StoreLogin) -> Result<Session, Fault> {
        let cluster = self.cluster.as_ref().ok_or_else(|| {
            Fault::new(FaultKind::Local, "To log in as a store does, its cluster must be connected: it gives the token.")
        })?;
        let path = login_path(login.mount.as_str(), None)?;
        let jwt = cluster.account_token(&login.account, &login.audiences).await?;
        let namespace = Some(login.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let namespace = namespace.or(self.environment.namespace.as_deref()).map(ToOwned::to_owned);
        let fields = [("role", login.role.as_str()), ("jwt", jwt.as_str())];
        let word = StoreWord::of(login);
        let token =
            self.given(replica, &path, &fields, namespace.as_deref(), Some(&word)).await.map_err(|fault| match fault.kind {
                FaultKind::Forbidden | FaultKind::Invalid => {
                    let message =
                        format!("{} External Secrets is told the same when it logs in for {}.", fault.message, login.store);
                    Fault::new(fault.kind, &message)
                        .hinted("Role, bound service accounts, audience, or the reviewer of that auth mount.")
                }
                _ => fault,
            })?;
        let from = TokenSource::Store(login.store.clone());
        Ok(Session { at: replica.clone(), token, from, again: Some(login.clone()), namespace })
    }

    /// Makes a login, and takes the token out of the answer.
    async fn given(
        &self,
        replica: &ReplicaAddress,
        path: &str,
        fields: &[(&str, &str)],
        namespace: Option<&str>,
        word: Option<&StoreWord>,
    ) -> Result<Zeroizing<String>, Fault> {
        let route = self.route(replica)?;
        let way = self.way(&replica.server, &route, word);
        let post = Post::of(path.to_owned(), fields);
        let answer = client::ask(&Line::default(), way, &post, Call::login(LOGIN, namespace)).await?;
        token_of(&answer, &replica.pod)
    }

    /// From now on this login reads there. What the one before it got is revoked; its connections are not used again,
    /// since they may have been made on another's word.
    async fn install(&self, session: Session) {
        let server = session.at.server.clone();
        let old = self.sessions.put(Arc::new(session));
        self.forget_lanes(&server);
        if let Some(old) = old {
            // It ends by itself if this fails, and the person asked for something else.
            let _ = self.revoke(&old).await;
        }
    }

    fn forget_lanes(&self, server: &VaultAddress) {
        self.lanes.lock().unwrap_or_else(std::sync::PoisonError::into_inner).retain(|at, _| !is_same(&at.server, server));
    }

    /// See [`crate::ports::Vault::log_out`].
    pub(super) async fn log_out(&self) -> Vec<Fault> {
        let sessions = self.sessions.take();
        for session in &sessions {
            self.forget_lanes(&session.at.server);
        }
        let revoked = futures::future::join_all(sessions.iter().map(|session| self.revoke(session))).await;
        revoked.into_iter().filter_map(Result::err).collect()
    }

    /// Revokes what a login got. A token that somebody typed is theirs, and only forgotten.
    pub(super) async fn revoke(&self, session: &Session) -> Result<(), Fault> {
        if !session.from.is_ours() {
            return Ok(());
        }
        let server = &session.at.server;
        let failed = |fault: Fault| {
            let message =
                format!("The token of the login at {server} could not be revoked, and ends by itself: {}", fault.message);
            Fault { message: crate::model::Text::foreign(&message), ..fault }
        };
        let answer = self.post(session, "auth/token/revoke-self", REVOKE).await.map_err(failed)?;
        // One that ended meanwhile needs no end.
        if answer.status == 403 { Ok(()) } else { answer.success(&session.at.pod).map(drop).map_err(failed) }
    }

    async fn post(&self, session: &Session, path: &str, deadline: Duration) -> Result<Answer, Fault> {
        let route = self.route(&session.at)?;
        let word = session.word();
        let way = self.way(&session.at.server, &route, word.as_ref());
        let call = Call::with_token(deadline, &session.token, session.namespace.as_deref());
        client::ask(&Line::default(), way, &Post::of(path.to_owned(), &[]), call).await
    }

    /// Whose token reads there. One that a login got is renewed before it ends; where that cannot be and the login
    /// was a store's, it is made again.
    pub(super) async fn token(&self, replica: &ReplicaAddress) -> Result<Option<Token>, Fault> {
        let known = self.look(replica).await;
        let Some(session) = self.sessions.at(&replica.server).filter(|session| session.from.is_ours()) else {
            return known.map(|known| known.map(|known| known.token));
        };
        let lives = match &known {
            Ok(known) => known.as_ref().is_none_or(|known| !known.is_due(clock::now())),
            Err(fault) => fault.kind != FaultKind::Unauthorized,
        };
        if lives {
            return known.map(|known| known.map(|known| known.token));
        }
        let renewable = matches!(&known, Ok(Some(known)) if known.token.renewable);
        if !(renewable && self.renew(&session).await)
            && let Some(login) = &session.again
        {
            match self.as_store(replica, login).await {
                Ok(again) => self.install(again).await,
                Err(fault) if known.is_err() => return Err(fault),
                // What is there still lives for a while; it is tried again at the next look.
                Err(_) => {}
            }
        }
        self.look(replica).await.map(|known| known.map(|known| known.token)).map_err(|fault| {
            if session.again.is_some() || fault.kind != FaultKind::Unauthorized {
                return fault;
            }
            let message = format!("The login at {} has ended: its paths are not read any more.", replica.server);
            Fault::new(FaultKind::Unauthorized, &message).hinted("Log in again with :login.")
        })
    }

    /// What is known of the token that reads there.
    async fn look(&self, replica: &ReplicaAddress) -> Result<Option<Known>, Fault> {
        let reads = self.reads(replica).await?;
        let known = whose::known(&reads, &replica.pod).await?;
        Ok(known.map(|known| Known { token: Token { from: reads.from.clone(), ..known.token }, ..known }))
    }

    /// Renews a token; says whether it lives on for a while.
    async fn renew(&self, session: &Session) -> bool {
        let renewed = self.post(session, "auth/token/renew-self", LOGIN).await;
        renewed.is_ok_and(|answer| answer.success(&session.at.pod).is_ok())
    }

    pub(super) fn may_log_in(&self, replica: &ReplicaAddress) -> Result<(), Fault> {
        if self.environment.skip_verify && replica.server.tls {
            let message = "VAULT_SKIP_VERIFY is set: anybody may be the server, so nothing is given to it to log in with.";
            return Err(Fault::new(FaultKind::Tls, message).hinted("Set BAO_CACERT or VAULT_CACERT to the CA's file instead."));
        }
        self.may_carry_secrets(replica, "token or password")
    }

    pub(super) fn reads_with<'a>(&'a self, replica: &'a ReplicaAddress, session: &Session) -> Result<Reads<'a>, Fault> {
        Ok(Reads {
            inner: self,
            replica,
            route: self.route(replica)?,
            // Connections of its own until it is in place.
            lanes: self
                .sessions
                .at(&replica.server)
                .filter(|known| known.token == session.token)
                .map_or_else(Arc::default, |_| of(&self.lanes, replica)),
            token: session.token.clone(),
            from: session.from.clone(),
            namespace: session.namespace.clone(),
            word: session.word(),
        })
    }
}

/// `auth/<mount>/login[/<name>]`. What a store names as its mount must not lead elsewhere.
pub(super) fn login_path(mount: &str, name: Option<&str>) -> Result<String, Fault> {
    let mount = mount.trim_matches('/');
    if !mount.split('/').all(is_plain) {
        return Err(Fault::new(FaultKind::Invalid, &format!("“{mount}” cannot be the mount of a login method.")));
    }
    match name {
        None => Ok(format!("auth/{mount}/login")),
        // Anything else in it is quoted where the URL is formed.
        Some(name) if !name.is_empty() && !name.starts_with('.') && !name.contains('/') => {
            Ok(format!("auth/{mount}/login/{name}"))
        }
        Some(name) => Err(Fault::new(FaultKind::Invalid, &format!("“{name}” cannot be the name of a user."))),
    }
}

/// Whether a segment of a path leads nowhere else.
pub(super) fn is_plain(segment: &str) -> bool {
    !segment.is_empty() && !segment.starts_with('.') && segment.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

pub(super) fn token_of(answer: &Answer, said: &Name) -> Result<Zeroizing<String>, Fault> {
    let body = answer.success(said)?;
    let none = |why: &str| Fault::new(FaultKind::Http, &format!("{said} answers the login {why}."));
    let given: Given<'_> = serde_json::from_slice(&body).map_err(|_| none("with something that holds no token"))?;
    match given.auth {
        Some(auth) if !auth.client_token.is_empty() => Ok(Zeroizing::new(auth.client_token.to_owned())),
        Some(_) => Err(none("with a wish for a second factor, and sealwatch has none to give")
            .hinted("Log in with “bao login” or “vault login”, and type the token here: :login.")),
        None => Err(none("without a token")),
    }
}
