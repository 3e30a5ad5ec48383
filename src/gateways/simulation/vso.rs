//! The Vault Secrets Operator, as far as a person sees its work: it keeps Secrets like paths of Vault and with credentials
//! that Vault issues. Measured on 1.4.1 (facts/vault.md, section 6), and read in `vaultstaticsecret_controller.go`
//! and `vaultdynamicsecret_controller.go`. Certificates it does not issue here. It runs where a scenario has objects of it.

mod reconcile;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use super::api::{News, What};
use super::queue::Queue;
use super::random::Random;
use super::recorder::Recorder;
use super::time::after;
use super::vault::login::Session;
use super::vault::seal::patience;
use super::world::{Task, World};
use crate::model::{Kind, ObjectRef};

/// The kinds that it reconciles here.
const KINDS: [Kind; 2] = [Kind::VaultStaticSecret, Kind::VaultDynamicSecret];

/// How many it works on at a time (`--max-concurrent-reconciles`).
const WORKERS: usize = 100;

/// A `VaultConnection`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connection {
    pub(super) url: String,
}

/// A `VaultAuth`, of kubernetes auth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Auth {
    pub(super) connection: String,
    pub(super) mount: String,
    pub(super) role: String,
    pub(super) account: String,
}

/// A condition of which every reconcile writes the time anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Beat {
    pub(super) status: bool,
    pub(super) message: String,
    pub(super) at: Timestamp,
}

/// A lease that Vault issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) id: String,
    /// Seconds.
    pub(super) lasts: u64,
    /// When it was issued or renewed.
    pub(super) renewed: Timestamp,
}

/// A `VaultStaticSecret` or a `VaultDynamicSecret`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) auth: String,
    pub(super) mount: String,
    pub(super) path: String,
    pub(super) destination: String,
    pub(super) restarts: Vec<(Kind, String)>,
    /// As it is written, and in seconds.
    pub(super) refresh_after: Option<(String, u64)>,
    pub(super) last_generation: i64,
    /// The digest of what was written last; empty for never.
    pub(super) mac: String,
    pub(super) synced: Option<Beat>,
    pub(super) healthy: Option<Beat>,
    pub(super) lease: Option<Lease>,
}

/// The process.
#[derive(Debug)]
pub(super) struct Operator {
    /// Whether it is installed.
    pub(super) installed: bool,
    queue: Queue,
    /// What its workers hold: which request to Vault it is, and the replica that its connection goes to.
    jobs: BTreeMap<ObjectRef, (u32, Option<(usize, usize)>)>,
    /// How often each failed in a row.
    failures: BTreeMap<ObjectRef, i32>,
    /// What is to be issued anew (`SyncRegistry`).
    forced: BTreeSet<ObjectRef>,
    /// The logins that it holds, by `VaultAuth`.
    clients: BTreeMap<ObjectRef, Session>,
    recorder: Recorder,
    random: Random,
}

/// What is next with an object.
enum Verdict {
    /// Look again after this time.
    After(Duration),
    /// Vault's client asks again first: the answer was a 5xx, or there was none.
    Again,
}

impl Operator {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            installed: false,
            queue: Queue::default(),
            jobs: BTreeMap::new(),
            failures: BTreeMap::new(),
            forced: BTreeSet::new(),
            clients: BTreeMap::new(),
            recorder: Recorder::default(),
            random: Random::new(seed ^ 0x750),
        }
    }

    /// Whether it reconciles this kind.
    pub(super) fn keeps(kind: Kind) -> bool {
        KINDS.contains(&kind)
    }
}

impl World {
    /// Tells it what changed: any change of spec, labels or annotations; not its own of the status. What is issued is
    /// issued anew then (controllers/predicates.go). A Secret that is gone is made again.
    pub(super) fn hear_vso(&mut self) {
        if !self.vso.installed {
            return;
        }
        for News { object, what } in self.api.news.clone() {
            match (object.kind, what) {
                (kind, What::Wanted) if Operator::keeps(kind) => {
                    if kind == Kind::VaultDynamicSecret
                        && self.api.get(&object).and_then(|one| one.kept()?.lease.as_ref()).is_some()
                    {
                        self.vso.forced.insert(object.clone());
                    }
                    self.vso.queue.add(&object);
                }
                (Kind::Secret, What::Gone) => {
                    for owner in self.keepers_of(&object) {
                        self.vso.queue.add(&owner);
                    }
                }
                _ => {}
            }
        }
    }

    fn keepers_of(&self, secret: &ObjectRef) -> Vec<ObjectRef> {
        let all = KINDS.into_iter().flat_map(|kind| self.api.list(kind));
        let here = all.filter(|(key, object)| {
            key.namespace == secret.namespace && object.kept().is_some_and(|kept| kept.destination == secret.name.as_str())
        });
        here.map(|(key, _)| key.clone()).collect()
    }

    /// Gives what is due to its workers.
    pub(super) fn employ_vso(&mut self) {
        while let Some(key) = self.vso.queue.take(WORKERS) {
            let connection = self.vso_connection(&key);
            self.vso.jobs.insert(key.clone(), (1, connection));
            let cost = self.vso.random.millis(20, 60);
            self.schedule(after(self.now, cost), Task::Work(key));
        }
    }

    /// What waited comes due.
    pub(super) fn wake_vso(&mut self, key: &ObjectRef) {
        let now = self.now;
        self.vso.queue.wake(key, now);
    }

    /// A worker is through with a piece of its work.
    pub(super) fn work_vso(&mut self, key: &ObjectRef) {
        let Some((attempt, connection)) = self.vso.jobs.remove(key) else { return };
        let verdict = match key.kind {
            Kind::VaultStaticSecret => self.keep_static(key, attempt, connection),
            _ => self.keep_dynamic(key, attempt, connection),
        };
        match verdict {
            Verdict::Again => {
                let wait = patience(&mut self.vso.random, attempt);
                self.vso.jobs.insert(key.clone(), (attempt + 1, connection));
                self.schedule(after(self.now, wait), Task::Work(key.clone()));
            }
            Verdict::After(wait) => {
                let now = self.now;
                let wake = self.vso.queue.add_after(key, wait, now);
                self.vso.queue.done(key);
                if let Some(at) = wake {
                    self.schedule(at, Task::Wake(key.clone()));
                }
            }
        }
    }
}
