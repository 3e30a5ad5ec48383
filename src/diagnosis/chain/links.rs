//! Who depends on whom, one step at a time: what a kind needs, and what needs it.

use std::collections::BTreeSet;

use super::Stage;
use crate::model::kinds::generator::is_generator;
use crate::model::kinds::secret_store::{Auth, SecretStore};
use crate::model::kinds::{
    CronJob, DaemonSet, Deployment, ExternalSecret, Job, Meta, Pod, PushSecret, Role, Secret, StatefulSet, VaultAuth,
    VaultConnection, VaultStaticSecret, Watched as _,
};
use crate::model::pod_spec::PodSpec;
use crate::model::vso::DEFAULT;
use crate::model::{Inventory, Kind, Name, ObjectRef, VaultAddress, VaultServer};

/// What an object of this kind is to a value.
pub(super) const fn stage(kind: Kind) -> Stage {
    match kind {
        Kind::Vault | Kind::VaultReplica => Stage::Vault,
        Kind::VaultPath => Stage::Path,
        Kind::ServiceAccount => Stage::Login,
        Kind::SecretStore | Kind::ClusterSecretStore | Kind::VaultAuth | Kind::VaultConnection => Stage::Store,
        kind if is_generator(kind) => Stage::Generator,
        Kind::ClusterExternalSecret => Stage::Maker,
        Kind::ExternalSecret
        | Kind::VaultStaticSecret
        | Kind::VaultDynamicSecret
        | Kind::VaultPKISecret
        | Kind::SealedSecret
        | Kind::Terraform => Stage::Reader,
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
        Kind::VaultAuth => world.get::<VaultAuth>(object).and_then(|auth| world.connection_of(auth)).into_iter().collect(),
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).map_or_else(Vec::new, |es| up_reader(world, es)),
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => {
            let auth = world.upkeep(object).and_then(|upkeep| world.auth_of(upkeep));
            auth.into_iter().chain(operators_path(world, object)).collect()
        }
        Kind::Secret => {
            let writers = world.pointing_at(object, Role::Writes).cloned();
            let source = world.get::<Secret>(object).and_then(|secret| secret.marks.as_ref()?.reflects.clone());
            writers.chain(source).collect()
        }
        Kind::PushSecret | Kind::Issuer | Kind::Kustomization | Kind::HelmRelease | Kind::Terraform => {
            let links = world.links_of(object).into_iter();
            let needs = |role| matches!(role, Role::Consumes | Role::Generates | Role::LogsInWith | Role::PushesThrough);
            links.filter(|link| needs(link.role)).map(|link| link.to).collect()
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
        Kind::SecretStore | Kind::ClusterSecretStore | Kind::VaultAuth | Kind::VaultConnection => through(world, object),
        Kind::ClusterExternalSecret => pointing(Role::MadeBy).cloned().collect(),
        Kind::ExternalSecret => {
            let written = world.get::<ExternalSecret>(object).map(|es| &es.target);
            written
                .map(|name| ObjectRef { kind: Kind::Secret, namespace: object.namespace.clone(), name: name.clone() })
                .into_iter()
                .collect()
        }
        Kind::SealedSecret | Kind::Terraform => {
            let links = world.links_of(object).into_iter();
            links.filter(|link| link.role == Role::Writes).map(|link| link.to).collect()
        }
        kind if is_generator(kind) => pointing(Role::Generates).cloned().collect(),
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => {
            world.upkeep(object).map(|upkeep| upkeep.secret_ref(object)).into_iter().collect()
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

/// Who reads a path: by the index, and what the other operator reads through the same server.
fn readers_of_path(world: &Inventory, path: &ObjectRef) -> Vec<ObjectRef> {
    // One that reads the path twice is one reader.
    let mut readers: BTreeSet<ObjectRef> = world.readers_of_path(path).map(|(_, es)| es.object_ref()).collect();
    let connections = world.all::<VaultConnection>().iter();
    let here = connections.filter(|one| one.address.as_ref().is_some_and(|at| at.host_port() == path.namespace.as_str()));
    let auths = here.flat_map(|one| through(world, &one.object_ref()));
    let kept = auths.flat_map(|auth| through(world, &auth)).filter(|one| operators_path(world, one).as_ref() == Some(path));
    readers.extend(kept);
    readers.into_iter().collect()
}

/// What reads through an object of the Vault Secrets Operator, also without naming it: one called `default` stands in
/// for those that name none.
fn through(world: &Inventory, object: &ObjectRef) -> Vec<ObjectRef> {
    let mut readers: Vec<ObjectRef> = world.pointing_at(object, Role::ReadsThrough).cloned().collect();
    if object.name.as_str() == DEFAULT {
        let auths = world.all::<VaultAuth>().iter().map(|one| one.object_ref());
        let nameless = |one: &ObjectRef| match one.kind {
            Kind::VaultAuth => world.get::<VaultAuth>(one).is_some_and(|auth| auth.connection.is_none()),
            _ => world.upkeep(one).is_some_and(|upkeep| upkeep.auth.is_none()),
        };
        match object.kind {
            Kind::VaultConnection => readers.extend(auths.filter(nameless)),
            _ => readers.extend(world.all::<VaultStaticSecret>().iter().map(|one| one.object_ref()).filter(nameless)),
        }
    }
    readers
}

/// The path that a `VaultStaticSecret` reads.
fn operators_path(world: &Inventory, object: &ObjectRef) -> Option<ObjectRef> {
    let (address, path, _) = world.static_path(world.get::<VaultStaticSecret>(object)?)?;
    Some(address.path_ref(&path))
}

/// What a Job that writes into Vault is called; which paths it writes nobody tells.
const FILLERS: [&str; 2] = ["client-patcher", "vault-bootstrap"];

/// The Jobs that write into the Vault of a path, by their timetable where they have one: those that name the server,
/// and of those that name none the ones beside it, or beside a reader of the path.
pub(super) fn fillers(world: &Inventory, path: &ObjectRef) -> Vec<ObjectRef> {
    let server = (path.kind == Kind::VaultPath).then(|| server_of_path(world, path)).flatten();
    let Some(server) = server else { return Vec::new() };
    let beside: BTreeSet<Name> = world
        .readers_of_path(path)
        .map(|(_, es)| es.meta.namespace.clone())
        .chain(server.address.service().map(|(namespace, _)| namespace))
        .collect();
    let fills = |meta: &Meta, template: &PodSpec| {
        let called = FILLERS.iter().any(|word| meta.name.as_str().contains(word));
        let there = if template.vault.is_empty() {
            beside.contains(&meta.namespace)
        } else {
            template.vault.as_str() == path.namespace.as_str()
        };
        called && there
    };
    let timetables = world.all::<CronJob>().iter().filter(|one| fills(&one.meta, &one.template)).map(|one| one.object_ref());
    let made = |job: &Job| job.meta.owner().is_some_and(|owner| world.get::<CronJob>(&owner).is_some());
    let jobs = world.all::<Job>().iter().filter(|one| fills(&one.meta, &one.template) && !made(one)).map(|one| one.object_ref());
    timetables.chain(jobs).chain(pushers(world, server, path)).collect()
}

/// The `PushSecret`s that name a path; what one pushes under names that only its controller works out is not known.
fn pushers(world: &Inventory, server: &VaultServer, path: &ObjectRef) -> BTreeSet<ObjectRef> {
    let mut found = BTreeSet::new();
    for store in world.stores() {
        let Some(vault) = store.vault.as_ref().filter(|vault| vault.address == server.address) else { continue };
        let writes =
            |push: &PushSecret| push.pushes.iter().any(|one| vault.path_of(one.key.as_str()).as_str() == path.name.as_str());
        let through = world.pointing_at(&store.store_ref(), Role::PushesThrough);
        found.extend(through.filter(|push| world.get::<PushSecret>(push).is_some_and(|push| writes(push))).cloned());
    }
    found
}

/// The Job of a timetable that began last.
pub(super) fn newest_job<'a>(world: &'a Inventory, timetable: &ObjectRef) -> Option<&'a Job> {
    let jobs = world.pointing_at(timetable, Role::MadeBy).filter_map(|job| world.get::<Job>(job));
    jobs.max_by_key(|job| (job.started, job.meta.created)).map(AsRef::as_ref)
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

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::kinds::Watched;
    use crate::model::{Change, Names, Text};

    #[test]
    fn a_push_secret_fills_the_paths_that_it_names_and_no_others() {
        fn add<K: Watched>(world: &mut Inventory, wire: &str) {
            let object = K::read(serde_json::from_str(wire).unwrap(), &mut Names::default());
            world.apply(Change::Applied(object.into_object()), Timestamp::UNIX_EPOCH);
        }
        let mut world = Inventory::default();
        add::<SecretStore>(
            &mut world,
            r#"{"metadata": {"name": "vault", "namespace": "shop"}, "spec": {"provider": {"vault": {
                "server": "http://vault.vault.svc:8200", "path": "secret", "version": "v2",
                "auth": {"tokenSecretRef": {"name": "token", "key": "token"}}}}}}"#,
        );
        add::<ExternalSecret>(
            &mut world,
            r#"{"metadata": {"name": "db", "namespace": "shop"}, "spec": {
                "secretStoreRef": {"name": "vault", "kind": "SecretStore"}, "target": {"name": "db"},
                "data": [{"secretKey": "a", "remoteRef": {"key": "shop/db"}}, {"secretKey": "b", "remoteRef": {"key": "shop/other"}}]}}"#,
        );
        add::<PushSecret>(
            &mut world,
            r#"{"metadata": {"name": "push", "namespace": "shop"}, "spec": {
                "secretStoreRefs": [{"name": "vault", "kind": "SecretStore"}], "selector": {"secret": {"name": "source"}},
                "data": [{"match": {"secretKey": "password", "remoteRef": {"remoteKey": "shop/db", "property": "password"}}}]}}"#,
        );
        world.settle();
        let path = |name: &str| {
            VaultAddress::parse("http://vault.vault.svc:8200").unwrap().path_ref(&Text::foreign(&format!("secret/shop/{name}")))
        };
        assert_eq!(fillers(&world, &path("db")), [ObjectRef::new(Kind::PushSecret, "shop", "push")]);
        assert!(fillers(&world, &path("other")).is_empty());
    }
}
