//! Which looks a change touches: from what differs between two pictures of a world, along the links between objects. It may
//! name a look too many, and must not miss one: whoever lets a rule read something new sees here whether that is followed.
//! What an `ExternalSecret` reaches (`reach.rs`) is followed as well: its Secret, and the pods that use it. What is read at
//! every diagnosis anyway (the controller, what cannot be seen) is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::Finding;
use super::case::drags_down;
use super::look::{Look, blamed, troubled};
use super::starting::Waiting;
use crate::model::kinds::generator::is_generator;
use crate::model::kinds::secret_store::{LetIn, VaultProvider};
use crate::model::kinds::{self, ExternalSecret, Link, Meta, Role, SecretStore, Visitor, Watched};
use crate::model::shelf::Difference;
use crate::model::vault::{Lead, MountState, Replica, ReplicaHealth, SecretPath, TokenSource};
use crate::model::{Health, Inventory, Kind, Name, ObjectRef, Text, VaultAddress, VaultServer};

/// More looks than a quarter of all, and these, are not worth being told apart.
const FEW: usize = 256;

/// The looks that may find something else in a world than they found in an older picture of it.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Where something is another one, or reaches something else.
    pub(super) looks: BTreeSet<Look>,
    /// What reads through a store of which something is said, and is itself what it was. However many these are, they do not
    /// make it a change of everything: most say what they said, and are not counted anew.
    pub(super) below: BTreeSet<Look>,
}

/// What differs between two pictures of a world; nothing if that is everything. `waiting` is brought up to date with it.
pub(super) fn touched(old: &Inventory, new: &Inventory, waiting: &mut Waiting) -> Option<Touched> {
    let most = new.all::<ExternalSecret>().len() / 4 + FEW;
    let mut touched = Differing { old, new, waiting, looks: BTreeSet::new(), below: BTreeSet::new(), most };
    // That something is missing is said only where it would be seen.
    if !sees_as(old, new) {
        return None;
    }
    touched.vaults();
    if old.logs.len() != new.logs.len() || !old.logs.iter().zip(&new.logs).all(|(a, b)| a.0 == b.0 && Arc::ptr_eq(a.1, b.1)) {
        touched.looks.insert(Look::World);
    }
    if old.served != new.served {
        touched.looks.insert(Look::World);
    }
    kinds::visit(&mut touched);
    (!touched.is_too_much()).then_some(Touched { looks: touched.looks, below: touched.below })
}

/// The looks that rest on what another one found, if it is not for them what it was: evidence may have a new time.
pub(super) fn downstream(world: &Inventory, look: &Look, before: &[Arc<Finding>], now: &[Arc<Finding>]) -> Vec<Look> {
    let failing = |is_hit: &dyn Fn(&ExternalSecret) -> bool| {
        let failing = world.failing::<ExternalSecret>().filter(|es| is_hit(es));
        failing.map(|es| Look::Reader(es.object_ref())).collect::<Vec<_>>()
    };
    let root = |finding: &Finding| (finding.cause(), finding.certainty, finding.since, drags_down(finding));
    match look {
        // Also what is only suspected of it: a store that says that it is well stands under that.
        Look::Vault(address) if !before.iter().map(|one| root(one)).eq(now.iter().map(|one| root(one))) => {
            let stores = world.stores().filter(|store| is_at(store, address));
            let mut looks: Vec<Look> = stores.map(|store| Look::Store(store.store_ref())).collect();
            looks.extend(failing(&|es| reads_at(world, es, address)));
            looks
        }
        Look::Store(store) if blamed(store, before) != blamed(store, now) => failing_below(world, store).collect(),
        Look::Path(..) => {
            let subjects = |here: &[Arc<Finding>]| here.iter().map(|finding| finding.subject.clone()).collect::<BTreeSet<_>>();
            let (before, now) = (subjects(before), subjects(now));
            let told = before.symmetric_difference(&now).filter(|subject| subject.kind == Kind::ExternalSecret);
            told.cloned().map(Look::Reader).collect()
        }
        _ => Vec::new(),
    }
}

/// What fails, of what reads through a store.
fn failing_below(world: &Inventory, store: &ObjectRef) -> impl Iterator<Item = Look> {
    world.readers_of(store).filter(|es| es.fails()).map(|es| Look::Reader(es.object_ref()))
}

fn reads_at(world: &Inventory, es: &ExternalSecret, address: &VaultAddress) -> bool {
    es.store_ref().and_then(|store| world.store(&store)).is_some_and(|store| is_at(store, address))
}

fn is_at(store: &SecretStore, address: &VaultAddress) -> bool {
    store.vault.as_ref().is_some_and(|vault| vault.address == *address)
}

/// Whether the same would be seen in two pictures if it were there.
fn sees_as(old: &Inventory, new: &Inventory) -> bool {
    old.sources.len() == new.sources.len()
        && old.sources.iter().zip(&new.sources).all(|((kind, old), (other, new))| {
            let parts = || old.parts.iter().zip(&new.parts);
            let same = parts().all(|((place, old), (other, new))| place == other && old.complete == new.complete);
            kind == other && old.parts.len() == new.parts.len() && same && old.refused.is_some() == new.refused.is_some()
        })
}

struct Differing<'a> {
    old: &'a Inventory,
    new: &'a Inventory,
    waiting: &'a mut Waiting,
    looks: BTreeSet<Look>,
    below: BTreeSet<Look>,
    most: usize,
}

impl Visitor for Differing<'_> {
    fn visit<K: Watched>(&mut self) {
        let (old, new) = (self.old, self.new);
        new.all::<K>().differences(old.all::<K>(), |difference| {
            let (before, after) = match difference {
                Difference::Gone(before) => (Some(before), None),
                Difference::New(after) => (None, Some(after)),
                Difference::Changed(before, after) => (Some(before), Some(after)),
            };
            if !self.is_too_much() {
                self.changed(before.map(AsRef::as_ref), after.map(AsRef::as_ref));
            }
        });
    }
}

impl Differing<'_> {
    fn is_too_much(&self) -> bool {
        self.looks.len() > self.most
    }

    /// An object that came, went or is another one now.
    fn changed<K: Watched>(&mut self, before: Option<&K>, after: Option<&K>) {
        let Some(object) = after.or(before).map(K::object_ref) else { return };
        self.waiting.changed(self.new, before, after);
        for link in before.into_iter().chain(after).flat_map(K::links) {
            self.pointed(&link);
        }
        match object.kind {
            Kind::ExternalSecret => self.reader(&object),
            Kind::SecretStore | Kind::ClusterSecretStore => self.store(&object),
            Kind::Secret => {
                self.pointing_at(&object, Role::Writes);
                self.pointing_at(&object, Role::LogsInWith);
            }
            Kind::Namespace => self.failing(|es| es.meta.namespace == object.name),
            // Of these nothing is read but whether they are there.
            Kind::ServiceAccount if before.is_some() != after.is_some() => {
                self.looks.extend(self.new.stores().map(|store| Look::Store(store.store_ref())));
                self.failing(|es| es.meta.namespace == object.namespace);
            }
            Kind::ClusterExternalSecret
            | Kind::PushSecret
            | Kind::VaultDynamicSecret
            | Kind::Application
            | Kind::Kustomization
            | Kind::HelmRelease
            | Kind::Job => {
                self.looks.insert(Look::World);
            }
            kind if is_generator(kind) => self.pointing_at(&object, Role::Generates),
            _ => {}
        }
    }

    /// What an object points at that changed.
    fn pointed(&mut self, link: &Link) {
        match link.role {
            // Who else writes this Secret, and for whom.
            Role::Writes | Role::Consumes => self.pointing_at(&link.to, Role::Writes),
            Role::Tells => match link.to.kind {
                Kind::ExternalSecret => self.reader(&link.to),
                Kind::SecretStore | Kind::ClusterSecretStore => self.told_of_store(&link.to),
                _ => {}
            },
            Role::MadeBy if link.to.kind == Kind::Job => {
                self.looks.insert(Look::World);
            }
            _ => {}
        }
    }

    /// What points at an object in this role.
    fn pointing_at(&mut self, object: &ObjectRef, role: Role) {
        for by in self.new.pointing_at(object, role) {
            match by.kind {
                Kind::ExternalSecret => self.looks.insert(Look::Reader(by.clone())),
                Kind::SecretStore | Kind::ClusterSecretStore => self.looks.insert(Look::Store(by.clone())),
                _ => false,
            };
        }
    }

    /// An `ExternalSecret`, and what is judged by its readers: its paths, its store, its Vault.
    fn reader(&mut self, object: &ObjectRef) {
        self.looks.insert(Look::Reader(object.clone()));
        for world in [self.old, self.new] {
            let Some(es) = world.get::<ExternalSecret>(object) else { continue };
            let Some(store) = es.store_ref() else { continue };
            if let Some(vault) = world.store(&store).and_then(|store| store.vault.as_ref()) {
                let paths = es.remote.iter().map(|remote| vault.path_of(remote.key.as_str()));
                let paths = paths.filter(|full| self.is_troubled(&vault.address, full)).collect::<Vec<_>>();
                self.looks.extend(paths.into_iter().map(|full| Look::Path(vault.address.clone(), full)));
                self.looks.insert(Look::Vault(vault.address.clone()));
            }
            self.looks.insert(Look::Store(store));
        }
    }

    fn is_troubled(&self, address: &VaultAddress, full: &Text) -> bool {
        let paths = [self.old, self.new].map(|world| world.vaults.get(address).and_then(|server| server.paths.get(full)));
        paths.into_iter().flatten().any(|path| path.facts.state.is_trouble())
    }

    /// A store, and the others of its Vault, beside which it is held. Who reads through it and is well asks only where it
    /// leads.
    fn store(&mut self, object: &ObjectRef) {
        let (before, after) = (self.old.store(object), self.new.store(object));
        let written =
            |store: &SecretStore| SecretStore { meta: Meta { resource_version: 0, ..store.meta.clone() }, ..store.clone() };
        // Its controller writes what it wrote before at every check: nothing is read of that.
        if before.map(written) == after.map(written) {
            return;
        }
        self.looks.insert(Look::World);
        self.looks.insert(Look::Store(object.clone()));
        if before.map(seen_from_below) != after.map(seen_from_below) {
            self.below.extend(failing_below(self.new, object));
        }
        let moved = before.is_none() != after.is_none() || before.map(|store| &store.vault) != after.map(|store| &store.vault);
        if moved {
            let readers = self.new.readers_of(object).map(|es| Look::Reader(es.object_ref()));
            self.looks.extend(readers);
        }
        let is_same_beside = before.map(seen_beside) == after.map(seen_beside);
        for address in before.into_iter().chain(after).filter_map(|store| Some(&store.vault.as_ref()?.address)) {
            self.looks.insert(Look::Vault(address.clone()));
            if !is_same_beside {
                self.beside(address);
            }
            for server in [self.old, self.new].into_iter().filter_map(|world| world.vaults.get(address)).filter(|_| moved) {
                self.looks.extend(troubled(server));
            }
        }
    }

    /// Something was said of a store.
    fn told_of_store(&mut self, object: &ObjectRef) {
        self.looks.insert(Look::Store(object.clone()));
        for store in [self.old, self.new].into_iter().filter_map(|world| world.store(object)) {
            self.looks.extend(store.vault.as_ref().map(|vault| Look::Vault(vault.address.clone())));
        }
        // What waits for its back-off asks when a store that is well was checked.
        if self.new.store(object).is_some_and(|store| store.health() == Health::Healthy) {
            self.below.extend(failing_below(self.new, object));
        }
    }

    /// The stores of a Vault, and what logs in itself there: a login that fails is held beside those that do not.
    fn beside(&mut self, address: &VaultAddress) {
        for store in self.new.stores().filter(|store| is_at(store, address)) {
            let object = store.store_ref();
            if store.is_referent() {
                self.below.extend(failing_below(self.new, &object));
            }
            self.looks.insert(Look::Store(object));
        }
    }

    /// A Vault, with its stores and what fails through these.
    fn vault(&mut self, address: &VaultAddress) {
        self.looks.insert(Look::Vault(address.clone()));
        let stores = self.new.stores().filter(|store| is_at(store, address)).map(|store| Look::Store(store.store_ref()));
        self.looks.extend(stores);
        let new = self.new;
        self.failing(|es| reads_at(new, es, address));
    }

    /// What fails, and is so.
    fn failing(&mut self, is_hit: impl Fn(&ExternalSecret) -> bool) {
        let failing = self.new.failing::<ExternalSecret>().filter(|es| is_hit(es));
        self.looks.extend(failing.map(|es| Look::Reader(es.object_ref())));
    }

    fn vaults(&mut self) {
        let (old, new) = (self.old, self.new);
        let addresses: BTreeSet<&VaultAddress> = old.vaults.keys().chain(new.vaults.keys()).collect();
        for address in addresses {
            match (old.vaults.get(address), new.vaults.get(address)) {
                (Some(before), Some(after)) if Arc::ptr_eq(before, after) => {}
                (before, after) => self.answered(address, before.map(AsRef::as_ref), after.map(AsRef::as_ref)),
            }
        }
    }

    /// A Vault that gave answers. It is asked every second: that only times moved must cost nothing.
    fn answered(&mut self, address: &VaultAddress, before: Option<&VaultServer>, after: Option<&VaultServer>) {
        // What was found there says when.
        self.looks.insert(Look::Vault(address.clone()));
        if before.map(Word::of) != after.map(Word::of) {
            self.vault(address);
            self.looks.insert(Look::World);
            self.looks.extend(before.into_iter().chain(after).flat_map(troubled));
        }
        let paths = |server: Option<&VaultServer>| server.map(|server| server.paths.clone()).unwrap_or_default();
        paths(after).differences(&paths(before), |full, before, after| self.path(address, full, before, after));
    }

    fn path(&mut self, address: &VaultAddress, full: &Text, before: Option<&SecretPath>, after: Option<&SecretPath>) {
        if before.into_iter().chain(after).any(|path| path.facts.state.is_trouble()) {
            self.looks.insert(Look::Path(address.clone(), full.clone()));
        }
        let said = |path: &SecretPath| SecretPath { asked: None, readers: 0, ..path.clone() };
        if before.map(said) != after.map(said) && !self.is_too_much() {
            let readers = self.new.readers_of_path(&address.path_ref(full));
            self.looks.extend(readers.map(|(_, es)| Look::Reader(es.object_ref())));
        }
    }
}

/// What a look at something that reads through a store sees of it, beside what was found there.
fn seen_from_below(store: &SecretStore) -> (Option<&VaultProvider>, &[LetIn], Health, Option<Timestamp>) {
    let health = store.health();
    let since = store.ready.as_ref().filter(|_| health == Health::Healthy).and_then(|ready| ready.since);
    (store.vault.as_ref(), &store.lets_in, health, since)
}

/// What a look at another store of its Vault sees of it.
fn seen_beside(store: &SecretStore) -> (Option<&VaultProvider>, Health) {
    (store.vault.as_ref(), store.health())
}

/// What a Vault says beside its paths, whenever it says it.
#[derive(PartialEq)]
struct Word<'a> {
    replicas: Vec<(&'a Name, Replica)>,
    lead: Lead,
    listed: bool,
    mounts: Vec<(&'a Text, &'a MountState)>,
    token: Option<&'a TokenSource>,
    logins: Vec<usize>,
    spaces: Vec<(&'a Text, bool)>,
}

impl<'a> Word<'a> {
    fn of(server: &'a VaultServer) -> Self {
        let replica = |replica: &Replica| Replica { answered: None, health: ReplicaHealth::default(), ..replica.clone() };
        Self {
            replicas: server.replicas.iter().map(|(pod, one)| (pod, replica(one))).collect(),
            lead: server.lead,
            listed: server.listed,
            mounts: server.mounts.iter().map(|(name, mount)| (name, &mount.state)).collect(),
            token: server.token.as_ref().map(|token| &token.from),
            // One that was asked anew is another one.
            spaces: spaces(server),
            logins: server.logins.values().map(|checks| Arc::as_ptr(checks).addr()).collect(),
        }
    }
}

/// The namespaces of which it is known whether they are sealed by themselves.
fn spaces(server: &VaultServer) -> Vec<(&Text, bool)> {
    let all = server.surroundings().into_iter().flat_map(|around| &around.namespaces);
    all.filter_map(|(name, seal)| Some((name, seal.said()?.sealed))).collect()
}
