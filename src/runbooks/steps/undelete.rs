//! Deleted versions are brought back. The proof is the path itself: its current version exists again.

use super::each::{Each, Effect, Task};
use super::{counted, paths_of};
use crate::model::{Inventory, PathState};
use crate::runbooks::{
    Confirm, Item, Next, Operation, Outcome, Preview, Progress, StepDef, StepReport, Target, VaultChange, VaultWrite,
};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "undelete",
    explanation: "Brings the deleted version of each path back, and looks whether it is there.",
    next: |target, world, progress| {
        // Where nobody can see a version, none can be said to be there.
        let untold = paths_of(target, world).iter().filter(|known| !known.is_told()).count();
        let entered = progress.entered.get("undelete").copied().unwrap_or(progress.now);
        if untold > 0 && progress.now.as_second() - entered.as_second() < ASKING {
            return Next::Wait { what: "Vault to say how the paths stand".to_owned(), until: progress.in_seconds(1) };
        }
        if untold > 0 && tasks(target, world, progress).is_empty() {
            let summary = format!("Vault does not tell how {} stand: with your token, from here.", counted(untold, "path"));
            return Next::Done(StepReport::new(Outcome::Refused, summary));
        }
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let objects: Vec<_> = open.iter().map(|task| task.operation.object().clone()).collect();
            Preview {
                exact: false,
                will: vec![format!("Undelete the current version of {}.", counted(open.len(), "path"))],
                will_not: vec!["No value is read or written; no version is destroyed.".to_owned()],
                forecast: vec![
                    "The value is the one from before the deletion: if it was deleted for being wrong, write a new one."
                        .to_owned(),
                ],
                commands: open.iter().map(|task| task.operation.command()).collect(),
                confirm: confirm(&objects),
                objects,
            }
        })
    },
    items: |target, world, progress| -> Vec<Item> { EACH.items(&tasks(target, world, progress), progress) },
};

/// How long an answer of Vault is waited for, in seconds.
const ASKING: i64 = 20;

const EACH: Each = Each {
    id: "undelete",
    noun: "path",
    done: "back",
    awaited: "to be seen again",
    patience: 60,
    at_once: 8,
    nothing: "No path has a deleted version.",
};

fn confirm(objects: &[crate::model::ObjectRef]) -> Confirm {
    super::by_name(objects, "path")
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let task = |known: &super::KnownPath<'_>| {
        let object = known.object();
        let before = progress.last(STEP.id, &object).map(|applied| applied.operation.clone());
        match (&known.path.facts.state, before) {
            (PathState::Deleted { version, .. }, None) => {
                let change = VaultChange::Undelete { path: known.place(), version: *version };
                let write = VaultWrite { server: known.server.address.clone(), replica: known.active()?, change };
                Some(Task { operation: Operation::Vault(write), effect: Effect::None })
            }
            (PathState::Present { version, .. }, Some(operation)) => {
                Some(Task { operation, effect: Effect::Proved(format!("version {version} exists again")) })
            }
            (_, Some(operation)) => Some(Task { operation, effect: Effect::None }),
            _ => None,
        }
    };
    paths_of(target, world).iter().filter_map(task).collect()
}
