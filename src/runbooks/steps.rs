//! Steps that several runbooks share. Each file is one step; here is what they have in common: which
//! objects a target means.

pub mod check;
pub mod external_secrets;
pub mod pods;
pub mod stores;
pub mod unseal;

use std::collections::BTreeSet;

use super::{Progress, Right, Target};
use crate::model::kinds::{ExternalSecret, SecretStore, Watched};
use crate::model::{Inventory, Kind, ObjectRef};

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

/// Whether the API server said that this right is missing. A right that was not asked for is not missing.
pub(super) fn lacks(progress: &Progress, right: &Right) -> bool {
    progress.rights.get(right) == Some(&Some(false))
}

/// `1 store`, `3 stores`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
