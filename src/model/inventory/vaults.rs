//! What a Vault tells beside its seals, taken in. Each says whether anything is different now. And where its pods listen.

use std::sync::Arc;

use jiff::Timestamp;

use super::Inventory;
use crate::model::fault::Fault;
use crate::model::kinds::{EndpointSlice, Role, Service};
use crate::model::object::{Kind, Name, ObjectRef};
use crate::model::text::Text;
use crate::model::vault::{Folder, NamespaceSeal, Properties, ReplicaHealth, Surroundings, Told, VaultAddress, VaultServer};

impl Inventory {
    /// The port of a pod of a Vault behind the port that its stores name, which is the Service's: a port-forward to a pod takes
    /// the pod's own. Where that cannot be seen, the same number.
    #[must_use]
    pub fn pod_port(&self, server: &VaultAddress, pod: &Name) -> u16 {
        self.target_port(server, pod).unwrap_or(server.port)
    }

    fn target_port(&self, server: &VaultAddress, pod: &Name) -> Option<u16> {
        let (namespace, name) = server.service()?;
        let object = ObjectRef { kind: Kind::Service, namespace, name };
        let port = self.get::<Service>(&object)?.ports.iter().find(|port| port.port == server.port)?;
        if port.target.is_empty() {
            return Some(port.port);
        }
        if let Ok(number) = port.target.as_str().parse() {
            return Some(number);
        }
        let slices = self.pointing_at(&object, Role::Serves).filter_map(|slice| self.get::<EndpointSlice>(slice));
        let is_here = |slice: &&Arc<EndpointSlice>| slice.endpoints.iter().any(|endpoint| endpoint.pod.as_ref() == Some(pod));
        slices.into_iter().filter(is_here).find_map(|slice| {
            let named = slice.ports.iter().find(|(name, _)| *name == port.name)?;
            Some(named.1)
        })
    }
}

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

/// What a Vault said of the seal of one of its namespaces.
pub(super) fn space(server: &mut VaultServer, name: &Text, seal: NamespaceSeal, now: Timestamp) -> bool {
    let Told::Said((around, asked)) = &mut server.around else { return false };
    let around = Arc::make_mut(around);
    let Some((_, known)) = around.namespaces.iter_mut().find(|(known, _)| known == name) else { return false };
    *asked = now;
    let told = Told::Said(seal);
    std::mem::replace(known, told.clone()) != told
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
