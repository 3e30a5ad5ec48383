//! Questions that need a token, to one replica: which token, over which connection, and not faster than the
//! server allows.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use zeroize::Zeroizing;

use super::api::{Api, Question};
use super::client::{self, Answer, Call};
use super::connection::Route;
use super::lanes::Lanes;
use super::tls::StoreWord;
use super::{Inner, of};
use crate::gateways::capture::tape;
use crate::model::Fault;
use crate::model::vault::TokenSource;
use crate::ports::ReplicaAddress;

/// How long a read may take: it goes through storage.
const READ: Duration = Duration::from_secs(5);
/// How often a question is asked again that the server's rate limit refused.
const TRIES: usize = 4;

/// Reads from one replica with one token.
pub(super) struct Reads<'a> {
    pub(super) inner: &'a Inner,
    pub(super) replica: &'a ReplicaAddress,
    pub(super) route: Route,
    pub(super) lanes: Arc<Lanes>,
    pub(super) token: Zeroizing<String>,
    /// Where the token comes from.
    pub(super) from: TokenSource,
    /// The Vault namespace of what names none.
    pub(super) namespace: Option<String>,
    /// Whose CA counts, if it is one store's.
    pub(super) word: Option<StoreWord>,
}

impl Inner {
    /// Reads from this replica, with the token that is for its server: that of a login there, else that of the
    /// environment, else that of the Secret that the configuration names.
    pub(super) async fn reads<'a>(&'a self, replica: &'a ReplicaAddress) -> Result<Reads<'a>, Fault> {
        let reads = self.reads_if_it_may(replica).await;
        tape::note_token(reads.as_ref().err());
        reads
    }

    async fn reads_if_it_may<'a>(&'a self, replica: &'a ReplicaAddress) -> Result<Reads<'a>, Fault> {
        self.may_carry_secrets(replica, "token")?;
        if let Some(session) = self.sessions.at(&replica.server) {
            return self.reads_with(replica, &session);
        }
        let (token, from) = match self.environment.token_for(&replica.server) {
            Ok(token) => (token, TokenSource::Environment),
            Err(fault) => self.token_of_secret(&replica.server).await?.ok_or(fault)?,
        };
        let lanes = of(&self.lanes, replica);
        Ok(Reads {
            inner: self,
            replica,
            route: self.route(replica)?,
            lanes,
            token,
            from,
            namespace: self.environment.namespace.clone(),
            word: None,
        })
    }
}

#[async_trait]
impl Api for Reads<'_> {
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
        let answer = self.answer(question).await.map(Some);
        tape::note(question, &answer);
        answer
    }
}

impl Reads<'_> {
    async fn answer(&self, question: &Question) -> Result<Answer, Fault> {
        let way = self.inner.way(&self.replica.server, &self.route, self.word.as_ref());
        let namespace = Some(question.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let call = Call::with_token(READ, &self.token, namespace.or(self.namespace.as_deref()));
        let mut tries = 0;
        loop {
            self.lanes.patience().await;
            let answer = self.lanes.with(async |line| client::ask(line, way, question, call).await).await?;
            tries += 1;
            let throttled = answer.status == 429;
            self.lanes.answered(throttled, answer.wait);
            if !throttled || tries == TRIES {
                return Ok(answer);
            }
        }
    }
}
