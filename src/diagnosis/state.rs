//! How a thing is, in a word or two that every face says alike: on the board, in `get`, in a chain.

use std::borrow::Cow;

use jiff::Timestamp;

use super::server::ServerState;
use super::{Diagnosis, Finding};
use crate::model::kinds::deployment::Workload;
use crate::model::kinds::{Application, ExternalSecret, HelmRelease, Job, Kustomization, Pod, SecretStore, Terraform};
use crate::model::vso::Upkeep;
use crate::model::{
    Condition, FaultKind, Health, Inventory, Kind, ObjectRef, PathState, Replica, ReplicaRole, Status, VaultServer,
};

/// How well something is, and the word for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// How well it is.
    pub health: Health,
    /// In a word or two.
    pub word: Cow<'static, str>,
}

/// Of an object that waits for its first turn.
pub(super) const NOT_YET: &str = "not yet";
/// Of what is not up yet.
const STARTING: &str = "starting";

impl State {
    /// The same of something that is starting: it does not fail yet.
    #[must_use]
    pub fn unless_starting(self, starting: bool) -> Self {
        if starting && self.health != Health::Healthy { Self::new(Health::Unknown, STARTING) } else { self }
    }

    /// A state with this word.
    #[must_use]
    pub fn new(health: Health, word: impl Into<Cow<'static, str>>) -> Self {
        Self { health, word: word.into() }
    }
}

/// The state of a store. A finding about a store that says `Valid` means that it says so wrongly: `Valid?`.
#[must_use]
pub fn of_store(store: &SecretStore, gainsaid: bool) -> State {
    let reason = || store.ready.as_ref().map_or("", |ready| ready.reason.as_str()).to_owned();
    match (store.health(), gainsaid) {
        (Health::Failing | Health::Unknown, true) => State::new(Health::Unknown, NOT_YET),
        // The reason is nearly always `InvalidProviderConfig`, whatever is wrong; the finding tells what is.
        (Health::Failing, _) => State::new(Health::Failing, "failing"),
        (Health::Healthy | Health::Warning, true) => State::new(Health::Warning, format!("{}?", reason())),
        (Health::Healthy | Health::Warning, _) => State::new(Health::Healthy, reason()),
        (Health::Unknown, _) => State::new(Health::Unknown, "never checked"),
    }
}

/// The state of an `ExternalSecret` by itself.
#[must_use]
pub fn of_external_secret(es: &ExternalSecret, gainsaid: bool) -> State {
    match (es.health(), gainsaid) {
        (Health::Failing | Health::Unknown, true) => State::new(Health::Unknown, NOT_YET),
        (Health::Failing, _) => State::new(Health::Failing, "failing"),
        (Health::Healthy | Health::Warning, true) => State::new(Health::Warning, "look"),
        (Health::Healthy | Health::Warning, _) => State::new(Health::Healthy, "synced"),
        (Health::Unknown, _) => State::new(Health::Unknown, "never synced"),
    }
}

/// The same, which also knows whether it will fail when it comes due, because its Vault does not serve.
#[must_use]
pub fn of_reader(world: &Inventory, es: &ExternalSecret, gainsaid: bool) -> State {
    match of_external_secret(es, gainsaid) {
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
        PathState::Deleted { .. } => State::new(Health::Failing, "deleted"),
        PathState::Destroyed { .. } => State::new(Health::Failing, "destroyed"),
        PathState::Missing => State::new(Health::Failing, "missing"),
        PathState::NoMount => State::new(Health::Failing, "no mount"),
        PathState::OtherVersion(version) => State::new(Health::Failing, format!("is KV v{version}")),
        PathState::Denied => State::new(Health::Unknown, "you may not"),
        PathState::Failed(fault) if fault.kind == FaultKind::SealedNamespace => State::new(Health::Failing, "namespace sealed"),
        PathState::Failed(_) => State::new(Health::Unknown, "no answer"),
    }
}

/// The state of a path that stands beside others and that nothing references: nobody asked more of it.
#[must_use]
pub fn unreferenced() -> State {
    State::new(Health::Healthy, "unreferenced")
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

/// The state of a pod, as far as Secrets matter.
#[must_use]
pub fn of_pod(pod: &Pod) -> State {
    match (&pod.waiting, pod.phase.as_str()) {
        (Some((reason, _)), _) if pod.wants_secret() => State::new(Health::Failing, reason.to_string()),
        (Some((reason, _)), _) => State::new(Health::Warning, reason.to_string()),
        (None, "Running") => State::new(Health::Healthy, "runs"),
        (None, "Succeeded") => State::new(Health::Healthy, "done"),
        (None, "Failed") => State::new(Health::Warning, "failed"),
        (None, "Pending") => State::new(Health::Unknown, "pending"),
        (None, _) => State::new(Health::Unknown, "unknown"),
    }
}

/// The worst that any of these pods is, and how many are so.
#[must_use]
pub fn of_pods<'a>(pods: impl Iterator<Item = &'a Pod>) -> State {
    let states: Vec<State> = pods.map(of_pod).collect();
    let Some(worst) = states.iter().min_by_key(|state| state.health) else { return State::new(Health::Unknown, "no pods") };
    let (all, alike) = (states.len(), states.iter().filter(|state| state.word == worst.word).count());
    let worst = worst.clone();
    if alike == all { worst } else { State::new(worst.health, format!("{alike} of {all} {}", worst.word)) }
}

/// The state of a workload: how many of its pods are ready.
#[must_use]
pub fn of_workload(workload: &Workload) -> State {
    match (workload.ready, workload.wanted) {
        (_, 0) => State::new(Health::Healthy, "no pods wanted"),
        (ready, wanted) if ready >= wanted => State::new(Health::Healthy, format!("{ready} of {wanted} ready")),
        (0, wanted) => State::new(Health::Failing, format!("0 of {wanted} ready")),
        (ready, wanted) => State::new(Health::Warning, format!("{ready} of {wanted} ready")),
    }
}

/// The state of a Job.
#[must_use]
pub fn of_job(job: &Job) -> State {
    match job {
        _ if job.has_failed() => State::new(Health::Failing, "failed"),
        _ if job.is_complete() => State::new(Health::Healthy, "done"),
        Job { suspended: true, .. } => State::new(Health::Unknown, "held"),
        Job { started: Some(_), .. } => State::new(Health::Healthy, "runs"),
        _ => State::new(Health::Unknown, "not begun"),
    }
}

/// The state of a Secret that the Vault Secrets Operator keeps. `SecretSynced=False` can be left over from a
/// failure that is over: `Healthy` is a newer word then (vso#1225).
#[must_use]
pub fn of_upkeep(upkeep: &Upkeep) -> State {
    let (synced, healthy) = (upkeep.synced.as_ref(), upkeep.healthy.as_ref());
    let says = |condition: Option<&Condition>, status| condition.is_some_and(|condition| condition.status == status);
    if says(healthy, Status::False) {
        State::new(Health::Failing, "failing")
    } else if says(healthy, Status::True) && says(synced, Status::False) {
        State::new(Health::Warning, "old flag")
    } else if says(synced, Status::False) {
        State::new(Health::Failing, "failing")
    } else if says(synced, Status::True) || says(healthy, Status::True) {
        State::new(Health::Healthy, "synced")
    } else {
        State::new(Health::Unknown, "never synced")
    }
}

/// The state of an object that stands beside the chain, as its own condition tells it; `None` if it is not here.
#[must_use]
pub fn of_neighbour(world: &Inventory, object: &ObjectRef) -> Option<State> {
    if !world.has(object) {
        return None;
    }
    let suspended = match object.kind {
        Kind::Application => return world.get::<Application>(object).map(|app| of_application(app)),
        Kind::Kustomization => world.get::<Kustomization>(object)?.suspended,
        Kind::HelmRelease => world.get::<HelmRelease>(object)?.suspended,
        Kind::Terraform => world.get::<Terraform>(object)?.suspended,
        _ => false,
    };
    Some(match world.condition_of(object).map_or(Health::Unknown, Condition::health) {
        _ if suspended => State::new(Health::Warning, "suspended"),
        Health::Failing => State::new(Health::Failing, "failing"),
        Health::Unknown => State::new(Health::Unknown, "not told"),
        health => State::new(health, "ready"),
    })
}

/// The state of an Application in Argo's words: that of the sync if something is to be said of it, else its health.
#[must_use]
pub fn of_application(app: &Application) -> State {
    let words = [&app.sync, &app.phase].into_iter().filter(|word| matches!(word.as_str(), "OutOfSync" | "Failed" | "Error"));
    let own = app.health.as_ref().filter(|health| health.status != Status::True).map(|health| &health.reason);
    let word = own.into_iter().chain(words).chain([&app.sync]).find(|word| !word.is_empty());
    State::new(app.health(), word.map_or_else(|| "not told".to_owned(), ToString::to_string))
}

/// Since when a Vault is as it is: as its finding says, or as it was seen to change.
#[must_use]
pub fn server_since(diagnosis: &Diagnosis, server: &VaultServer) -> Option<Timestamp> {
    let found = diagnosis.about(&server.subject()).find_map(|finding| finding.since);
    let newest = || server.replicas.values().max_by_key(|replica| replica.since);
    found.or_else(|| newest().and_then(Replica::changed))
}

/// Since when one of its replicas is as it is: as it was seen to change; one that was closed before it was seen is so
/// since the whole is.
#[must_use]
pub fn replica_since(diagnosis: &Diagnosis, server: &VaultServer, replica: &Replica) -> Option<Timestamp> {
    let whole = || diagnosis.about(&server.subject()).find_map(|finding| finding.since);
    replica.changed().or_else(|| (!replica.is_open()).then(whole).flatten())
}

/// The causes that concern an object, each slug once: those that its findings stand under, and for an
/// `ExternalSecret` that is still green, or a path, that of its Vault.
#[must_use]
pub fn causes(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef) -> Vec<&'static str> {
    let mut slugs = Vec::new();
    let server = match object.kind {
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).and_then(|es| down(world, es)),
        Kind::VaultPath => {
            world.vaults.iter().find(|(at, _)| at.host_port() == object.namespace.as_str()).map(|(_, s)| s.as_ref())
        }
        _ => None,
    };
    let looming = server.map(ServerState::of).filter(|state| state.is_down()).and_then(ServerState::slug);
    let found = diagnosis.about(object).map(|finding| finding.cause().0);
    for slug in found.chain(looming) {
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
