//! Stores of both kinds.

use super::What;
use super::column::{Column, Listing, Value, manager};
use crate::diagnosis::state;
use crate::engine::Snapshot;
use crate::model::kinds::secret_store::Auth;
use crate::model::kinds::{Namespace, SecretStore};
use crate::model::{Condition, Kind};

const ALSO: &[Kind] = &[Kind::ExternalSecret, Kind::Event, Kind::Vault];

/// Both kinds.
pub(super) const STORES: What = What {
    name: "stores",
    words: &["store"],
    about: "SecretStores and ClusterSecretStores",
    kinds: &[Kind::SecretStore, Kind::ClusterSecretStore],
    also: ALSO,
    paths: false,
    list: |what, snapshot| list(what, snapshot, |_| true),
};

/// Those of a namespace.
pub(super) const SECRET_STORES: What = What {
    name: "secretstores",
    words: &[],
    about: "SecretStores",
    kinds: &[Kind::SecretStore],
    also: ALSO,
    paths: false,
    list: |what, snapshot| list(what, snapshot, |kind| kind == Kind::SecretStore),
};

/// Those of the cluster.
pub(super) const CLUSTER_SECRET_STORES: What = What {
    name: "clustersecretstores",
    words: &[],
    about: "ClusterSecretStores",
    kinds: &[Kind::ClusterSecretStore],
    also: ALSO,
    paths: false,
    list: |what, snapshot| list(what, snapshot, |kind| kind == Kind::ClusterSecretStore),
};

fn list(what: &What, snapshot: &Snapshot, keep: fn(Kind) -> bool) -> Listing {
    let stores = snapshot.world.stores().map(|store| (store.store_ref(), store));
    Listing::of(what.name, COLUMNS, snapshot, stores.filter(|(object, _)| keep(object.kind)))
}

fn state_of(snapshot: &Snapshot, store: &SecretStore) -> state::State {
    state::of_store(store, snapshot.diagnosis.gainsaid.contains(&store.store_ref()))
}

const COLUMNS: &[Column<SecretStore>] = &[
    Column::always("NAMESPACE", "namespace", |_, store| Value::text(&store.meta.namespace)),
    Column::always("NAME", "name", |_, store| Value::text(&store.meta.name)),
    Column::data("health", |snapshot, store| Value::Health(state_of(snapshot, store).health)),
    Column::always("STATE", "state", |snapshot, store| Value::State(state_of(snapshot, store))),
    Column::always("SINCE", "since", |_, store| Value::since(store.ready.as_ref().and_then(|ready| ready.since))),
    Column::wide("REASON", "reason", |_, store| ready(store, |ready| Value::text(&ready.reason))),
    Column::data("message", |_, store| ready(store, |ready| Value::text(&ready.message))),
    Column::wide("CHECKED", "checked", |snapshot, store| {
        Value::since(snapshot.world.events_of(&store.store_ref()).last().and_then(|event| event.last))
    }),
    Column::data("events", |snapshot, store| super::external_secrets::events(snapshot, &store.store_ref())),
    Column::data("interval_s", |_, store| store.interval.map_or(Value::None, Value::Number)),
    Column::data("class", |_, store| Value::text(&store.class)),
    Column::data("lets_in", |snapshot, store| {
        let namespaces = snapshot.world.all::<Namespace>().iter();
        let let_in = namespaces.filter(|namespace| store.lets_in(namespace) == Some(true));
        if store.lets_in.is_empty() { Value::None } else { Value::texts(let_in.map(|namespace| &namespace.meta.name)) }
    }),
    Column::wide("PROVIDER", "provider", |_, store| Value::text(&store.provider)),
    Column::always("VAULT", "vault", |_, store| {
        store.vault.as_ref().map_or(Value::None, |vault| Value::Ref(vault.address.subject()))
    }),
    Column::wide("VAULT STATE", "vault_state", |snapshot, store| {
        snapshot.world.vault_of(store).map_or(Value::None, |server| Value::State(state::of_server(server)))
    }),
    Column::data("address", |_, store| store.vault.as_ref().map_or(Value::None, |vault| Value::text(&vault.address))),
    Column::always("MOUNT", "mount", |_, store| store.vault.as_ref().map_or(Value::None, |vault| Value::text(&vault.mount))),
    Column::wide("KV", "kv", |_, store| store.vault.as_ref().map_or(Value::None, |vault| Value::text(&vault.version))),
    Column::wide("LOGIN", "login", |_, store| store.vault.as_ref().map_or(Value::None, |vault| login(&vault.auth))),
    Column::always("READERS", "readers", |snapshot, store| Value::count(snapshot.world.readers_of(&store.store_ref()).count())),
    Column::always("CAUSE", "causes", |snapshot, store| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &store.store_ref()))
    }),
    Column::wide("DEPLOYED BY", "managed_by", |snapshot, store| manager(&snapshot.world, &store.store_ref(), &store.meta)),
    Column::data("findings", |snapshot, store| Value::texts(state::findings(&snapshot.diagnosis, &store.store_ref()))),
    Column::data("seen", |snapshot, store| super::seen::at(snapshot, store.store_ref().kind)),
];

fn ready(store: &SecretStore, value: fn(&Condition) -> Value) -> Value {
    store.ready.as_ref().map_or(Value::None, value)
}

/// Method, mount, role and account, in one word as a URL would name them. Names only: no token is known here.
fn login(auth: &Auth) -> Value {
    Value::text(&match auth {
        Auth::Kubernetes { mount, role, service_account, .. } if service_account.is_empty() => format!("{mount}:{role}"),
        Auth::Kubernetes { mount, role, service_account, .. } => format!("{mount}:{role}@{service_account}"),
        Auth::Token { secret, key } => format!("token:{secret}/{key}"),
        Auth::Other(method) => method.to_string(),
    })
}
