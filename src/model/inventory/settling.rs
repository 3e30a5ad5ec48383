//! Which Vaults there are and which of their paths are referenced, and how often. An `ExternalSecret` that begins to
//! read something else costs what it reads; everything is looked at only when a store changed, or with a list.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Inventory, first_segment, shapes};
use crate::model::beside::BESIDE;
use crate::model::kinds::{ExternalSecret, Object, SecretStore, VaultStaticSecret};
use crate::model::object::{Kind, ObjectRef};
use crate::model::shelf::Placed as _;
use crate::model::text::Text;
use crate::model::vault::{SecretPath, VaultAddress, VaultServer};

/// What is to be worked out, and from what.
#[derive(Clone, Debug, Default)]
pub(super) struct Settling {
    /// Everything, whatever else is noted.
    whole: bool,
    /// What `ExternalSecret`s read before and read now.
    moved: Vec<Moved>,
    /// How many `ExternalSecret`s there were when everything was worked out last.
    settled: usize,
}

/// One that reads something else now, or came, or went.
#[derive(Clone, Debug)]
struct Moved {
    before: Option<Arc<ExternalSecret>>,
    after: Option<Arc<ExternalSecret>>,
}

/// So many single ones cost about as much as one look at a hundred times as many.
const FEW: usize = 100;

/// A path that is read once.
type Reference = (VaultAddress, Text, SecretPath);

impl Inventory {
    /// Whether the Vaults and paths that are referenced are those of the objects that there are.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        !self.settling.whole && self.settling.moved.is_empty()
    }

    /// Notes that objects of a kind came or went, and nobody says which.
    pub(super) fn unsettle(&mut self, kind: Kind) {
        self.settling.whole |= shapes(kind);
    }

    /// Notes what an object that comes or changes does to Vaults and paths; to be called before it is put in its
    /// place. Nearly all changes are of status only, and then there is nothing to note.
    pub(super) fn unsettle_by(&mut self, object: &Object) {
        let other_vault = |store: &SecretStore| self.store(&store.store_ref()).is_none_or(|old| old.vault != store.vault);
        let whole = match object {
            Object::ExternalSecret(new) => {
                let before = self.all::<ExternalSecret>().get(new.place()).cloned();
                if before.as_ref().is_none_or(|old| old.remote != new.remote || old.store != new.store) {
                    self.moved(before, Some(Arc::clone(new)));
                }
                false
            }
            Object::SecretStore(new) => other_vault(new),
            Object::ClusterSecretStore(new) => other_vault(&new.0),
            Object::VaultStaticSecret(new) => self.all().get(new.place()).is_none_or(|old: &Arc<VaultStaticSecret>| {
                let way = |one: &VaultStaticSecret| (one.upkeep.auth.clone(), one.upkeep.mount.clone(), one.upkeep.path.clone());
                way(old) != way(new) || old.upkeep.namespace != new.upkeep.namespace
            }),
            other => BESIDE.contains(&other.object_ref().kind),
        };
        self.settling.whole |= whole;
    }

    /// Notes that an object goes; to be called before it is taken away.
    pub(super) fn unsettle_without(&mut self, object: &ObjectRef) {
        match self.get::<ExternalSecret>(object).cloned() {
            Some(gone) => self.moved(Some(gone), None),
            None => self.settling.whole |= shapes(object.kind) && object.kind != Kind::ExternalSecret,
        }
    }

    fn moved(&mut self, before: Option<Arc<ExternalSecret>>, after: Option<Arc<ExternalSecret>>) {
        let all = self.all::<ExternalSecret>().len();
        let settling = &mut self.settling;
        if settling.whole {
            return;
        }
        settling.moved.push(Moved { before, after });
        settling.whole = settling.moved.len() > FEW + all / FEW;
    }

    /// Works out which Vaults and paths are referenced, if a change touched that. To be called once after a batch of
    /// changes. While the `ExternalSecret`s are still being listed it does so each time they doubled, so that a list
    /// costs no more than its length.
    pub fn settle(&mut self) {
        if self.is_settled() {
            return;
        }
        if !self.settling.whole {
            self.revision += 1;
            for Moved { before, after } in std::mem::take(&mut self.settling.moved) {
                for (address, path, _) in before.iter().flat_map(|es| self.references(es)).collect::<Vec<_>>() {
                    self.unreference(&address, &path);
                }
                for reference in after.iter().flat_map(|es| self.references(es)).collect::<Vec<_>>() {
                    self.reference(reference);
                }
            }
            return;
        }
        let count = self.all::<ExternalSecret>().len();
        let listing = self.sources.get(&Kind::ExternalSecret).is_some_and(|source| !source.is_told());
        if listing && self.settling.settled > 0 && count < 2 * self.settling.settled {
            return;
        }
        self.settling = Settling { settled: count, ..Settling::default() };
        self.revision += 1;
        self.settle_whole();
    }

    /// What an `ExternalSecret` reads, through the store as it is.
    fn references<'a>(&'a self, es: &'a ExternalSecret) -> impl Iterator<Item = Reference> + 'a {
        let store = es.store_ref().and_then(|store| self.store(&store));
        let vault = store.and_then(|store| store.vault.as_ref()).into_iter();
        vault.flat_map(move |vault| {
            es.remote.iter().map(move |remote| {
                let key = remote.key.as_str();
                let mount = if vault.mount.is_empty() { first_segment(key) } else { vault.mount.clone() };
                let new = SecretPath::referenced(vault.namespace.clone(), mount, vault.version.clone());
                (vault.address.clone(), vault.path_of(key), new)
            })
        })
    }

    fn reference(&mut self, (address, path, mut new): Reference) {
        let server = self.vaults.entry(address.clone()).or_insert_with(|| Arc::new(VaultServer::new(address)));
        let paths = &mut Arc::make_mut(server).paths;
        if let Some(known) = paths.get_mut(&path) {
            known.readers += 1;
        } else {
            new.readers = 1;
            paths.insert(path, new);
        }
    }

    fn unreference(&mut self, address: &VaultAddress, path: &Text) {
        let Some(server) = self.vaults.get_mut(address) else { return };
        let paths = &mut Arc::make_mut(server).paths;
        match paths.get_mut(path) {
            Some(known) if known.readers > 1 => known.readers -= 1,
            _ => drop(paths.remove(path)),
        }
    }

    fn settle_whole(&mut self) {
        let mut referenced: BTreeMap<VaultAddress, BTreeMap<Text, SecretPath>> = BTreeMap::new();
        for store in self.stores() {
            let Some(vault) = &store.vault else { continue };
            let of_server = referenced.entry(vault.address.clone()).or_default();
            for (_, path, new) in self.readers_of(&store.store_ref()).flat_map(|es| self.references(es)) {
                of_server.entry(path).or_insert(new).readers += 1;
            }
        }
        for (address, path) in self.named_beside() {
            let of_server = referenced.entry(address.clone()).or_default();
            let Some((path, new)) = path else { continue };
            of_server.entry(path).or_insert(new).readers += 1;
        }
        self.vaults.retain(|address, _| referenced.contains_key(address));
        for (address, paths) in referenced {
            let server = self.vaults.entry(address.clone()).or_insert_with(|| Arc::new(VaultServer::new(address)));
            let gone: Vec<Text> = server.paths.keys().filter(|path| !paths.contains_key(*path)).cloned().collect();
            for path in gone {
                Arc::make_mut(server).paths.remove(&path);
            }
            for (path, mut new) in paths {
                if let Some(known) = server.paths.get(&path) {
                    (new.facts, new.asked, new.properties) = (known.facts.clone(), known.asked, known.properties.clone());
                    if new == *known {
                        continue;
                    }
                }
                Arc::make_mut(server).paths.insert(path, new);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::kinds::Watched;
    use crate::model::{Change, Names, Part};

    /// A store of a number, which reads from one of two Vaults.
    fn store(number: u8, vault: u8) -> Object {
        let json = serde_json::json!({
            "metadata": {"name": format!("store-{number}"), "namespace": "a"},
            "spec": {"provider": {"vault": {"server": format!("http://vault-{vault}:8200"), "path": "secret", "version": "v2"}}},
        });
        read::<SecretStore>(json)
    }

    fn read<K: Watched>(json: serde_json::Value) -> Object {
        K::read(serde_json::from_value(json).expect("it parses"), &mut Names::default()).into_object()
    }

    /// One that reads these keys through a store.
    fn reader(number: u8, through: u8, keys: &[u8]) -> Object {
        let data: Vec<_> = keys.iter().map(|key| serde_json::json!({"remoteRef": {"key": format!("k-{key}")}})).collect();
        read::<ExternalSecret>(serde_json::json!({
            "metadata": {"name": format!("es-{number}"), "namespace": "a"},
            "spec": {"secretStoreRef": {"kind": "SecretStore", "name": format!("store-{through}")}, "data": data},
        }))
    }

    proptest::proptest! {
        /// Worked out change by change it is what it is worked out at once.
        #[test]
        fn single_changes_come_to_the_same_as_a_look_at_everything(
            steps in proptest::collection::vec((0..6_u8, 0..8_u8, 0..3_u8, proptest::collection::vec(0..6_u8, 0..3)), 0..60)
        ) {
            let mut world = Inventory::default();
            let now = Timestamp::UNIX_EPOCH;
            for kind in [Kind::SecretStore, Kind::ClusterSecretStore, Kind::ExternalSecret] {
                world.apply(Change::Complete(Part::from(kind)), now);
            }
            world.settle();
            for (what, number, other, keys) in steps {
                let change = match what {
                    0 => Change::Applied(store(other, number % 2)),
                    1 => Change::Deleted(ObjectRef::new(Kind::SecretStore, "a", format!("store-{other}").as_str())),
                    2 => Change::Deleted(ObjectRef::new(Kind::ExternalSecret, "a", format!("es-{number}").as_str())),
                    _ => Change::Applied(reader(number, other, &keys)),
                };
                world.apply(change, now);
                // Several changes may come to one working out.
                if number % 3 > 0 {
                    world.settle();
                }
            }
            world.settle();
            let mut anew = world.clone();
            anew.vaults.clear();
            anew.settle_whole();
            let paths = |world: &Inventory| -> Vec<_> {
                world.vaults.iter().map(|(address, server)| (address.clone(), server.paths.clone())).collect()
            };
            proptest::prop_assert_eq!(paths(&world), paths(&anew));
        }
    }
}
