//! What reads the paths that this run wrote is refreshed. The proof is a sync that is newer than the annotation.

use std::collections::BTreeSet;

use super::each::{Each, Effect, Task, preview};
use super::{counted, forecast, upkeeps_of, vso};
use crate::model::kinds::external_secret::FORCE_SYNC;
use crate::model::kinds::{ExternalSecret, Watched as _};
use crate::model::{Health, Inventory, Kind, ObjectRef};
use crate::runbooks::{Confirm, Operation, Preview, Progress, Right, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "readers",
    explanation: "Annotates what reads what was written, of either operator, so that its Secret follows now; waits until it is synced.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let objects = || open.iter().map(|task| task.operation.object());
            let synced = || objects().filter_map(|object| Some(world.get::<ExternalSecret>(object)?.as_ref()));
            let beside = || objects().filter(|object| object.kind == Kind::VaultStaticSecret);
            let kinds = [(synced().count(), Kind::ExternalSecret), (beside().count(), Kind::VaultStaticSecret)];
            let kinds: Vec<String> =
                kinds.into_iter().filter(|(count, _)| *count > 0).map(|(count, kind)| counted(count, kind.as_str())).collect();
            let mut forecast = forecast::of_sync(world, synced());
            forecast.extend(forecast::of_upkeeps(world, beside()));
            Preview {
                will: vec![format!("Annotate {} and wait until each is synced.", kinds.join(" and "))],
                will_not: vec!["No Secret is deleted, no pod restarted by us.".to_owned()],
                forecast,
                confirm: Confirm::Yes,
                ..preview(open)
            }
        })
    },
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

const EACH: Each = Each {
    id: "readers",
    noun: "reader",
    done: "synced",
    awaited: "to be synced",
    patience: 90,
    at_once: 8,
    nothing: "Nothing in view reads it.",
};

fn tasks(_: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let written: BTreeSet<ObjectRef> = progress
        .applied
        .iter()
        .filter(|applied| applied.result.is_ok() && applied.operation.object().kind == Kind::VaultPath)
        .map(|applied| applied.operation.object().clone())
        .collect();
    let readers: BTreeSet<ObjectRef> =
        written.iter().flat_map(|path| world.readers_of_path(path)).map(|(_, es)| es.object_ref()).collect();
    let synced = readers.iter().filter_map(|es| world.get::<ExternalSecret>(es)).map(|es| synced(STEP.id, es, progress));
    let beside = upkeeps_of(&Target::Objects(written.into_iter().collect()), world);
    let beside = beside.into_iter().map(|(object, upkeep)| vso::reconciled(STEP.id, world, object, upkeep, progress));
    synced.chain(beside).collect()
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
        Some(_) => match es.ready.as_ref().filter(|_| es.health() == Health::Failing) {
            Some(ready) => Effect::NotYet(ready.message.to_string()),
            None => Effect::None,
        },
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
