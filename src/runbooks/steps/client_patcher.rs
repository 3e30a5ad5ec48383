//! The Job that replaces placeholders is run once more, by what owns it: a sync of its Argo CD Application, a reconcile
//! of its Flux object, or, if nobody owns it, by deleting it and making it anew from its own spec.

use serde::Serialize;

use super::bootstrap::{copy_of, ended, failed, runs, stands_for};
use super::each::{Each, Effect, Task, preview};
use super::{by_name, placeholders};
use crate::model::inventory::runs::{CLIENT_PATCHER, base_name};
use crate::model::kinds::{Application, Job, Watched as _};
use crate::model::manager::Manager;
use crate::model::{Inventory, Kind, ObjectRef};
use crate::runbooks::commit::{place, yaml};
use crate::runbooks::operation::RECONCILE;
use crate::runbooks::{Commit, KubernetesWrite, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "client-patcher",
    explanation: "Runs the client-patcher again, by what owns it, and follows the new Job to its end.",
    git: |target, world, progress| jobs(target, world).into_iter().map(|job| commit(world, job, progress)).collect(),
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let base = preview(open);
            Preview {
                will: open.iter().map(|task| told(&task.operation, world)).collect(),
                will_not: vec!["No value is written by us: the Job does that.".to_owned()],
                forecast: vec!["It may fail for the same reason as before: what it said last stands on its Why page.".to_owned()],
                confirm: by_name(&base.objects, "run"),
                ..base
            }
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

const EACH: Each = Each {
    id: "client-patcher",
    noun: "run",
    done: "complete",
    awaited: "to be complete",
    patience: 900,
    at_once: 1,
    nothing: "There is no client-patcher: deploy it (an Argo CD hook runs at the next sync, a Helm hook at the next upgrade).",
};

fn told(operation: &Operation, world: &Inventory) -> String {
    let object = operation.object();
    match operation {
        Operation::Kubernetes(KubernetesWrite::Sync { .. }) => {
            format!("Sync {object} with its hooks, as Argo CD does for a change in Git: everything in it, not this Job alone.")
        }
        Operation::Kubernetes(KubernetesWrite::Annotate { .. }) => format!("Have Flux reconcile {object} now."),
        _ if copy_of(world, object).is_some() => format!("Make {object} anew from its copy: it was deleted, and not made since."),
        _ => format!("Delete {object} and make it anew from its own spec; that the API server would take it is asked first."),
    }
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let done: Vec<&Operation> = progress.of_step(STEP.id).map(|applied| &applied.operation).collect();
    let left = jobs(target, world).into_iter();
    let left = left.filter_map(|job| Some((again(job, stands_for(world, job)?, world, progress), job.object_ref())));
    let mut tasks: Vec<Task> = Vec::new();
    // Between the old Job and the new one there is none: what was done stays on the list.
    for operation in done {
        tasks.push(Task::new(operation.clone(), after(target, world, progress, operation)));
    }
    for (operation, job) in left {
        if tasks.iter().any(|task| task.operation.object() == operation.object()) {
            continue;
        }
        let effect =
            if runs(world, &job) { Effect::LeftOut("it is at work now: wait for its end".to_owned()) } else { Effect::None };
        tasks.push(Task::new(operation, effect).followed_by(placeholders::rights(target, world, progress)));
    }
    tasks
}

/// The Jobs that a target means: those that it names, else those of its namespaces, else all.
fn jobs<'a>(target: &Target, world: &'a Inventory) -> Vec<&'a Job> {
    let meant = |job: &&std::sync::Arc<Job>| base_name(job).contains(CLIENT_PATCHER) && stands_for(world, job).is_some();
    let all = || world.all::<Job>().iter().filter(meant).map(AsRef::as_ref);
    let Target::Objects(objects) = target else { return all().collect() };
    // Who names a Job means that one and no other.
    if objects.iter().any(|object| object.kind == Kind::Job) {
        return all().filter(|job| stands_for(world, job).is_some_and(|job| objects.contains(&job))).collect();
    }
    let near: Vec<&Job> = all().filter(|job| objects.iter().any(|object| object.namespace == job.meta.namespace)).collect();
    if near.is_empty() { all().collect() } else { near }
}

/// What became of a run: of the Job that was made anew, by us or by its owner.
fn after(target: &Target, world: &Inventory, progress: &Progress, operation: &Operation) -> Effect {
    let owner = operation.object();
    if let Operation::Kubernetes(KubernetesWrite::RunAgain { .. }) = operation {
        return ended(world, progress, STEP.id, operation);
    }
    let Some(since) = progress.counts_from(STEP.id, owner) else { return Effect::None };
    let new = jobs(target, world).into_iter().find(|job| job.meta.created.is_some_and(|at| at >= since));
    match new {
        Some(job) if job.is_complete() => Effect::Proved(format!("complete, made anew by {}", owner.short())),
        Some(job) if job.has_failed() => failed(world, progress, job),
        _ => Effect::None,
    }
}

fn again(job: &Job, object: ObjectRef, world: &Inventory, progress: &Progress) -> Operation {
    Operation::Kubernetes(match world.manager_of(&object, &job.meta) {
        Some(Manager::Object(owner)) if owner.kind == Kind::Application && world.get::<Application>(&owner).is_some() => {
            KubernetesWrite::Sync { application: owner }
        }
        Some(Manager::Object(owner)) if owner.kind != Kind::Application => {
            KubernetesWrite::Annotate { object: owner, key: RECONCILE, value: progress.stamp(STEP.id).to_string() }
        }
        _ => KubernetesWrite::RunAgain { job: object },
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Values {
    client_patcher: RunId,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RunId {
    run_id: String,
}

/// Another run id makes another Job, which Argo CD or Helm runs at the next sync.
fn commit(world: &Inventory, job: &Job, progress: &Progress) -> Commit {
    let object = job.object_ref();
    let values = Values { client_patcher: RunId { run_id: progress.stamp(STEP.id).to_string() } };
    Commit {
        place: place(world, &object, &job.meta),
        says: vec!["Bump the run id in the values of its chart, and let it be synced: the Job runs then.".to_owned()],
        snippets: vec![yaml(&values)],
        object,
    }
}
