//! The simulated world: what there is, what is due, and the one loop that lets time pass. It reads no
//! clock: `advance` is told the time. The same scenario gives the same world at every run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use jiff::Timestamp;

use super::act::Act;
use super::api::Api;
use super::operator::Operator;
use super::random::Random;
use super::recorder::{Recorder, forget_old_events};
use super::time::after;
use super::vault::{Server, Wish};
use super::vso::Operator as Vso;
use crate::model::ObjectRef;

/// Something that is due at a time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// An entry of the scenario.
    Happen(usize),
    /// A waiting object of a controller.
    Wake(ObjectRef),
    /// A worker of a controller is through.
    Work(ObjectRef),
    /// A wish of a Vault: its index, 0 for an election, else the replica that joins, plus one.
    Vault(usize, usize),
    /// The kubelet looks at a pod.
    Pod(ObjectRef),
    /// Old events are forgotten.
    Sweep,
}

/// The world.
#[derive(Debug)]
pub(super) struct World {
    pub(super) now: Timestamp,
    due: BinaryHeap<Reverse<(Timestamp, u64, Task)>>,
    sequence: u64,
    pub(super) api: Api,
    pub(super) servers: Vec<Server>,
    pub(super) operator: Operator,
    /// The Vault Secrets Operator.
    pub(super) vso: Vso,
    pub(super) kubelet: Recorder,
    pub(super) random: Random,
    /// What the scenario lets happen, and when it has.
    pub(super) script: Vec<Act>,
    /// Rights that the person does not have, as `verb resource`.
    pub(super) denied: Vec<String>,
}

impl World {
    /// An empty world at this time.
    pub(super) fn new(now: Timestamp, seed: u64) -> Self {
        let mut world = Self {
            now,
            due: BinaryHeap::new(),
            sequence: 0,
            api: Api::new(seed),
            servers: Vec::new(),
            operator: Operator::new(seed),
            vso: Vso::new(seed),
            kubelet: Recorder::default(),
            random: Random::new(seed),
            script: Vec::new(),
            denied: Vec::new(),
        };
        world.schedule(now, Task::Sweep);
        world
    }

    /// Lets something come due.
    pub(super) fn schedule(&mut self, at: Timestamp, task: Task) {
        self.sequence += 1;
        self.due.push(Reverse((at, self.sequence, task)));
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.due.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Lets time pass until then. What is due at one time happens in the order in which it was asked for.
    pub(super) fn advance(&mut self, to: Timestamp) {
        while let Some(Reverse((at, _, _))) = self.due.peek()
            && *at <= to
        {
            let Some(Reverse((at, _, task))) = self.due.pop() else { break };
            self.now = self.now.max(at);
            self.run(task);
            self.settle();
        }
        self.now = self.now.max(to);
    }

    fn run(&mut self, task: Task) {
        match task {
            Task::Happen(index) => {
                if let Some(act) = self.script.get(index).cloned() {
                    self.act(act);
                }
            }
            Task::Wake(key) if Vso::keeps(key.kind) => self.wake_vso(&key),
            Task::Work(key) if Vso::keeps(key.kind) => self.work_vso(&key),
            Task::Wake(key) => self.wake(&key),
            Task::Work(key) => self.work(&key),
            Task::Vault(server, wish) => {
                if let Some(server) = self.servers.get_mut(server) {
                    server.fulfil(if wish == 0 { Wish::Elect } else { Wish::Join(wish - 1) });
                }
            }
            Task::Pod(key) => self.kubelet(&key),
            Task::Sweep => {
                let now = self.now;
                forget_old_events(&mut self.api, now);
                self.schedule(after(now, Duration::from_secs(60)), Task::Sweep);
            }
        }
    }

    /// After anything happened: workloads and Services follow, both operators hear of it, free workers take what is due, Vaults make their
    /// wishes. To be called after every write from outside, too.
    pub(super) fn settle(&mut self) {
        self.control();
        self.hear_vso();
        self.hear();
        self.employ();
        self.employ_vso();
        let now = self.now;
        for index in 0..self.servers.len() {
            let wishes = std::mem::take(&mut self.servers[index].wishes);
            for (wait, wish) in wishes {
                let wish = match wish {
                    Wish::Elect => 0,
                    Wish::Join(replica) => replica + 1,
                };
                self.schedule(after(now, wait), Task::Vault(index, wish));
            }
        }
    }
}
