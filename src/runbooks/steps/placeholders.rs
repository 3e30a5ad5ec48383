//! Secrets that held a placeholder are read again, and looked at: is the value another one now? Only the hash of the
//! data is compared, never a value.

use super::counted;
use super::each::{Each, Effect, Task, preview};
use super::readers::synced;
use crate::model::kinds::{ExternalSecret, Role, Secret, Watched as _};
use crate::model::{Inventory, ObjectRef};
use crate::runbooks::{Confirm, Preview, Progress, Right, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "placeholders",
    explanation: "Annotates each ExternalSecret whose Secret holds a known placeholder, and looks whether the value that follows is another.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| Preview {
            will: vec![format!("Annotate {} and compare the hash of what follows.", counted(open.len(), "ExternalSecret"))],
            will_not: vec!["No value is read.".to_owned()],
            forecast: vec!["Pods that read the placeholder when they started keep it: restart-consumers.".to_owned()],
            confirm: Confirm::Yes,
            ..preview(open)
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

const EACH: Each = Each {
    id: "placeholders",
    noun: "Secret",
    done: "without a placeholder",
    awaited: "to be synced",
    patience: 90,
    at_once: 4,
    nothing: "No Secret in view holds a known placeholder.",
};

/// What this step will need, as far as that can be seen before the Job has run: asked before that.
pub(super) fn rights(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Right> {
    tasks(target, world, progress).iter().flat_map(Task::rights).collect()
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let holds = |secret: &Secret| secret.marks.as_ref().is_some_and(|marks| marks.placeholder);
    let near = |object: &ObjectRef| match target {
        Target::Objects(objects) => objects.iter().any(|one| one.namespace == object.namespace),
        Target::Vault(_) | Target::Vaults(_) | Target::Everything => true,
    };
    let mut tasks = Vec::new();
    for secret in world.all::<Secret>().iter() {
        let object = secret.object_ref();
        for by in world.pointing_at(&object, Role::Writes).filter(|by| near(by)) {
            let Some(es) = world.get::<ExternalSecret>(by) else { continue };
            let touched = progress.last(STEP.id, by).is_some();
            if !touched && !holds(secret) {
                continue;
            }
            let mut task = synced(STEP.id, es, progress);
            if let (Effect::Proved(_), true) = (&task.effect, holds(secret)) {
                task.effect = Effect::Failed("it was synced, and is still the placeholder".to_owned());
            }
            tasks.push(task);
        }
    }
    tasks
}
