//! `ExternalSecret`s, and the `ClusterExternalSecret`s that make some of them.

use super::What;
use super::column::{Column, Listing, Value, manager};
use crate::diagnosis::back_off::next_try;
use crate::diagnosis::state;
use crate::engine::Snapshot;
use crate::model::kinds::external_secret::{RefreshPolicy, RemoteRef};
use crate::model::kinds::{ClusterExternalSecret, ExternalSecret, Role, Watched as _};
use crate::model::{Condition, Health, Kind, ObjectRef, PathState};

/// `ExternalSecret`s.
pub(super) const EXTERNAL_SECRETS: What = What {
    name: "externalsecrets",
    words: &[],
    about: "ExternalSecrets",
    kinds: &[Kind::ExternalSecret],
    also: &[Kind::SecretStore, Kind::ClusterSecretStore, Kind::Secret, Kind::Event, Kind::Vault],
    paths: true,
    list: |what, snapshot| {
        let all = snapshot.world.all::<ExternalSecret>().iter();
        Listing::of(what.name, COLUMNS, snapshot, all.map(|es| (es.object_ref(), es.as_ref())))
    },
};

/// `ClusterExternalSecret`s.
pub(super) const CLUSTER_EXTERNAL_SECRETS: What = What {
    name: "clusterexternalsecrets",
    words: &[],
    about: "ClusterExternalSecrets",
    kinds: &[Kind::ClusterExternalSecret],
    also: &[Kind::ExternalSecret],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<ClusterExternalSecret>().iter();
        Listing::of(what.name, CLUSTER_COLUMNS, snapshot, all.map(|ces| (ces.object_ref(), ces.as_ref())))
    },
};

fn state_of(snapshot: &Snapshot, es: &ExternalSecret) -> state::State {
    state::of_reader(&snapshot.world, es, snapshot.diagnosis.gainsaid.contains(&es.object_ref()))
}

const COLUMNS: &[Column<ExternalSecret>] = &[
    Column::always("NAMESPACE", "namespace", |_, es| Value::text(&es.meta.namespace)),
    Column::always("NAME", "name", |_, es| Value::text(&es.meta.name)),
    Column::data("health", |snapshot, es| Value::Health(state_of(snapshot, es).health)),
    Column::always("STATE", "state", |snapshot, es| Value::State(state_of(snapshot, es))),
    Column::always("SINCE", "since", |_, es| Value::since(es.ready.as_ref().and_then(|ready| ready.since))),
    Column::wide("REASON", "reason", |_, es| ready(es.ready.as_ref(), |ready| Value::text(&ready.reason))),
    Column::data("message", |_, es| ready(es.ready.as_ref(), |ready| Value::text(&ready.message))),
    Column::always("SYNCED", "refreshed", |_, es| Value::since(es.refreshed)),
    Column::always("NEXT", "next", |snapshot, es| {
        Value::until(match es.health() {
            Health::Failing => next_try(&snapshot.world, es),
            _ => es.next_refresh(),
        })
    }),
    Column::wide("POLICY", "refresh_policy", |_, es| {
        Value::text(match es.policy {
            RefreshPolicy::Periodic => "Periodic",
            RefreshPolicy::OnChange => "OnChange",
            RefreshPolicy::CreatedOnce => "CreatedOnce",
        })
    }),
    Column::data("interval_s", |_, es| Value::Number(es.interval)),
    Column::data("windows", |_, es| {
        let windows = es.more.as_ref().and_then(|more| more.windows.as_ref());
        windows.map_or(Value::None, |windows| {
            let window = |(schedule, seconds): &(_, i64)| {
                Value::Record(vec![("schedule", Value::text(schedule)), ("duration_s", Value::Number(*seconds))])
            };
            Value::Record(vec![
                ("kind", Value::text(if windows.denies { "deny" } else { "allow" })),
                ("windows", Value::List(windows.windows.iter().map(window).collect())),
            ])
        })
    }),
    Column::always("STORE", "store", |_, es| Value::object(es.store_ref())),
    Column::data("vault", |snapshot, es| vault(snapshot, es, |server| Value::Ref(server.subject()))),
    Column::wide("VAULT", "vault_state", |snapshot, es| vault(snapshot, es, |server| Value::State(state::of_server(server)))),
    Column::wide("PATHS", "keys", |_, es| Value::texts(keys(&es.remote))),
    Column::data("paths", |snapshot, es| Value::List(es.remote.iter().map(|remote| path(snapshot, es, remote)).collect())),
    Column::wide("GENERATORS", "generators", |_, es| Value::objects(es.generators.iter().cloned())),
    Column::data("finds", |_, es| {
        let finds = es.more.iter().flat_map(|more| &more.finds);
        Value::List(
            finds
                .map(|find| {
                    Value::Record(vec![
                        ("path", Value::text(&find.path)),
                        ("name", Value::text(&find.name)),
                        ("tags", Value::Flag(find.tagged)),
                    ])
                })
                .collect(),
        )
    }),
    Column::always("SECRET", "target", |_, es| Value::text(&es.target)),
    Column::wide("CREATES", "creation_policy", |_, es| Value::text(&es.creation_policy)),
    Column::wide("DELETES", "deletion_policy", |_, es| Value::text(es.deletion.as_str())),
    Column::data("templated", |_, es| Value::Flag(es.templated)),
    Column::data("immutable", |_, es| Value::Flag(es.immutable)),
    Column::wide("EXISTS", "target_exists", |snapshot, es| match snapshot.world.target_of(es) {
        Some(_) => Value::Flag(true),
        None if snapshot.world.is_complete(Kind::Secret) => Value::Flag(false),
        None => Value::None,
    }),
    Column::wide("MADE BY", "parent", |_, es| {
        Value::object(es.parent().map(|parent| ObjectRef::new(Kind::ClusterExternalSecret, "", parent.clone())))
    }),
    Column::wide("DEPLOYED BY", "managed_by", |snapshot, es| manager(&snapshot.world, &es.object_ref(), &es.meta)),
    Column::always("CAUSE", "causes", |snapshot, es| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &es.object_ref()))
    }),
    Column::data("events", |snapshot, es| events(snapshot, &es.object_ref())),
    Column::data("findings", |snapshot, es| Value::texts(state::findings(&snapshot.diagnosis, &es.object_ref()))),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::ExternalSecret)),
];

/// What was told about an object, by reason.
pub(super) fn events(snapshot: &Snapshot, object: &ObjectRef) -> Value {
    let told = snapshot.world.events_by_reason(object).into_iter().map(|one| {
        Value::Record(vec![
            ("reason", Value::text(&one.newest.reason)),
            ("count", Value::Number(one.count.into())),
            ("first", Value::since(one.first)),
            ("last", Value::since(one.newest.last)),
            ("message", Value::text(&one.newest.message)),
        ])
    });
    Value::List(told.collect())
}

fn ready(condition: Option<&Condition>, value: fn(&Condition) -> Value) -> Value {
    condition.map_or(Value::None, value)
}

fn vault(snapshot: &Snapshot, es: &ExternalSecret, value: fn(&crate::model::VaultServer) -> Value) -> Value {
    let store = es.store_ref().and_then(|store| snapshot.world.store(&store));
    store.and_then(|store| snapshot.world.vault_of(store)).map_or(Value::None, |server| value(server))
}

/// The keys that are read, each once.
fn keys(remote: &[RemoteRef]) -> Vec<&str> {
    let mut keys = Vec::new();
    for key in remote.iter().map(|remote| remote.key.as_str()) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

/// One thing that is read, with what Vault says of it.
fn path(snapshot: &Snapshot, es: &ExternalSecret, remote: &RemoteRef) -> Value {
    let store = es.store_ref().and_then(|store| snapshot.world.store(&store));
    let vault = store.and_then(|store| store.vault.as_ref());
    let full = vault.map_or_else(|| remote.key.clone(), |vault| vault.path_of(remote.key.as_str()));
    let known = store.and_then(|store| snapshot.world.vault_of(store)).and_then(|server| server.paths.get(&full));
    let (version, written) = match known.map(|path| &path.facts.state) {
        Some(PathState::Present { version, written }) => (Value::Number(i64::try_from(*version).unwrap_or(i64::MAX)), *written),
        _ => (Value::None, None),
    };
    Value::Record(vec![
        ("path", Value::text(&full)),
        ("property", Value::text(&remote.property)),
        ("state", known.map_or(Value::None, |path| Value::State(state::of_path(&path.facts.state)))),
        ("version", version),
        ("written", Value::since(written)),
    ])
}

const CLUSTER_COLUMNS: &[Column<ClusterExternalSecret>] = &[
    Column::always("NAME", "name", |_, ces| Value::text(&ces.meta.name)),
    Column::data("health", |_, ces| Value::Health(ces.ready.as_ref().map_or(Health::Unknown, Condition::health))),
    Column::always("READY", "ready", |_, ces| ready(ces.ready.as_ref(), |ready| Value::text(&format!("{:?}", ready.status)))),
    Column::wide("MESSAGE", "message", |_, ces| ready(ces.ready.as_ref(), |ready| Value::text(&ready.message))),
    Column::always("MADE", "made", |snapshot, ces| {
        Value::count(snapshot.world.pointing_at(&ces.object_ref(), Role::MadeBy).count())
    }),
    Column::always("FAILED", "failed", |_, ces| Value::texts(ces.failed.iter().map(|(namespace, _)| namespace))),
    Column::data("failures", |_, ces| {
        let failure = |(namespace, reason): &(_, _)| {
            Value::Record(vec![("namespace", Value::text(namespace)), ("reason", Value::text(reason))])
        };
        Value::List(ces.failed.iter().map(failure).collect())
    }),
    Column::data("provisioned", |_, ces| Value::texts(&ces.provisioned)),
    Column::data("namespaces", |_, ces| Value::texts(&ces.namespaces)),
    Column::always("CAUSE", "causes", |snapshot, ces| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &ces.object_ref()))
    }),
    Column::data("findings", |snapshot, ces| Value::texts(state::findings(&snapshot.diagnosis, &ces.object_ref()))),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::ClusterExternalSecret)),
];
