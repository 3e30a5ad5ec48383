//! One property of one path gets a value that a person types. All others of the path stay; the version that is
//! replaced is named (`cas`), so that nobody's work is lost. The proof is a version that is newer.

use std::collections::BTreeSet;

use super::each::{Each, Effect, Task, preview};
use super::{KnownPath, external_secrets_of, readers, reads, untold};
use crate::model::vault::Has;
use crate::model::{Inventory, ObjectRef, PathState};
use crate::runbooks::{
    Confirm, Next, Operation, Outcome, Preview, Progress, StepDef, StepReport, Target, VaultChange, VaultWrite,
};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "value",
    explanation: "Writes one property with the value that you type unseen, in place of the version that is there and of no other.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |target, world, progress| {
        task(target, world, progress).map_or_else(|_| Vec::new(), |task| EACH.items(&[task], progress))
    },
};

const EACH: Each = Each {
    id: "value",
    noun: "value",
    done: "written",
    awaited: "to be seen",
    patience: 60,
    at_once: 1,
    nothing: "There is no value to write.",
};

/// Why nothing is written where a Vault was not asked yet, or does not answer.
const NOT_TOLD: &str = "Vault does not tell how the path stands: without that nothing is written there.";

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let task = match task(target, world, progress) {
        Ok(task) => task,
        Err(why) => {
            let known = wanted(target, world).ok().and_then(|(path, _)| KnownPath::named(world, &path));
            let known = known.filter(|_| why == NOT_TOLD);
            let untold = untold(world, progress, (STEP.id, "how the path stands"), known.as_slice());
            return untold.unwrap_or_else(|| Next::Done(StepReport::new(Outcome::Failed, why)));
        }
    };
    EACH.next(&[task], progress, |open| {
        let [Task { operation, .. }] = open else { return Preview::default() };
        let Operation::Vault(VaultWrite { change: VaultChange::WriteValue { path, property, version }, .. }) = operation else {
            return Preview::default();
        };
        let place = format!("“{property}” of {}", path.object.name);
        let will = match version {
            0 => format!("Write {place}: nothing stands there yet."),
            version => format!("Write {place} as a new version, after version {version}."),
        };
        let confirm = if progress.shares_held == 0 {
            Confirm::Value(format!("the value for {place}"))
        } else {
            Confirm::TypeName(path.object.name.to_string())
        };
        Preview {
            exact: true,
            will: vec![will],
            will_not: vec![
                "The other properties of the path stay as they are.".to_owned(),
                "The value is not shown, stored, logged or put into an argument; it is wiped after 120 s.".to_owned(),
            ],
            forecast: vec!["If somebody writes the path meanwhile, nothing is written and it says so (cas).".to_owned()],
            confirm,
            ..preview(open)
        }
    })
}

/// The one value that a target means.
fn task(target: &Target, world: &Inventory, progress: &Progress) -> Result<Task, String> {
    // Once written, it is what it was, whatever the world lacks then.
    if let Some(applied) = progress.of_step(STEP.id).next_back() {
        return Ok(Task::new(applied.operation.clone(), effect(world, &applied.operation)));
    }
    let (path, property) = wanted(target, world)?;
    let known = KnownPath::named(world, &path).ok_or_else(|| format!("{path} is not known: no store in view reads it."))?;
    if known.path.kv.as_str() == "v1" {
        return Err(format!("{path} is of KV version 1, which keeps no versions: write it by hand."));
    }
    let version = match &known.path.facts.state {
        PathState::Present { version, .. } => *version,
        PathState::Missing => 0,
        PathState::Deleted { .. } => {
            return Err(format!("The current version of {path} was deleted: undelete-version brings it back."));
        }
        // A destroyed version has nothing beside the property that could stay.
        PathState::Destroyed { .. } => {
            return Err(format!("The current version of {path} was destroyed: write all of it by hand."));
        }
        _ => return Err(NOT_TOLD.to_owned()),
    };
    let replica = known.server.active().ok_or("No replica of this Vault takes writes now.")?;
    let change = VaultChange::WriteValue { path: known.place(), property, version };
    let write = VaultWrite::new(known.server.address.clone(), replica, change).in_world(world);
    let follows = readers::rights(world, write.object());
    Ok(Task::new(Operation::Vault(write), Effect::None).followed_by(follows))
}

/// Which property of which path: what is lacking, if it is one; else what is read, if that is one.
fn wanted(target: &Target, world: &Inventory) -> Result<(ObjectRef, String), String> {
    let named = |path: &ObjectRef| match target {
        Target::Objects(objects) if objects.iter().any(|object| object.kind == crate::model::Kind::VaultPath) => {
            objects.contains(path)
        }
        _ => true,
    };
    let read: BTreeSet<(ObjectRef, &str)> =
        external_secrets_of(target, world).into_iter().flat_map(|es| reads(world, es)).filter(|(path, _)| named(path)).collect();
    let lacks = |(path, property): &&(ObjectRef, &str)| {
        KnownPath::named(world, path)
            .is_some_and(|known| known.path.facts.state == PathState::Missing || known.path.properties.has(property) == Has::No)
    };
    let lacking: Vec<_> = read.iter().filter(lacks).collect();
    let choice: Vec<_> = if lacking.is_empty() { read.iter().collect() } else { lacking };
    match choice.as_slice() {
        [] => Err("Nothing in view reads a value there.".to_owned()),
        [(path, "")] => Err(format!("{path} is read as a whole: write all of it by hand.")),
        [(path, property)] => Ok((path.clone(), (*property).to_owned())),
        several => {
            let named: Vec<String> = several.iter().take(8).map(|(path, property)| format!("{} {property}", path.name)).collect();
            Err(format!(
                "That may mean one of several values: {}. Choose the path or the ExternalSecret of one.",
                named.join(", ")
            ))
        }
    }
}

fn effect(world: &Inventory, operation: &Operation) -> Effect {
    let Operation::Vault(VaultWrite { change: VaultChange::WriteValue { path, version, .. }, .. }) = operation else {
        return Effect::None;
    };
    match KnownPath::named(world, &path.object).map(|known| &known.path.facts.state) {
        Some(PathState::Present { version: now, .. }) if now > version => Effect::Proved(format!("version {now} is there")),
        _ => Effect::None,
    }
}
