//! Secrets, of which only metadata is known: who writes them, who uses them.

use std::collections::BTreeSet;

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state;
use crate::model::kinds::{Pod, Role, Secret, Watched as _};
use crate::model::{Kind, ObjectRef};

/// Secrets.
pub(super) const SECRETS: What = What {
    name: "secrets",
    words: &[],
    about: "Secrets, as metadata: never a value",
    kinds: &[Kind::Secret],
    also: &[Kind::ExternalSecret, Kind::Pod, Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Secret>().iter();
        Listing::of(what.name, COLUMNS, snapshot, all.map(|secret| (secret.object_ref(), secret.as_ref())))
    },
};

const COLUMNS: &[Column<Secret>] = &[
    Column::always("NAMESPACE", "namespace", |_, secret| Value::text(&secret.meta.namespace)),
    Column::always("NAME", "name", |_, secret| Value::text(&secret.meta.name)),
    Column::always("WRITTEN BY", "written_by", |snapshot, secret| {
        Value::objects(snapshot.world.pointing_at(&secret.object_ref(), Role::Writes).cloned())
    }),
    Column::wide("OWNER", "owner", |_, secret| match &secret.meta.controller {
        Some((kind, name)) => Value::text(&format!("{kind}/{name}")),
        None => Value::None,
    }),
    Column::always("USED BY", "used_by", |snapshot, secret| {
        let users = snapshot.world.pointing_at(&secret.object_ref(), Role::Consumes);
        let consumer = |user: &ObjectRef| snapshot.world.get::<Pod>(user).map_or_else(|| user.clone(), |pod| pod.consumer());
        Value::objects(users.map(consumer).collect::<BTreeSet<_>>())
    }),
    Column::wide("KEYS", "keys", |_, secret| Value::texts(secret.keys())),
    Column::wide("WRITTEN", "written", |_, secret| Value::since(secret.written())),
    Column::wide("WRITERS", "writers", |_, secret| Value::texts(secret.writers.iter().map(|writer| &writer.manager))),
    Column::wide("MIRRORS", "mirrors", |_, secret| Value::object(secret.marks.as_ref().and_then(|marks| marks.reflects.clone()))),
    Column::always("AGE", "created", |_, secret| Value::since(secret.meta.created)),
    Column::data("data_hash", |_, secret| Value::text(&secret.data_hash)),
    Column::always("CAUSE", "causes", |snapshot, secret| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &secret.object_ref()))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::Secret)),
];
