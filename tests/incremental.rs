//! What is remembered of a world is as good as a look at all of it: after any changes and at any time, a diagnosis from
//! memory is that of a whole pass. A rule that reads something whose changes are not followed fails here.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use sealwatch::diagnosis::{Diagnosis, Memory, diagnose};
use sealwatch::engine::{Engine, Options, Policy, Ports, Snapshot};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::external_secret::RefreshPolicy;
use sealwatch::model::kinds::generator::Generator;
use sealwatch::model::kinds::secret_store::{Auth, LetIn};
use sealwatch::model::kinds::{self, Deleting, ExternalSecret, Meta, Object, SecretStore};
use sealwatch::model::selector::{Is, Selector, Term};
use sealwatch::model::vault::{LoginChecks, Properties, Told};
use sealwatch::model::{
    Condition, Controller, Fault, FaultKind, Inventory, Kind, MountState, Name, ObjectRef, PathFacts, PathState, ReplicaRole,
    Status, Text,
};
use sealwatch::ports::{Cluster as _, Scope};

/// A recorded world: every object, and the picture of it when everything was asked.
struct Known {
    objects: Vec<Object>,
    snapshot: Arc<Snapshot>,
}

fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
        let mut worlds: Vec<PathBuf> =
            fs::read_dir(folder).expect("the worlds").map(|entry| entry.expect("an entry").path().join("world.json")).collect();
        worlds.retain(|path| path.exists());
        worlds.sort();
        worlds.iter().map(|path| Known::of(Recording::open(path).expect("a recording"))).collect()
    })
}

impl Known {
    fn of(recording: Recording) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(async {
            let mut objects = Vec::new();
            for kind in kinds::all() {
                match recording.watch(*kind, &Scope::Everywhere).next().await {
                    Some(Change::Listed(_, all, _)) => objects.extend(all),
                    // The cluster did not serve it.
                    Some(Change::Absent(..)) => {}
                    _ => panic!("a recording lists every kind at once"),
                }
            }
            let (recording, journal) = (Arc::new(recording), Arc::new(MemoryJournal::default()));
            let ports = Ports { cluster: recording.clone(), vault: recording.clone(), clock: recording, journal };
            let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
            let mut snapshots = engine.snapshots();
            let wait = snapshots.wait_for(|seen| seen.is_examined());
            let seen = tokio::time::timeout(Duration::from_secs(30), wait).await.map(|seen| seen.expect("an engine").clone());
            Self { objects, snapshot: seen.unwrap_or_else(|_| engine.snapshots().borrow().clone()) }
        })
    }
}

/// One thing that happens: which, to what, with what beside it.
type Step = (u8, prop::sample::Index, prop::sample::Index, u32);

/// A world that moves.
struct Moving {
    world: Inventory,
    now: Timestamp,
    pool: Vec<Object>,
}

/// Kinds of which a rule says that an object is missing.
const MISSED: &[Kind] = &[
    Kind::SecretStore,
    Kind::ClusterSecretStore,
    Kind::Secret,
    Kind::ServiceAccount,
    Kind::Password,
    Kind::Job,
    Kind::SecretStore,
    Kind::ClusterSecretStore,
    Kind::Secret,
    Kind::ServiceAccount,
];

/// What a failure may say.
const TEXTS: &[&str] = &[
    "error processing spec.data[0] (key: db), err: cannot find secret data for key: \"password\"",
    "unable to log in to auth method: unable to log in with Kubernetes auth: Error making API request. Code: 403. Errors: * permission denied",
    "Vault is sealed",
    "dial tcp: connection refused",
    "cannot read secret data from Vault: 1 error occurred: * permission denied",
    "SecretStore \"s\" is not ready",
    "could not get secret data from provider",
    "secret is immutable",
    "target is owned by another ExternalSecret: db",
    "could not apply template: template: k: bad",
    "is not allowed from namespace",
    "Secret does not exist",
    "",
];

impl Moving {
    /// Two recorded worlds in one.
    fn of(one: &Known, other: &Known) -> Self {
        let (mut world, now) = ((*one.snapshot.world).clone(), one.snapshot.now);
        for object in &other.objects {
            world.apply(Change::Applied(object.clone()), now);
        }
        for (address, server) in &other.snapshot.world.vaults {
            world.vaults.entry(address.clone()).or_insert_with(|| server.clone());
        }
        world.settle();
        Self { world, now, pool: one.objects.iter().chain(&other.objects).cloned().collect() }
    }

    fn step(&mut self, (what, at, beside, number): Step) {
        let (object, other) = (at.get(&self.pool).clone(), beside.get(&self.pool).clone());
        let vaults: Vec<_> = self.world.vaults.values().cloned().collect();
        let vault = (!vaults.is_empty()).then(|| at.get(&vaults).clone());
        // Mostly one whose absence is told.
        let kind = *MISSED.get(number as usize % 16).unwrap_or(&kinds::all()[number as usize / 16 % kinds::all().len()]);
        let change = match (what, vault) {
            (0 | 1, _) => Change::Deleted(object.object_ref()),
            (2 | 3, _) => Change::Applied(object),
            (4..=14, _) => Change::Applied(self.other(object, &other, number)),
            (15, _) => {
                let seconds = [1, 40, 400, 4000, -30][number as usize % 5];
                self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).expect("a time");
                return;
            }
            (16, Some(vault)) => {
                let Some((pod, replica)) = vault.replicas.iter().next() else { return };
                let sealed = |seal| sealwatch::model::Seal { sealed: number.is_multiple_of(2), ..seal };
                let answer = match (&replica.seal, number % 3) {
                    (Some(seal), 0 | 1) => Ok((
                        sealed(seal.clone()),
                        [ReplicaRole::Active(sealwatch::model::LeaderAt::default()), ReplicaRole::Leaderless][at.index(2)]
                            .clone(),
                    )),
                    _ => Err(fault(number)),
                };
                Change::Answered(vault.address.clone(), pod.clone(), answer)
            }
            (17, Some(vault)) => {
                let (paths, facts) = (vault.paths.keys().cloned().collect::<Vec<_>>(), PathFacts::of);
                let written = Some(self.now);
                let states = [
                    PathState::Missing,
                    PathState::NoMount,
                    PathState::OtherVersion(1),
                    PathState::Deleted { version: 2, at: None },
                    PathState::Present { version: 3, written },
                ];
                let told = paths.into_iter().skip(beside.index(3)).take(2);
                Change::Paths(
                    vault.address.clone(),
                    told.map(|path| (path, facts(states[number as usize % 5].clone()))).collect(),
                )
            }
            (18, Some(vault)) => {
                let Some(mount) = vault.mounts.keys().next() else { return };
                Change::Mount(
                    vault.address.clone(),
                    mount.clone(),
                    [MountState::Kv(1), MountState::Kv(2), MountState::Missing][number as usize % 3].clone(),
                )
            }
            (19, Some(vault)) => {
                let names: Arc<[Text]> = Arc::new([Text::foreign("username")]);
                let told = Properties { names: Told::Said(names), version: 1 };
                Change::Properties(vault.address.clone(), vault.paths.keys().map(|path| (path.clone(), told.clone())).collect())
            }
            (20, Some(vault)) => {
                let logins = self.world.failing_logins(&vault);
                let Some(login) = logins.first() else { return };
                let answer =
                    [Told::NotAsked, Told::Said(None), Told::Said(Some(Text::foreign(TEXTS[1])))][number as usize % 3].clone();
                let checks = LoginChecks {
                    asked: Some(self.now),
                    login: answer,
                    mount: Told::Said(number.is_multiple_of(2)),
                    ..LoginChecks::default()
                };
                Change::Login(vault.address.clone(), (login.store.clone(), login.account.clone()), Arc::new(checks))
            }
            (21, Some(vault)) => Change::Unreadable(vault.address.clone(), number.is_multiple_of(2).then(|| fault(number))),
            (22, _) => Change::Lost(kind.into(), fault(number)),
            (23, _) => Change::Absent(kind.into(), fault(number)),
            (24, _) => {
                Change::Narrowed(kind, vec![object.object_ref().namespace], number.is_multiple_of(2).then(|| fault(number)))
            }
            (25, _) => Change::Complete(kind.into()),
            (26, _) => Change::Controller((!number.is_multiple_of(3)).then(|| Controller {
                deployment: ObjectRef::new(Kind::Deployment, "external-secrets", "external-secrets"),
                version: Text::default(),
                ready: number % 2,
                unready: number.is_multiple_of(4).then_some(self.now),
                concurrent: 1,
                store_requeue: 300,
                leader: Name::empty(),
                renewed: None,
                lapsed: number.is_multiple_of(5),
                seen: self.now,
            })),
            (27, _) => Change::Log(object.object_ref(), vec![Text::foreign("required key missing: a")]),
            (28, _) => Change::Heard(kind.into()),
            (29, _) => self.namespace(&object, &other, number),
            (30, _) => self.generator(&object, number),
            _ => return,
        };
        self.world.apply(change, self.now);
        if !number.is_multiple_of(4) {
            self.world.settle();
        }
    }

    /// The namespace of an object comes with these labels or those, or goes: that says which stores let it in, and to which
    /// roles its accounts are bound.
    fn namespace(&self, object: &Object, beside: &Object, number: u32) -> Change {
        let place = object.object_ref();
        let name = if place.kind == Kind::Namespace { place.name } else { place.namespace };
        let known: Vec<_> =
            self.pool.iter().filter_map(|one| if let Object::Namespace(one) = one { Some(one) } else { None }).collect();
        if number.is_multiple_of(4) {
            return Change::Deleted(ObjectRef { kind: Kind::Namespace, namespace: Name::empty(), name });
        }
        let beside = beside.object_ref().namespace;
        let labels = match known.iter().find(|one| one.meta.name == if number % 4 == 1 { name.clone() } else { beside.clone() }) {
            Some(one) => one.labels.clone(),
            None => [(Name::new("team"), Text::foreign(["a", "b"][number as usize / 4 % 2]))].into(),
        };
        let created = self.now.checked_sub(SignedDuration::from_secs([1, 400, 4000][number as usize / 16 % 3])).ok();
        let meta = Meta { created, ..Meta::named("", name.as_str()) };
        Change::Applied(Object::Namespace(Arc::new(kinds::Namespace { meta, labels })))
    }

    /// A generator that an `ExternalSecret` names comes, goes, or stands for something else; or an `ExternalSecret` names one
    /// that may not be there.
    fn generator(&self, object: &Object, number: u32) -> Change {
        let named: Vec<ObjectRef> = self.world.generating().into_iter().flat_map(|es| es.generators.to_vec()).collect();
        let turn = number as usize / 4;
        if let (2 | 3, Object::ExternalSecret(es)) = (number % 4, object) {
            let mut es = (**es).clone();
            let (namespace, name) = (es.meta.namespace.clone(), Name::new(["g", "h"][turn / 3 % 2]));
            es.generators = match turn % 3 {
                0 => [ObjectRef { kind: Kind::Password, namespace, name }].into(),
                1 => [ObjectRef { kind: Kind::ClusterGenerator, namespace: Name::empty(), name }].into(),
                _ => Box::default(),
            };
            if turn.is_multiple_of(2) {
                es.remote = Box::default();
            }
            return Change::Applied(Object::ExternalSecret(Arc::new(es)));
        }
        let Some(place) = named.get(turn % named.len().max(1)) else { return Change::Deleted(object.object_ref()) };
        if number.is_multiple_of(4) {
            return Change::Deleted(place.clone());
        }
        let stands_for = Name::new(["Password", "ECRAuthorizationToken", ""][turn % 3]);
        let generator = Generator {
            meta: Meta::named(place.namespace.as_str(), place.name.as_str()),
            stands_for,
            class: Name::empty(),
            vault: None,
        };
        Change::Applied(match place.kind {
            Kind::ClusterGenerator => Object::ClusterGenerator(Arc::new(kinds::ClusterGenerator(generator))),
            _ => Object::Password(Arc::new(kinds::Password(generator))),
        })
    }

    /// An object as it may be as well.
    fn other(&self, object: Object, beside: &Object, number: u32) -> Object {
        let before = |seconds: i64| self.now.checked_sub(SignedDuration::from_secs(seconds)).ok();
        let turn = number / 16;
        let recently = [before(1), before(80), before(290), before(1000), None][turn as usize % 5];
        let ready = || {
            let text = TEXTS[turn as usize % TEXTS.len()];
            let status = [Status::True, Status::False, Status::False, Status::Unknown][turn as usize / 2 % 4];
            let reason = ["SecretSynced", "SecretSyncedError", "SecretDeleted", "SecretMissing"][turn as usize / 3 % 4];
            (!turn.is_multiple_of(7)).then(|| Condition {
                status,
                reason: Name::new(reason),
                message: Text::foreign(text),
                since: recently,
            })
        };
        let of_store = |store: &SecretStore| {
            let mut store = store.clone();
            // What its controller writes at every check, whatever else it writes.
            store.meta.resource_version += 1;
            match number % 8 {
                0 | 1 | 4 => store.ready = ready(),
                2 => match beside {
                    Object::SecretStore(other) => store.vault.clone_from(&other.vault),
                    Object::ClusterSecretStore(other) => store.vault.clone_from(&other.0.vault),
                    _ => store.vault = None,
                },
                5 if turn.is_multiple_of(2) => {}
                5 => store.ready.iter_mut().for_each(|ready| ready.since = recently),
                6 => {
                    if let Some(Auth::Kubernetes { referent, .. }) = store.vault.as_mut().map(|vault| &mut vault.auth) {
                        *referent = !*referent;
                    }
                }
                _ if turn.is_multiple_of(2) => store.meta.deleting = deleting(recently),
                _ => {
                    let team = Term { key: Name::new("team"), is: Is::In, values: [Text::foreign("a")].into() };
                    let selector = Selector { terms: [team].into() };
                    store.lets_in = [LetIn { selector: Some(selector), ..LetIn::default() }].into();
                }
            }
            store
        };
        match object {
            Object::ExternalSecret(es) => Object::ExternalSecret(Arc::new(self.reader(&es, beside, number, ready(), recently))),
            Object::SecretStore(store) => Object::SecretStore(Arc::new(of_store(&store))),
            Object::ClusterSecretStore(store) => {
                Object::ClusterSecretStore(Arc::new(kinds::ClusterSecretStore(of_store(&store.0))))
            }
            Object::Event(event) => {
                let mut event = (*event).clone();
                match number % 4 {
                    0 => event.about = Some(beside.object_ref()),
                    1 => event.message = Text::foreign(TEXTS[turn as usize % TEXTS.len()]),
                    2 => event.warning = !event.warning,
                    _ => event.last = recently,
                }
                Object::Event(Arc::new(event))
            }
            Object::Secret(secret) => {
                let mut secret = (*secret).clone();
                let marks = secret.marks.get_or_insert_default();
                marks.placeholder = number.is_multiple_of(2);
                Object::Secret(Arc::new(secret))
            }
            Object::Pod(pod) => {
                let mut pod = (*pod).clone();
                pod.waiting = number.is_multiple_of(2).then(|| (Name::new("CreateContainerConfigError"), Text::default()));
                pod.meta.created = recently;
                Object::Pod(Arc::new(pod))
            }
            Object::Deployment(one) => {
                let mut one = (*one).clone();
                (one.0.ready, one.0.meta.created) = (number % 2, recently);
                Object::Deployment(Arc::new(one))
            }
            Object::VaultDynamicSecret(one) => {
                let mut one = (*one).clone();
                one.renewed = recently;
                Object::VaultDynamicSecret(Arc::new(one))
            }
            other => other,
        }
    }

    fn reader(
        &self,
        es: &ExternalSecret,
        beside: &Object,
        number: u32,
        ready: Option<Condition>,
        recently: Option<Timestamp>,
    ) -> ExternalSecret {
        let mut es = es.clone();
        let beside = match beside {
            Object::ExternalSecret(other) => Some(other.clone()),
            _ => self.world.all::<ExternalSecret>().iter().find(|other| other.meta.name != es.meta.name).cloned(),
        };
        match (number % 16, beside) {
            (0..=2, _) => (es.ready, es.refreshed) = (ready, recently),
            (3, _) => es.refreshed = recently,
            (4, _) => es.meta.deleting = deleting(recently),
            (5, _) => (es.meta.created, es.refreshed, es.ready) = (recently, None, ready),
            (6, _) => es.creation_policy = Name::new(["Orphan", "Merge", "Owner"][number as usize / 16 % 3]),
            (7, _) => (es.policy, es.synced_current, es.meta.generation) = (RefreshPolicy::CreatedOnce, false, 2),
            (8, _) => (es.immutable, es.interval) = (number.is_multiple_of(3), i64::from(number % 100)),
            (9 | 10, Some(beside)) => es.target = beside.target.clone(),
            (11 | 12, Some(beside)) => es.store.clone_from(&beside.store),
            (13, Some(beside)) => es.remote.clone_from(&beside.remote),
            (14, Some(beside)) => es.generators.clone_from(&beside.generators),
            _ => es.store = None,
        }
        es
    }
}

fn fault(number: u32) -> Fault {
    Fault::new([FaultKind::Forbidden, FaultKind::Tcp, FaultKind::Unauthorized][number as usize % 3], "It fails.")
}

/// Everything that a diagnosis says.
fn said(diagnosis: &Diagnosis) -> Vec<String> {
    let mut said: Vec<String> = diagnosis.findings.iter().map(|finding| format!("{finding:?}")).collect();
    said.extend(diagnosis.causes.iter().map(|cause| format!("{cause:?}")));
    said.extend(diagnosis.unknown.iter().chain(diagnosis.unexplained.values()).map(|unknown| format!("{unknown:?}")));
    said.push(format!("{} {} {:?}", diagnosis.broken, diagnosis.unexplained.len(), diagnosis.gainsaid));
    let starting: BTreeSet<&ObjectRef> = diagnosis.starting.objects().collect();
    said.push(format!("{starting:?} {:?}", diagnosis.starting.said));
    said
}

/// The lines that one has and the other has not.
fn difference(memory: &[String], whole: &[String]) -> String {
    let only = |a: &[String], b: &[String]| a.iter().filter(|line| !b.contains(line)).cloned().collect::<Vec<_>>().join("\n");
    format!("only from memory:\n{}\nonly from a whole pass:\n{}", only(memory, whole), only(whole, memory))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_diagnosis_from_memory_is_that_of_a_whole_pass(
        one in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        steps in proptest::collection::vec((0_u8..31, any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u32>()), 1..40),
    ) {
        let mut moving = Moving::of(one.get(known()), other.get(known()));
        let mut memory = Memory::default();
        for step in steps {
            let what = step.0;
            moving.step(step);
            let remembered = said(&memory.diagnose(&moving.world, moving.now));
            let whole = said(&diagnose(&moving.world, moving.now));
            prop_assert!(remembered == whole, "after a step of kind {}: {}", what, difference(&remembered, &whole));
        }
    }
}

/// That something is being deleted since then.
fn deleting(at: Option<Timestamp>) -> Option<Box<Deleting>> {
    at.map(|at| Box::new(Deleting { at, finalizers: vec![Text::foreign("example.com/held")] }))
}
