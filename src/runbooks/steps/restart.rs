//! Workloads whose containers started before their Secret's data was last written, and that read it only when they
//! start, are restarted one after the other. The proof is the start time of every pod.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::each::{Each, Effect, Task, preview};
use super::{by_name, counted, external_secrets_of, upkeeps_of};
use crate::model::kinds::deployment::Workload;
use crate::model::kinds::{DaemonSet, Deployment, ExternalSecret, Pod, Role, Secret, StatefulSet};
use crate::model::pod_spec::Use;
use crate::model::{Inventory, Kind, ObjectRef};
use crate::runbooks::{KubernetesWrite, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "restart",
    explanation: "Restarts each workload that still runs with an older value (kubectl rollout restart), and waits until all its pods are new and ready.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let base = preview(open);
            Preview {
                will: vec![format!("Restart {}, {AT_ONCE} at a time, each by its own rollout.", counted(open.len(), "workload"))],
                will_not: vec!["What reads the Secret from a volume is not restarted: the kubelet renews its files.".to_owned()],
                forecast: vec![
                    "A workload with one replica and the strategy Recreate is away for as long as it starts.".to_owned(),
                    "A forced sync may have written the same value again: then the restart changes nothing.".to_owned(),
                ],
                confirm: by_name(&base.objects, "workload"),
                ..base
            }
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

/// How many roll at a time.
const AT_ONCE: usize = 2;

const EACH: Each = Each {
    id: "restart",
    noun: "workload",
    done: "restarted, all pods new and ready",
    awaited: "to be rolled out",
    patience: 600,
    at_once: AT_ONCE,
    nothing: "No workload runs with an older value than its Secret has.",
};

/// The kinds that `kubectl rollout restart` knows.
const ROLLS: [Kind; 3] = [Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet];

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let named = match target {
        Target::Objects(objects) => objects.iter().filter(|object| ROLLS.contains(&object.kind)).cloned().collect(),
        Target::Vault(_) | Target::Vaults(_) | Target::Everything => BTreeSet::new(),
    };
    let done = progress.of_step(STEP.id).map(|applied| applied.operation.object().clone());
    let concerned: BTreeSet<ObjectRef> =
        secrets(target, world).iter().flat_map(|secret| stale(world, secret)).chain(named).chain(done).collect();
    concerned.into_iter().map(|workload| task(workload, world, progress)).collect()
}

/// The Secrets that a target means.
fn secrets(target: &Target, world: &Inventory) -> BTreeSet<ObjectRef> {
    let named: Vec<ObjectRef> = match target {
        Target::Objects(objects) => objects.iter().filter(|object| object.kind == Kind::Secret).cloned().collect(),
        Target::Vault(_) | Target::Vaults(_) | Target::Everything => Vec::new(),
    };
    let synced = external_secrets_of(target, world).into_iter().map(ExternalSecret::target_ref);
    let kept = upkeeps_of(target, world).into_iter().map(|(object, upkeep)| upkeep.secret_ref(&object));
    named.into_iter().chain(synced).chain(kept).collect()
}

/// The workloads of which a pod keeps an older value of a Secret.
fn stale<'a>(world: &'a Inventory, secret: &ObjectRef) -> impl Iterator<Item = ObjectRef> + use<'a> {
    let written = world.get::<Secret>(secret).and_then(|secret| secret.written());
    let name = secret.name.clone();
    world
        .consumers_of(&secret.namespace, &secret.name)
        .filter(move |pod| pod.spec.uses(&name).any(Use::is_fixed))
        .filter(move |pod| written.zip(pod.running).is_some_and(|(written, running)| running < written))
        .map(|pod| pod.consumer())
}

fn task(workload: ObjectRef, world: &Inventory, progress: &Progress) -> Task {
    let applied = progress.last(STEP.id, &workload);
    let effect = match applied {
        None if !ROLLS.contains(&workload.kind) => {
            Effect::LeftOut(format!("a {} cannot be rolled out: delete it by hand", workload.kind))
        }
        None => Effect::None,
        Some(applied) => {
            let since = progress.counts_from(STEP.id, &workload).unwrap_or(applied.at);
            rolled_since(world, &workload, since)
                .map_or(Effect::None, |pods| Effect::Proved(format!("{} since the restart", counted(pods, "pod"))))
        }
    };
    let at = applied.map_or(progress.entered_at(STEP.id), |applied| match &applied.operation {
        Operation::Kubernetes(KubernetesWrite::Restart { at, .. }) => *at,
        _ => applied.at,
    });
    Task::new(Operation::Kubernetes(KubernetesWrite::Restart { workload, at }), effect)
}

/// How many pods a workload has, once all of them started since then and as many are ready as are wanted.
pub(super) fn rolled_since(world: &Inventory, workload: &ObjectRef, since: Timestamp) -> Option<usize> {
    let pods: Vec<&Pod> =
        world.pointing_at(workload, Role::MadeBy).filter_map(|pod| world.get::<Pod>(pod)).map(AsRef::as_ref).collect();
    let pods = if pods.is_empty() { of_workload(world, workload) } else { pods };
    let alive = pods.iter().filter(|pod| !pod.is_over());
    let new = alive.clone().filter(|pod| pod.running.is_some_and(|at| at >= since)).count();
    let found = rolled(world, workload)?;
    // Between the old pod and the new one there is none, and the status still counts the old.
    let all = new == alive.count() && u32::try_from(new).is_ok_and(|new| new >= found.wanted);
    (all && found.observed && found.ready >= found.wanted).then_some(new)
}

/// The pods of a Deployment stand behind its `ReplicaSet`.
fn of_workload<'a>(world: &'a Inventory, workload: &ObjectRef) -> Vec<&'a Pod> {
    let mine = |pod: &&std::sync::Arc<Pod>| pod.meta.namespace == workload.namespace && pod.workload.as_ref() == Some(workload);
    world.all::<Pod>().iter().filter(mine).map(AsRef::as_ref).collect()
}

pub(super) fn rolled<'a>(world: &'a Inventory, workload: &ObjectRef) -> Option<&'a Workload> {
    match workload.kind {
        Kind::Deployment => world.get::<Deployment>(workload).map(|found| &found.0),
        Kind::StatefulSet => world.get::<StatefulSet>(workload).map(|found| &found.0),
        Kind::DaemonSet => world.get::<DaemonSet>(workload).map(|found| &found.0),
        _ => None,
    }
}
