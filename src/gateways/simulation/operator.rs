//! External Secrets: its queues and workers. A worker takes an object, holds it for as long as the work
//! takes, and hands it back; what the work is stands in the files below. Measured on 2.9.0
//! (facts/external-secrets.md, sections 3 to 6) and read in the source of 0.16.2.

mod cluster;
mod stores;
mod sync;
mod target;

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use super::api::{News, What};
use super::queue::Queue;
use super::random::Random;
use super::recorder::Recorder;
use super::time::after;
use super::vault::seal::patience;
use super::world::{Task, World};
use crate::model::{Kind, ObjectRef};

/// The label of a Secret that External Secrets writes.
pub(super) const MANAGED: &str = "reconcile.external-secrets.io/managed";

/// The kinds that have a controller.
const KINDS: [Kind; 4] = [Kind::SecretStore, Kind::ClusterSecretStore, Kind::ExternalSecret, Kind::ClusterExternalSecret];

/// Which External Secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
pub(super) enum Release {
    /// 0.16.2: hears its own writes of status, says the cause in the condition of a failed validation.
    #[default]
    #[serde(rename = "0.16")]
    V016,
    /// 2.9.0.
    #[serde(rename = "2.9")]
    V29,
}

/// The controllers of one process.
#[derive(Debug)]
pub(super) struct Operator {
    pub(super) release: Release,
    /// `--concurrent`.
    pub(super) concurrent: usize,
    /// `--store-requeue-interval`.
    pub(super) store_requeue: Duration,
    /// Whether the process runs.
    pub(super) running: bool,
    /// When it last renewed its lease, if it stopped.
    pub(super) stopped: Option<Timestamp>,
    queues: BTreeMap<Kind, Queue>,
    jobs: BTreeMap<ObjectRef, Job>,
    recorder: Recorder,
    random: Random,
}

/// What a worker holds.
#[derive(Debug)]
struct Job {
    started: Timestamp,
    /// The version of the object that it read.
    seen: u64,
    /// Which request to Vault this is: its client asks three times.
    attempt: u32,
    /// The server and the replica that its connection goes to.
    connection: Option<(usize, usize)>,
    plan: Plan,
}

/// What is to be done, as far as it is decided when the work begins.
#[derive(Debug)]
enum Plan {
    /// Nothing: it is fresh.
    Skip,
    /// It fails before anybody is asked.
    Fail(String),
    /// Vault is asked, or a generator.
    Go,
}

/// Why something failed, and whether Vault's client asks again before it gives up.
#[derive(Debug)]
struct Failure {
    text: String,
    retried: bool,
    /// It failed at validation rather than at login.
    at_validation: bool,
}

/// What a controller does with an object next.
#[derive(Debug)]
enum Verdict {
    /// It was done; look again after this time, if at all.
    Done(Option<Duration>),
    /// Look again at once, though not more often than the back-off allows.
    Again,
    /// It failed: back-off.
    Failed,
    /// It failed in a way that trying again does not mend.
    GivenUp,
}

impl Operator {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            release: Release::default(),
            concurrent: 1,
            store_requeue: Duration::from_secs(300),
            running: true,
            stopped: None,
            queues: KINDS.into_iter().map(|kind| (kind, Queue::default())).collect(),
            jobs: BTreeMap::new(),
            recorder: Recorder::default(),
            random: Random::new(seed ^ 0xe50),
        }
    }

    fn queue(&mut self, kind: Kind) -> &mut Queue {
        self.queues.entry(kind).or_default()
    }
}

impl World {
    /// Tells the controllers what changed.
    pub(super) fn hear(&mut self) {
        if !self.operator.running {
            // A process that starts reads everything anyway.
            self.api.news.clear();
            return;
        }
        for News { object, what } in std::mem::take(&mut self.api.news) {
            match object.kind {
                Kind::SecretStore | Kind::ClusterSecretStore if what != What::Gone => {
                    self.operator.queue(object.kind).add(&object);
                }
                Kind::ExternalSecret => {
                    // 2.9 filters its own writes of status; 0.16.2 does not.
                    if what == What::Wanted || (what == What::Said && self.operator.release == Release::V016) {
                        self.operator.queue(object.kind).add(&object);
                    }
                    self.hear_child(&object, what);
                }
                Kind::ClusterExternalSecret if what == What::Wanted => self.operator.queue(object.kind).add(&object),
                Kind::Secret => self.hear_target(&object, what),
                _ => {}
            }
        }
    }

    /// A Secret with the label of External Secrets wakes those that write it.
    fn hear_target(&mut self, secret: &ObjectRef, what: What) {
        let managed = self.api.get(secret).is_some_and(|object| object.meta.labels.contains_key(MANAGED));
        if !managed && what != What::Gone {
            return;
        }
        let writers: Vec<ObjectRef> = self
            .api
            .list(Kind::ExternalSecret)
            .filter(|(key, object)| {
                key.namespace == secret.namespace && object.external().is_some_and(|es| es.target == secret.name.as_str())
            })
            .map(|(key, _)| key.clone())
            .collect();
        for writer in writers {
            self.operator.queue(Kind::ExternalSecret).add(&writer);
        }
    }

    /// Gives what is due to the workers that are free.
    pub(super) fn employ(&mut self) {
        if !self.operator.running {
            return;
        }
        let workers = self.operator.concurrent;
        for kind in KINDS {
            while let Some(key) = self.operator.queue(kind).take(workers) {
                let (plan, cost) = self.plan(&key);
                let seen = self.api.get(&key).map_or(0, |object| object.meta.version);
                let connection = matches!(plan, Plan::Go).then(|| self.connection(&key)).flatten();
                self.operator.jobs.insert(key.clone(), Job { started: self.now, seen, attempt: 1, connection, plan });
                self.schedule(after(self.now, cost), Task::Work(key));
            }
        }
    }

    /// A waiting object comes due.
    pub(super) fn wake(&mut self, key: &ObjectRef) {
        let now = self.now;
        if self.operator.running {
            self.operator.queue(key.kind).wake(key, now);
        }
    }

    fn plan(&mut self, key: &ObjectRef) -> (Plan, Duration) {
        match key.kind {
            Kind::ExternalSecret => self.plan_sync(key),
            Kind::ClusterExternalSecret => (Plan::Go, Duration::from_millis(12)),
            _ => (Plan::Go, self.operator.random.millis(120, 190)),
        }
    }

    /// The replica that a new connection for this object reaches.
    fn connection(&mut self, key: &ObjectRef) -> Option<(usize, usize)> {
        let store = match key.kind {
            Kind::ExternalSecret => self.store_of(key)?,
            Kind::SecretStore | Kind::ClusterSecretStore => key.clone(),
            _ => return None,
        };
        let address = self.api.get(&store)?.store()?.address.clone();
        let index = self.servers.iter().position(|server| server.is_at(&address))?;
        let replica = self.servers.get_mut(index)?.connect();
        Some((index, replica))
    }

    /// The store that an `ExternalSecret` names.
    fn store_of(&self, key: &ObjectRef) -> Option<ObjectRef> {
        let (kind, name) = self.api.get(key)?.external()?.store.as_ref()?;
        let namespace = if *kind == Kind::SecretStore { key.namespace.as_str() } else { "" };
        Some(ObjectRef::new(*kind, namespace, name.as_str()))
    }

    /// A worker is through with a piece of its work.
    pub(super) fn work(&mut self, key: &ObjectRef) {
        let Some(mut job) = self.operator.jobs.remove(key) else { return };
        let verdict = match key.kind {
            Kind::ExternalSecret => self.sync(key, &job),
            Kind::ClusterExternalSecret => Ok(self.provision(key)),
            _ => self.check_store(key, &job),
        };
        let Ok(verdict) = verdict else {
            // Vault's client waits and asks again, and the worker waits with it.
            let wait = patience(&mut self.operator.random, job.attempt);
            job.attempt += 1;
            self.operator.jobs.insert(key.clone(), job);
            self.schedule(after(self.now, wait), Task::Work(key.clone()));
            return;
        };
        let now = self.now;
        let queue = self.operator.queue(key.kind);
        let wake = match verdict {
            Verdict::Done(next) => {
                queue.forget(key);
                next.and_then(|next| queue.add_after(key, next, now))
            }
            Verdict::GivenUp => {
                queue.forget(key);
                None
            }
            Verdict::Again | Verdict::Failed => queue.add_rate_limited(key, now),
        };
        queue.done(key);
        if let Some(at) = wake {
            self.schedule(at, Task::Wake(key.clone()));
        }
    }

    /// The process stops; what its workers held is lost.
    pub(super) fn stop_operator(&mut self) {
        self.operator.running = false;
        self.operator.stopped.get_or_insert(self.now);
        self.operator.jobs.clear();
        for queue in self.operator.queues.values_mut() {
            *queue = Queue::default();
        }
    }

    /// The process starts: its back-off and its memory of events are empty, and it looks at everything.
    pub(super) fn start_operator(&mut self) {
        self.operator.running = true;
        self.operator.stopped = None;
        self.operator.recorder = Recorder::default();
        for kind in KINDS {
            let keys: Vec<ObjectRef> = self.api.list(kind).map(|(key, _)| key.clone()).collect();
            for key in keys {
                self.operator.queue(kind).add(&key);
            }
        }
    }
}
