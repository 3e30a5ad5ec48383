//! What a Vault, a replica or a path says of itself, on its page.

use super::document::{Document, Ink};
use super::model::Model;
use super::rows::{Tone, toned};
use super::words::{counted, since};
use crate::diagnosis::state;
use crate::model::kinds::external_secret::RemoteRef;
use crate::model::kinds::{ExternalSecret, Watched as _};
use crate::model::vault::{Autopilot, Has, May, NamespaceSeal, SecretPath, Surroundings, Told};
use crate::model::{Age, Fault, Kind, Name, ObjectRef, PathState, Replica, Text, VaultServer};

/// Room for the names of facts.
const LABEL: usize = 10;
/// Room for the names of neighbours.
const SUBJECT: usize = 28;
/// So many names are told of a list of objects.
const SHOWN: usize = 12;
/// So many neighbours are told one by one.
const NEIGHBOURS: usize = 200;

/// Adds what is known of an object of a Vault; nothing for any other.
pub(super) fn add(page: &mut Document, model: &Model, object: &ObjectRef) {
    let mut servers = model.snapshot.world.vaults.values();
    match object.kind {
        Kind::Vault => {
            if let Some(server) = servers.clone().find(|server| server.subject() == *object) {
                of_server(page, model, server);
            } else if let Some(server) = servers.find(|server| server.address.space_named(object).is_some()) {
                page.pair("in", LABEL, Ink::Plain, format!("Vault {}", server.subject().short()));
                if let Some((name, seal, _)) = server.space(object) {
                    of_space(page, name, seal);
                }
            }
        }
        Kind::VaultReplica => {
            let found = servers.find_map(|server| {
                let (pod, replica) = server.replicas.iter().find(|(pod, _)| server.replica_ref(pod) == *object)?;
                Some((server, pod, replica))
            });
            if let Some((server, pod, replica)) = found {
                of_replica(page, model, server, pod, replica);
            }
        }
        Kind::VaultPath => {
            if let Some((server, full)) = servers.find_map(|server| Some((server, server.path_named(object)?)))
                && let Some(path) = server.paths.get(&full)
            {
                of_path(page, model, server, &full, path);
            }
        }
        _ => {}
    }
}

fn of_server(page: &mut Document, model: &Model, server: &VaultServer) {
    page.pair("address", LABEL, Ink::Plain, server.address.to_string());
    if let Some(seal) = server.replicas.values().find_map(|replica| replica.seal.as_ref()) {
        let shares = counted(usize::try_from(seal.shares).unwrap_or(usize::MAX), "share");
        let text = format!("{} of {shares}, {}; {}, storage {}", seal.threshold, seal.kind, seal.version, seal.storage);
        page.pair("seal", LABEL, Ink::Plain, text);
    }
    for (pod, replica) in &server.replicas {
        let (tone, word) = toned(state::of_replica(replica));
        page.pair(pod.to_string(), LABEL, Ink::Tone(tone), [vec![word], more(server, pod, replica, model)].concat().join(" · "));
    }
    if server.clusters().len() > 1 {
        let ids = server.clusters().into_iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let text = format!(
            "Its replicas belong to different clusters ({ids}): they were initialised apart, so their keys and their paths differ, \
             and the Service sends to all of them."
        );
        page.pair("apart", LABEL, Ink::Tone(Tone::Failing), text);
    }
    match &server.around {
        Told::Said((around, _)) => of_surroundings(page, server, around),
        Told::Failed(fault) => page.pair("cluster", LABEL, Ink::Muted, fault.to_string()),
        Told::NotAsked | Told::Denied | Told::Absent => {}
    }
    page.pair("paths", LABEL, Ink::Plain, counted(server.paths.len(), "referenced path"));
}

fn of_surroundings(page: &mut Document, server: &VaultServer, around: &Surroundings) {
    match &around.autopilot {
        Told::Said(raft) => {
            let (tone, text) = judged(raft);
            page.pair("raft", LABEL, Ink::Tone(tone), text);
        }
        other => not_told(page, "raft", other, "sys/storage/raft/autopilot/state"),
    }
    match &around.peers {
        Told::Said(peers) => {
            let unheard = server.replicas.keys().filter(|pod| !peers.iter().any(|peer| peer.host.as_str() == pod.as_str()));
            let unheard: Vec<&str> = unheard.map(Name::as_str).collect();
            let text = match unheard.as_slice() {
                [] => format!("{}: all of its replicas", counted(peers.len(), "node")),
                unheard => format!("{}; not heard of: {}", counted(peers.len(), "node"), unheard.join(", ")),
            };
            page.pair("heard of", LABEL, Ink::Plain, text);
        }
        other => not_told(page, "heard of", other, "sys/ha-status"),
    }
    match &around.mounts {
        Told::Said(mounts) => {
            let text = mounts.iter().map(|(name, state)| format!("{name} ({state})")).collect::<Vec<_>>().join(", ");
            let text = if text.is_empty() { "your token has no right under any".to_owned() } else { text };
            page.pair("mounts", LABEL, Ink::Plain, text);
        }
        other => not_told(page, "mounts", other, "sys/internal/ui/mounts"),
    }
    for (name, seal) in &around.namespaces {
        of_space(page, name, seal);
    }
}

fn of_space(page: &mut Document, name: &Text, seal: &Told<NamespaceSeal>) {
    match seal {
        Told::Said(seal) if !seal.sealable => {
            page.pair(name.to_string(), LABEL, Ink::Plain, "namespace without a seal of its own");
        }
        Told::Said(seal) if seal.sealed => {
            let text = format!("namespace SEALED {}/{}: nothing in it answers", seal.progress, seal.threshold);
            page.pair(name.to_string(), LABEL, Ink::Tone(Tone::Failing), text);
        }
        Told::Said(_) => page.pair(name.to_string(), LABEL, Ink::Plain, "namespace, open"),
        other => not_told(page, &name.to_string(), other, "sys/namespaces/…/seal-status"),
    }
}

fn of_path(page: &mut Document, model: &Model, server: &VaultServer, full: &Text, path: &SecretPath) {
    let state = match &path.facts.state {
        PathState::Present { version, written: Some(at) } => format!("version {version}, written {}", since(*at, model.now)),
        PathState::Deleted { version, at: Some(at) } => format!("version {version} was deleted {}", since(*at, model.now)),
        PathState::Failed(fault) => fault.to_string(),
        _ => String::new(),
    };
    if !state.is_empty() {
        page.pair("current", LABEL, Ink::Plain, state);
    }
    page.pair("mount", LABEL, Ink::Plain, format!("{}, read as KV {}, of {}", path.mount, path.kv, server.subject().short()));
    let may = |may: May| match may {
        May::Yes => "yes",
        May::No => "no",
        May::Unknown => "not known",
    };
    let text = format!("its value: {}; its metadata: {}", may(path.facts.value), may(path.facts.metadata));
    page.pair("you may", LABEL, Ink::Plain, text);
    of_names(page, path);
    let world = &model.snapshot.world;
    let object = server.address.path_ref(full);
    let mut readers: Vec<ObjectRef> = world.readers_of_path(&object).map(|(_, es)| es.object_ref()).collect();
    readers.sort();
    readers.dedup();
    let shown: Vec<String> = readers.iter().take(SHOWN).map(ObjectRef::short).collect();
    let more = if readers.len() > SHOWN { format!(" and {} more", readers.len() - SHOWN) } else { String::new() };
    page.pair("read by", LABEL, Ink::Plain, format!("{}: {}{more}", counted(readers.len(), "ExternalSecret"), shown.join(", ")));
    for reader in readers {
        let Some(es) = world.get::<ExternalSecret>(&reader) else { continue };
        let lacks = |property: &Text| path.properties.has(property.as_str()) == Has::No;
        let here =
            es.remote.iter().filter(|remote| !remote.property.is_empty() && path_of(model, es, remote).as_ref() == Some(full));
        for remote in here.filter(|remote| lacks(&remote.property)) {
            let text = format!("{} reads “{}”, and there is no such property here", reader.short(), remote.property);
            page.pair("", LABEL, Ink::Tone(Tone::Failing), text);
        }
    }
    beside(page, server, full);
}

fn of_names(page: &mut Document, path: &SecretPath) {
    match &path.properties.names {
        Told::Said(names) if names.is_empty() => page.pair("names", LABEL, Ink::Plain, "it has no property"),
        Told::Said(names) => {
            let shown: Vec<&str> = names.iter().take(SHOWN * 2).map(Text::as_str).collect();
            let more =
                if names.len() > shown.len() { format!(", and {} more", names.len() - shown.len()) } else { String::new() };
            page.pair("names", LABEL, Ink::Code, format!("{}{more}", shown.join(", ")));
            if path.lacks_names().is_some() {
                page.pair(
                    "",
                    LABEL,
                    Ink::Muted,
                    format!("of version {}; the newer one is being asked for", path.properties.version),
                );
            }
        }
        Told::NotAsked if path.lacks_names().is_some() => page.pair("names", LABEL, Ink::Muted, "being asked for"),
        Told::NotAsked => {}
        Told::Absent => page.pair("names", LABEL, Ink::Muted, "the server does not tell them of this version"),
        other => not_told(page, "names", other, &format!("{}/subkeys/*", path.mount)),
    }
}

/// What stands in its folder.
fn beside(page: &mut Document, server: &VaultServer, full: &Text) {
    let Some((place, folder)) = server.folder_of(full) else { return };
    page.title(format!("Beside it in {place}/"));
    match &folder.names {
        Told::Said(_) => {
            let neighbours: Vec<(Text, bool)> = server.neighbours(full).filter(|(name, _)| name != full).collect();
            if neighbours.is_empty() {
                page.text(Ink::Muted, "Nothing.");
            }
            for (name, referenced) in neighbours.iter().take(NEIGHBOURS) {
                let short = name.as_str().strip_prefix(place.as_str()).unwrap_or(name.as_str()).trim_start_matches('/');
                let (ink, text) = match server.paths.get(name) {
                    Some(path) => {
                        let (tone, word) = toned(state::of_path(&path.facts.state));
                        (Ink::Tone(tone), format!("{word}, {}", counted(path.readers, "reader")))
                    }
                    None if *referenced => (Ink::Plain, "something in it is referenced".to_owned()),
                    None => (Ink::Muted, "unreferenced".to_owned()),
                };
                page.pair(short, SUBJECT, ink, text);
            }
            if neighbours.len() > NEIGHBOURS {
                page.text(Ink::Muted, format!("… and {} more.", neighbours.len() - NEIGHBOURS));
            }
        }
        Told::Denied => page.text(Ink::Muted, "Your token may not list it."),
        Told::Failed(fault) => page.text(Ink::Tone(Tone::Unknown), fault.to_string()),
        Told::NotAsked | Told::Absent => page.text(Ink::Muted, "It cannot be listed."),
    }
}

/// The path that an `ExternalSecret` reads there, in full.
fn path_of(model: &Model, es: &ExternalSecret, remote: &RemoteRef) -> Option<Text> {
    let store = model.snapshot.world.store(&es.store_ref()?)?;
    Some(store.vault.as_ref()?.path_of(remote.key.as_str()))
}

/// What is known of the property that an `ExternalSecret` reads, as the end of a sentence.
pub(super) fn of_property(model: &Model, es: &ExternalSecret, remote: &RemoteRef) -> &'static str {
    let world = &model.snapshot.world;
    let server = es.store_ref().and_then(|store| world.vault_of(world.store(&store)?));
    // The names that are known are those of the current version.
    let is_held = es.reads().any(|(other, version)| std::ptr::eq(other, remote) && version.is_some());
    let path = || server?.paths.get(&path_of(model, es, remote)?).filter(|_| !is_held);
    let has = || Some(path()?.properties.has(remote.property.as_str()));
    match has() {
        Some(Has::No) if !remote.property.is_empty() => "  no such property there",
        _ => "",
    }
}

/// How raft judges itself, in a sentence.
fn judged(raft: &Autopilot) -> (Tone, String) {
    let ill: Vec<&str> = raft.servers.iter().filter(|server| !server.healthy).map(|server| server.id.as_str()).collect();
    let spare = match raft.tolerance {
        0 => "no more node may fail".to_owned(),
        n => format!("{} more may fail", counted(usize::try_from(n).unwrap_or(usize::MAX), "node")),
    };
    match (raft.healthy, ill.as_slice()) {
        (true, _) => (Tone::Healthy, format!("well; {spare}")),
        (false, []) => (Tone::Warning, format!("not well yet; {spare}")),
        (false, ill) => (Tone::Warning, format!("not well: {}; {spare}", ill.join(", "))),
    }
}

/// Why something is not known, if that is worth a line.
fn not_told<T>(page: &mut Document, label: &str, told: &Told<T>, endpoint: &str) {
    match told {
        Told::Denied => page.pair(label, LABEL, Ink::Muted, format!("your token may not ask ({endpoint})")),
        Told::Failed(Fault { message, .. }) => page.pair(label, LABEL, Ink::Tone(Tone::Unknown), message.to_string()),
        Told::Said(_) | Told::NotAsked | Told::Absent => {}
    }
}

/// What else is known of a replica, beside its seal and its role.
fn more(server: &VaultServer, pod: &Name, replica: &Replica, model: &Model) -> Vec<String> {
    let mut words = Vec::new();
    let health = replica.health.says.as_str();
    if !health.is_empty() {
        words.push(format!("health: {health}"));
    }
    let Some(around) = server.surroundings() else { return words };
    if let Some(raft) = around.raft(pod.as_str()) {
        // A follower's last word is seconds old: some entries lie always between, until raft calls it not well.
        let behind = if !raft.healthy && raft.behind > 0 { format!(", {} entries behind", raft.behind) } else { String::new() };
        let ill = if raft.healthy { "" } else { ", not well" };
        words.push(format!("raft: {}{ill}{behind}", raft.status));
    }
    if let Some(at) = around.peer(pod.as_str()).and_then(|peer| peer.echoed) {
        words.push(format!("heard {} ago", Age::between(at, model.now)));
    }
    words
}

fn of_replica(page: &mut Document, model: &Model, server: &VaultServer, pod: &Name, replica: &Replica) {
    page.pair("of", LABEL, Ink::Plain, format!("{}, {}", server.subject(), server.address));
    for word in more(server, pod, replica, model) {
        let (label, text) = word.split_once(": ").map_or(("leader", word.as_str()), |(label, text)| (label, text));
        page.pair(label, LABEL, Ink::Plain, text);
    }
    if !replica.health.cluster.is_empty() {
        page.pair("cluster", LABEL, Ink::Plain, replica.health.cluster.to_string());
    }
    if let Some(seal) = &replica.seal {
        page.pair("version", LABEL, Ink::Plain, format!("{}, storage {}", seal.version, seal.storage));
    }
    if let Some(at) = replica.started {
        page.pair("started", LABEL, Ink::Plain, since(at, model.now));
    }
    if let Some(fault) = &replica.fault {
        page.pair("answers", LABEL, Ink::Tone(Tone::Failing), fault.to_string());
    }
}
