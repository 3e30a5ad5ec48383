//! What reads the paths that this run wrote is refreshed. The proof is a sync that is newer than the annotation.

use std::collections::BTreeSet;

use super::each::{Each, Effect, Task, preview};
use super::{counted, forecast};
use crate::model::kinds::external_secret::FORCE_SYNC;
use crate::model::kinds::{ExternalSecret, Watched as _};
use crate::model::{Health, Inventory, Kind, ObjectRef};
use crate::runbooks::{Confirm, Operation, Preview, Progress, Right, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "readers",
    explanation: "Annotates each ExternalSecret that reads what was written, so that its Secret follows now; waits until it is synced.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| Preview {
            will: vec![format!("Annotate {} and wait until each is synced.", counted(open.len(), "ExternalSecret"))],
            will_not: vec!["No Secret is deleted, no pod restarted by us.".to_owned()],
            forecast: forecast::of_sync(
                world,
                open.iter().filter_map(|task| Some(world.get::<ExternalSecret>(task.operation.object())?.as_ref())),
            ),
            confirm: Confirm::Yes,
            ..preview(open)
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

const EACH: Each = Each {
    id: "readers",
    noun: "ExternalSecret",
    done: "synced",
    awaited: "to be synced",
    patience: 90,
    at_once: 8,
    nothing: "Nothing in view reads it.",
};

fn tasks(_: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let written: BTreeSet<&ObjectRef> = progress
        .applied
        .iter()
        .filter(|applied| applied.result.is_ok() && applied.operation.object().kind == Kind::VaultPath)
        .map(|applied| applied.operation.object())
        .collect();
    let readers: BTreeSet<ObjectRef> =
        written.into_iter().flat_map(|path| world.readers_of_path(path)).map(|(_, es)| es.object_ref()).collect();
    readers.iter().filter_map(|es| world.get::<ExternalSecret>(es)).map(|es| synced(STEP.id, es, progress)).collect()
}

/// What this step will need when this path is written: asked before that is done.
pub(super) fn rights(world: &Inventory, path: &ObjectRef) -> Vec<Right> {
    let readers = world.readers_of_path(path).map(|(_, es)| es).filter(|es| not_refreshed(es).is_none());
    readers.map(|es| Right::annotate(&es.object_ref())).collect()
}

/// A refresh of one, as far as it is.
pub(super) fn synced(step: &str, es: &ExternalSecret, progress: &Progress) -> Task {
    let object = es.object_ref();
    // The value that stands there already would change nothing.
    let stamp = progress.stamp(step);
    let stamp = if es.force_sync.as_str() == stamp.to_string() { stamp + 1 } else { stamp };
    let applied = progress.last(step, &object);
    let operation = applied
        .map_or_else(|| Operation::annotate(object.clone(), FORCE_SYNC, stamp.to_string()), |applied| applied.operation.clone());
    let since = progress.counts_from(step, &object);
    let effect = match since {
        Some(since) if es.health() == Health::Healthy && es.synced_current && es.refreshed.is_some_and(|at| at >= since) => {
            Effect::Proved("synced".to_owned())
        }
        Some(_) => Effect::None,
        None => not_refreshed(es).map_or(Effect::None, |why| Effect::LeftOut(why.to_owned())),
    };
    Task::new(operation, effect)
}

/// Why one is not refreshed at all, if so.
fn not_refreshed(es: &ExternalSecret) -> Option<&'static str> {
    match es {
        es if es.rotates() => Some("a refresh makes a new password"),
        es if es.parent().is_some() => Some("its ClusterExternalSecret reverts annotations: it follows at its interval"),
        es if !es.refresh_has_effect() => Some("it is read only once: its Secret follows when it is deleted and made again"),
        _ => None,
    }
}
