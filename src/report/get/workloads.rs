//! Workloads that keep pods running.

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state::{State, causes, of_workload};
use crate::engine::Snapshot;
use crate::model::kinds::deployment::Workload;
use crate::model::kinds::{DaemonSet, Deployment, StatefulSet, Watched as _};
use crate::model::{Kind, ObjectRef};

/// Deployments.
pub(super) const DEPLOYMENTS: What = What {
    name: "deployments",
    words: &[],
    about: "Deployments",
    kinds: &[Kind::Deployment],
    also: &[],
    paths: false,
    list: |what, snapshot| list(what, snapshot, snapshot.world.all::<Deployment>().iter().map(|one| (one.object_ref(), &one.0))),
};

/// `StatefulSet`s.
pub(super) const STATEFUL_SETS: What = What {
    name: "statefulsets",
    words: &[],
    about: "StatefulSets",
    kinds: &[Kind::StatefulSet],
    also: &[],
    paths: false,
    list: |what, snapshot| list(what, snapshot, snapshot.world.all::<StatefulSet>().iter().map(|one| (one.object_ref(), &one.0))),
};

/// `DaemonSet`s.
pub(super) const DAEMON_SETS: What = What {
    name: "daemonsets",
    words: &[],
    about: "DaemonSets",
    kinds: &[Kind::DaemonSet],
    also: &[],
    paths: false,
    list: |what, snapshot| list(what, snapshot, snapshot.world.all::<DaemonSet>().iter().map(|one| (one.object_ref(), &one.0))),
};

fn list<'a>(what: &What, snapshot: &Snapshot, all: impl Iterator<Item = (ObjectRef, &'a Workload)>) -> Listing {
    let one = |(object, workload): (ObjectRef, &Workload)| (object.clone(), Box::new((object, workload.clone())));
    Listing::of(what.name, COLUMNS, snapshot, all.map(one))
}

fn state_of(snapshot: &Snapshot, (object, workload): &(ObjectRef, Workload)) -> State {
    of_workload(workload).unless_starting(snapshot.diagnosis.starting.has(object))
}

const COLUMNS: &[Column<(ObjectRef, Workload)>] = &[
    Column::always("NAMESPACE", "namespace", |_, (object, _)| Value::text(&object.namespace)),
    Column::always("NAME", "name", |_, (object, _)| Value::text(&object.name)),
    Column::data("health", |snapshot, one| Value::Health(state_of(snapshot, one).health)),
    Column::always("STATE", "state", |snapshot, one| Value::State(state_of(snapshot, one))),
    Column::data("ready", |_, (_, workload)| Value::Number(workload.ready.into())),
    Column::data("wanted", |_, (_, workload)| Value::Number(workload.wanted.into())),
    Column::wide("UPDATED", "updated", |_, (_, workload)| Value::Number(workload.updated.into())),
    Column::wide("RESTARTED", "restarted", |_, (_, workload)| Value::since(workload.restarted)),
    Column::wide("RELOADER", "reloader", |_, (_, workload)| Value::Flag(workload.reloader.is_some())),
    Column::always("SECRETS", "secrets", |_, (_, workload)| super::consumers::secrets(&workload.template)),
    Column::data("uses", |_, (_, workload)| super::consumers::uses(workload.template.secrets.iter())),
    Column::always("AGE", "created", |_, (_, workload)| Value::since(workload.meta.created)),
    Column::always("CAUSE", "causes", |snapshot, (object, _)| Value::texts(causes(&snapshot.world, &snapshot.diagnosis, object))),
    Column::data("seen", |snapshot, (object, _)| super::seen::at(snapshot, object.kind)),
];
