//! `PushSecret`s: from the cluster into a Vault.

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state::{causes, of_neighbour};
use crate::engine::Snapshot;
use crate::model::kinds::{PushSecret, Watched as _};
use crate::model::{Health, Kind, ObjectRef};

/// `PushSecret`s.
pub(super) const PUSH_SECRETS: What = What {
    name: "pushsecrets",
    words: &[],
    about: "PushSecrets",
    kinds: &[Kind::PushSecret],
    also: &[Kind::SecretStore, Kind::ClusterSecretStore, Kind::Secret],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<PushSecret>().iter();
        Listing::of(what.name, COLUMNS, snapshot, all.map(|push| (push.object_ref(), push.as_ref())))
    },
};

fn state(snapshot: &Snapshot, push: &PushSecret) -> Value {
    of_neighbour(&snapshot.world, &push.object_ref()).map_or(Value::None, Value::State)
}

const COLUMNS: &[Column<PushSecret>] = &[
    Column::always("NAMESPACE", "namespace", |_, push| Value::text(&push.meta.namespace)),
    Column::always("NAME", "name", |_, push| Value::text(&push.meta.name)),
    Column::data("health", |_, push| Value::Health(push.health())),
    Column::always("STATE", "state", state),
    Column::always("SINCE", "since", |_, push| Value::since(push.ready.as_ref().and_then(|ready| ready.since))),
    Column::wide("REASON", "reason", |_, push| push.ready.as_ref().map_or(Value::None, |ready| Value::text(&ready.reason))),
    Column::data("message", |_, push| push.ready.as_ref().map_or(Value::None, |ready| Value::text(&ready.message))),
    Column::always("PUSHED", "refreshed", |_, push| Value::since(push.refreshed)),
    Column::always("SECRET", "secret", |_, push| Value::text(&push.secret)),
    Column::wide("GENERATOR", "generator", |_, push| Value::object(push.generator.clone())),
    Column::always("STORES", "stores", |_, push| {
        Value::objects(push.stores.iter().map(|store| store.from(&push.meta.namespace)))
    }),
    Column::always("KEYS", "keys", |_, push| {
        let mut keys: Vec<&str> = push.pushes.iter().map(|push| push.key.as_str()).collect();
        keys.dedup();
        Value::texts(keys)
    }),
    Column::data("by_labels", |_, push| Value::Flag(push.by_labels)),
    Column::data("pushes_all", |_, push| Value::Flag(push.pushes_all)),
    Column::wide("UPDATES", "update_policy", |_, push| Value::text(&push.update_policy)),
    Column::wide("DELETES", "deletion_policy", |_, push| Value::text(&push.deletion_policy)),
    Column::data("interval_s", |_, push| Value::Number(push.interval)),
    Column::data(
        "current",
        |_, push| if push.health() == Health::Unknown { Value::None } else { Value::Flag(push.synced_current) },
    ),
    Column::always("CAUSE", "causes", |snapshot, push| {
        let object: ObjectRef = push.object_ref();
        Value::texts(causes(&snapshot.world, &snapshot.diagnosis, &object))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::PushSecret)),
];
