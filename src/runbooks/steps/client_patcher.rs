//! The Job that replaces placeholders is run once more. Where it is a hook of an Argo CD Application, a sync of that runs it.
//! Everywhere else it is deleted and made anew from its own spec: neither Argo CD nor Flux runs a Job again that is there
//! and is as Git has it, and Helm runs its hooks only at an upgrade. To whoever deploys it the new one is the same.

use jiff::Timestamp;
use serde::Serialize;

use super::bootstrap::{copy_of, ended, failed, runs, stands_for};
use super::each::{Aside, Each, Effect, Task, preview};
use super::{by_name, placeholders};
use crate::model::inventory::runs::{CLIENT_PATCHER, base_name};
use crate::model::kinds::{Application, Job, Watched as _};
use crate::model::manager::Manager;
use crate::model::{Inventory, Kind, ObjectRef};
use crate::runbooks::commit::{place, yaml};
use crate::runbooks::{Commit, KubernetesWrite, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "client-patcher",
    explanation: "Runs the client-patcher again, by a sync where it is a hook of Argo CD, and follows the new Job to its end.",
    git: |target, world, progress| jobs(target, world).into_iter().map(|job| commit(world, job, progress)).collect(),
    next: |target, world, progress| {
        let (tasks, aside) = tasks(target, world, progress);
        EACH.next_beside(aside, &tasks, progress, |open| {
            let base = preview(open);
            Preview {
                will: open.iter().map(|task| told(&task.operation, world)).collect(),
                will_not: vec!["No value is written by us: the Job does that.".to_owned()],
                forecast: forecast(world, open),
                confirm: by_name(&base.objects, "run"),
                ..base
            }
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress).0, progress),
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
        _ if copy_of(world, object).is_some() => format!("Make {object} anew from its copy: it was deleted, and not made since."),
        _ => format!("Delete {object} and make it anew from its own spec; that the API server would take it is asked first."),
    }
}

/// What is likely to follow, with what whoever deploys it makes of that.
fn forecast(world: &Inventory, open: &[&Task]) -> Vec<String> {
    let mut says = vec!["It may fail for the same reason as before: what it said last stands on its Why page.".to_owned()];
    for task in open.iter().filter(|task| matches!(task.operation, Operation::Kubernetes(KubernetesWrite::RunAgain { .. }))) {
        let object = task.operation.object();
        let Some(owner) = world.get::<Job>(object).and_then(|job| world.manager_of(object, &job.meta)) else { continue };
        says.push(format!("{owner} deploys {} and does not run it again by itself; the new one is the same to it.", object.name));
    }
    says
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> (Vec<Task>, Aside) {
    let done: Vec<&Operation> = progress.of_step(STEP.id).map(|applied| &applied.operation).collect();
    let left = jobs(target, world).into_iter();
    let left = left.filter_map(|job| Some((again(job, stands_for(world, job)?, world), job.object_ref())));
    let (mut tasks, mut aside): (Vec<Task>, Aside) = (Vec::new(), Vec::new());
    // Between the old Job and the new one there is none: what was done stays on the list.
    for operation in done {
        tasks.push(Task::new(operation.clone(), after(world, progress, operation)));
    }
    let begun = !tasks.is_empty();
    for (operation, job) in left {
        let operation = match operation {
            Ok(operation) => operation,
            // A sync that was asked for here is under way, and that is no reason against it.
            Err(_) if begun => continue,
            Err(why) => {
                aside.push((job, why));
                continue;
            }
        };
        if tasks.iter().any(|task| task.operation.object() == operation.object()) {
            continue;
        }
        let effect =
            if runs(world, &job) { Effect::LeftOut("it is at work now: wait for its end".to_owned()) } else { Effect::None };
        tasks.push(Task::new(operation, effect).followed_by(placeholders::rights(target, world, progress)));
    }
    (tasks, aside)
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

/// For how long after a sync the Job that it makes may still be unseen, in seconds.
const UNSEEN: i64 = 15;

/// What became of a run: of the Job that was made anew, by us or by its owner.
fn after(world: &Inventory, progress: &Progress, operation: &Operation) -> Effect {
    let owner = operation.object();
    if let Operation::Kubernetes(KubernetesWrite::RunAgain { .. }) = operation {
        return ended(world, progress, STEP.id, operation);
    }
    let Some(since) = progress.counts_from(STEP.id, owner) else { return Effect::None };
    // A hook may have another name each time.
    let made = |job: &&std::sync::Arc<Job>| {
        base_name(job).contains(CLIENT_PATCHER)
            && job.meta.created.is_some_and(|at| at >= since)
            && world.manager_of(&job.object_ref(), &job.meta) == Some(Manager::Object(owner.clone()))
    };
    match world.all::<Job>().iter().find(made) {
        Some(job) if job.is_complete() => Effect::Proved(format!("complete, made anew by {}", owner.short())),
        Some(job) if job.has_failed() => failed(world, progress, job),
        Some(_) => Effect::None,
        None => synced_without(world, progress, owner, since),
    }
}

/// Why no Job came of a sync that is over.
fn synced_without(world: &Inventory, progress: &Progress, owner: &ObjectRef, since: Timestamp) -> Effect {
    let Some(app) = world.get::<Application>(owner) else { return Effect::None };
    let Some(finished) = app.finished.filter(|at| *at >= since && !app.is_syncing()) else { return Effect::None };
    match app.phase.as_str() {
        "Failed" | "Error" => Effect::Failed(format!("Argo CD could not sync it: {}", app.said)),
        _ if progress.now.as_second() - finished.as_second() < UNSEEN => Effect::None,
        _ => {
            Effect::Failed("it was synced, and no client-patcher was made: Git may have it no more, or not as a hook".to_owned())
        }
    }
}

/// What runs a Job again, or why it cannot be.
fn again(job: &Job, object: ObjectRef, world: &Inventory) -> Result<Operation, String> {
    let app = match world.manager_of(&object, &job.meta) {
        Some(Manager::Object(owner)) => world.get::<Application>(&owner),
        _ => None,
    };
    let write = match app {
        Some(app) if job.is_run_by_sync() && app.is_syncing() => {
            return Err(format!("{} is being synced now: wait for the end of that", app.object_ref()));
        }
        Some(app) if job.is_run_by_sync() => KubernetesWrite::Sync { application: app.object_ref() },
        Some(app) if !job.hook.is_empty() => {
            return Err(format!(
                "no sync of {} runs it: it is its hook {} only. Make it anew by hand, or change that in Git",
                app.object_ref(),
                job.hook
            ));
        }
        _ => KubernetesWrite::RunAgain { job: object },
    };
    Ok(Operation::Kubernetes(write))
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
