//! The Job that fills the Vault is run now: from its timetable, or once more from its own spec. It is followed to its
//! end; what it says when it fails is told.

use std::collections::BTreeSet;

use super::by_name;
use super::each::{Each, Effect, Task, preview};
use crate::diagnosis::jobs::said;
use crate::model::inventory::runs::{BOOTSTRAP, base_name};
use crate::model::kinds::{CronJob, Job, Role, Watched as _};
use crate::model::{Inventory, Kind, Name, ObjectRef};
use crate::runbooks::{KubernetesWrite, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "bootstrap",
    explanation: "Starts the Job that fills the Vault from its timetable, now, and follows it to its end.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let base = preview(open);
            // The new Job has a name that nobody can know before.
            let timetables: Vec<ObjectRef> = open.iter().map(|task| from(&task.operation).clone()).collect();
            Preview {
                will: timetables.iter().map(|from| format!("Start a run of {from} now.")).collect(),
                will_not: vec!["The timetable stays as it is.".to_owned()],
                forecast: vec!["It does what the next run by the timetable would do: what it writes is up to it.".to_owned()],
                confirm: by_name(&timetables, "run"),
                ..base
            }
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

const EACH: Each = Each {
    id: "bootstrap",
    noun: "run",
    done: "complete",
    awaited: "to be complete",
    patience: 900,
    at_once: 1,
    nothing: "There is no Job and no timetable that fills a Vault.",
};

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let done: Vec<Operation> = progress.of_step(STEP.id).map(|applied| applied.operation.clone()).collect();
    let operations = if done.is_empty() { wanted(target, world, progress) } else { done };
    let task = |operation: Operation| {
        let effect = match ended(world, progress, STEP.id, &operation) {
            Effect::None if progress.last(STEP.id, operation.object()).is_none() && runs(world, from(&operation)) => {
                Effect::LeftOut("a run of it is at work now: wait for its end".to_owned())
            }
            effect => effect,
        };
        Task::new(operation, effect)
    };
    operations.into_iter().map(task).collect()
}

fn wanted(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Operation> {
    let named: BTreeSet<ObjectRef> = match target {
        Target::Objects(objects) => objects.iter().filter_map(|object| timetable(world, object)).collect(),
        Target::Vault(_) | Target::Vaults(_) | Target::Everything => BTreeSet::new(),
    };
    let planned =
        || world.all::<CronJob>().iter().filter(|cron| cron.meta.name.as_str().contains(BOOTSTRAP)).map(|cron| cron.object_ref());
    let alone = || {
        let mine = |job: &&std::sync::Arc<Job>| base_name(job).contains(BOOTSTRAP) && job.meta.controller.is_none();
        world.all::<Job>().iter().filter(mine).filter_map(|job| stands_for(world, job))
    };
    let from = if named.is_empty() { planned().chain(alone()).collect() } else { named };
    from.into_iter().map(|from| run(from, progress)).collect()
}

/// What is run for an object: the timetable of a Job that has one.
fn timetable(world: &Inventory, object: &ObjectRef) -> Option<ObjectRef> {
    match object.kind {
        Kind::CronJob => Some(object.clone()),
        Kind::Job if world.get::<Job>(object).is_none() => copy_of(world, object).map(|_| object.clone()),
        Kind::Job => Some(
            world.get::<Job>(object)?.meta.owner().filter(|owner| owner.kind == Kind::CronJob).unwrap_or_else(|| object.clone()),
        ),
        _ => None,
    }
}

fn run(from: ObjectRef, progress: &Progress) -> Operation {
    if from.kind == Kind::Job {
        return Operation::Kubernetes(KubernetesWrite::RunAgain { job: from });
    }
    // A Job's name may have 63 characters, and its pods add to it.
    let stem: String = from.name.as_str().chars().take(45).collect();
    let name = format!("{}-{}", stem.trim_end_matches(['-', '.']), progress.stamp(STEP.id));
    let job = ObjectRef { kind: Kind::Job, namespace: from.namespace.clone(), name: Name::new(&name) };
    Operation::Kubernetes(KubernetesWrite::StartJob { cron_job: from, job })
}

/// Whether a Job, or one of a timetable, is at work.
pub(super) fn runs(world: &Inventory, object: &ObjectRef) -> bool {
    let works = |job: &Job| job.pods[0] > 0 && !job.is_complete() && !job.has_failed();
    match object.kind {
        Kind::CronJob => world.pointing_at(object, Role::MadeBy).filter_map(|job| world.get::<Job>(job)).any(|job| works(job)),
        _ => world.get::<Job>(object).is_some_and(|job| works(job)),
    }
}

/// What a run comes from.
const fn from(operation: &Operation) -> &ObjectRef {
    match operation {
        Operation::Kubernetes(KubernetesWrite::StartJob { cron_job, .. }) => cron_job,
        other => other.object(),
    }
}

/// How a run that was started here ended, if it has.
pub(super) fn ended(world: &Inventory, progress: &Progress, step: &str, operation: &Operation) -> Effect {
    let object = operation.object();
    let Some(since) = progress.counts_from(step, object) else { return Effect::None };
    let found = world.get::<Job>(object);
    let Some(job) = found.filter(|job| job.meta.created.is_some_and(|at| at >= since)) else {
        return if was_not_made(world, progress, step, operation) { Effect::Undone } else { Effect::None };
    };
    if job.is_complete() {
        Effect::Proved("complete".to_owned())
    } else if job.has_failed() {
        failed(world, progress, job)
    } else {
        Effect::None
    }
}

/// For how long a write without an answer may still be at work, in seconds.
const ON_ITS_WAY: i64 = 10;

/// Whether a run that was asked for, and got no answer, did not come to be: the old Job stands there still, or it is gone
/// and the copy waits that the new one is made from; or no Job came of a timetable.
fn was_not_made(world: &Inventory, progress: &Progress, step: &str, operation: &Operation) -> bool {
    let object = operation.object();
    let Some(applied) = progress.last(step, object) else { return false };
    let late = progress.now.as_second() - applied.at.as_second() >= ON_ITS_WAY;
    let known = match operation {
        Operation::Kubernetes(KubernetesWrite::RunAgain { .. }) => {
            world.get::<Job>(object).is_some() || copy_of(world, object).is_some()
        }
        Operation::Kubernetes(KubernetesWrite::StartJob { .. }) => world.is_complete(Kind::Job),
        _ => false,
    };
    applied.is_unanswered() && late && known
}

/// The suspended copy of a Job that is gone, if that was deleted and not made anew.
pub fn copy_of<'a>(world: &'a Inventory, job: &ObjectRef) -> Option<&'a Job> {
    let copies = world.all::<Job>().iter().map(AsRef::as_ref);
    copies.into_iter().find(|copy| stands_for(world, copy).as_ref() == Some(job) && copy.object_ref() != *job)
}

/// The Job that is meant by a Job: itself, or the one that it is kept for; nothing if that is there.
pub(super) fn stands_for(world: &Inventory, job: &Job) -> Option<ObjectRef> {
    if job.kept_for.is_empty() {
        return Some(job.object_ref());
    }
    let kept_for = ObjectRef { name: job.kept_for.clone(), ..job.object_ref() };
    world.get::<Job>(&kept_for).is_none().then_some(kept_for)
}

/// How long what a failed run said is waited for, in seconds.
const LOGS: i64 = 5;

/// Why a run failed, once what its pods said was read.
pub(super) fn failed(world: &Inventory, progress: &Progress, job: &Job) -> Effect {
    let object = job.object_ref();
    let unread = world.pointing_at(&object, Role::MadeBy).any(|pod| pod.kind == Kind::Pod && !world.logs.contains_key(pod));
    let since = job.failed.as_ref().and_then(|failed| failed.since).unwrap_or(progress.now);
    if unread && progress.now.as_second() - since.as_second() < LOGS {
        return Effect::None;
    }
    Effect::Failed(said(world, job))
}
