//! Which rows belong to the selected one, in the other panes: a store's ExternalSecrets and paths, and back.

use std::collections::HashSet;

use crate::model::kinds::{ExternalSecret, SecretStore, Watched};
use crate::model::{Inventory, Kind, ObjectRef, VaultAddress};

/// Everything that is linked to an object through a store.
#[must_use]
pub fn linked(world: &Inventory, object: &ObjectRef) -> HashSet<ObjectRef> {
    let mut found = HashSet::new();
    match object.kind {
        Kind::SecretStore | Kind::ClusterSecretStore => {
            if let Some(store) = world.store(object) {
                for es in world.readers_of(object) {
                    found.insert(es.object_ref());
                    found.extend(paths(store, es));
                }
                found.extend(server(store).map(VaultAddress::subject));
            }
        }
        Kind::ExternalSecret => {
            if let Some(es) = world.get::<ExternalSecret>(object)
                && let Some(store) = es.store_ref().and_then(|store| world.store(&store))
            {
                found.insert(store.store_ref());
                found.extend(paths(store, es));
                found.extend(server(store).map(VaultAddress::subject));
            }
        }
        Kind::VaultPath => {
            for store in world.stores() {
                for es in world.readers_of(&store.store_ref()).filter(|es| paths(store, es).any(|path| path == *object)) {
                    found.insert(store.store_ref());
                    found.insert(es.object_ref());
                }
            }
        }
        Kind::Vault => {
            for store in world.stores_of(object) {
                found.insert(store.store_ref());
                found.extend(world.readers_of(&store.store_ref()).map(|es| es.object_ref()));
            }
        }
        _ => {}
    }
    found
}

fn server(store: &SecretStore) -> Option<&VaultAddress> {
    store.vault.as_ref().map(|vault| &vault.address)
}

/// The paths that an `ExternalSecret` reads through a store.
fn paths(store: &SecretStore, es: &ExternalSecret) -> impl Iterator<Item = ObjectRef> {
    let vault = store.vault.as_ref();
    es.remote.iter().filter_map(move |remote| vault.map(|vault| vault.address.path_ref(&vault.path_of(remote.key.as_str()))))
}
