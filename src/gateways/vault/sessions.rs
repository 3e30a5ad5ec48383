//! The tokens that a login got or a person typed: in memory only, each for the one Vault that it was given to.

use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use super::tls::StoreWord;
use crate::model::VaultAddress;
use crate::model::vault::{StoreLogin, TokenSource};
use crate::ports::ReplicaAddress;

/// A login that stands.
pub(super) struct Session {
    /// Where it was made.
    pub(super) at: ReplicaAddress,
    pub(super) token: Zeroizing<String>,
    /// Where the token comes from.
    pub(super) from: TokenSource,
    /// How to log in again without anybody's doing.
    pub(super) again: Option<StoreLogin>,
    /// The Vault namespace that gave the token.
    pub(super) namespace: Option<String>,
}

impl Session {
    /// Whose CA is to be trusted for it, if not everybody's who may say.
    pub(super) fn word(&self) -> Option<StoreWord> {
        self.again.as_ref().map(StoreWord::of)
    }
}

/// Every login that stands, at most one for each server.
#[derive(Default)]
pub(super) struct Sessions(Mutex<Vec<Arc<Session>>>);

impl Sessions {
    /// The login at this server, in whichever way its address is written.
    pub(super) fn at(&self, server: &VaultAddress) -> Option<Arc<Session>> {
        self.all().iter().find(|session| is_same(&session.at.server, server)).cloned()
    }

    /// Puts a login in place of the one that was there, and hands that out.
    pub(super) fn put(&self, session: Arc<Session>) -> Option<Arc<Session>> {
        let mut all = self.all();
        let old = all.iter().position(|old| is_same(&old.at.server, &session.at.server)).map(|index| all.swap_remove(index));
        all.push(session);
        old
    }

    /// Takes all of them out.
    pub(super) fn take(&self) -> Vec<Arc<Session>> {
        std::mem::take(&mut *self.all())
    }

    fn all(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Session>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two addresses are of the same server: `vault.ns.svc` and `vault.ns.svc.cluster.local` are.
pub(super) fn is_same(one: &VaultAddress, other: &VaultAddress) -> bool {
    (one.tls, one.port) == (other.tls, other.port) && one.subject() == other.subject()
}
