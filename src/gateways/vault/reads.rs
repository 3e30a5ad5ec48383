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
use super::{Inner, of};
use crate::model::Fault;
use crate::ports::ReplicaAddress;

/// How long a read may take: it goes through storage.
const READ: Duration = Duration::from_secs(5);
/// How often a question is asked again that the server's rate limit refused.
const TRIES: usize = 4;

/// Reads from one replica with one token.
pub(super) struct Reads<'a> {
    inner: &'a Inner,
    replica: &'a ReplicaAddress,
    route: Route,
    lanes: Arc<Lanes>,
    token: Zeroizing<String>,
}

impl Inner {
    /// Reads from this replica, with the token that is for its server.
    pub(super) fn reads<'a>(&'a self, replica: &'a ReplicaAddress) -> Result<Reads<'a>, Fault> {
        self.may_carry_secrets(replica, "token")?;
        let token = self.environment.token_for(&replica.server)?;
        Ok(Reads { inner: self, replica, route: self.route(replica)?, lanes: of(&self.lanes, replica), token })
    }
}

#[async_trait]
impl Api for Reads<'_> {
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
        let environment = &self.inner.environment;
        let way = self.inner.way(&self.replica.server, &self.route);
        let namespace = Some(question.namespace.as_str()).filter(|namespace| !namespace.is_empty());
        let call = Call::with_token(READ, &self.token, namespace.or(environment.namespace.as_deref()));
        let mut tries = 0;
        loop {
            self.lanes.patience().await;
            let answer = self.lanes.with(async |line| client::ask(line, way, question, call).await).await?;
            tries += 1;
            let throttled = answer.status == 429;
            self.lanes.answered(throttled, answer.wait);
            if !throttled || tries == TRIES {
                return Ok(Some(answer));
            }
        }
    }
}
