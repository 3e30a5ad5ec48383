//! When a Vault was read from last, and when what reads from it began to fail. It is worked out when somebody asks first,
//! which is when something is wrong with a Vault, and changed by what differs from then on.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::tally::{Tally, Turn};
use crate::model::kinds::ExternalSecret;
use crate::model::{Inventory, ObjectRef, Status, VaultAddress};

/// The times of every Vault that is read from.
#[derive(Debug, Default)]
pub(super) struct Readings(OnceCell<BTreeMap<VaultAddress, Times>>);

/// The times of what reads from one Vault.
#[derive(Debug, Default)]
struct Times {
    read: Tally<Timestamp>,
    failing: Tally<Timestamp>,
}

impl Readings {
    /// When anything was read from a Vault last.
    pub(super) fn last_read(&self, world: &Inventory, vault: &ObjectRef) -> Option<Timestamp> {
        self.of(world, vault).filter_map(|times| times.read.last().copied()).max()
    }

    /// The first time since then at which something that reads from a Vault, and fails, began to.
    pub(super) fn first_failure(&self, world: &Inventory, vault: &ObjectRef, then: Option<Timestamp>) -> Option<Timestamp> {
        self.of(world, vault).filter_map(|times| times.failing.first_from(then.unwrap_or(Timestamp::MIN)).copied()).min()
    }

    /// One `ExternalSecret` is another one in this world than it was in that one.
    pub(super) fn changed(&mut self, old: &Inventory, new: &Inventory, object: &ObjectRef) {
        let Some(all) = self.0.get_mut() else { return };
        for (turn, world) in [(Turn::TakeBack, old), (Turn::Count, new)] {
            if let Some(es) = world.get::<ExternalSecret>(object) {
                count(all, turn, world, es);
            }
        }
    }

    /// A Vault may have several addresses.
    fn of<'a>(&'a self, world: &Inventory, vault: &'a ObjectRef) -> impl Iterator<Item = &'a Times> {
        let all = self.0.get_or_init(|| {
            let mut all = BTreeMap::new();
            for es in world.all::<ExternalSecret>().iter() {
                count(&mut all, Turn::Count, world, es);
            }
            all
        });
        all.iter().filter(move |(address, _)| address.subject() == *vault).map(|(_, times)| times)
    }
}

fn count(all: &mut BTreeMap<VaultAddress, Times>, turn: Turn, world: &Inventory, es: &ExternalSecret) {
    let store = es.store_ref().and_then(|store| world.store(&store));
    let Some(vault) = store.and_then(|store| store.vault.as_ref()) else { return };
    let failing = es.ready.as_ref().filter(|ready| ready.status == Status::False).and_then(|ready| ready.since);
    if es.refreshed.is_none() && failing.is_none() {
        return;
    }
    let times = all.entry(vault.address.clone()).or_default();
    if let Some(read) = es.refreshed {
        times.read.turn(turn, read);
    }
    if let Some(since) = failing {
        times.failing.turn(turn, since);
    }
}
