//! Who depends on whom, one step at a time: what a kind needs, and what needs it.

use std::collections::BTreeSet;

use super::Stage;
use crate::model::kinds::secret_store::{Auth, SecretStore};
use crate::model::kinds::{
    CronJob, DaemonSet, Deployment, ExternalSecret, Job, Pod, Role, Secret, StatefulSet, VaultAuth, VaultConnection,
    VaultDynamicSecret, VaultPKISecret, VaultStaticSecret, Watched as _,
};
use crate::model::pod_spec::PodSpec;
use crate::model::vso::Upkeep;
use crate::model::{Inventory, Kind, Name, ObjectRef, VaultAddress, VaultServer};

/// What an object of this kind is to a value.
pub(super) const fn stage(kind: Kind) -> Stage {
    match kind {
        Kind::Vault | Kind::VaultReplica => Stage::Vault,
        Kind::VaultPath => Stage::Path,
        Kind::ServiceAccount => Stage::Login,
        Kind::SecretStore | Kind::ClusterSecretStore | Kind::VaultAuth | Kind::VaultConnection => Stage::Store,
        Kind::Password => Stage::Generator,
        Kind::ClusterExternalSecret => Stage::Maker,
        Kind::ExternalSecret | Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => Stage::Reader,
        Kind::Secret => Stage::Secret,
        _ => Stage::Consumer,
    }
}

/// The object whose chain is meant: a replica stands for its Vault, a pod for itself.
pub(super) fn start(world: &Inventory, object: &ObjectRef) -> ObjectRef {
    let is = |server: &&std::sync::Arc<VaultServer>| server.replicas.keys().any(|pod| server.replica_ref(pod) == *object);
    match object.kind {
        Kind::VaultReplica => world.vaults.values().find(is).map_or_else(|| object.clone(), |server| server.subject()),
        _ => object.clone(),
    }
}

/// What an object needs, what it cannot do without first.
pub(super) fn up(world: &Inventory, object: &ObjectRef) -> Vec<ObjectRef> {
    match object.kind {
        Kind::VaultPath => server_of_path(world, object).map(VaultServer::subject).into_iter().collect(),
        Kind::SecretStore | Kind::ClusterSecretStore => world.store(object).map_or_else(Vec::new, up_store),
        Kind::VaultConnection => {
            let connection = world.get::<VaultConnection>(object);
            connection.and_then(|one| one.address.as_ref()).map(VaultAddress::subject).into_iter().collect()
        }
        Kind::VaultAuth => world.get::<VaultAuth>(object).and_then(|auth| auth.connection.clone()).into_iter().collect(),
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).map_or_else(Vec::new, |es| up_reader(world, es)),
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => {
            upkeep(world, object).and_then(|upkeep| upkeep.auth.clone()).into_iter().collect()
        }
        Kind::Secret => {
            let writers = world.pointing_at(object, Role::Writes).cloned();
            let source = world.get::<Secret>(object).and_then(|secret| secret.marks.as_ref()?.reflects.clone());
            writers.chain(source).collect()
        }
        _ => {
            let secret = |name: &Name| ObjectRef { kind: Kind::Secret, namespace: object.namespace.clone(), name: name.clone() };
            needs(world, object)
                .iter()
                .flat_map(|spec| &spec.secrets)
                .map(|one| &one.secret)
                .collect::<BTreeSet<_>>()
                .into_iter()
                .map(secret)
                .collect()
        }
    }
}

fn up_store(store: &SecretStore) -> Vec<ObjectRef> {
    let Some(vault) = &store.vault else { return Vec::new() };
    let mut needs = vec![vault.address.subject()];
    // The Secret or the account of a cluster-wide store is in a namespace that this model does not keep.
    let here = &store.meta.namespace;
    let object = |kind, name: &str| ObjectRef { kind, namespace: here.clone(), name: Name::new(name) };
    match &vault.auth {
        Auth::Kubernetes { service_account, .. } if !service_account.is_empty() && !here.is_empty() => {
            needs.push(object(Kind::ServiceAccount, service_account.as_str()));
        }
        Auth::Token { secret, .. } if !here.is_empty() => needs.push(object(Kind::Secret, secret.as_str())),
        _ => {}
    }
    needs
}

fn up_reader(world: &Inventory, es: &ExternalSecret) -> Vec<ObjectRef> {
    let mut needs: Vec<ObjectRef> = es.store_ref().into_iter().collect();
    let vault = es.store_ref().and_then(|store| world.store(&store)?.vault.as_ref());
    for (vault, remote) in vault.into_iter().flat_map(|vault| es.remote.iter().map(move |remote| (vault, remote))) {
        let path = vault.address.path_ref(&vault.path_of(remote.key.as_str()));
        if !needs.contains(&path) {
            needs.push(path);
        }
    }
    needs.extend(es.generators.iter().cloned());
    needs.extend(es.parent().map(|parent| ObjectRef::new(Kind::ClusterExternalSecret, "", parent.clone())));
    needs
}

/// What needs an object.
pub(super) fn down(world: &Inventory, object: &ObjectRef) -> Vec<ObjectRef> {
    let pointing = |role| world.pointing_at(object, role);
    match object.kind {
        Kind::Vault => {
            let stores = world.stores_of(object).map(SecretStore::store_ref);
            let connections = world.all::<VaultConnection>().iter();
            let here = connections.filter(|one| one.address.as_ref().is_some_and(|at| at.subject() == *object));
            stores.chain(here.map(|one| one.object_ref())).collect()
        }
        Kind::VaultPath => readers_of_path(world, object),
        Kind::SecretStore | Kind::ClusterSecretStore | Kind::VaultAuth | Kind::VaultConnection => {
            pointing(Role::ReadsThrough).cloned().collect()
        }
        Kind::ClusterExternalSecret => pointing(Role::MadeBy).cloned().collect(),
        Kind::ExternalSecret => {
            let written = world.get::<ExternalSecret>(object).map(|es| &es.target);
            written
                .map(|name| ObjectRef { kind: Kind::Secret, namespace: object.namespace.clone(), name: name.clone() })
                .into_iter()
                .collect()
        }
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => {
            let written = upkeep(world, object).map(|upkeep| &upkeep.destination);
            written
                .map(|name| ObjectRef { kind: Kind::Secret, namespace: object.namespace.clone(), name: name.clone() })
                .into_iter()
                .collect()
        }
        Kind::Secret => {
            let users: BTreeSet<ObjectRef> = pointing(Role::Consumes)
                .filter(|user| user.kind != Kind::ServiceAccount)
                .map(|user| world.get::<Pod>(user).map_or_else(|| user.clone(), |pod| pod.consumer()))
                .collect();
            pointing(Role::Mirrors).cloned().chain(users).collect()
        }
        _ => Vec::new(),
    }
}

/// The Vault that a path is in.
pub(super) fn server_of_path<'a>(world: &'a Inventory, path: &ObjectRef) -> Option<&'a VaultServer> {
    world.vaults.values().find(|server| server.address.host_port() == path.namespace.as_str()).map(AsRef::as_ref)
}

fn readers_of_path(world: &Inventory, path: &ObjectRef) -> Vec<ObjectRef> {
    // One that reads the path twice is one reader.
    let readers: BTreeSet<ObjectRef> = world.readers_of_path(path).map(|(_, es)| es.object_ref()).collect();
    readers.into_iter().collect()
}

/// What the Vault Secrets Operator keeps for this object.
pub(super) fn upkeep<'a>(world: &'a Inventory, object: &ObjectRef) -> Option<&'a Upkeep> {
    match object.kind {
        Kind::VaultStaticSecret => world.get::<VaultStaticSecret>(object).map(|one| &one.upkeep),
        Kind::VaultDynamicSecret => world.get::<VaultDynamicSecret>(object).map(|one| &one.upkeep),
        Kind::VaultPKISecret => world.get::<VaultPKISecret>(object).map(|one| &one.upkeep),
        _ => None,
    }
}

/// The pods that a workload made; a pod itself.
pub(super) fn pods<'a>(world: &'a Inventory, object: &ObjectRef) -> Vec<&'a Pod> {
    let made = world.pointing_at(object, Role::MadeBy);
    made.chain(std::iter::once(object)).filter_map(|pod| world.get::<Pod>(pod)).map(AsRef::as_ref).collect()
}

/// What a consumer needs, by its template and by the pods that there are.
pub(super) fn needs<'a>(world: &'a Inventory, object: &ObjectRef) -> Vec<&'a PodSpec> {
    let template = match object.kind {
        Kind::Deployment => world.get::<Deployment>(object).map(|one| &one.0.template),
        Kind::StatefulSet => world.get::<StatefulSet>(object).map(|one| &one.0.template),
        Kind::DaemonSet => world.get::<DaemonSet>(object).map(|one| &one.0.template),
        Kind::CronJob => world.get::<CronJob>(object).map(|one| &one.template),
        Kind::Job => world.get::<Job>(object).map(|one| &one.template),
        _ => None,
    };
    template.into_iter().chain(pods(world, object).into_iter().map(|pod| &pod.spec)).collect()
}
