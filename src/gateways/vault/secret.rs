//! The token in the Secret that the configuration names (`token_from_secret`): for the Vault that stands in the
//! Secret's own namespace, whose people wrote it there, and for that of the environment.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use zeroize::Zeroizing;

use super::Inner;
use crate::model::vault::TokenSource;
use crate::model::{Fault, Name, ObjectRef, VaultAddress};

/// How long what was read stands: a new token counts that soon.
const FRESH: Duration = Duration::from_secs(30);

/// A key of a Secret that holds a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenSecret {
    /// The Secret.
    pub secret: ObjectRef,
    /// The key.
    pub key: Name,
}

/// What it held last.
pub(super) type Read = Mutex<Option<(Instant, Arc<Zeroizing<String>>)>>;

impl Inner {
    /// The token for this server, if a Secret is named and its token is for it.
    pub(super) async fn token_of_secret(&self, server: &VaultAddress) -> Result<Option<(Zeroizing<String>, TokenSource)>, Fault> {
        let (Some(named), Some(cluster)) = (&self.environment.token_secret, &self.cluster) else { return Ok(None) };
        let beside = server.service().is_some_and(|(namespace, _)| namespace == named.secret.namespace);
        if !beside && !self.environment.is_for(server) {
            return Ok(None);
        }
        let from = TokenSource::Secret(named.secret.clone());
        let read = || self.secret_token.lock().unwrap_or_else(PoisonError::into_inner);
        let known = read().clone().filter(|(at, _)| at.elapsed() < FRESH);
        let token = if let Some((_, token)) = known {
            token
        } else {
            let token = Arc::new(cluster.token_in(&named.secret, named.key.as_str()).await?);
            *read() = Some((Instant::now(), Arc::clone(&token)));
            token
        };
        Ok(Some(((*token).clone(), from)))
    }
}
