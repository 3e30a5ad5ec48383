//! How one station of a chain is: state, since when, and what a person asks next.

use jiff::Timestamp;

use super::{Stage, Station, links};
use crate::diagnosis::Diagnosis;
use crate::diagnosis::back_off::next_try;
use crate::diagnosis::state::{self, State};
use crate::model::kinds::generator::is_generator;
use crate::model::kinds::{
    ClusterExternalSecret, DaemonSet, Deployment, ExternalSecret, Job, Secret, ServiceAccount, StatefulSet, VaultAuth,
    VaultConnection,
};
use crate::model::{Age, Condition, Health, Inventory, Kind, ObjectRef, PathState, Text};

/// One station.
pub(super) fn station(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef, from: Vec<usize>, now: Timestamp) -> Station {
    Station {
        stage: links::stage(object.kind),
        state: state(world, diagnosis, object),
        since: since(world, diagnosis, object),
        note: note(world, object, now),
        object: object.clone(),
        from,
        breaks: false,
    }
}

/// The state of an object. What is not there is missing if its kind was seen whole, and not seen otherwise.
pub(super) fn state(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef) -> State {
    known(world, diagnosis, object).unwrap_or_else(|| match object.kind {
        Kind::Vault => State::new(Health::Unknown, "not asked"),
        Kind::VaultPath | Kind::Generator => State::new(Health::Unknown, "not read"),
        // Each namespace has an account “default”: where that is not seen, none is, whatever the list says.
        Kind::ServiceAccount if !sees_accounts(world, object) => State::new(Health::Unknown, "not seen"),
        _ if diagnosis.starting.has(object) => State::new(Health::Unknown, state::NOT_YET),
        kind if world.is_complete(kind) => State::new(Health::Failing, "missing"),
        _ => State::new(Health::Unknown, "not seen"),
    })
}

fn sees_accounts(world: &Inventory, account: &ObjectRef) -> bool {
    world.get::<ServiceAccount>(&ObjectRef { name: "default".into(), ..account.clone() }).is_some()
}

fn known(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef) -> Option<State> {
    let gainsaid = diagnosis.gainsaid.contains(object);
    let starting = diagnosis.starting.has(object);
    Some(match object.kind {
        Kind::Vault => state::of_server(world.vault(object)?).unless_starting(starting),
        Kind::VaultPath => state::of_path(&path(world, object)?.0),
        Kind::SecretStore | Kind::ClusterSecretStore => state::of_store(world.store(object)?, gainsaid),
        Kind::ExternalSecret => state::of_reader(world, world.get::<ExternalSecret>(object)?, gainsaid),
        Kind::ClusterExternalSecret => of_condition(world.get::<ClusterExternalSecret>(object)?.ready.as_ref()),
        Kind::VaultAuth => of_condition(world.get::<VaultAuth>(object)?.ready.as_ref()),
        Kind::VaultConnection => of_condition(world.get::<VaultConnection>(object)?.ready.as_ref()),
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => state::of_upkeep(world.upkeep(object)?),
        Kind::Secret => world.get::<Secret>(object).map(|_| State::new(Health::Healthy, "there"))?,
        Kind::ServiceAccount => world.get::<ServiceAccount>(object).map(|_| State::new(Health::Healthy, "there"))?,
        Kind::Job => state::of_job(world.get::<Job>(object)?),
        Kind::CronJob if links::newest_job(world, object).is_some() => state::of_job(links::newest_job(world, object)?),
        kind if is_generator(kind) => world.generator(object).map(|_| State::new(Health::Healthy, "generates"))?,
        Kind::PushSecret
        | Kind::SealedSecret
        | Kind::Issuer
        | Kind::ClusterIssuer
        | Kind::Application
        | Kind::Kustomization
        | Kind::HelmRelease
        | Kind::Terraform => state::of_neighbour(world, object)?,
        _ => match links::pods(world, object).as_slice() {
            [] => of_template(world, object)?.unless_starting(starting),
            pods => state::of_pods(pods.iter().copied()).unless_starting(starting),
        },
    })
}

/// A workload without pods.
fn of_template(world: &Inventory, object: &ObjectRef) -> Option<State> {
    let workload = match object.kind {
        Kind::Deployment => &world.get::<Deployment>(object)?.0,
        Kind::StatefulSet => &world.get::<StatefulSet>(object)?.0,
        Kind::DaemonSet => &world.get::<DaemonSet>(object)?.0,
        // A timetable has no pods of its own.
        Kind::CronJob => return links::needs(world, object).first().map(|_| State::new(Health::Healthy, "by timetable")),
        _ => return None,
    };
    Some(state::of_workload(workload))
}

fn of_condition(ready: Option<&Condition>) -> State {
    match ready.map_or(Health::Unknown, Condition::health) {
        Health::Failing => State::new(Health::Failing, "failing"),
        Health::Unknown => State::new(Health::Unknown, "never checked"),
        health => State::new(health, "ready"),
    }
}

/// What Vault says of a path, and when the newest version was written.
fn path(world: &Inventory, object: &ObjectRef) -> Option<(PathState, Option<Timestamp>)> {
    let server = links::server_of_path(world, object)?;
    let path = server.paths.get(&Text::foreign(object.name.as_str()))?;
    let written = match &path.facts.state {
        PathState::Present { written, .. } => *written,
        _ => None,
    };
    Some((path.facts.state.clone(), written))
}

fn since(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef) -> Option<Timestamp> {
    let of_condition = |ready: Option<&Condition>| ready.and_then(|ready| ready.since);
    match object.kind {
        Kind::Vault => state::server_since(diagnosis, world.vault(object)?),
        Kind::VaultPath => path(world, object)?.1,
        Kind::SecretStore | Kind::ClusterSecretStore => of_condition(world.store(object)?.ready.as_ref()),
        Kind::ExternalSecret => of_condition(world.get::<ExternalSecret>(object)?.ready.as_ref()),
        Kind::VaultStaticSecret | Kind::VaultDynamicSecret | Kind::VaultPKISecret => {
            of_condition(world.upkeep(object)?.healthy.as_ref())
        }
        Kind::Secret => world.get::<Secret>(object).and_then(|secret| secret.written().or(secret.meta.created)),
        Kind::Job => world.get::<Job>(object).and_then(|job| job.completed.or(job.started)),
        Kind::CronJob => links::newest_job(world, object).and_then(|job| job.completed.or(job.started)),
        _ => links::pods(world, object).iter().filter_map(|pod| pod.started).min(),
    }
}

/// When it comes next, how it is used.
fn note(world: &Inventory, object: &ObjectRef, now: Timestamp) -> String {
    let soon = |word: &str, at: Timestamp| {
        let left = Age::between(now, at);
        if left.0 <= 0 { format!("{word} now") } else { format!("{word} {left}") }
    };
    match object.kind {
        Kind::ExternalSecret => {
            let Some(es) = world.get::<ExternalSecret>(object) else { return String::new() };
            match es.health() {
                Health::Failing => next_try(world, es).map_or_else(String::new, |at| soon("retry", at)),
                _ if es.rotates() => "a new value at each sync".to_owned(),
                _ => es.next_refresh().map_or_else(String::new, |at| soon("due", at)),
            }
        }
        Kind::Secret => match world.get::<Secret>(object).map(|secret| secret.keys().len()) {
            Some(1) => "1 key".to_owned(),
            Some(keys) if keys > 1 => format!("{keys} keys"),
            _ => String::new(),
        },
        kind if links::stage(kind) == Stage::Consumer => match links::pods(world, object).len() {
            0 | 1 => String::new(),
            pods => format!("{pods} pods"),
        },
        _ => String::new(),
    }
}
