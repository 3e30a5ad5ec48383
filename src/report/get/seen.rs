//! What could not be seen of what is listed, and what would let us see it; and names that are like one that
//! is not there.

use super::What;
use super::column::{Listing, Value};
use crate::diagnosis::server::ServerState;
use crate::diagnosis::unknown::of_kinds;
use crate::diagnosis::{Unknown, near};
use crate::engine::Snapshot;
use crate::model::vault::Told;
use crate::model::{Kind, ObjectRef, PathState, Source, Text, VaultServer};

/// The kinds that stand for answers of a Vault.
const OF_VAULT: [Kind; 3] = [Kind::Vault, Kind::VaultReplica, Kind::VaultPath];

/// Whether what is listed could not be looked at: a kind of it, or a Vault.
pub(super) fn is_blind(what: &What, snapshot: &Snapshot) -> bool {
    let unseen = |kind: &Kind| match kind {
        Kind::Vault | Kind::VaultReplica => {
            snapshot.world.vaults.values().any(|server| ServerState::of(server) == ServerState::Unknown)
        }
        // Paths are those that ExternalSecrets read through stores.
        Kind::VaultPath => what.also.iter().any(|kind| !is_seen(snapshot, *kind)),
        kind => !is_seen(snapshot, *kind),
    };
    snapshot.offline.is_some() || what.kinds.iter().any(unseen)
}

/// When a kind was last heard of: the age of what is said of its objects.
pub(super) fn at(snapshot: &Snapshot, kind: Kind) -> Value {
    Value::since(snapshot.world.sources.get(&kind).and_then(Source::heard))
}

fn is_seen(snapshot: &Snapshot, kind: Kind) -> bool {
    snapshot.world.sources.get(&kind).is_some_and(Source::is_seen)
}

/// Everything that is missing from a list, each with what is needed.
pub(super) fn unknown(what: &What, snapshot: &Snapshot) -> Vec<Unknown> {
    let kinds: Vec<Kind> = what.kinds.iter().chain(what.also).copied().collect();
    unknown_of(&kinds, snapshot)
}

/// What could not be seen of these kinds.
#[must_use]
pub fn unknown_of(kinds: &[Kind], snapshot: &Snapshot) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    if let Some(fault) = &snapshot.offline {
        unknown.push(Unknown { subject: "the cluster".to_owned(), needs: fault.to_string() });
    }
    let listed = || kinds.iter().filter(|kind| !OF_VAULT.contains(kind));
    unknown.extend(of_kinds(&snapshot.world, |kind| listed().any(|one| *one == kind)));
    for kind in listed().filter(|kind| !snapshot.world.sources.get(kind).is_some_and(Source::is_told)) {
        let needs = "more time: the first list has not come yet. --timeout gives it.".to_owned();
        unknown.push(Unknown { subject: format!("every {kind}"), needs });
    }
    if kinds.iter().any(|kind| OF_VAULT.contains(kind)) {
        unknown.extend(snapshot.world.vaults.values().flat_map(|server| of_server(server)));
    }
    unknown
}

/// How many paths nobody could read, by Vault.
pub(super) fn unread(what: &What, snapshot: &Snapshot) -> Vec<Unknown> {
    let servers = snapshot.world.vaults.values().filter(|_| what.paths);
    servers.filter_map(|server| paths_of(server)).collect()
}

fn of_server(server: &VaultServer) -> Vec<Unknown> {
    let mut unknown = Vec::new();
    if let Some(fault) = &server.unlisted {
        unknown.push(Unknown { subject: server.subject().to_string(), needs: fault.to_string() });
    }
    for (pod, replica) in &server.replicas {
        let subject = server.replica_ref(pod).to_string();
        let needs = match (&replica.fault, &replica.seal) {
            (Some(fault), _) => fault.to_string(),
            (None, None) => "more time: it has not answered yet. --timeout gives it.".to_owned(),
            (None, Some(_)) => continue,
        };
        unknown.push(Unknown { subject, needs });
    }
    unknown
}

fn paths_of(server: &VaultServer) -> Option<Unknown> {
    let unread = server.paths.values().filter(|path| matches!(path.facts.state, PathState::NotAsked)).count();
    let needs = match &server.unreadable {
        _ if unread == 0 => return None,
        Some(fault) => fault.to_string(),
        None if server.open().next().is_none() => "an open replica to read from.".to_owned(),
        None => "an answer of Vault: it was not asked.".to_owned(),
    };
    Some(Unknown { subject: format!("{unread} of {} paths of {}", server.paths.len(), server.subject()), needs })
}

/// The server of a path, if there is anybody to read it from.
fn reading<'a>(snapshot: &'a Snapshot, path: &ObjectRef) -> Option<(&'a VaultServer, Text)> {
    let mut servers = snapshot.world.vaults.values();
    let (server, full) = servers.find_map(|server| Some((server, server.path_named(path)?)))?;
    (server.unreadable.is_none() && server.open().next().is_some()).then_some((server, full))
}

/// Whether the names of the properties of a path were asked for, or cannot be.
#[must_use]
pub fn names_are_told(snapshot: &Snapshot, path: &ObjectRef) -> bool {
    let lacks = |(server, full): (&VaultServer, Text)| server.paths.get(&full).is_some_and(|path| path.lacks_names().is_some());
    !reading(snapshot, path).is_some_and(lacks)
}

/// Whether the folder of a path was listed, or cannot be.
#[must_use]
pub fn folder_is_told(snapshot: &Snapshot, path: &ObjectRef) -> bool {
    reading(snapshot, path).is_none_or(|(server, full)| server.folder_of(&full).is_some())
}

/// Whether every Vault was asked for what it tells of its cluster, or cannot be.
pub(super) fn around_is_told(snapshot: &Snapshot) -> bool {
    let mut servers = snapshot.world.vaults.values();
    servers.all(|server| server.around != Told::NotAsked || server.open().next().is_none())
}

/// The objects of a list whose names are like this one, the likest first.
pub(super) fn like(name: &str, listing: &Listing) -> Vec<ObjectRef> {
    near::like(name, listing.items.iter().map(|item| &item.object))
}
