//! Every store is asked to validate at once, instead of after its back-off; the proof is a `Valid` event
//! newer than the annotation. This must come before the ExternalSecrets: while a store is not Ready they
//! fail without being tried.

use jiff::Timestamp;

use super::{Again, again, closed_server, counted, idle, lacks, overtaken, stores_of, without_closed};
use crate::model::kinds::SecretStore;
use crate::model::kinds::external_secret::FORCE_SYNC;
use crate::model::{Health, Inventory, ObjectRef};
use crate::runbooks::{
    Confirm, Item, ItemState, Next, Operation, Outcome, Preview, Progress, Right, StepDef, StepReport, Target,
};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "stores",
    explanation: "Annotates each store, so that External Secrets validates it now; waits for a Valid event newer than that.",
    git: StepDef::NOT_IN_GIT,
    next,
    items,
};

/// How long one store may take, in seconds: a controller that is busy with unreachable stores holds a
/// worker for 3 s each.
const PATIENCE: i64 = 90;

/// For how long after a change of a Vault its refusals are not believed, in seconds: a standby takes a new configuration of
/// an auth method up to 30 s later (measured on both servers), and logins go to any replica.
const SETTLING: i64 = 60;
/// How often a store is annotated in all while that is so.
const TRIES: usize = 10;
/// How long a refusal is left alone before the next try, in seconds.
const PAUSE: i64 = 5;

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let target = &*without_closed(target, world);
    if let Some(why) = closed_server(target, world) {
        return Next::Done(StepReport::new(Outcome::Failed, why));
    }
    let opened = opened(progress);
    let stores: Vec<&SecretStore> =
        stores_of(target, world).into_iter().filter(|store| concerns(store, world, progress, opened)).collect();
    if stores.is_empty() {
        return Next::Done(StepReport::new(Outcome::Nothing, "Every store was validated since the Vault is open."));
    }
    let mut queue = Vec::new();
    let mut unasked = Vec::new();
    let mut waiting = 0;
    let mut left = Vec::new();
    let mut proved = 0;
    for store in &stores {
        match standing(store, world, progress) {
            Standing::Queued if progress.is_agreed(STEP.id, &store.store_ref()) => queue.push(annotate(store, progress)),
            Standing::Queued => unasked.push(*store),
            Standing::Waiting => waiting += 1,
            Standing::Proved => proved += 1,
            Standing::Left(why) => left.push((store.store_ref(), why)),
        }
    }
    if !queue.is_empty() {
        return Next::Apply(queue);
    }
    if waiting > 0 {
        return Next::Wait { what: format!("{} to be validated", counted(waiting, "store")), until: progress.in_seconds(1) };
    }
    // What came to be concerned since the person agreed is asked about on its own.
    if !unasked.is_empty() {
        return Next::Confirm(preview(&unasked, progress));
    }
    // Others that are well already go on without those that are left.
    let well = stores_of(target, world).iter().any(|store| store.health() == Health::Healthy);
    let outcome = match (proved, left.len()) {
        (_, 0) => Outcome::Proved,
        (0, _) if !well => Outcome::Failed,
        _ => Outcome::Unproved,
    };
    let all = counted(stores.len(), "store");
    let summary = format!("{proved} of {all} Ready, each validated after the annotation{}.", overtaken(world, progress, STEP.id));
    Next::Done(StepReport { outcome, summary, left })
}

/// When the last replica was opened by this run.
fn opened(progress: &Progress) -> Option<Timestamp> {
    progress
        .of_step(super::unseal::STEP.id)
        .filter(|applied| applied.result.as_ref().is_ok_and(|receipt| receipt.seal.as_ref().is_some_and(|seal| !seal.sealed)))
        .map(|applied| applied.at)
        .max()
}

/// A store concerns this step if it fails, if its last check is older than the unseal, or if it was
/// annotated here already.
fn concerns(store: &SecretStore, world: &Inventory, progress: &Progress, opened: Option<Timestamp>) -> bool {
    let object = store.store_ref();
    progress.last(STEP.id, &object).is_some()
        || store.health() != Health::Healthy
        || opened.is_some_and(|opened| validated(world, &object).is_none_or(|at| at.as_second() < opened.as_second()))
}

/// When the controller last said `Valid`.
fn validated(world: &Inventory, store: &ObjectRef) -> Option<Timestamp> {
    world.events_of(store).iter().rev().find(|event| event.reason.as_str() == "Valid").and_then(|event| event.last)
}

/// Whether the controller said since then that a store is valid: by an event, by the condition that
/// flipped, or by reading through it. Events alone do not do: client-go stops writing them for an object
/// that flaps (25, then one in 5 minutes).
fn speaks_since(store: &SecretStore, world: &Inventory, since: Timestamp) -> bool {
    let object = store.store_ref();
    validated(world, &object).is_some_and(|at| at >= since)
        || store.ready.as_ref().and_then(|ready| ready.since).is_some_and(|at| at >= since)
        || world.readers_of(&object).any(|es| es.refreshed.is_some_and(|at| at >= since))
}

enum Standing {
    Queued,
    Waiting,
    Proved,
    Left(String),
}

fn standing(store: &SecretStore, world: &Inventory, progress: &Progress) -> Standing {
    let object = store.store_ref();
    let Some(applied) = progress.last(STEP.id, &object) else {
        let right = Right::annotate(&object);
        return if lacks(progress, &right) { Standing::Left(format!("you may not {right}")) } else { Standing::Queued };
    };
    if let Err(fault) = &applied.result {
        return match again(progress, STEP.id, &object, fault, applied.at) {
            Again::Later => Standing::Waiting,
            Again::Now => Standing::Queued,
            Again::Never => Standing::Left(fault.to_string()),
        };
    }
    if store.health() == Health::Healthy && speaks_since(store, world, applied.effective()) {
        return Standing::Proved;
    }
    if let Some(told) = refused_since(world, &object, applied.effective())
        && settles(progress, told)
        && tries(progress, &object) < TRIES
    {
        let rested = progress.now.as_second() - told.as_second() >= PAUSE;
        return if rested { Standing::Queued } else { Standing::Waiting };
    }
    if progress.now.as_second() - applied.at.as_second() < PATIENCE {
        return Standing::Waiting;
    }
    let said = world
        .events_of(&object)
        .into_iter()
        .rev()
        .find(|event| event.warning)
        .map_or_else(String::new, |event| format!(": {}", event.message));
    Standing::Left(format!("not validated within {PATIENCE} s{said}{}", idle(world)))
}

/// When the controller said last that a store is not valid, if it did since.
fn refused_since(world: &Inventory, store: &ObjectRef, since: Timestamp) -> Option<Timestamp> {
    let newest = world.events_of(store).into_iter().rev().find(|event| event.warning)?;
    newest.last.filter(|at| *at > since)
}

/// Whether what a Vault answered then is not to be believed yet: this run changed it a moment before.
pub(super) fn settles(progress: &Progress, told: Timestamp) -> bool {
    let changed = progress
        .applied
        .iter()
        .filter(|applied| matches!(applied.operation, Operation::Vault(_)))
        .map(|applied| applied.at)
        .max();
    changed.is_some_and(|changed| told.as_second() - changed.as_second() < SETTLING)
}

fn tries(progress: &Progress, store: &ObjectRef) -> usize {
    progress.of_step(STEP.id).filter(|applied| applied.operation.object() == store).count()
}

fn items(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Item> {
    let target = &*without_closed(target, world);
    let opened = opened(progress);
    let item = |store: &SecretStore| {
        let (state, note) = match standing(store, world, progress) {
            Standing::Queued => (ItemState::Queued, String::new()),
            Standing::Waiting => (ItemState::Applied, "annotated".to_owned()),
            Standing::Proved => (ItemState::Proved, "validated".to_owned()),
            Standing::Left(why) => (ItemState::Failed, why),
        };
        Item { object: store.store_ref(), state, note }
    };
    stores_of(target, world).into_iter().filter(|store| concerns(store, world, progress, opened)).map(item).collect()
}

fn annotate(store: &SecretStore, progress: &Progress) -> Operation {
    let object = store.store_ref();
    // The value that stands there already would change nothing.
    let again = i64::try_from(tries(progress, &object)).unwrap_or(0);
    Operation::annotate(object, FORCE_SYNC, (progress.stamp(STEP.id) + again).to_string())
}

fn preview(stores: &[&SecretStore], progress: &Progress) -> Preview {
    let stale = stores.iter().filter(|store| store.health() == Health::Healthy).count();
    let mut will = vec![format!("Annotate {} and wait until each is validated.", counted(stores.len(), "store"))];
    if stale > 0 {
        will.push(if stale == 1 {
            "1 of them still says Valid from before the unseal: it is checked too.".to_owned()
        } else {
            format!("{stale} of them still say Valid from before the unseal: they are checked too.")
        });
    }
    Preview {
        exact: false,
        will,
        will_not: vec!["No spec of a store is changed.".to_owned()],
        forecast: vec!["A store that is not asked waits for its back-off, up to 7 minutes.".to_owned()],
        commands: stores.iter().map(|store| annotate(store, progress).command()).collect(),
        objects: stores.iter().map(|store| store.store_ref()).collect(),
        confirm: Confirm::Yes,
    }
}
