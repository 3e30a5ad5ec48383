//! Which rows belong to the selected one, in the other panes: a store's ExternalSecrets and paths, and back.

use std::collections::HashSet;

use crate::model::kinds::{ExternalSecret, SecretStore, Watched};
use crate::model::{Inventory, Kind, ObjectRef, VaultAddress};

/// So many objects are named one by one; of more, each is asked when it is drawn.
const AT_HAND: usize = 500;

/// Everything that is linked to an object through a store.
#[derive(Clone, Debug, Default)]
pub struct Linked {
    named: HashSet<ObjectRef>,
    /// What has too many readers to name them: those that read so belong too.
    many: Option<Reading>,
}

/// How `ExternalSecret`s read.
#[derive(Clone, Debug)]
enum Reading {
    /// Through one of these stores; whether the paths that they read belong too.
    Through(HashSet<ObjectRef>, bool),
    /// From this path.
    From(ObjectRef),
}

/// How many rows that belong to the selected one are folded away in a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InFold {
    /// So many.
    Count(usize),
    /// More than are counted while one waits.
    Many,
}

impl Default for InFold {
    fn default() -> Self {
        Self::Count(0)
    }
}

impl Linked {
    /// What is linked to this object.
    #[must_use]
    pub fn to(world: &Inventory, object: &ObjectRef) -> Self {
        let mut linked = Self::default();
        match object.kind {
            Kind::SecretStore | Kind::ClusterSecretStore => {
                if let Some(store) = world.store(object) {
                    linked.named.extend(server(store).map(VaultAddress::subject));
                    linked.readers(world, &[store], true);
                }
            }
            Kind::ExternalSecret => {
                if let Some(es) = world.get::<ExternalSecret>(object)
                    && let Some(store) = es.store_ref().and_then(|store| world.store(&store))
                {
                    linked.named.insert(store.store_ref());
                    linked.named.extend(paths(store, es));
                    linked.named.extend(server(store).map(VaultAddress::subject));
                }
            }
            Kind::VaultPath => {
                for (store, es) in world.readers_of_path(object) {
                    linked.named.insert(store.store_ref());
                    linked.named.insert(es.object_ref());
                    if linked.named.len() > AT_HAND {
                        linked.many = Some(Reading::From(object.clone()));
                        break;
                    }
                }
            }
            Kind::Vault => {
                let stores: Vec<&SecretStore> = world.stores_of(object).collect();
                linked.named.extend(stores.iter().map(|store| store.store_ref()));
                linked.readers(world, &stores, false);
            }
            _ => {}
        }
        linked
    }

    /// Adds what reads through these stores, and, if they are wanted, the paths that are read.
    fn readers(&mut self, world: &Inventory, stores: &[&SecretStore], with_paths: bool) {
        for store in stores {
            for es in world.readers_of(&store.store_ref()) {
                self.named.insert(es.object_ref());
                if with_paths {
                    self.named.extend(paths(store, es));
                }
                if self.named.len() > stores.len() + AT_HAND {
                    let stores = stores.iter().map(|store| store.store_ref()).collect();
                    self.many = Some(Reading::Through(stores, with_paths));
                    return;
                }
            }
        }
    }

    /// Whether an object belongs.
    #[must_use]
    pub fn contains(&self, world: &Inventory, object: &ObjectRef) -> bool {
        self.named.contains(object) || self.many.as_ref().is_some_and(|reading| reading.is_by(world, object))
    }

    /// Those that are named one by one: all, unless they are many.
    pub fn at_hand(&self) -> impl Iterator<Item = &ObjectRef> {
        self.named.iter()
    }

    /// Whether not all of them are named.
    #[must_use]
    pub const fn is_many(&self) -> bool {
        self.many.is_some()
    }
}

impl Reading {
    /// Whether an object reads so, or is read so.
    fn is_by(&self, world: &Inventory, object: &ObjectRef) -> bool {
        let store = |es: &ExternalSecret| es.store_ref();
        match (self, object.kind) {
            (Self::Through(stores, _), Kind::ExternalSecret) => {
                world.get::<ExternalSecret>(object).and_then(|es| store(es)).is_some_and(|store| stores.contains(&store))
            }
            (Self::Through(stores, true), Kind::VaultPath) => {
                world.readers_of_path(object).any(|(store, _)| stores.contains(&store.store_ref()))
            }
            (Self::From(path), Kind::ExternalSecret) => world.get::<ExternalSecret>(object).is_some_and(|es| {
                store(es).and_then(|store| world.store(&store)).is_some_and(|store| paths(store, es).any(|one| one == *path))
            }),
            (Self::From(path), Kind::SecretStore | Kind::ClusterSecretStore) => {
                world.readers_of_path(path).any(|(store, _)| store.store_ref() == *object)
            }
            _ => false,
        }
    }
}

fn server(store: &SecretStore) -> Option<&VaultAddress> {
    store.vault.as_ref().map(|vault| &vault.address)
}

/// The paths that an `ExternalSecret` reads through a store.
fn paths(store: &SecretStore, es: &ExternalSecret) -> impl Iterator<Item = ObjectRef> {
    let vault = store.vault.as_ref();
    es.remote.iter().filter_map(move |remote| vault.map(|vault| vault.address.path_ref(&vault.path_of(remote.key.as_str()))))
}
