//! How far one cause reaches: what is counted under it. A store or an `ExternalSecret` is counted once, and taken back as it
//! was counted before it is counted anew; nothing is gone through for that but the object itself.

use std::sync::Arc;

use jiff::Timestamp;

use super::cause::{Cause, Counts, Follows, Spared};
use super::tally::{Tally, Turn};
use crate::model::kinds::{ExternalSecret, Pod, Watched as _};
use crate::model::{Health, Inventory, Name, ObjectRef, Status};

/// What is counted of one object.
#[derive(Debug)]
pub(super) enum Share {
    /// A store.
    Store {
        /// Empty if it is cluster-scoped.
        namespace: Name,
        /// Whether it says that it is ready.
        ready: bool,
    },
    /// An `ExternalSecret`, and what depends on it.
    Reader {
        /// Itself.
        es: Arc<ExternalSecret>,
        /// Whether its Secret is there.
        has_secret: bool,
        /// The pods that use that Secret, each with what a person calls its workload.
        pods: Box<[(Arc<Pod>, Option<Name>)]>,
    },
}

impl Share {
    pub(super) fn of_store(world: &Inventory, object: &ObjectRef) -> Self {
        let ready = world.store(object).and_then(|store| store.ready.as_ref());
        let ready = ready.is_some_and(|ready| ready.status == Status::True);
        Self::Store { namespace: object.namespace.clone(), ready }
    }

    pub(super) fn of_reader(world: &Inventory, es: &Arc<ExternalSecret>) -> Self {
        let users = world.consumers_of(&es.meta.namespace, &es.target);
        Self::Reader {
            has_secret: world.target_of(es).is_some(),
            pods: users.map(|pod| (pod.clone(), pod.workload().map(|name| Name::new(&name)))).collect(),
            es: es.clone(),
        }
    }
}

/// The counts of one cause.
#[derive(Debug, Default)]
pub(super) struct Extent {
    radius: Radius,
    failing: Failing,
}

/// What depends on the root.
#[derive(Debug, Default)]
struct Radius {
    stores: usize,
    ready_stores: usize,
    external_secrets: usize,
    secrets: usize,
    /// By their addresses in memory: who counts a pod holds it.
    pods: Tally<usize>,
    running_pods: usize,
    workloads: Tally<(Name, Name)>,
    namespaces: Tally<Name>,
    /// When those that are green are due.
    due: Tally<Timestamp>,
    due_readers: usize,
}

/// What of that fails now.
#[derive(Debug, Default)]
struct Failing {
    stores: usize,
    external_secrets: usize,
    namespaces: Tally<Name>,
    /// Pods that wait for their Secrets.
    waiting: Tally<ObjectRef>,
}

impl Extent {
    /// Counts an object, or takes it back; `fails` says whether it is told that it fails because of this cause.
    pub(super) fn turn(&mut self, turn: Turn, share: &Share, fails: bool) {
        self.radius.turn(turn, share);
        if fails {
            self.failing.turn(turn, share);
        }
    }

    /// What depends on the root.
    pub(super) fn radius(&self) -> Counts {
        let radius = &self.radius;
        Counts {
            stores: radius.stores,
            external_secrets: radius.external_secrets,
            secrets: radius.secrets,
            workloads: radius.workloads.len(),
            pods: radius.pods.len(),
            namespaces: radius.namespaces.len(),
        }
    }

    /// What of that fails now.
    pub(super) fn failing(&self) -> Counts {
        let failing = &self.failing;
        Counts {
            stores: failing.stores,
            external_secrets: failing.external_secrets,
            pods: failing.waiting.len(),
            namespaces: failing.namespaces.len(),
            ..Counts::default()
        }
    }

    /// The first of the pods that wait for their Secrets.
    pub(super) fn waiting(&self) -> Vec<ObjectRef> {
        self.failing.waiting.keys().take(Cause::NAMED).cloned().collect()
    }

    /// What will fail if nothing is done.
    pub(super) fn follows(&self) -> Follows {
        let Radius { due, due_readers, ready_stores, .. } = &self.radius;
        let (first, last) = (due.first().copied(), due.last().copied());
        Follows { external_secrets: *due_readers, first, last, stores: *ready_stores }
    }

    /// What is not hit.
    pub(super) const fn spared(&self, generators: usize) -> Spared {
        Spared { generators, secrets: self.radius.secrets, pods: self.radius.running_pods }
    }
}

impl Radius {
    fn turn(&mut self, turn: Turn, share: &Share) {
        match share {
            Share::Store { namespace, ready } => {
                turn.on(&mut self.stores);
                if *ready {
                    turn.on(&mut self.ready_stores);
                }
                if !namespace.is_empty() {
                    self.namespaces.turn(turn, namespace.clone());
                }
            }
            Share::Reader { es, has_secret, pods } => {
                turn.on(&mut self.external_secrets);
                self.namespaces.turn(turn, es.meta.namespace.clone());
                if *has_secret {
                    turn.on(&mut self.secrets);
                }
                for (pod, workload) in pods.iter().filter(|(pod, _)| !pod.is_over()) {
                    // A pod may use several Secrets.
                    let came_or_went = self.pods.turn(turn, Arc::as_ptr(pod).addr());
                    if came_or_went && pod.phase.as_str() == "Running" {
                        turn.on(&mut self.running_pods);
                    }
                    if let Some(workload) = workload.as_ref().filter(|_| came_or_went) {
                        self.workloads.turn(turn, (pod.meta.namespace.clone(), workload.clone()));
                    }
                }
                if let Some(due) = es.next_refresh().filter(|_| es.health() == Health::Healthy && !es.remote.is_empty()) {
                    turn.on(&mut self.due_readers);
                    self.due.turn(turn, due);
                }
            }
        }
    }
}

impl Failing {
    fn turn(&mut self, turn: Turn, share: &Share) {
        let namespace = match share {
            Share::Store { namespace, .. } => {
                turn.on(&mut self.stores);
                namespace
            }
            Share::Reader { es, pods, .. } => {
                turn.on(&mut self.external_secrets);
                for (pod, _) in pods.iter().filter(|(pod, _)| pod.wants_secret()) {
                    self.waiting.turn(turn, pod.object_ref());
                }
                &es.meta.namespace
            }
        };
        if !namespace.is_empty() {
            self.namespaces.turn(turn, namespace.clone());
        }
    }
}
