//! The Job that replaces placeholders is run once more, by what owns it: a sync of its Argo CD Application, a reconcile
//! of its Flux object, or, if nobody owns it, by deleting it and making it anew from its own spec.

use super::bootstrap::{ended, failed};
use super::by_name;
use super::each::{Each, Effect, Task};
use crate::model::inventory::runs::{CLIENT_PATCHER, base_name};
use crate::model::kinds::{Application, Job, Watched as _};
use crate::model::manager::Manager;
use crate::model::{Inventory, Kind, ObjectRef};
use crate::runbooks::{KubernetesWrite, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "client-patcher",
    explanation: "Runs the client-patcher again, by what owns it, and follows the new Job to its end.",
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let objects: Vec<ObjectRef> = open.iter().map(|task| task.operation.object().clone()).collect();
            Preview {
                will: open.iter().map(|task| told(&task.operation)).collect(),
                will_not: vec!["No value is written by us: the Job does that.".to_owned()],
                forecast: vec!["It may fail for the same reason as before: what it said last stands on its Why page.".to_owned()],
                commands: open.iter().map(|task| task.operation.command()).collect(),
                confirm: by_name(&objects, "run"),
                objects,
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

/// What Flux looks at.
const RECONCILE: &str = "reconcile.fluxcd.io/requestedAt";

fn told(operation: &Operation) -> String {
    let object = operation.object();
    match operation {
        Operation::Kubernetes(KubernetesWrite::Sync { .. }) => {
            format!("Sync {object} with its hooks, as Argo CD does for a change in Git: everything in it, not this Job alone.")
        }
        Operation::Kubernetes(KubernetesWrite::Annotate { .. }) => format!("Have Flux reconcile {object} now."),
        _ => format!("Delete {object} and make it anew from its own spec; that the API server would take it is asked first."),
    }
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    jobs(target, world).into_iter().map(|job| task(job, world, progress)).collect()
}

/// The Jobs that a target means: those that it names, else those of its namespaces, else all.
fn jobs<'a>(target: &Target, world: &'a Inventory) -> Vec<&'a Job> {
    let all = || world.all::<Job>().iter().filter(|job| base_name(job).contains(CLIENT_PATCHER)).map(AsRef::as_ref);
    let Target::Objects(objects) = target else { return all().collect() };
    let named: Vec<&Job> = all().filter(|job| objects.contains(&job.object_ref())).collect();
    if !named.is_empty() {
        return named;
    }
    let near: Vec<&Job> = all().filter(|job| objects.iter().any(|object| object.namespace == job.meta.namespace)).collect();
    if near.is_empty() { all().collect() } else { near }
}

fn task(job: &Job, world: &Inventory, progress: &Progress) -> Task {
    let operation = again(job, world, progress);
    let effect = match &operation {
        Operation::Kubernetes(KubernetesWrite::RunAgain { .. }) => ended(world, progress, STEP.id, &operation),
        // The owner makes the Job anew: it is looked for under its own name.
        _ => by_owner(job, world, progress, operation.object()),
    };
    Task { operation, effect }
}

fn again(job: &Job, world: &Inventory, progress: &Progress) -> Operation {
    let object = job.object_ref();
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

fn by_owner(job: &Job, world: &Inventory, progress: &Progress, owner: &ObjectRef) -> Effect {
    let Some(since) = progress.last(STEP.id, owner).map(super::super::Applied::effective) else { return Effect::None };
    if job.meta.created.is_none_or(|at| at < since) {
        return match world.get::<Application>(owner) {
            Some(app) if matches!(app.phase.as_str(), "Failed" | "Error") => {
                Effect::Failed(format!("the sync of {} ended as {}", owner.short(), app.phase))
            }
            _ => Effect::None,
        };
    }
    if job.is_complete() {
        Effect::Proved(format!("complete, made anew by {}", owner.short()))
    } else if job.has_failed() {
        failed(world, progress, job)
    } else {
        Effect::None
    }
}
