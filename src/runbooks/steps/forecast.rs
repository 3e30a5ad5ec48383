//! What a forced sync will bring, as far as the world tells before it is done. It is worked out anew whenever it is shown:
//! what Vault has is told only once it is open.

use std::collections::BTreeSet;

use super::restart::rolled;
use super::{KnownPath, counted, reads};
use crate::model::kinds::{ExternalSecret, Secret};
use crate::model::{Inventory, ObjectRef, PathState};

/// What a sync of one does.
enum Brings {
    /// Its Secret is not there, and is made.
    New,
    /// Vault has something that was written after the last sync.
    Newer,
    /// Vault has what was read last.
    Same,
    /// Vault has not told.
    Untold,
}

/// In sentences.
pub(super) fn of_sync<'a>(world: &Inventory, all: impl IntoIterator<Item = &'a ExternalSecret>) -> Vec<String> {
    let (mut new, mut newer, mut same, mut untold, mut windows) = (0, 0, 0, 0, 0);
    let mut restarts: BTreeSet<ObjectRef> = BTreeSet::new();
    for es in all {
        windows += usize::from(es.more.as_ref().is_some_and(|more| more.windows.is_some()));
        match brings(world, es) {
            Brings::New => new += 1,
            Brings::Same => same += 1,
            Brings::Untold => untold += 1,
            Brings::Newer => {
                newer += 1;
                restarts.extend(restarted(world, es));
            }
        }
    }
    let mut says = Vec::new();
    if newer > 0 {
        says.push(format!("A newer value is in Vault for {}.", counted(newer, "Secret")));
        says.push(match restarts.len() {
            0 => "No workload that reads one asks Reloader for a restart.".to_owned(),
            n => format!("Reloader, where it runs, restarts {}: {}.", counted(n, "workload"), few(&restarts)),
        });
    }
    if new > 0 {
        says.push(format!("Made, because it was never or is not there: {}.", counted(new, "Secret")));
    }
    if same > 0 {
        says.push(format!("Nothing newer is in Vault for {}: the value stays.", counted(same, "Secret")));
    }
    if untold > 0 {
        says.push(format!(
            "Vault does not tell what it has for {}: a newer value is brought, if there is one.",
            counted(untold, "Secret")
        ));
    }
    if windows > 0 {
        says.push(format!("The sync windows of {} do not hold a forced sync back.", counted(windows, "ExternalSecret")));
    }
    says
}

fn brings(world: &Inventory, es: &ExternalSecret) -> Brings {
    let Some(read) = es.refreshed else { return Brings::New };
    if world.target_of(es).is_none() && world.would_show(&es.target_ref()) {
        return Brings::New;
    }
    let mut told = true;
    for (path, _) in reads(world, es) {
        match KnownPath::named(world, &path).map(|known| &known.path.facts.state) {
            Some(PathState::Present { written: Some(written), .. }) if *written > read => return Brings::Newer,
            Some(PathState::Present { written: Some(_), .. }) => {}
            _ => told = false,
        }
    }
    if told && !es.remote.is_empty() { Brings::Same } else { Brings::Untold }
}

/// The workloads that Reloader restarts at a change of its Secret.
fn restarted(world: &Inventory, es: &ExternalSecret) -> Vec<ObjectRef> {
    let target = es.target_ref();
    let Some(secret) = world.get::<Secret>(&target) else { return Vec::new() };
    let workloads: BTreeSet<ObjectRef> = world.consumers_of(&target.namespace, &target.name).map(|pod| pod.consumer()).collect();
    let asks = |workload: &ObjectRef| {
        rolled(world, workload).and_then(|found| found.reloader.as_ref()).is_some_and(|reloader| reloader.restarts_for(secret))
    };
    workloads.into_iter().filter(asks).collect()
}

/// How many names stand in a sentence.
const NAMED: usize = 4;

fn few(objects: &BTreeSet<ObjectRef>) -> String {
    let mut names: Vec<String> = objects.iter().take(NAMED).map(ObjectRef::short).collect();
    if objects.len() > NAMED {
        names.push(format!("and {} more", objects.len() - NAMED));
    }
    names.join(", ")
}
