//! Steps that several runbooks share. Each file is one step; here is what they have in common: which
//! objects a target means.

pub mod check;
pub mod external_secrets;
pub mod pods;
pub mod stores;
pub mod unseal;

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Progress, Right, Target};
use crate::diagnosis::server::ServerState;
use crate::model::kinds::{ExternalSecret, SecretStore, Watched};
use crate::model::{Fault, Inventory, Kind, ObjectRef, VaultServer};

/// The stores that a target means, in order of their names.
pub(super) fn stores_of<'a>(target: &Target, world: &'a Inventory) -> Vec<&'a SecretStore> {
    let refs: BTreeSet<ObjectRef> = match target {
        Target::Vault(vault) => world.stores_of(vault).map(SecretStore::store_ref).collect(),
        Target::Objects(objects) => objects
            .iter()
            .filter_map(|object| match object.kind {
                Kind::SecretStore | Kind::ClusterSecretStore => Some(object.clone()),
                Kind::ExternalSecret => world.get::<ExternalSecret>(object)?.store_ref(),
                _ => None,
            })
            .collect(),
    };
    refs.iter().filter_map(|store| world.store(store)).collect()
}

/// The `ExternalSecret`s that a target means, in order of their names.
pub(super) fn external_secrets_of<'a>(target: &Target, world: &'a Inventory) -> Vec<&'a ExternalSecret> {
    let readers = |store: &ObjectRef| world.readers_of(store).map(|es| es.object_ref()).collect::<Vec<_>>();
    let refs: BTreeSet<ObjectRef> = match target {
        Target::Vault(vault) => world.stores_of(vault).flat_map(|store| readers(&store.store_ref())).collect(),
        Target::Objects(objects) => objects
            .iter()
            .flat_map(|object| match object.kind {
                Kind::ExternalSecret => vec![object.clone()],
                Kind::SecretStore | Kind::ClusterSecretStore => readers(object),
                _ => Vec::new(),
            })
            .collect(),
    };
    refs.iter().filter_map(|es| world.get::<ExternalSecret>(es)).map(AsRef::as_ref).collect()
}

/// The server of these stores that said itself that it does not serve now, in a sentence: refreshing through
/// it would only fail once more.
pub(super) fn closed_server(target: &Target, world: &Inventory) -> Option<String> {
    let servers = stores_of(target, world).into_iter().filter_map(|store| world.vault_of(store));
    let closed = |server: &VaultServer| {
        matches!(ServerState::of(server), ServerState::Sealed | ServerState::NoActiveNode | ServerState::Uninitialised)
    };
    let server = servers.into_iter().find(|server| closed(server))?;
    let (sealed, all) = (server.sealed().count(), server.replicas.len());
    let name = server.subject().short();
    Some(format!("The Vault {name} does not serve now ({sealed} of {all} replicas sealed): “recover” repairs that first."))
}

/// What comes of a write that failed for want of an answer: the same again after a while.
pub(super) enum Again {
    /// Not yet.
    Later,
    /// Now.
    Now,
    /// It was tried often enough, or trying again does not help.
    Never,
}

/// How often a write that got no answer is tried.
const TRIES: usize = 6;
/// How long between two tries, in seconds: an API server that restarts needs some.
const BETWEEN_TRIES: i64 = 5;

/// Whether a write of a step that failed is to be tried again.
pub(super) fn again(progress: &Progress, step: &str, object: &ObjectRef, fault: &Fault, at: Timestamp) -> Again {
    let tries = progress.of_step(step).filter(|applied| applied.operation.object() == object && applied.result.is_err()).count();
    match progress.now.as_second() - at.as_second() {
        _ if !fault.is_transient() || tries >= TRIES => Again::Never,
        waited if waited < BETWEEN_TRIES => Again::Later,
        _ => Again::Now,
    }
}

/// Whether the API server said that this right is missing. A right that was not asked for is not missing.
pub(super) fn lacks(progress: &Progress, right: &Right) -> bool {
    progress.rights.get(right) == Some(&Some(false))
}

/// `1 store`, `3 stores`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
