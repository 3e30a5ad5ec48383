//! What is found through the indices, and not by looking at every object.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::Inventory;
use crate::model::health::Status;
use crate::model::kinds::generator::KINDS;
use crate::model::kinds::{ExternalSecret, Meta, Role, SecretStore, Visitor, Watched, visit};
use crate::model::object::{Kind, Name, ObjectRef, Uid};
use crate::model::shelf::Placed as _;
use crate::model::text::Text;
use crate::model::vault::{StoreLogin, VaultServer};

impl Inventory {
    /// Every object of a kind that says that it fails, by namespace and name.
    pub fn failing<K: Watched>(&self) -> impl Iterator<Item = &Arc<K>> {
        self.failing_names(K::KIND).filter_map(|object| self.get::<K>(object))
    }

    /// The names of the same.
    pub fn failing_names(&self, kind: Kind) -> impl Iterator<Item = &ObjectRef> {
        self.failing.iter_from(&|object| object.kind.cmp(&kind)).take_while(move |object| object.kind == kind)
    }

    /// Every store that an `ExternalSecret` reads through, whether it exists or not.
    #[must_use]
    pub fn stores_read_through(&self) -> Vec<&ObjectRef> {
        let mut stores: Vec<&ObjectRef> = Vec::new();
        for kind in [Kind::SecretStore, Kind::ClusterSecretStore] {
            let mut next = self.links.iter_from(&|(link, _)| link.to.kind.cmp(&kind)).next();
            // Thousands may read through one store: the next store is looked up, not walked to.
            while let Some((link, _)) = next.filter(|(link, _)| link.to.kind == kind) {
                if link.role == Role::ReadsThrough {
                    stores.push(&link.to);
                }
                next = self.links.iter_from(&|(other, _)| other.cmp(link).then(Ordering::Less)).next();
            }
        }
        stores
    }

    /// Every `ExternalSecret` that takes a value from a generator.
    #[must_use]
    pub fn generating(&self) -> Vec<&Arc<ExternalSecret>> {
        let links = KINDS.iter().chain(&[Kind::Generator]).flat_map(|kind| {
            let from = self.links.iter_from(&|(link, _)| link.to.kind.cmp(kind));
            from.take_while(|(link, _)| link.to.kind == *kind)
        });
        let all: BTreeSet<&ObjectRef> = links.filter(|(link, _)| link.role == Role::Generates).map(|(_, by)| by).collect();
        all.into_iter().filter_map(|es| self.get(es)).collect()
    }

    /// The metadata of an object of any watched kind, if it is there.
    #[must_use]
    pub fn meta_of(&self, object: &ObjectRef) -> Option<&Meta> {
        struct Find<'a, 'b>(&'a Inventory, &'b ObjectRef, Option<&'a Meta>);
        impl Visitor for Find<'_, '_> {
            fn visit<K: Watched>(&mut self) {
                if K::KIND == self.1.kind {
                    self.2 = self.0.get::<K>(self.1).map(|found| found.meta());
                }
            }
        }
        let mut find = Find(self, object, None);
        visit(&mut find);
        find.2
    }

    /// Whether an object stands on its shelf in the same version; only a real server's word counts for that.
    pub(in crate::model) fn holds_version<K: Watched>(&self, new: &K) -> bool {
        let version = |object: &K| (object.meta().uid.clone(), object.meta().resource_version);
        let told = matches!(new.meta().uid, Uid::Uuid(_)) && new.meta().resource_version > 0;
        told && self.all::<K>().get(new.place()).is_some_and(|old| version(old) == version(new))
    }

    /// The logins of kubernetes auth that fail at a Vault: of stores that say so, and of `ExternalSecret`s whose
    /// `ClusterSecretStore` leaves the service account to them and is never checked itself.
    #[must_use]
    pub fn failing_logins(&self, server: &VaultServer) -> Vec<StoreLogin> {
        let subject = server.subject();
        let mut logins: Vec<StoreLogin> = Vec::new();
        for store in self.stores_of(&subject) {
            if store.is_referent() {
                let failing = self.readers_of(&store.store_ref()).filter(|es| es.fails());
                let of_readers = failing.filter_map(|es| StoreLogin::of(store, Some(&es.meta.namespace)).ok());
                for login in of_readers {
                    if !logins.contains(&login) {
                        logins.push(login);
                    }
                }
            } else if store.ready.as_ref().is_some_and(|ready| ready.status == Status::False) {
                logins.extend(StoreLogin::of(store, None).ok());
            }
        }
        logins
    }

    /// What is read of a path of a Vault: who reads it through which store, and which version of it; `None` is the current
    /// one. One that reads several properties stands there for each.
    pub fn reads_of_path<'a>(
        &'a self,
        path: &ObjectRef,
    ) -> impl Iterator<Item = (&'a SecretStore, &'a Arc<ExternalSecret>, Option<u64>)> + use<'a> {
        let full = path.name.clone();
        self.readers_of_path(path).flat_map(move |(store, es)| {
            let full = full.clone();
            let is_here =
                move |key: &Text| store.vault.as_ref().is_some_and(|vault| vault.path_of(key.as_str()).as_str() == full.as_str());
            es.reads().filter(move |(remote, _)| is_here(&remote.key)).map(move |(_, version)| (store, es, version))
        })
    }

    /// The `ExternalSecret`s that read a path of a Vault, each with the store that it reads through.
    pub fn readers_of_path<'a>(
        &'a self,
        path: &ObjectRef,
    ) -> impl Iterator<Item = (&'a SecretStore, &'a Arc<ExternalSecret>)> + use<'a> {
        let full = path.name.clone();
        let address = self.vaults.keys().find(|address| address.host_port() == path.namespace.as_str());
        // What a store puts before a key ends with a slash, whatever it is: namespace, mount, both or nothing.
        let begins = std::iter::once(0).chain(full.as_str().match_indices('/').map(|(at, _)| at + 1));
        let keys: Vec<Name> = begins.filter_map(|at| full.as_str().get(at..)).map(Name::new).collect();
        keys.into_iter().flat_map(move |key| {
            let full = full.clone();
            let to = ObjectRef { kind: Kind::VaultPath, namespace: Name::empty(), name: key.clone() };
            self.pointing_at(&to, Role::Reads).filter_map(move |es| {
                let es = self.get::<ExternalSecret>(es)?;
                let store = self.store(&es.store_ref()?)?;
                let vault = store.vault.as_ref().filter(|vault| Some(&vault.address) == address)?;
                (vault.path_of(key.as_str()).as_str() == full.as_str()).then_some((store, es))
            })
        })
    }
}
