//! How each object stands to what it says of itself: broken, explained or not, gainsaid. Kept from one diagnosis to the
//! next; only what may stand otherwise is looked at.

use std::collections::HashSet;

use super::cause::Broken;
use super::groups::Groups;
use super::starting::Starting;
use super::tally::Turn;
use super::unknown::Unknown;
use crate::model::kinds::{ExternalSecret, SecretStore};
use crate::model::{Health, Inventory, Kind, ObjectRef, SortedMap, SortedSet};

/// The stores and `ExternalSecret`s of which there is something to say.
#[derive(Debug, Default)]
pub(super) struct Standing {
    broken: HashSet<ObjectRef>,
    counts: Broken,
    unexplained: SortedMap<ObjectRef, Unknown>,
    gainsaid: SortedSet<ObjectRef>,
    /// `ExternalSecret`s that only generate, and need no Vault.
    generating: HashSet<ObjectRef>,
}

impl Standing {
    /// Looks at one store or `ExternalSecret`; what is of another kind has no say here.
    pub(super) fn look(&mut self, world: &Inventory, groups: &Groups, starting: &Starting, object: &ObjectRef) {
        let es = world.get::<ExternalSecret>(object);
        let health = match object.kind {
            Kind::ExternalSecret => es.map(|es| es.health()),
            Kind::SecretStore | Kind::ClusterSecretStore => world.store(object).map(SecretStore::health),
            _ => return,
        };
        if es.is_some_and(|es| !es.generators.is_empty() && es.remote.is_empty()) {
            self.generating.insert(object.clone());
        } else {
            self.generating.remove(object);
        }
        let (starts, is_found) = (starting.has(object), groups.told().has(object));
        let broken = health == Some(Health::Failing) && !starts;
        if broken && self.broken.insert(object.clone()) {
            self.counts.turn(Turn::Count, object.kind);
        } else if !broken && self.broken.remove(object) {
            self.counts.turn(Turn::TakeBack, object.kind);
        }
        if broken && !is_found {
            self.unexplained.insert(object.clone(), unexplained(world, object));
        } else {
            self.unexplained.remove(object);
        }
        let well = health.map(|health| matches!(health, Health::Healthy | Health::Warning));
        self.gainsaid.set(object, if well == Some(true) { is_found } else { well == Some(false) && starts });
    }

    /// How many objects are broken, and those of them of which nothing is told; with the replicas, of which there are few.
    pub(super) fn broken(
        &self,
        world: &Inventory,
        groups: &Groups,
        starting: &Starting,
    ) -> (Broken, SortedMap<ObjectRef, Unknown>) {
        let (mut counts, mut alone) = (self.counts, self.unexplained.clone());
        let sealed = world.vaults.values().flat_map(|server| server.sealed().map(|(pod, _)| server.replica_ref(pod)));
        for replica in sealed.filter(|replica| !starting.has(replica)) {
            counts.turn(Turn::Count, replica.kind);
            if !groups.told().has(&replica) {
                let said = unexplained(world, &replica);
                alone.insert(replica, said);
            }
        }
        (counts, alone)
    }

    /// How many `ExternalSecret`s only generate.
    pub(super) fn generators(&self) -> usize {
        self.generating.len()
    }

    /// Those that are not as they say.
    pub(super) fn gainsaid(&self) -> SortedSet<ObjectRef> {
        self.gainsaid.clone()
    }
}

/// A broken object that no rule explains, with the last word about it.
fn unexplained(world: &Inventory, object: &ObjectRef) -> Unknown {
    let event = world
        .events_of(object)
        .into_iter()
        .rev()
        .find(|event| event.warning)
        .map(|event| format!("{}: {}", event.reason, event.message));
    let condition = match object.kind {
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).and_then(|es| es.ready.clone()),
        _ => world.store(object).and_then(|store| store.ready.clone()),
    };
    let said = event.or_else(|| condition.map(|ready| format!("{}: {}", ready.reason, ready.message)));
    Unknown { subject: object.to_string(), needs: format!("a cause that no rule knows; it says: {}", said.unwrap_or_default()) }
}
