//! Steps that several runbooks share. Each file is one step; here is what they have in common: which
//! objects a target means.

pub mod bootstrap;
pub mod check;
pub mod client_patcher;
mod each;
pub mod external_secrets;
mod forecast;
pub mod hold;
pub mod keep_value;
pub mod login;
pub mod move_value;
pub mod operator;
pub mod paths;
pub mod placeholders;
pub mod pods;
pub mod readers;
pub mod restart;
mod reverted;
pub mod stores;
pub mod undelete;
pub mod unseal;
pub mod value;
pub mod vso;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{Confirm, KvPath, Next, Outcome, Progress, Right, StepReport, Target, VaultRight};
use crate::diagnosis::server::ServerState;
use crate::diagnosis::state::of_upkeep;
use crate::model::kinds::{Deployment, ExternalSecret, Role, SecretStore, VaultAuth, VaultStaticSecret, Watched};
use crate::model::vault::{SecretPath, StoreLogin};
use crate::model::vso::Upkeep;
use crate::model::{Fault, Health, Inventory, Kind, ObjectRef, PathState, Text, VaultServer};

/// The stores that a target means, in order of their names.
pub(super) fn stores_of<'a>(target: &Target, world: &'a Inventory) -> Vec<&'a SecretStore> {
    let refs: BTreeSet<ObjectRef> = match target {
        Target::Vault(_) | Target::Vaults(_) => {
            target.vaults().iter().flat_map(|vault| world.stores_of(vault)).map(SecretStore::store_ref).collect()
        }
        Target::Everything => {
            world.stores().filter(|store| !is_behind_closed(store, world)).map(SecretStore::store_ref).collect()
        }
        Target::Objects(objects) => objects
            .iter()
            .flat_map(|object| match object.kind {
                Kind::SecretStore | Kind::ClusterSecretStore => vec![object.clone()],
                Kind::ExternalSecret => world.get::<ExternalSecret>(object).and_then(|es| es.store_ref()).into_iter().collect(),
                Kind::Namespace => {
                    let here = world.stores().filter(|store| store.meta.namespace == object.name);
                    let read = in_namespace(world, object).filter_map(ExternalSecret::store_ref);
                    here.map(SecretStore::store_ref).chain(read).collect()
                }
                Kind::VaultPath => of_method(world, object),
                _ => Vec::new(),
            })
            .collect(),
    };
    refs.iter().filter_map(|store| world.store(store)).collect()
}

/// The stores that log in with an auth method (`VaultPath/<host:port>/auth/<mount>`).
fn of_method(world: &Inventory, object: &ObjectRef) -> Vec<ObjectRef> {
    let Some(mount) = object.name.as_str().strip_prefix("auth/") else { return Vec::new() };
    let logs_in_there = |store: &&SecretStore| {
        store.vault.as_ref().is_some_and(|vault| vault.address.host_port() == object.namespace.as_str())
            && StoreLogin::of(store, None).is_ok_and(|login| login.mount.as_str().trim_matches('/') == mount)
    };
    world.stores().filter(logs_in_there).map(SecretStore::store_ref).collect()
}

/// The `ExternalSecret`s of a namespace.
fn in_namespace<'a>(world: &'a Inventory, namespace: &'a ObjectRef) -> impl Iterator<Item = &'a ExternalSecret> {
    world.all::<ExternalSecret>().iter().filter(|es| es.meta.namespace == namespace.name).map(AsRef::as_ref)
}

/// The `ExternalSecret`s that a target means, in order of their names.
pub(super) fn external_secrets_of<'a>(target: &Target, world: &'a Inventory) -> Vec<&'a ExternalSecret> {
    let readers = |store: &ObjectRef| world.readers_of(store).map(|es| es.object_ref()).collect::<Vec<_>>();
    let refs: BTreeSet<ObjectRef> = match target {
        Target::Vault(_) | Target::Vaults(_) => {
            let stores = target.vaults().iter().flat_map(|vault| world.stores_of(vault));
            stores.flat_map(|store| readers(&store.store_ref())).collect()
        }
        Target::Everything => {
            let closed = |es: &ExternalSecret| {
                es.store_ref().and_then(|store| world.store(&store)).is_some_and(|store| is_behind_closed(store, world))
            };
            world.all::<ExternalSecret>().iter().filter(|es| !closed(es)).map(|es| es.object_ref()).collect()
        }
        Target::Objects(objects) => objects
            .iter()
            .flat_map(|object| match object.kind {
                Kind::ExternalSecret => vec![object.clone()],
                Kind::SecretStore | Kind::ClusterSecretStore => readers(object),
                Kind::Namespace => in_namespace(world, object).map(ExternalSecret::object_ref).collect(),
                Kind::VaultPath => {
                    let of_stores = of_method(world, object).into_iter().flat_map(|store| readers(&store));
                    world.readers_of_path(object).map(|(_, es)| es.object_ref()).chain(of_stores).collect()
                }
                Kind::Secret => {
                    world.pointing_at(object, Role::Writes).filter(|by| by.kind == Kind::ExternalSecret).cloned().collect()
                }
                _ => Vec::new(),
            })
            .collect(),
    };
    refs.iter().filter_map(|es| world.get::<ExternalSecret>(es)).map(AsRef::as_ref).collect()
}

/// The objects of the Vault Secrets Operator that a target means, in order of their names, each with what it keeps.
pub(super) fn upkeeps_of<'a>(target: &Target, world: &'a Inventory) -> BTreeMap<ObjectRef, &'a Upkeep> {
    let at = |of: &Upkeep, vault: &ObjectRef| world.vault_beside(of).is_some_and(|address| address.subject() == *vault);
    let connection = |of: &Upkeep| world.connection_of(world.get::<VaultAuth>(&world.auth_of(of)?)?);
    let reads = |one: &ObjectRef, path: &ObjectRef| {
        let found = world.get::<VaultStaticSecret>(one).and_then(|one| world.static_path(one));
        found.is_some_and(|(address, full, _)| address.path_ref(&full) == *path)
    };
    let is_meant = |one: &ObjectRef, of: &Upkeep, object: &ObjectRef| match object.kind {
        Kind::VaultAuth => world.auth_of(of).as_ref() == Some(object),
        Kind::VaultConnection => connection(of).as_ref() == Some(object),
        Kind::Namespace => one.namespace == object.name,
        Kind::Secret => of.secret_ref(one) == *object,
        Kind::VaultPath => reads(one, object),
        _ => one == object,
    };
    let meant = world.upkeeps().filter(|(one, of)| match target {
        Target::Vault(_) | Target::Vaults(_) => target.vaults().iter().any(|vault| at(of, vault)),
        Target::Objects(objects) => objects.iter().any(|object| is_meant(one, of, object)),
        // What stands behind a Vault that is closed waits for that.
        Target::Everything => !world.vault_beside(of).and_then(|at| world.vaults.get(at)).is_some_and(|server| is_closed(server)),
    });
    meant.collect()
}

/// A path of a Vault, with all that is known of it.
pub(super) struct KnownPath<'a> {
    pub(super) server: &'a VaultServer,
    pub(super) full: Text,
    pub(super) path: &'a SecretPath,
}

impl<'a> KnownPath<'a> {
    /// A path by its name in the world.
    fn named(world: &'a Inventory, object: &ObjectRef) -> Option<Self> {
        let server = world.vaults.values().find(|server| server.address.host_port() == object.namespace.as_str())?;
        let full = server.path_named(object)?;
        Some(Self { server, path: server.paths.get(&full)?, full })
    }

    /// What the world calls it.
    pub(super) fn object(&self) -> ObjectRef {
        self.server.address.path_ref(&self.full)
    }

    /// Whether Vault said how it stands.
    pub(super) const fn is_told(&self) -> bool {
        self.path.facts.state.is_told()
    }

    /// What one needs to be told how it stands.
    fn sight(&self, world: &Inventory) -> Option<Right> {
        let replica = self.server.active().or_else(|| self.server.open().next().map(|(pod, _)| self.server.replica_ref(pod)))?;
        let place = self.place();
        let path = match self.path.kv.as_str() {
            "v1" => format!("{}/{}", place.mount, place.key),
            _ => format!("{}/metadata/{}", place.mount, place.key),
        };
        let (server, namespace) = (self.server.address.clone(), place.namespace);
        let port = world.pod_port(&server, &replica.name);
        Some(Right::Vault(VaultRight { server, replica, port, namespace, path, any_of: &["read"] }))
    }

    /// As a write names it.
    pub(super) fn place(&self) -> KvPath {
        let (namespace, mount) = (self.path.namespace.clone(), self.path.mount.clone());
        KvPath { object: self.object(), namespace, mount, key: self.path.key(&self.full).to_owned() }
    }
}

/// The paths that a target means, in order of their names: those that it names, and what its `ExternalSecret`s read.
pub(super) fn paths_of<'a>(target: &Target, world: &'a Inventory) -> Vec<KnownPath<'a>> {
    let mut named: BTreeSet<ObjectRef> = BTreeSet::new();
    if let Target::Objects(objects) = target {
        named.extend(objects.iter().filter(|object| object.kind == Kind::VaultPath).cloned());
    }
    for es in external_secrets_of(target, world) {
        named.extend(reads(world, es).map(|(path, _)| path));
    }
    named.iter().filter_map(|path| KnownPath::named(world, path)).collect()
}

/// The paths that an `ExternalSecret` reads, each with the property; an empty one is the whole path.
pub(super) fn reads<'a>(world: &'a Inventory, es: &'a ExternalSecret) -> impl Iterator<Item = (ObjectRef, &'a str)> {
    let vault = es.store_ref().and_then(|store| world.store(&store)?.vault.as_ref());
    let path = |vault: &crate::model::kinds::secret_store::VaultProvider, key: &str| vault.address.path_ref(&vault.path_of(key));
    es.remote.iter().filter_map(move |remote| Some((path(vault?, remote.key.as_str()), remote.property.as_str())))
}

/// How a person agrees to a change of these objects: by the name of the one, or how many they are.
pub(super) fn by_name(objects: &[ObjectRef], noun: &str) -> Confirm {
    Confirm::TypeName(match objects {
        [only] => only.name.to_string(),
        several => counted(several.len(), noun),
    })
}

/// Whether a server said itself that it does not serve now. That we cannot reach it says nothing of who reads through it.
pub(super) fn is_closed(server: &VaultServer) -> bool {
    matches!(ServerState::of(server), ServerState::Sealed | ServerState::NoActiveNode | ServerState::Uninitialised)
}

/// The same target without the Vaults that are closed, where some of several are open: what reads through these is repaired.
pub(super) fn without_closed<'a>(target: &'a Target, world: &Inventory) -> Cow<'a, Target> {
    let Target::Vaults(vaults) = target else { return Cow::Borrowed(target) };
    let sealed =
        |vault: &ObjectRef| unseal::space_of(vault, world).is_some_and(|(server, space)| is_sealed(server, &space.object));
    let open = |vault: &&ObjectRef| !world.vault(vault).is_some_and(|server| is_closed(server)) && !sealed(vault);
    Target::of_vaults(vaults.iter().filter(open).cloned().collect()).map_or(Cow::Borrowed(target), Cow::Owned)
}

/// Whether what reads through this store has to wait until its Vault, or the namespace in which it stands, is open.
fn is_behind_closed(store: &SecretStore, world: &Inventory) -> bool {
    world.vault_of(store).is_some_and(|server| is_closed(server)) || sealed_space(store, world).is_some()
}

/// Whether a namespace of a server said that it is sealed by itself.
fn is_sealed(server: &VaultServer, space: &ObjectRef) -> bool {
    server.space(space).is_some_and(|(_, seal, _)| seal.said().is_some_and(|seal| seal.sealed))
}

/// The namespace in which a store stands and that is sealed by itself.
fn sealed_space(store: &SecretStore, world: &Inventory) -> Option<ObjectRef> {
    let (server, vault) = (world.vault_of(store)?, store.vault.as_ref()?);
    vault.spaces().find(|space| is_sealed(server, space))
}

/// Whether anything fails that a refresh could help, of either operator: not behind a Vault that is closed, and no
/// generator, whose refresh would rotate.
pub(super) fn anything_fails(world: &Inventory) -> bool {
    let waits = |es: &ExternalSecret| {
        es.store_ref().and_then(|store| world.store(&store)).is_some_and(|store| is_behind_closed(store, world))
    };
    world.stores().any(|store| store.health() == Health::Failing && !is_behind_closed(store, world))
        || world.failing::<ExternalSecret>().any(|es| !es.rotates() && es.parent().is_none() && !waits(es))
        || upkeeps_of(&Target::Everything, world).into_values().any(|of| of_upkeep(of).health == Health::Failing)
}

/// For how long after a replica opened what a Vault answers is not believed at once, in seconds: a standby that is
/// behind refuses tokens it has not heard of and misses paths (`OpenBao` 2.5 and later serve reads on standbys),
/// and the kubernetes auth of a server that is up trusts a CA only at its next look, up to 30 s later.
const SETTLING: i64 = 120;

/// Whether a replica of a server had opened only a short time before, so that what it refused then may go well later.
pub(super) fn had_just_opened(server: &VaultServer, at: Timestamp) -> bool {
    let opened = server.replicas.values().filter(|replica| !replica.since_before).filter_map(|replica| replica.since).max();
    opened.is_some_and(|opened| at.as_second() - opened.as_second() < SETTLING)
}

/// The server of these objects that said itself that it does not serve now, in a sentence: refreshing through
/// it would only fail once more.
pub(super) fn closed_server(target: &Target, world: &Inventory) -> Option<String> {
    let of_stores = stores_of(target, world).into_iter().filter_map(|store| world.vault_of(store));
    let beside = upkeeps_of(target, world).into_values().filter_map(|of| world.vaults.get(world.vault_beside(of)?));
    let Some(server) = of_stores.chain(beside).find(|server| is_closed(server)) else {
        let space = stores_of(target, world).into_iter().find_map(|store| sealed_space(store, world))?;
        return Some(format!("The namespace {} is sealed: “recover” repairs that first.", space.short()));
    };
    let (sealed, all) = (server.sealed().count(), server.replicas.len());
    let name = server.subject().short();
    Some(format!("The Vault {name} does not serve now ({sealed} of {all} replicas sealed): “recover” repairs that first."))
}

/// Why nothing comes of what External Secrets was asked for, where it does not work: the end of a sentence.
pub(super) fn idle(world: &Inventory) -> String {
    let Some(controller) = world.controller.as_ref().filter(|controller| !controller.works()) else { return String::new() };
    let name = controller.deployment.short();
    let scaled = world.get::<Deployment>(&controller.deployment).is_some_and(|found| found.0.wanted == 0);
    match (scaled, controller.ready) {
        (true, _) => format!("; External Secrets ({name}) is scaled to 0, so nothing is synced"),
        (false, 0) => format!("; External Secrets ({name}) does not run, so nothing is synced"),
        (false, _) => format!("; External Secrets ({name}) has lost its lease, so nothing is synced"),
    }
}

/// How long what a Vault was not asked yet is waited for, in seconds.
const ASKING: i64 = 20;

/// The wait for what a Vault has not said yet, while that is worth it.
pub(super) fn asking(progress: &Progress, step: &str, what: &str) -> Option<Next> {
    let is_young = progress.now.as_second() - progress.entered_at(step).as_second() < ASKING;
    is_young.then(|| Next::Wait { what: format!("Vault to say {what}"), until: progress.in_seconds(1) })
}

/// What a step comes to of whose paths Vault does not tell: what one may not see is asked for at once, what was not asked yet
/// is waited for. A right that is missing is named; nothing is written without.
pub(super) fn untold(
    world: &Inventory,
    progress: &Progress,
    (step, what): (&str, &str),
    paths: &[KnownPath<'_>],
) -> Option<Next> {
    let untold = || paths.iter().filter(|known| !known.is_told());
    untold().next()?;
    let is_denied = untold().any(|known| known.path.facts.state == PathState::Denied);
    let wait = || asking(progress, step, what);
    (!is_denied).then(wait).flatten().or_else(|| unseen(progress, untold().filter_map(|known| known.sight(world))))
}

/// What a step comes to that has to see these first: they are asked for, and what is missing is named.
pub(super) fn unseen(progress: &Progress, needed: impl Iterator<Item = Right>) -> Option<Next> {
    let needed: Vec<Right> = needed.collect();
    let unasked: Vec<Right> = needed.iter().filter(|right| !progress.rights.contains_key(right)).cloned().collect();
    if !unasked.is_empty() {
        return Some(Next::Ask(unasked));
    }
    let mut missing = needed.iter().filter(|right| lacks(progress, right));
    let first = missing.next()?;
    let more = match missing.count() {
        0 => String::new(),
        n => format!(" and {n} more"),
    };
    Some(Next::Done(StepReport::new(Outcome::Refused, format!("You may not {first}{more}: nothing is written unseen."))))
}

/// What comes of a write that failed for want of an answer: the same again after a while.
pub(super) enum Again {
    /// Not yet.
    Later,
    /// Now.
    Now,
    /// It was tried often enough, or trying again does not help.
    Never,
}

/// How often a write that got no answer is tried.
const TRIES: usize = 6;
/// How long between two tries, in seconds: an API server that restarts needs some.
const BETWEEN_TRIES: i64 = 5;

/// Whether a write of a step that failed is to be tried again.
pub(super) fn again(progress: &Progress, step: &str, object: &ObjectRef, fault: &Fault, at: Timestamp) -> Again {
    let tries = progress.of_step(step).filter(|applied| applied.operation.object() == object && applied.result.is_err()).count();
    match progress.now.as_second() - at.as_second() {
        _ if !fault.is_transient() || tries >= TRIES => Again::Never,
        waited if waited < BETWEEN_TRIES => Again::Later,
        _ => Again::Now,
    }
}

/// How many objects a person agreed to a step on that needed it no more when their turn came, as the end of a list: those
/// that came back by themselves, and those that are not there any more.
pub(super) fn overtaken(world: &Inventory, progress: &Progress, step: &str) -> String {
    let agreed = progress.agreed.get(step).into_iter().flatten();
    let untouched = agreed.filter(|object| progress.last(step, object).is_none());
    let (back, gone): (Vec<&ObjectRef>, Vec<&ObjectRef>) = untouched.partition(|object| world.has(object));
    let said = |count: usize, what: &str| if count == 0 { String::new() } else { format!(", {count} {what}") };
    format!("{}{}", said(back.len(), "more came back without it"), said(gone.len(), "deleted meanwhile"))
}

/// How many names stand in a sentence; the items of a step name all of them.
const NAMED: usize = 4;

/// The first names of many, with how many more there are.
pub(super) fn few<'a>(objects: impl ExactSizeIterator<Item = &'a ObjectRef>) -> String {
    let more = objects.len().saturating_sub(NAMED);
    let mut names: Vec<String> = objects.take(NAMED).map(ObjectRef::short).collect();
    names.extend((more > 0).then(|| format!("and {more} more")));
    names.join(", ")
}

/// Whether the API server said that this right is missing. A right that was not asked for is not missing.
pub(super) fn lacks(progress: &Progress, right: &Right) -> bool {
    progress.rights.get(right) == Some(&Some(false))
}

/// `1 store`, `3 stores`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::OnShelf as _;
    use crate::model::{Change, Names};

    #[test]
    fn what_was_deleted_meanwhile_did_not_come_back_without_it() {
        let mut world = Inventory::default();
        let json = r#"{"metadata": {"name": "there", "namespace": "a"}, "spec": {"secretStoreRef": {"name": "store"}}}"#;
        let es = ExternalSecret::read(serde_json::from_str(json).expect("it parses"), &mut Names::default());
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![es.into_object()], Vec::new()), Timestamp::UNIX_EPOCH);
        world.settle();
        let mut progress = Progress::new(Timestamp::UNIX_EPOCH);
        assert_eq!(overtaken(&world, &progress, "step"), "");
        let agreed = ["there", "gone"].map(|name| ObjectRef::new(Kind::ExternalSecret, "a", name));
        progress.agreed.insert("step", agreed.into_iter().collect());
        assert_eq!(overtaken(&world, &progress, "step"), ", 1 more came back without it, 1 deleted meanwhile");
    }
}
