//! What a row says: a tone, a word for the state, a note. Asked only for rows that are shown.

use jiff::Timestamp;

use super::index::{Alone, Entry, Mount};
use super::model::Model;
use super::words::counted;
use crate::diagnosis::back_off::next_try;
use crate::diagnosis::state::{self, State};
use crate::model::kinds::{ExternalSecret, Watched};
use crate::model::vault::{Token, TokenSource};
use crate::model::{Age, Clock, Health, Inventory, ObjectRef, Text, VaultAddress, VaultServer};

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

impl Tone {
    /// Every tone, in the order of rows.
    pub const ALL: [Self; 6] = [Self::Failing, Self::Warning, Self::Unknown, Self::Active, Self::Quiet, Self::Healthy];

    /// Whether a store or an `ExternalSecret` of this tone says of itself that it works.
    #[must_use]
    pub const fn says_well(self) -> bool {
        matches!(self, Self::Warning | Self::Quiet | Self::Healthy)
    }

    /// Whether a row like this needs a look.
    #[must_use]
    pub const fn is_broken(self) -> bool {
        matches!(self, Self::Failing | Self::Warning | Self::Unknown | Self::Active)
    }
}

impl From<Health> for Tone {
    fn from(health: Health) -> Self {
        match health {
            Health::Failing => Self::Failing,
            Health::Warning => Self::Warning,
            Health::Unknown => Self::Unknown,
            Health::Healthy => Self::Healthy,
        }
    }
}

/// A state as a row shows it.
#[must_use]
pub fn toned(state: State) -> (Tone, String) {
    (state.health.into(), state.word.into_owned())
}

/// A row of the board in words.
#[must_use]
pub fn describe(model: &Model, entry: &Entry) -> RowText {
    let world = &model.snapshot.world;
    let quiet = |name: String, note: String| RowText { tone: Tone::Quiet, depth: 0, name, state: String::new(), note };
    let gone = || quiet("gone".to_owned(), String::new());
    match entry {
        Entry::Group { namespace, broken, failing, well, at_risk, next, .. } => {
            let name = if namespace.is_empty() { "cluster-wide".to_owned() } else { namespace.to_string() };
            let (tone, state, verb) = match (broken, failing, at_risk) {
                (0, _, 0) => (Tone::Healthy, format!("{well} well"), "due"),
                (0, ..) => (Tone::Warning, format!("{at_risk} at risk"), "due"),
                (wrong, 0, _) => (Tone::Warning, format!("{wrong} to look at"), "due"),
                // What is only to be looked at is not counted as broken: the groups add up to the title of the pane.
                (_, failing, _) => (Tone::Failing, format!("{failing} broken"), "retry"),
            };
            RowText { tone, depth: 0, name, state, note: next.map_or_else(String::new, |at| soon(verb, at, model.now)) }
        }
        Entry::Object(object, alone) => object_text(model, object).map_or_else(gone, |text| match alone {
            Alone::Yes => RowText { depth: 0, name: object.short(), ..text },
            Alone::No => text,
        }),
        Entry::Server(address) => world.vaults.get(address).map_or_else(gone, |server| {
            let starting = model.snapshot.diagnosis.starting.has(&address.subject());
            let (tone, state) = toned(state::of_server(server).unless_starting(starting));
            let name = address.subject().name.to_string();
            RowText { tone, depth: 0, name, state, note: token_note(server, model.now) }
        }),
        Entry::Replica(address, pod) => {
            let server = world.vaults.get(address);
            let found = server.and_then(|server| Some((server, server.replicas.get(pod)?)));
            found.map_or_else(gone, |(server, replica)| {
                let (tone, state) = toned(state::of_replica(replica));
                let since = state::replica_since(&model.snapshot.diagnosis, server, replica);
                let note = since.map_or_else(String::new, |at| Age::between(at, model.now).to_string());
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

/// As whom a Vault is read: `as root, expires in 31m`.
#[must_use]
pub fn read_as(server: &VaultServer, now: Timestamp) -> Option<String> {
    let token = server.token.as_ref()?;
    let left = match token.expires {
        None => String::new(),
        Some(at) if at <= now => ", expired".to_owned(),
        Some(at) => format!(", expires in {}", Age::between(now, at)),
    };
    Some(format!("as {}{left}", holder(token)))
}

/// Whose token it is.
fn holder(token: &Token) -> String {
    match &token.from {
        TokenSource::Store(store) => store.short(),
        _ => token.name.to_string(),
    }
}

/// Whose token reads there, the header says until when; once it ends soon, only that.
fn token_note(server: &VaultServer, now: Timestamp) -> String {
    match &server.token {
        None => String::new(),
        Some(Token { expires: Some(at), .. }) if *at <= now => "token ended".to_owned(),
        Some(token @ Token { expires: Some(at), .. }) if token.ends_soon(now) => {
            format!("token ends in {}", Age::between(now, *at))
        }
        Some(token) => format!("as {}", holder(token)),
    }
}

/// `retry 41s`, `due now`.
fn soon(word: &str, at: Timestamp, now: Timestamp) -> String {
    let left = Age::between(now, at);
    if left.0 <= 0 { format!("{word} now") } else { format!("{word} {left}") }
}

fn object_text(model: &Model, object: &ObjectRef) -> Option<RowText> {
    let world = &model.snapshot.world;
    let found = model.snapshot.diagnosis.gainsaid.contains(object);
    let age = |at: Option<Timestamp>| at.map_or_else(String::new, |at| Age::between(at, model.now).to_string());
    if let Some(store) = world.store(object).filter(|_| object.kind != crate::model::Kind::ExternalSecret) {
        let (tone, state) = toned(state::of_store(store, found));
        let note = age(store.ready.as_ref().and_then(|ready| ready.since));
        return Some(RowText { tone, depth: 1, name: object.name.to_string(), state, note });
    }
    let es = world.get::<ExternalSecret>(object)?;
    let (tone, mut state) = toned(state::of_reader(world, es, found));
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

fn path_text(world: &Inventory, address: &VaultAddress, path: &Text, mount: Mount) -> Option<RowText> {
    let known = world.vaults.get(address)?.paths.get(path)?;
    let (tone, state) = toned(state::of_path(&known.facts.state));
    // One reader is the rule and goes without saying.
    let note = if known.readers == 1 { String::new() } else { counted(known.readers, "reader") };
    let name = if mount == Mount::Only { known.key(path) } else { path.as_str() }.to_owned();
    Some(RowText { tone, depth: 1, name, state, note })
}
