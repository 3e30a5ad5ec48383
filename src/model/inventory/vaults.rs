//! What a Vault tells beside its seals, taken in. Each says whether anything is different now.

use std::sync::Arc;

use jiff::Timestamp;

use crate::model::fault::Fault;
use crate::model::object::Name;
use crate::model::text::Text;
use crate::model::vault::{Folder, Properties, ReplicaHealth, Surroundings, Told, VaultServer};

/// What a replica says of its health.
pub(super) fn examined(server: &mut VaultServer, pod: &Name, health: ReplicaHealth) -> bool {
    let Some(replica) = server.replicas.get_mut(pod) else { return false };
    let same = replica.health == health;
    replica.health = health;
    !same
}

/// What it tells of its cluster, or why it cannot be asked. The time of the last echo moves with every answer.
pub(super) fn surrounded(server: &mut VaultServer, around: Result<Surroundings, Fault>, now: Timestamp) -> bool {
    let around = around.map_or_else(Told::Failed, |around| Told::Said((Arc::new(around), now)));
    match (std::mem::replace(&mut server.around, around), &server.around) {
        (Told::Said((old, _)), Told::Said((new, _))) => !new.says_as(&old),
        (old, new) => old != *new,
    }
}

/// The names of the properties of paths.
pub(super) fn named(server: &mut VaultServer, all: Vec<(Text, Properties)>) -> bool {
    let mut changed = false;
    for (path, properties) in all {
        let Some(known) = server.paths.get_mut(&path) else { continue };
        changed |= known.properties != properties;
        known.properties = properties;
    }
    changed
}

/// What stands in a folder.
pub(super) fn listed(server: &mut VaultServer, place: Text, names: Told<Arc<[Text]>>, now: Timestamp) -> bool {
    let same = server.folders.get(&place).is_some_and(|folder| folder.names == names);
    Arc::make_mut(&mut server.folders).insert(place, Folder { names, asked: now });
    !same
}
