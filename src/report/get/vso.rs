//! The objects of the Vault Secrets Operator that write a Secret.

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state::{causes, of_upkeep};
use crate::engine::Snapshot;
use crate::model::vso::Upkeep;
use crate::model::{Condition, Kind, ObjectRef};

/// All three.
pub(super) const ALL: What = What {
    name: "vso",
    words: &[],
    about: "VaultStaticSecrets, VaultDynamicSecrets and VaultPKISecrets",
    kinds: &[Kind::VaultStaticSecret, Kind::VaultDynamicSecret, Kind::VaultPKISecret],
    also: &[Kind::Secret],
    paths: false,
    list,
};

/// From a KV engine.
pub(super) const STATIC: What =
    What { name: "vaultstaticsecrets", about: "VaultStaticSecrets", kinds: &[Kind::VaultStaticSecret], ..ALL };

/// With a lease.
pub(super) const DYNAMIC: What =
    What { name: "vaultdynamicsecrets", about: "VaultDynamicSecrets", kinds: &[Kind::VaultDynamicSecret], ..ALL };

/// Certificates.
pub(super) const PKI: What = What { name: "vaultpkisecrets", about: "VaultPKISecrets", kinds: &[Kind::VaultPKISecret], ..ALL };

fn list(what: &What, snapshot: &Snapshot) -> Listing {
    let world = &snapshot.world;
    let all = world.upkeeps().map(|(object, upkeep)| (object, upkeep.clone()));
    let all = all.filter(|(object, _)| what.kinds.contains(&object.kind));
    Listing::of(what.name, COLUMNS, snapshot, all.map(|(object, upkeep)| (object.clone(), Box::new((object, upkeep)))))
}

fn said(condition: Option<&Condition>) -> Value {
    condition.map_or(Value::None, |condition| Value::text(&format!("{:?}", condition.status)))
}

const COLUMNS: &[Column<(ObjectRef, Upkeep)>] = &[
    Column::always("NAMESPACE", "namespace", |_, (object, _)| Value::text(&object.namespace)),
    Column::wide("KIND", "kind", |_, (object, _)| Value::text(&object.kind)),
    Column::always("NAME", "name", |_, (object, _)| Value::text(&object.name)),
    Column::data("health", |_, (_, upkeep)| Value::Health(of_upkeep(upkeep).health)),
    Column::always("STATE", "state", |_, (_, upkeep)| Value::State(of_upkeep(upkeep))),
    Column::wide("SYNCED", "synced", |_, (_, upkeep)| said(upkeep.synced.as_ref())),
    Column::wide("HEALTHY", "healthy", |_, (_, upkeep)| said(upkeep.healthy.as_ref())),
    Column::always("RECONCILED", "reconciled", |_, (_, upkeep)| {
        Value::since(upkeep.healthy.as_ref().and_then(|healthy| healthy.since))
    }),
    Column::data("message", |_, (_, upkeep)| {
        let failing = upkeep.synced.iter().chain(&upkeep.healthy).find(|condition| !condition.message.is_empty());
        failing.map_or(Value::None, |condition| Value::text(&condition.message))
    }),
    Column::wide("AUTH", "auth", |_, (_, upkeep)| Value::object(upkeep.auth.clone())),
    Column::always("MOUNT", "mount", |_, (_, upkeep)| Value::text(&upkeep.mount)),
    Column::always("PATH", "path", |_, (_, upkeep)| Value::text(&upkeep.path)),
    Column::always("SECRET", "target", |_, (_, upkeep)| Value::text(&upkeep.destination)),
    Column::data("refresh_after_s", |_, (_, upkeep)| upkeep.refresh_after.map_or(Value::None, Value::Number)),
    Column::wide("RESTARTS", "restarts", |_, (_, upkeep)| Value::objects(upkeep.restarts.iter().cloned())),
    Column::always("CAUSE", "causes", |snapshot, (object, _)| Value::texts(causes(&snapshot.world, &snapshot.diagnosis, object))),
    Column::data("seen", |snapshot, (object, _)| super::seen::at(snapshot, object.kind)),
];
