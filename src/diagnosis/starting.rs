//! What has not had the time yet to be well: made moments ago, and without a word so far. It is neither broken nor
//! fine, so what follows from it is set apart from the findings until its time is over.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::groups::Groups;
use super::readings::Readings;
use super::server::ServerState;
use super::unknown::Unknown;
use crate::model::kinds::deployment::Workload;
use crate::model::kinds::{
    DaemonSet, Deployment, ExternalSecret, Namespace, Pod, Role, SecretStore, Service, StatefulSet, Watched,
};
use crate::model::vault::Replica;
use crate::model::{Age, Health, Inventory, Kind, Name, ObjectRef, VaultServer};

/// Seconds that an object of External Secrets has for its first word: a worker is there within a second, but the CRD,
/// the controller and what the object names may all come with the same sync.
const FIRST_WORD: i64 = 90;
/// Seconds that a workload has for its pods: nodes that come, images that are pulled.
const PODS: i64 = 300;
/// Seconds that a server has between the start of its container and its first answer.
const FIRST_ANSWER: i64 = 30;
/// Seconds that a new Vault has until somebody, or a Job, initialises it.
const INITIALISED: i64 = 600;

/// What is starting.
#[derive(Clone, Debug, Default)]
pub struct Starting {
    /// Every object, also those that fail because of one that starts.
    objects: HashSet<ObjectRef>,
    /// Those that a person should know of, each with what it waits for.
    pub said: Vec<Unknown>,
}

impl Starting {
    /// Every object that is, in no order.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        self.objects.iter()
    }

    /// What is starting now and was not, or the other way round.
    pub(super) fn differences<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a ObjectRef> {
        self.objects.symmetric_difference(&before.objects)
    }

    /// Whether this object is.
    #[must_use]
    pub fn has(&self, object: &ObjectRef) -> bool {
        self.objects.contains(object)
    }
}

/// Whether an object has not worked yet, or does not work: then how old it is says whether it is starting.
fn waits(world: &Inventory, object: &ObjectRef) -> bool {
    match object.kind {
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).is_some_and(|es| reader_waits(es)),
        Kind::SecretStore | Kind::ClusterSecretStore => world.store(object).is_some_and(store_waits),
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet => workload(world, object).is_some_and(workload_waits),
        Kind::Pod => world.get::<Pod>(object).is_some_and(|pod| pod_waits(pod)),
        _ => false,
    }
}

/// Everything that waits so, by when it was made: only what is young may be starting, however much waits.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<Timestamp, BTreeSet<ObjectRef>>);

impl Waiting {
    /// What waits in a world.
    pub(super) fn of(world: &Inventory) -> Self {
        let mut waiting = Self::default();
        let readers = world.all::<ExternalSecret>().iter().filter(|es| reader_waits(es));
        readers.for_each(|es| waiting.insert(es.meta.created, es.object_ref()));
        let stores = world.stores().filter(|store| store_waits(store));
        stores.for_each(|store| waiting.insert(store.meta.created, store.store_ref()));
        let deployments = world.all::<Deployment>().iter().filter(|one| workload_waits(&one.0));
        deployments.for_each(|one| waiting.insert(one.meta().created, one.object_ref()));
        let stateful = world.all::<StatefulSet>().iter().filter(|one| workload_waits(&one.0));
        stateful.for_each(|one| waiting.insert(one.meta().created, one.object_ref()));
        let daemons = world.all::<DaemonSet>().iter().filter(|one| workload_waits(&one.0));
        daemons.for_each(|one| waiting.insert(one.meta().created, one.object_ref()));
        let pods = world.all::<Pod>().iter().filter(|pod| pod_waits(pod));
        pods.for_each(|pod| waiting.insert(pod.meta.created, pod.object_ref()));
        waiting
    }

    /// An object came, went or is another one now.
    pub(super) fn changed<K: Watched>(&mut self, world: &Inventory, before: Option<&K>, after: Option<&K>) {
        if let Some(before) = before {
            self.remove(before.meta().created, &before.object_ref());
        }
        if let Some((after, object)) = after.map(|after| (after, after.object_ref())).filter(|(_, object)| waits(world, object)) {
            self.insert(after.meta().created, object);
        }
    }

    /// What may be starting.
    fn young(&self, now: Timestamp) -> impl Iterator<Item = &ObjectRef> {
        let oldest = now.checked_sub(SignedDuration::from_secs(FIRST_WORD.max(PODS) + 1)).unwrap_or(Timestamp::MIN);
        self.0.range(oldest..).flat_map(|(_, objects)| objects)
    }

    /// What does not say when it was made is not known to be young.
    fn insert(&mut self, made: Option<Timestamp>, object: ObjectRef) {
        if let Some(made) = made {
            self.0.entry(made).or_default().insert(object);
        }
    }

    fn remove(&mut self, made: Option<Timestamp>, object: &ObjectRef) {
        let Some(made) = made else { return };
        if let Some(objects) = self.0.get_mut(&made) {
            objects.remove(object);
            if objects.is_empty() {
                self.0.remove(&made);
            }
        }
    }
}

fn reader_waits(es: &ExternalSecret) -> bool {
    es.refreshed.is_none() && matches!(es.health(), Health::Unknown | Health::Failing)
}

const fn store_waits(store: &SecretStore) -> bool {
    store.ready.is_none()
}

const fn workload_waits(workload: &Workload) -> bool {
    workload.ready < workload.wanted
}

const fn pod_waits(pod: &Pod) -> bool {
    pod.waiting.is_some()
}

fn workload<'a>(world: &'a Inventory, object: &ObjectRef) -> Option<&'a Workload> {
    match object.kind {
        Kind::Deployment => world.get::<Deployment>(object).map(|one| &one.0),
        Kind::StatefulSet => world.get::<StatefulSet>(object).map(|one| &one.0),
        _ => world.get::<DaemonSet>(object).map(|one| &one.0),
    }
}

/// What has not had its time in this world, of what waits: each with what it waits for.
pub(super) fn said(world: &Inventory, now: Timestamp, waiting: &Waiting, readings: &Readings) -> BTreeMap<ObjectRef, String> {
    let young = Young { world, now };
    let mut said: BTreeMap<ObjectRef, String> = BTreeMap::new();
    let controller = young.controller();
    if let Some((object, why)) = &controller {
        said.insert(object.clone(), why.clone());
    }
    let most = if controller.is_some() { PODS } else { FIRST_WORD };
    said.extend(waiting.young(now).filter_map(|object| Some((object.clone(), young.first_word(object, most)?))));
    for server in world.vaults.values() {
        said.extend(young.server(server, readings).map(|why| (server.subject(), why)));
    }
    said
}

impl Starting {
    /// What is starting, given what is said to be: with what comes of it, which is set apart from the findings.
    pub(super) fn of(
        world: &Inventory,
        now: Timestamp,
        waiting: &Waiting,
        said: BTreeMap<ObjectRef, String>,
        groups: &Groups,
    ) -> Self {
        let young = Young { world, now };
        let apart = groups.apart().map(|finding| &finding.subject);
        let mut objects: HashSet<ObjectRef> = said.keys().chain(apart).cloned().collect();
        // A finding that stays is a better word than that something else about the object is set apart.
        objects.retain(|object| !groups.told().has(object));
        let missing: Vec<ObjectRef> = objects.iter().flat_map(|object| young.awaited(object)).collect();
        objects.extend(missing);
        objects.extend(waiting.young(now).filter(|object| young.is_coming_up(object)).cloned());
        let said = said.into_iter().map(|(object, needs)| Unknown { subject: object.to_string(), needs }).collect();
        Self { objects, said }
    }
}

struct Young<'a> {
    world: &'a Inventory,
    now: Timestamp,
}

impl Young<'_> {
    /// The age of something, if it is at most so many seconds.
    fn age(&self, made: Option<Timestamp>, most: i64) -> Option<Age> {
        let age = Age::between(made?, self.now);
        (age.0 <= most).then_some(age)
    }

    /// External Secrets itself, whose pods are not there yet.
    fn controller(&self) -> Option<(ObjectRef, String)> {
        let controller = self.world.controller.as_ref().filter(|controller| controller.ready == 0)?;
        let deployment = self.world.get::<Deployment>(&controller.deployment)?;
        let age = self.age(deployment.meta().created, PODS)?;
        Some((controller.deployment.clone(), format!("its first pod: it was made {age} ago.")))
    }

    /// What a store or an `ExternalSecret` waits for that was never worked on, if it was made at most so many seconds ago.
    fn first_word(&self, object: &ObjectRef, most: i64) -> Option<String> {
        if object.kind != Kind::ExternalSecret {
            let age = self.age(self.world.store(object)?.meta.created, most)?;
            return Some(format!("its first check: it was made {age} ago."));
        }
        let es = self.world.get::<ExternalSecret>(object)?;
        let age = self.age(es.meta.created, most)?;
        match es.health() {
            Health::Unknown => Some(format!("its first sync: it was made {age} ago.")),
            // One sync of Argo CD or Flux brings both, in any order. What was synced had its store.
            _ if self.lacks_store(es) => Some(format!("its store: it was made {age} ago, and the store is not there yet.")),
            _ => None,
        }
    }

    fn lacks_store(&self, es: &ExternalSecret) -> bool {
        es.store_ref().is_some_and(|store| self.world.store(&store).is_none() && self.world.would_show(&store))
    }

    /// What is missing because a reader starts: its store that comes with it, the Secret that it has not written.
    fn awaited(&self, object: &ObjectRef) -> Vec<ObjectRef> {
        let Some(es) = self.world.get::<ExternalSecret>(object) else { return Vec::new() };
        let store = es.store_ref().filter(|_| self.lacks_store(es));
        let written = es.target_ref();
        store.into_iter().chain(self.world.target_of(es).is_none().then_some(written)).collect()
    }

    /// A Vault that is not up yet. One that was read from was up: that it is silent or empty now is no start.
    fn server(&self, server: &VaultServer, readings: &Readings) -> Option<String> {
        match ServerState::of(server) {
            ServerState::Unreachable | ServerState::Uninitialised
                if readings.last_read(self.world, &server.subject()).is_some() =>
            {
                None
            }
            ServerState::Unreachable if server.replicas.is_empty() => {
                let age = self.made(server).and_then(|made| self.age(Some(made), PODS))?;
                Some(format!("its first pod: it was made {age} ago."))
            }
            // One whose certificate is refused has started: it answers.
            ServerState::Unreachable if server.replicas.values().any(Replica::is_mistrusted) => None,
            ServerState::Unreachable => {
                let ages: Option<Vec<Age>> = server.replicas.keys().map(|pod| self.container(server, pod)).collect();
                let oldest = ages?.into_iter().max_by_key(|age| age.0)?;
                Some(format!("its first answer: its containers started within the last {oldest}."))
            }
            ServerState::Uninitialised => {
                let age = self.age(self.made(server), INITIALISED)?;
                Some(format!("its initialisation: it was made {age} ago."))
            }
            _ => None,
        }
    }

    /// How long ago the container of a replica started, if that is not long.
    fn container(&self, server: &VaultServer, pod: &Name) -> Option<Age> {
        let place = server.replica_ref(pod);
        let Some(seen) = self.world.get::<Pod>(&ObjectRef { kind: Kind::Pod, ..place }) else {
            return self.age(server.replicas.get(pod)?.started, FIRST_ANSWER);
        };
        match seen.running {
            Some(running) => self.age(Some(running), FIRST_ANSWER),
            None => self.age(seen.meta.created, PODS),
        }
    }

    /// When the Vault as a whole was made: not its pods, which come and go, but what keeps them.
    fn made(&self, server: &VaultServer) -> Option<Timestamp> {
        let (namespace, name) = server.address.service()?;
        let pods = server.replicas.keys().filter_map(|pod| self.world.all::<Pod>().get((&namespace, pod)));
        let of_set = pods.filter_map(|pod| self.world.get::<StatefulSet>(pod.workload.as_ref()?)?.meta().created).max();
        let of_service = || self.world.all::<Service>().get((&namespace, &name)).and_then(|service| service.meta.created);
        let of_namespace = || self.world.all::<Namespace>().get((&Name::empty(), &namespace)).and_then(|one| one.meta.created);
        of_set.or_else(of_service).or_else(of_namespace)
    }

    /// Whether it is a workload whose pods come, or a pod that waits for what comes with it.
    fn is_coming_up(&self, object: &ObjectRef) -> bool {
        if object.kind == Kind::Pod {
            return self.world.get::<Pod>(object).is_some_and(|pod| self.age(pod.meta.created, FIRST_WORD).is_some());
        }
        let young = workload(self.world, object).is_some_and(|one| self.age(one.meta.created, PODS).is_some());
        young && !self.is_stuck(object)
    }

    /// Whether a pod of a workload waits for longer than what comes with it takes to come.
    fn is_stuck(&self, workload: &ObjectRef) -> bool {
        let pods = self.world.pointing_at(workload, Role::MadeBy).filter_map(|pod| self.world.get::<Pod>(pod));
        pods.into_iter().any(|pod| pod.waiting.is_some() && self.age(pod.meta.created, FIRST_WORD).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::kinds::OnShelf as _;
    use crate::model::{Fault, FaultKind, Names, VaultAddress};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    /// A Vault whose only container started at second 0 and gives this answer, and one reader with this status.
    fn world(fault: FaultKind, status: &str) -> Inventory {
        let address = VaultAddress::parse("https://vault.ns.svc:8200").unwrap();
        let store = r#"{"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": {"vault":
            {"server": "https://vault.ns.svc:8200", "path": "secret", "auth": {"kubernetes": {"role": "r"}}}}}}"#;
        let reader = format!(
            r#"{{"metadata": {{"name": "db", "namespace": "ns"}}, "spec": {{"secretStoreRef": {{"name": "store"}},
            "data": [{{"secretKey": "k", "remoteRef": {{"key": "db"}}}}]}}, "status": {status}}}"#
        );
        let names = &mut Names::default();
        let store = SecretStore::read(serde_json::from_str(store).unwrap(), names);
        let reader = ExternalSecret::read(serde_json::from_str(&reader).unwrap(), names);
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store.into_object()], Vec::new()), at(0));
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![reader.into_object()], Vec::new()), at(0));
        world.settle();
        world.apply(Change::Replicas(address.clone(), Ok(vec![(Name::new("vault-0"), Some(at(0)))])), at(0));
        world.apply(Change::Answered(address, Name::new("vault-0"), Err(Fault::new(fault, "It fails."))), at(1));
        world
    }

    #[test]
    fn a_vault_starts_once_and_one_that_was_read_from_has_started() {
        let fresh = "{}";
        let served = r#"{"refreshTime": "2026-09-21T00:00:00Z"}"#;
        for (fault, status, second, starts) in [
            (FaultKind::Tcp, fresh, 10, true),
            (FaultKind::Tcp, fresh, 60, false),
            (FaultKind::Tcp, served, 10, false),
            (FaultKind::Tls, fresh, 10, false),
        ] {
            let diagnosis = diagnose(&world(fault, status), at(second));
            let said = diagnosis.starting.said.iter().any(|one| one.subject == "Vault/ns/vault");
            let found = diagnosis.causes.iter().any(|cause| cause.slug == "vault-unreachable");
            assert_eq!((said, found), (starts, !starts), "{fault:?} {status} after {second} s: {:?}", diagnosis.starting.said);
        }
    }
}
