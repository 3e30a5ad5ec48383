//! What deploys others is held, so that it does not revert what is written there, or given back if we hold it. What is
//! held says so itself by an annotation. The proof is the spec in the world; where somebody deploys the object itself,
//! only after it stood for a while.

use std::collections::BTreeSet;

use super::each::{Aside, Each, Effect, Task, preview};
use super::reverted::{heals, tool};
use super::{by_name, external_secrets_of};
use crate::model::kinds::{Application, HelmRelease, Kustomization, Meta, Role, Watched as _};
use crate::model::manager::Manager;
use crate::model::{Inventory, Kind, ObjectRef};
use crate::runbooks::{KubernetesWrite, Next, Operation, Outcome, Preview, Progress, StepDef, StepReport, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "self-heal",
    explanation: "Keeps Argo CD or Flux from reverting live changes; of what is held already, gives it back.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |target, world, progress| EACH.items(&tasks(target, world, progress).0, progress),
};

const EACH: Each = Each {
    id: "self-heal",
    noun: "GitOps object",
    done: "held or given back",
    awaited: "to say so",
    patience: 40,
    at_once: 1,
    nothing: "Nothing here is deployed by Argo CD or Flux, so that nobody reverts a change.",
};

/// What can be held.
const HOLDS: [Kind; 3] = [Kind::Application, Kind::Kustomization, Kind::HelmRelease];
/// How long something that others deploy must stand as it was written, in seconds.
const STANDS: i64 = 10;

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let (tasks, aside) = tasks(target, world, progress);
    if tasks.is_empty() && !matches!(target, Target::Objects(_)) {
        let why =
            "Nothing is held. Name what to hold: an Application, a Kustomization or a HelmRelease, or an object that it deploys.";
        return Next::Done(StepReport::new(Outcome::Failed, why));
    }
    let is_hold = |task: &Task| matches!(task.operation, Operation::Kubernetes(KubernetesWrite::Hold { .. }));
    // Who reads how it ended must not wonder which of both it was.
    let done = match (tasks.iter().all(is_hold), tasks.iter().any(is_hold)) {
        (true, _) => "held",
        (_, false) => "given back",
        _ => EACH.done,
    };
    Each { done, ..EACH }.next_beside(aside, &tasks, progress, |open| {
        let base = preview(open);
        let holds = |task: &&&Task| is_hold(task);
        let mut will_not = vec!["Nothing that stands in Git is changed.".to_owned()];
        if open.iter().any(|task| holds(&task)) {
            will_not.push("It does not give itself back: run this once more for that. The header says what is held.".to_owned());
        }
        let forecast = open.iter().flat_map(|task| forecast(world, &task.operation)).collect();
        Preview {
            exact: true,
            will: open.iter().map(|task| told(&task.operation)).collect(),
            will_not,
            forecast,
            confirm: by_name(&base.objects, EACH.noun),
            ..base
        }
    })
}

fn told(operation: &Operation) -> String {
    let object = operation.object();
    let (hold, word) = match operation {
        Operation::Kubernetes(KubernetesWrite::Hold { .. }) => (true, "Hold"),
        _ => (false, "Give back"),
    };
    let set = match object.kind {
        Kind::Application => format!("spec.syncPolicy.automated.selfHeal: {}", !hold),
        _ => format!("spec.suspend: {hold}"),
    };
    format!("{word} {object}: {set}, and note it there.")
}

fn forecast(world: &Inventory, operation: &Operation) -> Vec<String> {
    let object = operation.object();
    let mut says = match operation {
        Operation::Kubernetes(KubernetesWrite::GiveBack { .. }) => {
            vec![format!("{} reverts what differs from Git then, at once or at its next look.", tool(object))]
        }
        _ if object.kind == Kind::Application => {
            vec!["A change in Git is still synced, and with it everything that differs.".to_owned()]
        }
        _ => vec!["No change in Git arrives meanwhile, in nothing that it deploys.".to_owned()],
    };
    says.extend(owner(world, object).map(|owner| warning(world, object, &owner)));
    says
}

/// Who deploys what deploys: an `ApplicationSet`, an Application of Applications, a `Kustomization`.
enum Owner {
    /// Its controlling owner: kind and name.
    Controller(String),
    /// Who lists or marks it.
    Manager(ObjectRef),
}

fn owner(world: &Inventory, object: &ObjectRef) -> Option<Owner> {
    let meta = meta(world, object)?;
    if let Some((kind, name)) = &meta.controller {
        return Some(Owner::Controller(format!("{kind} {}/{name}", object.namespace)));
    }
    match world.manager_of(object, meta)? {
        Manager::Object(owner) => Some(Owner::Manager(owner)),
        Manager::Release { .. } => None,
    }
}

fn warning(world: &Inventory, object: &ObjectRef, owner: &Owner) -> String {
    match owner {
        Owner::Controller(owner) => {
            format!("{owner} made {object} and puts its spec back, unless its ignoreApplicationDifferences names syncPolicy.")
        }
        Owner::Manager(owner) if owner.kind == Kind::Application && heals(world, owner) => {
            format!("{owner} deploys {object}, heals itself and puts selfHeal back if Git sets it: hold that one first.")
        }
        Owner::Manager(owner) => format!("{owner} deploys {object}: it puts this back if Git sets the same field."),
    }
}

fn meta<'a>(world: &'a Inventory, object: &ObjectRef) -> Option<&'a Meta> {
    match object.kind {
        Kind::Application => world.get::<Application>(object).map(|one| &one.meta),
        Kind::Kustomization => world.get::<Kustomization>(object).map(|one| &one.meta),
        Kind::HelmRelease => world.get::<HelmRelease>(object).map(|one| &one.meta),
        _ => None,
    }
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> (Vec<Task>, Aside) {
    let (mut tasks, mut aside) = (Vec::new(), Vec::new());
    let done = progress.of_step(STEP.id).map(|applied| applied.operation.object().clone());
    let concerned: BTreeSet<ObjectRef> = concerned(target, world).into_iter().chain(done).collect();
    for object in concerned {
        if meta(world, &object).is_none() {
            aside.push((object, "it cannot be seen, and so not be held from here".to_owned()));
            continue;
        }
        tasks.push(task(&object, world, progress));
    }
    (tasks, aside)
}

/// What a target means: itself, or who deploys it. Of a Vault, or of everything, nothing in particular: what is held.
fn concerned(target: &Target, world: &Inventory) -> Vec<ObjectRef> {
    let Target::Objects(objects) = target else { return world.held.keys().cloned().collect() };
    let named = objects.iter().filter(|object| HOLDS.contains(&object.kind)).cloned();
    let listing = objects.iter().flat_map(|object| world.pointing_at(object, Role::Manages)).cloned();
    let marked =
        external_secrets_of(target, world).into_iter().filter_map(|es| match world.manager_of(&es.object_ref(), &es.meta)? {
            Manager::Object(owner) => Some(owner),
            Manager::Release { .. } => None,
        });
    named.chain(listing).chain(marked).collect()
}

fn task(object: &ObjectRef, world: &Inventory, progress: &Progress) -> Task {
    let (held, heals) = (world.held.contains_key(object), heals(world, object));
    let Some(applied) = progress.last(STEP.id, object) else {
        let at = progress.entered_at(STEP.id);
        let write = if held {
            KubernetesWrite::GiveBack { object: object.clone() }
        } else {
            KubernetesWrite::Hold { object: object.clone(), at }
        };
        let effect = why_not(object, world, held, heals).map_or(Effect::None, Effect::LeftOut);
        return Task::new(Operation::Kubernetes(write), effect);
    };
    let stood = progress.now.as_second() - applied.at.as_second();
    let effect = match (&applied.operation, held, heals) {
        (Operation::Kubernetes(KubernetesWrite::Hold { .. }), true, false)
            if owner(world, object).is_none() || stood >= STANDS =>
        {
            Effect::Proved("held: it reverts nothing until it is given back".to_owned())
        }
        (Operation::Kubernetes(KubernetesWrite::Hold { .. }), _, true) if stood >= STANDS => {
            Effect::Failed("it was held, and something that deploys it put that back".to_owned())
        }
        (Operation::Kubernetes(KubernetesWrite::GiveBack { .. }), false, true) => Effect::Proved("given back".to_owned()),
        (Operation::Kubernetes(KubernetesWrite::GiveBack { .. }), false, false) if is_lax(world, object) => {
            Effect::Proved("given back".to_owned())
        }
        _ => Effect::None,
    };
    Task::new(applied.operation.clone(), effect)
}

/// Whether it reverts nothing although it is not held.
fn is_lax(world: &Inventory, object: &ObjectRef) -> bool {
    world.get::<HelmRelease>(object).is_some_and(|release| !release.suspended)
}

/// Why it is not touched, if so.
fn why_not(object: &ObjectRef, world: &Inventory, held: bool, heals: bool) -> Option<String> {
    let automated = world.get::<Application>(object).is_none_or(|app| app.automated);
    match (held, heals) {
        (true, _) if !automated => {
            Some("it does not sync by itself any more: give it back by hand, and take our annotation off".to_owned())
        }
        (false, false) => Some("it reverts nothing now, so that there is nothing to hold".to_owned()),
        _ => None,
    }
}
