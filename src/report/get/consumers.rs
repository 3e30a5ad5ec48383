//! What uses Secrets: workloads, and their pods one by one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state::{self, State, of_pod, of_pods};
use crate::model::kinds::{CronJob, DaemonSet, Deployment, Job, Pod, StatefulSet, Watched as _};
use crate::model::pod_spec::{PodSpec, SecretUse, Use};
use crate::model::{Kind, Name, ObjectRef};

/// Workloads.
pub(super) const CONSUMERS: What = What {
    name: "consumers",
    words: &["consumer"],
    about: "workloads that use Secrets, and how they do",
    kinds: &[Kind::Pod],
    also: &[Kind::Deployment, Kind::StatefulSet, Kind::DaemonSet, Kind::CronJob, Kind::Job],
    paths: false,
    list: |what, snapshot| {
        let world = &snapshot.world;
        let mut all = BTreeMap::new();
        let mut add = |object: ObjectRef, spec: &PodSpec, pod: Option<&Arc<Pod>>| {
            if !spec.secrets.is_empty() {
                let consumer: &mut Consumer = all.entry(object).or_default();
                consumer.uses.extend(spec.secrets.iter().cloned());
                consumer.pods.extend(pod.cloned());
            }
        };
        world.all::<Pod>().iter().for_each(|pod| add(pod.consumer(), &pod.spec, Some(pod)));
        // A workload without pods uses its Secrets all the same.
        world.all::<Deployment>().iter().for_each(|one| add(one.object_ref(), &one.0.template, None));
        world.all::<StatefulSet>().iter().for_each(|one| add(one.object_ref(), &one.0.template, None));
        world.all::<DaemonSet>().iter().for_each(|one| add(one.object_ref(), &one.0.template, None));
        world.all::<CronJob>().iter().for_each(|one| add(one.object_ref(), &one.template, None));
        world.all::<Job>().iter().for_each(|one| add(one.object_ref(), &one.template, None));
        let named =
            all.into_iter().map(|(object, consumer)| (object.clone(), Box::new(Consumer { object: Some(object), ..consumer })));
        Listing::of(what.name, COLUMNS, snapshot, named)
    },
};

/// Pods.
pub(super) const PODS: What = What {
    name: "pods",
    words: &[],
    about: "pods",
    kinds: &[Kind::Pod],
    also: &[],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Pod>().iter();
        Listing::of(what.name, POD_COLUMNS, snapshot, all.map(|pod| (pod.object_ref(), pod.as_ref())))
    },
};

/// Something that uses Secrets, with the pods that do.
#[derive(Default)]
struct Consumer {
    object: Option<ObjectRef>,
    uses: BTreeSet<SecretUse>,
    pods: Vec<Arc<Pod>>,
}

impl Consumer {
    fn name(&self, part: fn(&ObjectRef) -> Value) -> Value {
        self.object.as_ref().map_or(Value::None, part)
    }

    fn secrets(&self) -> BTreeSet<&Name> {
        self.uses.iter().map(|one| &one.secret).collect()
    }

    fn state(&self) -> State {
        of_pods(self.pods.iter().map(AsRef::as_ref))
    }
}

const COLUMNS: &[Column<Consumer>] = &[
    Column::always("NAMESPACE", "namespace", |_, consumer| consumer.name(|object| Value::text(&object.namespace))),
    Column::always("KIND", "kind", |_, consumer| consumer.name(|object| Value::text(&object.kind))),
    Column::always("NAME", "name", |_, consumer| consumer.name(|object| Value::text(&object.name))),
    Column::data("health", |_, consumer| Value::Health(consumer.state().health)),
    Column::always("STATE", "state", |_, consumer| Value::State(consumer.state())),
    Column::always("PODS", "pod_count", |_, consumer| Value::count(consumer.pods.len())),
    Column::wide("POD NAMES", "pods", |_, consumer| {
        let mut names: Vec<&Name> = consumer.pods.iter().map(|pod| &pod.meta.name).collect();
        names.sort();
        Value::texts(names)
    }),
    Column::always("OLDEST", "started", |_, consumer| Value::since(consumer.pods.iter().filter_map(|pod| pod.started).min())),
    Column::always("SECRETS", "secrets", |_, consumer| Value::texts(consumer.secrets())),
    Column::wide("BY", "by", |_, consumer| {
        Value::texts(consumer.uses.iter().map(|one| one.by).collect::<BTreeSet<_>>().into_iter().map(Use::as_str))
    }),
    Column::data("uses", |_, consumer| uses(consumer.uses.iter())),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::Pod)),
];

/// Which Secrets are used, and how.
pub(super) fn uses<'a>(uses: impl Iterator<Item = &'a SecretUse>) -> Value {
    let one = |one: &SecretUse| Value::Record(vec![("secret", Value::text(&one.secret)), ("by", Value::text(one.by.as_str()))]);
    Value::List(uses.map(one).collect())
}

/// The Secrets that a pod needs, each once.
pub(super) fn secrets(spec: &PodSpec) -> Value {
    Value::texts(spec.secrets.iter().map(|one| &one.secret).collect::<BTreeSet<_>>())
}

const POD_COLUMNS: &[Column<Pod>] = &[
    Column::always("NAMESPACE", "namespace", |_, pod| Value::text(&pod.meta.namespace)),
    Column::always("NAME", "name", |_, pod| Value::text(&pod.meta.name)),
    Column::data("health", |_, pod| Value::Health(of_pod(pod).health)),
    Column::always("STATE", "state", |_, pod| Value::State(of_pod(pod))),
    Column::wide("PHASE", "phase", |_, pod| Value::text(&pod.phase)),
    Column::data("message", |_, pod| pod.waiting.as_ref().map_or(Value::None, |(_, message)| Value::text(message))),
    Column::always("STARTED", "started", |_, pod| Value::since(pod.started)),
    Column::always("WORKLOAD", "workload", |_, pod| Value::object(pod.workload.clone())),
    Column::always("SECRETS", "secrets", |_, pod| secrets(&pod.spec)),
    Column::always("CAUSE", "causes", |snapshot, pod| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &pod.object_ref()))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::Pod)),
];
