//! The whole world at one revision: every object, the links between them, every Vault, the controller,
//! and what could not be seen. Changes go in through [`Inventory::apply`]; a clone is a cheap snapshot.

mod change;
mod lookups;
pub mod runs;
mod settling;
mod unmatched;
mod vaults;

pub use change::Change;
pub use unmatched::Unmatched;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use self::settling::Settling;
use super::beside::BESIDE;
use super::controller::Controller;
use super::fault::Fault;
use super::kinds::secret_store::VaultProvider;
use super::kinds::{
    self, ClusterExternalSecret, ClusterSecretStore, Event, ExternalSecret, Link, Object, Pod, Role, Secret, SecretStore,
    Shelves, System, Watched,
};
use super::object::{Kind, Name, ObjectRef};
use super::shelf::{Shelf, Sorted};
use super::source::{Part, Reading, Source, Unreadable};
use super::text::Text;
use super::vault::{Mount, PathFacts, Replica, ReplicaHealth, ReplicaRole, Seal, VaultAddress, VaultServer};

/// The kinds that are served in a group and version; nothing where that version is not served.
pub type Served = Option<Arc<[Text]>>;

/// Everything that is known of the world.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Grows with every change that made a difference.
    pub revision: u64,
    pub(super) shelves: Shelves,
    /// What is pointed at, and by what: one list, so that a link costs what it says and no more.
    links: Sorted<(Link, ObjectRef)>,
    /// What says of itself that it fails.
    failing: Sorted<ObjectRef>,
    /// What deploys others and is held by us: since when. Anybody may give it back.
    pub held: BTreeMap<ObjectRef, Option<Timestamp>>,
    settling: Settling,
    /// Every Vault that a store names.
    pub vaults: BTreeMap<VaultAddress, Arc<VaultServer>>,
    /// External Secrets, where it could be found.
    pub controller: Option<Controller>,
    /// How each kind's data stands: complete, still coming, or why not.
    pub sources: BTreeMap<Kind, Source>,
    /// Objects whose last change could not be read, and why; what was known of them before stands as it was.
    pub unreadable: BTreeMap<ObjectRef, Text>,
    /// What the pods of failed runs said last, by pod; nothing where it cannot be read.
    pub logs: BTreeMap<ObjectRef, Arc<[Text]>>,
    /// Which kinds the server serves in the groups and versions that somebody could not apply; why it is not known, where it
    /// could not be asked.
    pub served: BTreeMap<Text, Result<Served, Fault>>,
    /// When a Vault last answered anything.
    pub vault_seen: Option<Timestamp>,
}

/// The kinds that say which Vaults and which paths there are; the table is made of them, so they are read first.
pub const SHAPING: [Kind; 3] = [Kind::SecretStore, Kind::ClusterSecretStore, Kind::ExternalSecret];

/// Whether objects of a kind say which Vaults and paths there are: those above, and what stands beside them.
fn shapes(kind: Kind) -> bool {
    SHAPING.contains(&kind) || BESIDE.contains(&kind)
}

impl Inventory {
    /// Takes one change in, at the time it was heard. The revision grows only if something is different
    /// now: a poll with the same answer moves times, and nothing has to be diagnosed again.
    pub fn apply(&mut self, change: Change, now: Timestamp) {
        match change {
            Change::Applied(object) => {
                self.revision += 1;
                let place = object.object_ref();
                self.heard(place.kind, &place.namespace, now);
                self.unsettle_by(&object);
                self.unreadable.remove(&place);
                self.put(object);
            }
            Change::Deleted(object) => {
                self.revision += 1;
                self.heard(object.kind, &object.namespace, now);
                self.unsettle_without(&object);
                self.unreadable.remove(&object);
                self.take(&object);
            }
            Change::Listing(part, objects) => {
                self.revision += 1;
                self.sources.entry(part.kind).or_default().parts.entry(part.namespace.clone()).or_default();
                self.heard(part.kind, &part.namespace, now);
                self.unsettle(part.kind);
                for object in objects {
                    self.put(object);
                }
            }
            Change::Complete(part) => self.complete(&part, now),
            Change::Listed(part, objects, odd) => self.listed(&part, objects, odd, now),
            Change::Odd(Unreadable { object, why }) => {
                self.revision += 1;
                self.heard(object.kind, &object.namespace, now);
                self.unreadable.insert(object, why);
            }
            Change::Absent(part, fault) => {
                self.listed(&part, Vec::new(), Vec::new(), now);
                self.sources.entry(part.kind).or_default().absent = Some(fault);
            }
            Change::Heard(part) => self.heard(part.kind, &part.namespace, now),
            Change::Lost(part, fault) => {
                self.revision += 1;
                self.sources.entry(part.kind).or_default().part(&part.namespace).fault = Some(fault);
            }
            Change::Narrowed(kind, namespaces, refused) => self.narrowed(kind, &namespaces, refused),
            Change::Controller(controller) => {
                let state = |one: &Controller| (one.works(), one.is_down());
                self.revision += u64::from(self.controller.as_ref().map(state) != controller.as_ref().map(state));
                self.controller = controller;
            }
            Change::Replicas(address, pods) => self.server(&address, |server| replicas(server, pods)),
            Change::Answered(address, pod, answer) => {
                if answer.is_ok() {
                    self.vault_seen = Some(now);
                }
                self.server(&address, |server| {
                    let told = answered(server.replicas.entry(pod).or_default(), answer, now);
                    server.note_lead(now) | told
                });
            }
            Change::Health(address, pod, health) => self.server(&address, |server| vaults::examined(server, &pod, health)),
            Change::Around(address, around) => self.server(&address, |server| vaults::surrounded(server, around, now)),
            Change::Space(address, name, seal) => self.server(&address, |server| vaults::space(server, &name, seal, now)),
            Change::Mount(address, mount, state) => self.server(&address, |server| {
                let known = server.mounts.entry(mount).or_default();
                let same = known.state == state;
                *known = Mount { state, asked: Some(now) };
                !same
            }),
            Change::Paths(address, facts) => self.server(&address, |server| paths_read(server, facts, now)),
            Change::Properties(address, named) => self.server(&address, |server| vaults::named(server, named)),
            Change::Folder(address, place, names) => self.server(&address, |server| vaults::listed(server, place, names, now)),
            Change::Token(address, token) => {
                self.server(&address, |server| std::mem::replace(&mut server.token, token.clone()) != token);
            }
            Change::Login(address, of, checks) => self.server(&address, |server| {
                let same = server.logins.get(&of).is_some_and(|known| known.says_as(&checks));
                server.logins.insert(of, checks);
                !same
            }),
            Change::Served(version, kinds) => {
                let kinds = kinds.map(|kinds| kinds.map(Into::into));
                let same = self.served.get(&version) == Some(&kinds);
                self.served.insert(version, kinds);
                self.revision += u64::from(!same);
            }
            Change::Log(pod, lines) => {
                self.revision += 1;
                self.logs.insert(pod, lines.into());
            }
            Change::Unreadable(address, fault) => {
                self.server(&address, |server| std::mem::replace(&mut server.unreadable, fault.clone()) != fault);
            }
        }
    }

    /// Swaps a whole list in, in one step: what is not in it has gone.
    fn listed(&mut self, part: &Part, objects: Vec<Object>, odd: Vec<Unreadable>, now: Timestamp) {
        self.unreadable.retain(|object, _| object.kind != part.kind || !part.holds(&object.namespace));
        self.unreadable.extend(odd.into_iter().map(|odd| (odd.object, odd.why)));
        let known = objects.iter().map(Object::object_ref).chain(self.unreadable.keys().cloned());
        let keep: HashSet<ObjectRef> = known.filter(|object| object.kind == part.kind).collect();
        self.keep_if(part.kind, |object| !part.holds(&object.namespace) || keep.contains(object));
        for object in objects {
            // After a gap most are as they were, and stay the same ones: nobody looks at them again.
            if !self.holds(&object) {
                self.put(object);
            }
        }
        self.complete(part, now);
    }

    fn complete(&mut self, part: &Part, now: Timestamp) {
        self.revision += 1;
        let source = self.sources.entry(part.kind).or_default();
        if part.namespace.is_empty() {
            *source = Source::default();
        }
        source.absent = None;
        source.parts.insert(part.namespace.clone(), Reading { complete: true, heard: Some(now), fault: None });
        self.unsettle(part.kind);
    }

    /// From now on only these namespaces of a kind are read. What stands in others goes: nobody would tell if it
    /// changed.
    fn narrowed(&mut self, kind: Kind, namespaces: &[Name], refused: Option<Fault>) {
        self.revision += 1;
        let source = self.sources.entry(kind).or_default();
        source.parts.retain(|namespace, _| namespaces.contains(namespace));
        for namespace in namespaces {
            source.parts.entry(namespace.clone()).or_default();
        }
        source.refused = refused;
        self.unreadable.retain(|object, _| object.kind != kind || namespaces.contains(&object.namespace));
        self.keep_if(kind, |object| namespaces.contains(&object.namespace));
        self.unsettle(kind);
    }

    fn heard(&mut self, kind: Kind, namespace: &Name, now: Timestamp) {
        let part = self.sources.entry(kind).or_default().part(namespace);
        part.heard = Some(now);
        // That a part can be read again is as much of a difference as that it cannot.
        self.revision += u64::from(part.fault.take().is_some());
    }

    fn server(&mut self, address: &VaultAddress, change: impl FnOnce(&mut VaultServer) -> bool) {
        if let Some(server) = self.vaults.get_mut(address) {
            self.revision += u64::from(change(Arc::make_mut(server)));
        }
    }

    pub(super) fn put_kind<K: Watched>(&mut self, object: Arc<K>) {
        let (from, links, fails) = (object.object_ref(), object.links(), object.fails());
        match object.held() {
            Some(held) => drop(self.held.insert(from.clone(), held.since)),
            None => drop(self.held.remove(&from)),
        }
        let old = K::shelf_mut(&mut self.shelves).insert(object);
        self.fails(&from, old.as_ref().is_some_and(|old| old.fails()), fails);
        let before = old.map(|old| old.links()).unwrap_or_default();
        // Nearly all changes are of status only, and leave the links as they are.
        if before != links {
            for link in &before {
                self.unlink(link, &from);
            }
            for link in links {
                self.link(link, from.clone());
            }
        }
    }

    pub(super) fn take_kind<K: Watched>(&mut self, namespace: &Name, name: &Name) {
        if let Some(old) = K::shelf_mut(&mut self.shelves).remove((namespace, name)) {
            let from = old.object_ref();
            self.held.remove(&from);
            self.fails(&from, old.fails(), false);
            for link in old.links() {
                self.unlink(&link, &from);
            }
        }
    }

    fn fails(&mut self, object: &ObjectRef, before: bool, after: bool) {
        match (before, after) {
            (false, true) => drop(self.failing.insert(object.clone(), |other| other.cmp(object))),
            (true, false) => drop(self.failing.remove(|other| other.cmp(object))),
            _ => {}
        }
    }

    fn link(&mut self, link: Link, from: ObjectRef) {
        let pair = (link, from);
        self.links.insert(pair.clone(), |other| other.cmp(&pair));
    }

    fn unlink(&mut self, link: &Link, from: &ObjectRef) {
        self.links.remove(|(other, by)| other.cmp(link).then_with(|| by.cmp(from)));
    }

    /// Every object of a kind, by namespace and name.
    pub fn all<K: Watched>(&self) -> &Shelf<K> {
        K::shelf(&self.shelves)
    }

    /// One object of a kind.
    #[must_use]
    pub fn get<K: Watched>(&self, object: &ObjectRef) -> Option<&Arc<K>> {
        K::shelf(&self.shelves).get((&object.namespace, &object.name)).filter(|_| object.kind == K::KIND)
    }

    /// Everything that points at an object in this role.
    pub fn pointing_at<'a>(&'a self, to: &ObjectRef, role: Role) -> impl Iterator<Item = &'a ObjectRef> + use<'a> {
        let link = Link { to: to.clone(), role };
        let from = self.links.iter_from(&|(other, _)| other.cmp(&link));
        from.take_while(move |(other, _)| *other == link).map(|(_, by)| by)
    }

    /// Both kinds of store.
    pub fn stores(&self) -> impl Iterator<Item = &SecretStore> {
        let cluster = self.all::<ClusterSecretStore>().iter().map(|store| &store.0);
        self.all::<SecretStore>().iter().map(AsRef::as_ref).chain(cluster)
    }

    /// The store behind a reference of either kind.
    #[must_use]
    pub fn store(&self, object: &ObjectRef) -> Option<&SecretStore> {
        match object.kind {
            Kind::ClusterSecretStore => self.get::<ClusterSecretStore>(object).map(|store| &store.0),
            _ => self.get::<SecretStore>(object).map(AsRef::as_ref),
        }
    }

    /// The `ExternalSecret`s that read through a store.
    pub fn readers_of<'a>(&'a self, store: &ObjectRef) -> impl Iterator<Item = &'a Arc<ExternalSecret>> + use<'a> {
        self.pointing_at(store, Role::ReadsThrough).filter_map(|es| self.get::<ExternalSecret>(es))
    }

    /// The Pods that need a Secret.
    pub fn consumers_of<'a>(&'a self, namespace: &Name, secret: &Name) -> impl Iterator<Item = &'a Arc<Pod>> + use<'a> {
        let secret = ObjectRef { kind: Kind::Secret, namespace: namespace.clone(), name: secret.clone() };
        self.pointing_at(&secret, Role::Consumes).filter_map(|pod| self.get::<Pod>(pod))
    }

    /// The events about an object, newest last.
    #[must_use]
    pub fn events_of(&self, object: &ObjectRef) -> Vec<&Arc<Event>> {
        let mut about = object.clone();
        // Events of cluster-scoped objects live in `default`, but name the object without a namespace.
        if about.kind == Kind::ClusterSecretStore {
            about.namespace = Name::empty();
        }
        let mut events: Vec<_> = self.pointing_at(&about, Role::Tells).filter_map(|event| self.get::<Event>(event)).collect();
        events.sort_by_key(|event| event.last);
        events
    }

    /// The Secret an `ExternalSecret` writes, if it exists (and may be seen).
    #[must_use]
    pub fn target_of(&self, es: &ExternalSecret) -> Option<&Arc<Secret>> {
        self.all::<Secret>().get((&es.meta.namespace, &es.target))
    }

    /// The Vault of a store.
    #[must_use]
    pub fn vault_of(&self, store: &SecretStore) -> Option<&Arc<VaultServer>> {
        self.vaults.get(&store.vault.as_ref()?.address)
    }

    /// The Vault with this subject.
    #[must_use]
    pub fn vault(&self, subject: &ObjectRef) -> Option<&Arc<VaultServer>> {
        self.vaults.values().find(|server| server.subject() == *subject)
    }

    /// The Vault that has a namespace with this subject, whatever was said of the seal of that.
    #[must_use]
    pub fn vault_with_space(&self, subject: &ObjectRef) -> Option<&Arc<VaultServer>> {
        self.vaults.values().find(|server| server.address.space_named(subject).is_some())
    }

    /// The stores whose Vault has this subject, or that stand in the namespace of a Vault that has it.
    pub fn stores_of<'a>(&'a self, subject: &'a ObjectRef) -> impl Iterator<Item = &'a SecretStore> {
        self.stores().filter(move |store| store.vault.as_ref().is_some_and(|vault| vault.stands_in(subject)))
    }

    /// Whether a kind belongs to what the person asked for. Where they named namespaces, what stands in none matters
    /// only if something in them points at it.
    #[must_use]
    pub fn is_in_scope(&self, kind: Kind) -> bool {
        let read_by = |(_, by): &(Link, ObjectRef)| by.kind == Kind::ExternalSecret;
        let named = |source: &Source| source.refused.is_none() && source.parts.keys().any(|namespace| !namespace.is_empty());
        kinds::api(kind).is_none_or(|api| api.namespaced)
            || !self.sources.values().any(named)
            || self
                .links
                .iter_from(&|(link, _)| link.to.kind.cmp(&kind))
                .take_while(|(link, _)| link.to.kind == kind)
                .any(read_by)
    }

    /// Whether everything of a kind that was asked for is listed.
    #[must_use]
    pub fn is_complete(&self, kind: Kind) -> bool {
        self.sources.get(&kind).is_some_and(Source::is_complete)
    }

    /// Whether such an object would be here if it existed: its kind is listed where it would stand.
    #[must_use]
    pub fn would_show(&self, object: &ObjectRef) -> bool {
        self.sources.get(&object.kind).is_some_and(|source| source.has_listed(&object.namespace))
    }

    /// Whether this cluster serves none of the kinds of a system; not said before all of them were looked for.
    #[must_use]
    pub fn lacks(&self, system: System) -> bool {
        let absent = |kind: &Kind| self.sources.get(kind).is_some_and(|source| source.absent.is_some());
        kinds::all().iter().filter(|kind| kinds::api(**kind).is_some_and(|api| api.system() == system)).all(absent)
    }

    /// Why there is nothing to look at, if no operator that brings Secrets is installed.
    #[must_use]
    pub fn uninstalled(&self) -> Option<&Fault> {
        let lacks = [System::ExternalSecrets, System::VaultSecretsOperator].into_iter().all(|system| self.lacks(system));
        // Stores without what reads through them are half an installation.
        let half = self.sources.get(&Kind::SecretStore).is_some_and(|source| source.absent.is_none() && source.is_complete());
        self.sources.get(&Kind::ExternalSecret)?.absent.as_ref().filter(|_| lacks || half)
    }

    /// The `ClusterExternalSecret` with this name.
    #[must_use]
    pub fn cluster_external_secret(&self, name: &Name) -> Option<&Arc<ClusterExternalSecret>> {
        self.all::<ClusterExternalSecret>().get((&Name::empty(), name))
    }
}

impl SecretStore {
    /// Its reference, of whichever of the two kinds it is.
    #[must_use]
    pub fn store_ref(&self) -> ObjectRef {
        let kind = if self.meta.namespace.is_empty() { Kind::ClusterSecretStore } else { Kind::SecretStore };
        ObjectRef { kind, namespace: self.meta.namespace.clone(), name: self.meta.name.clone() }
    }
}

impl VaultProvider {
    /// Whether it leads to the Vault that has this subject, or into the namespace of a Vault that has it.
    #[must_use]
    pub fn stands_in(&self, subject: &ObjectRef) -> bool {
        if self.address.subject() == *subject {
            return true;
        }
        let below = |space| self.namespace.as_str().trim_matches('/').strip_prefix(space);
        let space = self.address.space_named(subject).and_then(below);
        space.is_some_and(|rest: &str| rest.is_empty() || rest.starts_with('/'))
    }

    /// What stands for the namespaces in which it lies, the outermost first; none where it names none.
    pub fn spaces(&self) -> impl Iterator<Item = ObjectRef> {
        let namespace = self.namespace.as_str().trim_matches('/');
        let ends = namespace.match_indices('/').map(|(at, _)| at).chain((!namespace.is_empty()).then_some(namespace.len()));
        ends.filter_map(|end| namespace.get(..end)).map(|space| self.address.space_ref(space))
    }

    /// The full path of a key that is read through this store.
    #[must_use]
    pub fn path_of(&self, key: &str) -> Text {
        under(self.namespace.as_str(), full_path(self.mount.as_str(), key))
    }
}

fn first_segment(path: &str) -> Text {
    Text::foreign(path.split('/').next().unwrap_or_default())
}

/// `mount/path` of a key as External Secrets builds it: the mount is prepended unless the key carries it.
#[must_use]
fn full_path(mount: &str, key: &str) -> Text {
    let mount = mount.trim_matches('/');
    if mount.is_empty() || key.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/')) {
        Text::foreign(key)
    } else {
        Text::foreign(&format!("{mount}/{key}"))
    }
}

/// A path or mount of a namespace, in full.
#[must_use]
pub fn under(namespace: &str, path: Text) -> Text {
    match namespace.trim_matches('/') {
        "" => path,
        namespace => Text::foreign(&format!("{namespace}/{path}")),
    }
}

/// Takes the list of replicas in; says whether anything is different now.
fn replicas(server: &mut VaultServer, pods: Result<Vec<(Name, Option<Timestamp>)>, Fault>) -> bool {
    let pods = match pods {
        Ok(pods) => pods,
        Err(fault) => return server.unlisted.replace(fault.clone()) != Some(fault),
    };
    let same = server.listed
        && server.unlisted.is_none()
        && server.replicas.len() == pods.len()
        && pods.iter().all(|(pod, started)| server.replicas.get(pod).is_some_and(|known| known.started == *started));
    server.listed = true;
    server.unlisted = None;
    server.replicas.retain(|name, _| pods.iter().any(|(pod, _)| pod == name));
    for (pod, started) in pods {
        let replica = server.replicas.entry(pod).or_default();
        if replica.started != started {
            // A pod that is made anew has another address.
            replica.led_at = None;
        }
        replica.started = started;
    }
    !same
}

/// Takes one answer of a replica in; says whether anything is different now.
fn answered(replica: &mut Replica, answer: Result<(Seal, ReplicaRole), Fault>, now: Timestamp) -> bool {
    match answer {
        Ok((seal, role)) => {
            let same = replica.fault.is_none() && replica.role == role && replica.seal.as_ref() == Some(&seal);
            let flipped = replica.seal.as_ref().map(|old| old.sealed != seal.sealed);
            if flipped != Some(false) {
                replica.since = Some(now);
                replica.since_before = flipped.is_none();
            }
            replica.seal = Some(seal);
            if let ReplicaRole::Active(at) = &role {
                replica.led_at = Some(at.clone());
            }
            replica.role = role;
            replica.answered = Some(now);
            replica.fault = None;
            !same
        }
        Err(fault) => {
            let same = replica.fault.as_ref() == Some(&fault);
            // The time of the first failure in a row is what a person asks for.
            if replica.fault.is_none() {
                replica.since = Some(now);
                replica.since_before = replica.seal.is_none();
            }
            replica.health = ReplicaHealth::default();
            replica.fault = Some(fault);
            !same
        }
    }
}

fn paths_read(server: &mut VaultServer, facts: Vec<(Text, PathFacts)>, now: Timestamp) -> bool {
    let mut changed = false;
    for (path, facts) in facts {
        let Some(known) = server.paths.get_mut(&path) else { continue };
        known.asked = Some(now);
        changed |= known.facts != facts;
        known.facts = facts;
    }
    changed
}
