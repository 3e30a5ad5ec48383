//! How a thing is, in a word or two that every face says alike: on the board, in `get`, in a chain.

use std::borrow::Cow;

use super::server::ServerState;
use super::{Diagnosis, Finding};
use crate::model::kinds::{ExternalSecret, SecretStore, Watched as _};
use crate::model::{Health, Inventory, ObjectRef, PathState, Replica, ReplicaRole, VaultServer};

/// How well something is, and the word for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// How well it is.
    pub health: Health,
    /// In a word or two.
    pub word: Cow<'static, str>,
}

impl State {
    /// A state with this word.
    #[must_use]
    pub fn new(health: Health, word: impl Into<Cow<'static, str>>) -> Self {
        Self { health, word: word.into() }
    }
}

/// The state of a store. A finding about a store that says `Valid` means that it says so wrongly: `Valid?`.
#[must_use]
pub fn of_store(store: &SecretStore, found: bool) -> State {
    let reason = || store.ready.as_ref().map_or("", |ready| ready.reason.as_str()).to_owned();
    match (store.health(), found) {
        // The reason is nearly always `InvalidProviderConfig`, whatever is wrong; the finding tells what is.
        (Health::Failing, _) => State::new(Health::Failing, "failing"),
        (Health::Healthy | Health::Warning, true) => State::new(Health::Warning, format!("{}?", reason())),
        (Health::Healthy | Health::Warning, false) => State::new(Health::Healthy, reason()),
        (Health::Unknown, _) => State::new(Health::Unknown, "never checked"),
    }
}

/// The state of an `ExternalSecret` by itself.
#[must_use]
pub fn of_external_secret(es: &ExternalSecret, found: bool) -> State {
    match (es.health(), found) {
        (Health::Failing, _) => State::new(Health::Failing, "failing"),
        (Health::Healthy | Health::Warning, true) => State::new(Health::Warning, "look"),
        (Health::Healthy | Health::Warning, false) => State::new(Health::Healthy, "synced"),
        (Health::Unknown, _) => State::new(Health::Unknown, "never synced"),
    }
}

/// The same, which also knows whether it will fail when it comes due, because its Vault does not serve.
#[must_use]
pub fn of_reader(world: &Inventory, es: &ExternalSecret, found: bool) -> State {
    match of_external_secret(es, found) {
        State { health: Health::Healthy, .. } if down(world, es).is_some() => State::new(Health::Warning, "at risk"),
        state => state,
    }
}

/// The Vault that an `ExternalSecret` reads from, if nothing can be read there now.
fn down<'a>(world: &'a Inventory, es: &ExternalSecret) -> Option<&'a VaultServer> {
    if es.remote.is_empty() {
        return None;
    }
    let server = world.vault_of(world.store(&es.store_ref()?)?)?;
    ServerState::of(server).is_down().then_some(server)
}

/// The state of a path.
#[must_use]
pub fn of_path(state: &PathState) -> State {
    match state {
        PathState::NotAsked => State::new(Health::Unknown, "not read"),
        PathState::Present { version: 0, .. } => State::new(Health::Healthy, "there"),
        PathState::Present { version, .. } => State::new(Health::Healthy, format!("v{version}")),
        PathState::Deleted => State::new(Health::Failing, "deleted"),
        PathState::Destroyed => State::new(Health::Failing, "destroyed"),
        PathState::Missing => State::new(Health::Failing, "missing"),
        PathState::Denied => State::new(Health::Unknown, "you may not"),
        PathState::Failed(_) => State::new(Health::Unknown, "no answer"),
    }
}

/// The state of a replica: a word, the shares given so far.
#[must_use]
pub fn of_replica(replica: &Replica) -> State {
    match (&replica.fault, &replica.seal) {
        (Some(_), _) => State::new(Health::Failing, "no answer"),
        (None, None) => State::new(Health::Unknown, "asking"),
        (None, Some(seal)) if !seal.initialized => State::new(Health::Failing, "not initialised"),
        (None, Some(seal)) if seal.sealed => State::new(Health::Failing, format!("SEALED {}/{}", seal.progress, seal.threshold)),
        (None, Some(_)) => match &replica.role {
            ReplicaRole::Leaderless => State::new(Health::Warning, "open, no leader"),
            ReplicaRole::Unknown => State::new(Health::Healthy, "open"),
            role => State::new(Health::Healthy, format!("open, {}", role.as_str())),
        },
    }
}

/// The state of a Vault as a whole.
#[must_use]
pub fn of_server(server: &VaultServer) -> State {
    let (sealed, all) = (server.sealed().count(), server.replicas.len());
    match ServerState::of(server) {
        ServerState::Unknown if server.unlisted.is_some() => State::new(Health::Unknown, "cannot be seen"),
        ServerState::Unknown => State::new(Health::Unknown, "asking"),
        ServerState::Open => State::new(Health::Healthy, "open"),
        ServerState::PartlySealed => State::new(Health::Warning, format!("{sealed} of {all} sealed")),
        ServerState::Sealed => State::new(Health::Failing, format!("SEALED {sealed} of {all}")),
        ServerState::NoActiveNode => State::new(Health::Failing, "no leader"),
        ServerState::Uninitialised => State::new(Health::Failing, "not initialised"),
        ServerState::Unreachable => State::new(Health::Failing, "no answer"),
    }
}

/// The causes that concern an object, each slug once: those that its findings stand under, and for an
/// `ExternalSecret` that is still green that of its Vault.
#[must_use]
pub fn causes(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef) -> Vec<&'static str> {
    let mut slugs = Vec::new();
    let looming = || ServerState::of(down(world, world.get::<ExternalSecret>(object)?)?).slug();
    let found = diagnosis.about(object).map(|finding| finding.cause().0);
    for slug in found.chain((object.kind == ExternalSecret::KIND).then(looming).flatten()) {
        if !slugs.contains(&slug) {
            slugs.push(slug);
        }
    }
    slugs
}

/// The rules that find something about an object, each slug once.
#[must_use]
pub fn findings(diagnosis: &Diagnosis, object: &ObjectRef) -> Vec<&'static str> {
    let mut slugs: Vec<&'static str> = Vec::new();
    for Finding { slug, .. } in diagnosis.about(object) {
        if !slugs.contains(slug) {
            slugs.push(slug);
        }
    }
    slugs
}
