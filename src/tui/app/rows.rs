//! What a row says: a tone, a word for the state, a note. Asked only for rows that are shown.

use jiff::Timestamp;

use super::index::{Alone, Entry, Mount};
use super::model::Model;
use super::words::counted;
use crate::diagnosis::back_off::next_try;
use crate::diagnosis::server::ServerState;
use crate::model::kinds::{ExternalSecret, SecretStore, Watched};
use crate::model::{Age, Clock, Health, Inventory, ObjectRef, PathState, Replica, Text, VaultAddress, VaultServer};

/// How a thing is to be taken; the order is the order of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// Broken now.
    Failing,
    /// Wrong, or about to break.
    Warning,
    /// Not known.
    Unknown,
    /// It moves.
    Active,
    /// It is what it is.
    Quiet,
    /// Well.
    Healthy,
}

/// A row in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowText {
    /// How to take it.
    pub tone: Tone,
    /// How far it is indented.
    pub depth: u16,
    /// What it is called.
    pub name: String,
    /// Its state in a word or two.
    pub state: String,
    /// What a person asks next: when it is tried again, since when it is so.
    pub note: String,
}

/// The state of a store. A finding about a store that says `Valid` means that it says so wrongly: `Valid?`.
#[must_use]
pub fn store_state(store: &SecretStore, found: bool) -> (Tone, String) {
    let reason = || store.ready.as_ref().map_or("", |ready| ready.reason.as_str()).to_owned();
    match (store.health(), found) {
        // The reason is nearly always `InvalidProviderConfig`, whatever is wrong; X tells what is.
        (Health::Failing, _) => (Tone::Failing, "failing".to_owned()),
        (Health::Healthy | Health::Warning, true) => (Tone::Warning, format!("{}?", reason())),
        (Health::Healthy | Health::Warning, false) => (Tone::Healthy, reason()),
        (Health::Unknown, _) => (Tone::Unknown, "never checked".to_owned()),
    }
}

/// The state of an `ExternalSecret`.
#[must_use]
pub fn external_secret_state(es: &ExternalSecret, found: bool) -> (Tone, String) {
    match (es.health(), found) {
        (Health::Failing, _) => (Tone::Failing, "failing".to_owned()),
        (Health::Healthy | Health::Warning, true) => (Tone::Warning, "look".to_owned()),
        (Health::Healthy | Health::Warning, false) => (Tone::Healthy, "synced".to_owned()),
        (Health::Unknown, _) => (Tone::Unknown, "never synced".to_owned()),
    }
}

/// The state of a path.
#[must_use]
pub fn path_state(state: &PathState) -> (Tone, String) {
    match state {
        PathState::NotAsked => (Tone::Unknown, "not read".to_owned()),
        PathState::Present { version: 0, .. } => (Tone::Healthy, "there".to_owned()),
        PathState::Present { version, .. } => (Tone::Healthy, format!("v{version}")),
        PathState::Deleted => (Tone::Failing, "deleted".to_owned()),
        PathState::Destroyed => (Tone::Failing, "destroyed".to_owned()),
        PathState::Missing => (Tone::Failing, "missing".to_owned()),
        PathState::Denied => (Tone::Unknown, "you may not".to_owned()),
        PathState::Failed(_) => (Tone::Unknown, "no answer".to_owned()),
    }
}

/// The state of a replica: a word, the shares given so far.
#[must_use]
pub fn replica_state(replica: &Replica) -> (Tone, String) {
    match (&replica.fault, &replica.seal) {
        (Some(_), _) => (Tone::Failing, "no answer".to_owned()),
        (None, None) => (Tone::Unknown, "asking".to_owned()),
        (None, Some(seal)) if !seal.initialized => (Tone::Failing, "not initialised".to_owned()),
        (None, Some(seal)) if seal.sealed => (Tone::Failing, format!("SEALED {}/{}", seal.progress, seal.threshold)),
        (None, Some(_)) if replica.role.as_str() == "no leader" => (Tone::Warning, "open, no leader".to_owned()),
        (None, Some(_)) => match replica.role.as_str() {
            "" => (Tone::Healthy, "open".to_owned()),
            role => (Tone::Healthy, format!("open, {role}")),
        },
    }
}

/// The state of a Vault as a whole.
#[must_use]
pub fn server_state(server: &VaultServer) -> (Tone, String) {
    let (sealed, all) = (server.sealed().count(), server.replicas.len());
    match ServerState::of(server) {
        ServerState::Unknown if server.unlisted.is_some() => (Tone::Unknown, "cannot be seen".to_owned()),
        ServerState::Unknown => (Tone::Unknown, "asking".to_owned()),
        ServerState::Open => (Tone::Healthy, "open".to_owned()),
        ServerState::PartlySealed => (Tone::Warning, format!("{sealed} of {all} sealed")),
        ServerState::Sealed => (Tone::Failing, format!("SEALED {sealed} of {all}")),
        ServerState::NoActiveNode => (Tone::Failing, "no leader".to_owned()),
        ServerState::Uninitialised => (Tone::Failing, "not initialised".to_owned()),
        ServerState::Unreachable => (Tone::Failing, "no answer".to_owned()),
    }
}

/// A row of the board in words.
#[must_use]
pub fn describe(model: &Model, entry: &Entry) -> RowText {
    let world = &model.snapshot.world;
    let quiet = |name: String, note: String| RowText { tone: Tone::Quiet, depth: 0, name, state: String::new(), note };
    let gone = || quiet("gone".to_owned(), String::new());
    match entry {
        Entry::Group { namespace, broken, well, at_risk, next, .. } => {
            let name = if namespace.is_empty() { "cluster-wide".to_owned() } else { namespace.to_string() };
            let (tone, state, verb) = match (broken, at_risk) {
                (0, 0) => (Tone::Healthy, format!("{well} well"), "due"),
                (0, _) => (Tone::Warning, format!("{at_risk} at risk"), "due"),
                _ => (Tone::Failing, format!("{broken} broken"), "retry"),
            };
            RowText { tone, depth: 0, name, state, note: next.map_or_else(String::new, |at| soon(verb, at, model.now)) }
        }
        Entry::Object(object, alone) => object_text(model, object).map_or_else(gone, |text| match alone {
            Alone::Yes => RowText { depth: 0, name: object.short(), ..text },
            Alone::No => text,
        }),
        Entry::Server(address) => world.vaults.get(address).map_or_else(gone, |server| {
            let (tone, state) = server_state(server);
            let name = address.subject().name.to_string();
            RowText { tone, depth: 0, name, state, note: String::new() }
        }),
        Entry::Replica(address, pod) => {
            world.vaults.get(address).and_then(|server| server.replicas.get(pod)).map_or_else(gone, |replica| {
                let (tone, state) = replica_state(replica);
                let note = replica.since.map_or_else(String::new, |at| Age::between(at, model.now).to_string());
                RowText { tone, depth: 1, name: pod.to_string(), state, note }
            })
        }
        Entry::Path(address, path, mount) => path_text(world, address, path, *mount).unwrap_or_else(gone),
        Entry::Folded { count, unread, .. } if *unread > 0 => {
            let which = if unread == count { "not read".to_owned() } else { format!("{unread} of them not read") };
            RowText {
                tone: Tone::Unknown,
                depth: 0,
                name: format!("{}: {which}", counted(*count, "path")),
                state: String::new(),
                note: String::new(),
            }
        }
        Entry::Folded { count, due: 0, .. } => quiet(format!("{count} well, folded"), String::new()),
        Entry::Folded { count, due, last, .. } => {
            let by = last.map_or_else(String::new, |at| format!(" by {}", Clock(at)));
            let which = if count == due { String::new() } else { format!("{due} of them ") };
            quiet(format!("{count} still synced, {which}fail{by}"), String::new())
        }
    }
}

/// `retry 41s`, `due now`.
fn soon(word: &str, at: Timestamp, now: Timestamp) -> String {
    let left = Age::between(now, at);
    if left.0 <= 0 { format!("{word} now") } else { format!("{word} {left}") }
}

fn object_text(model: &Model, object: &ObjectRef) -> Option<RowText> {
    let world = &model.snapshot.world;
    let found = !model.board.index.findings_of(object).is_empty();
    let age = |at: Option<Timestamp>| at.map_or_else(String::new, |at| Age::between(at, model.now).to_string());
    if let Some(store) = world.store(object).filter(|_| object.kind != crate::model::Kind::ExternalSecret) {
        let (tone, state) = store_state(store, found);
        let note = age(store.ready.as_ref().and_then(|ready| ready.since));
        return Some(RowText { tone, depth: 1, name: object.name.to_string(), state, note });
    }
    let es = world.get::<ExternalSecret>(object)?;
    let (mut tone, mut state) = external_secret_state(es, found);
    if tone == Tone::Healthy
        && !es.remote.is_empty()
        && vault_of(world, es).is_some_and(|server| ServerState::of(server).is_down())
    {
        (tone, state) = (Tone::Warning, "at risk".to_owned());
    }
    let note = match es.health() {
        Health::Failing => match next_try(world, es) {
            // “retry” says that it fails, and leaves the name more room.
            Some(at) => {
                state.clear();
                soon("retry", at, model.now)
            }
            None => age(es.ready.as_ref().and_then(|ready| ready.since)),
        },
        _ if es.rotates() => "generator".to_owned(),
        Health::Healthy => es.next_refresh().map_or_else(|| age(es.refreshed), |at| soon("due", at, model.now)),
        _ => String::new(),
    };
    Some(RowText { tone, depth: 1, name: es.meta().name.to_string(), state, note })
}

fn vault_of<'a>(world: &'a Inventory, es: &ExternalSecret) -> Option<&'a VaultServer> {
    world.vault_of(world.store(&es.store_ref()?)?).map(AsRef::as_ref)
}

fn path_text(world: &Inventory, address: &VaultAddress, path: &Text, mount: Mount) -> Option<RowText> {
    let known = world.vaults.get(address)?.paths.get(path)?;
    let (tone, state) = path_state(&known.state);
    // One reader is the rule and goes without saying.
    let note = if known.readers == 1 { String::new() } else { counted(known.readers, "reader") };
    let key = path.as_str().strip_prefix(known.mount.as_str()).filter(|_| mount == Mount::Only);
    let name = key.unwrap_or(path.as_str()).trim_start_matches('/').to_owned();
    Some(RowText { tone, depth: 1, name, state, note })
}
