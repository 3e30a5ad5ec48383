//! What stands beside External Secrets: `SealedSecret`s and issuers.

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state::{causes, of_neighbour};
use crate::engine::Snapshot;
use crate::model::kinds::{ClusterIssuer, Issuer, SealedSecret, Watched as _};
use crate::model::{Condition, Kind, ObjectRef};

/// `SealedSecret`s.
pub(super) const SEALED_SECRETS: What = What {
    name: "sealedsecrets",
    words: &[],
    about: "SealedSecrets",
    kinds: &[Kind::SealedSecret],
    also: &[Kind::Secret],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<SealedSecret>().iter();
        Listing::of(what.name, SEALED, snapshot, all.map(|one| (one.object_ref(), one.as_ref())))
    },
};

/// Issuers of a namespace.
pub(super) const ISSUERS: What = What {
    name: "issuers",
    words: &[],
    about: "Issuers of cert-manager",
    kinds: &[Kind::Issuer],
    also: &[Kind::Vault],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Issuer>().iter();
        Listing::of(
            what.name,
            SIGNERS,
            snapshot,
            all.map(|one| (one.object_ref(), Box::new((one.object_ref(), one.as_ref().clone())))),
        )
    },
};

/// Issuers of the cluster.
pub(super) const CLUSTER_ISSUERS: What = What {
    name: "clusterissuers",
    words: &[],
    about: "ClusterIssuers of cert-manager",
    kinds: &[Kind::ClusterIssuer],
    also: &[Kind::Vault],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<ClusterIssuer>().iter();
        Listing::of(what.name, SIGNERS, snapshot, all.map(|one| (one.object_ref(), Box::new((one.object_ref(), one.0.clone())))))
    },
};

/// The state of an object, as its own condition tells it.
pub(super) fn state(snapshot: &Snapshot, object: &ObjectRef) -> Value {
    of_neighbour(&snapshot.world, object).map_or(Value::None, Value::State)
}

/// Since when it is so.
pub(super) fn since(condition: Option<&Condition>) -> Value {
    Value::since(condition.and_then(|condition| condition.since))
}

/// What the controller says of it.
pub(super) fn message(condition: Option<&Condition>) -> Value {
    condition.map_or(Value::None, |condition| Value::text(&condition.message))
}

const SEALED: &[Column<SealedSecret>] = &[
    Column::always("NAMESPACE", "namespace", |_, one| Value::text(&one.meta.namespace)),
    Column::always("NAME", "name", |_, one| Value::text(&one.meta.name)),
    Column::data("health", |_, one| Value::Health(one.health())),
    Column::always("STATE", "state", |snapshot, one| state(snapshot, &one.object_ref())),
    Column::always("SINCE", "since", |_, one| since(one.synced.as_ref())),
    Column::data("message", |_, one| message(one.synced.as_ref())),
    Column::wide("KEYS", "keys", |_, one| Value::texts(&one.keys)),
    Column::wide("PATCHES", "patches", |_, one| Value::Flag(one.patches)),
    Column::wide("EXISTS", "target_exists", |snapshot, one| {
        let secret = ObjectRef { kind: Kind::Secret, ..one.object_ref() };
        match snapshot.world.get::<crate::model::kinds::Secret>(&secret) {
            Some(_) => Value::Flag(true),
            None if snapshot.world.would_show(&secret) => Value::Flag(false),
            None => Value::None,
        }
    }),
    Column::always("CAUSE", "causes", |snapshot, one| {
        Value::texts(causes(&snapshot.world, &snapshot.diagnosis, &one.object_ref()))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::SealedSecret)),
];

const SIGNERS: &[Column<(ObjectRef, Issuer)>] = &[
    Column::always("NAMESPACE", "namespace", |_, (object, _)| Value::text(&object.namespace)),
    Column::always("NAME", "name", |_, (object, _)| Value::text(&object.name)),
    Column::data("health", |_, (_, one)| Value::Health(one.health())),
    Column::always("STATE", "state", |snapshot, (object, _)| state(snapshot, object)),
    Column::always("SINCE", "since", |_, (_, one)| since(one.ready.as_ref())),
    Column::data("message", |_, (_, one)| message(one.ready.as_ref())),
    Column::always("SIGNER", "signer", |_, (_, one)| Value::text(&one.signer)),
    Column::always("VAULT", "vault", |_, (_, one)| {
        let address = one.vault.as_ref().and_then(|vault| vault.address.as_ref());
        address.map_or(Value::None, |address| Value::Ref(address.subject()))
    }),
    Column::always("PATH", "path", |_, (_, one)| one.vault.as_ref().map_or(Value::None, |vault| Value::text(&vault.path))),
    Column::wide("LOGIN", "login", |_, (_, one)| one.vault.as_ref().map_or(Value::None, |vault| Value::text(&vault.method))),
    Column::wide("ROLE", "role", |_, (_, one)| one.vault.as_ref().map_or(Value::None, |vault| Value::text(&vault.role))),
    Column::wide("SECRET", "secret", |_, (_, one)| Value::text(&one.secret)),
    Column::wide("ACCOUNT", "account", |_, (_, one)| Value::text(&one.account)),
    Column::always("CAUSE", "causes", |snapshot, (object, _)| Value::texts(causes(&snapshot.world, &snapshot.diagnosis, object))),
    Column::data("seen", |snapshot, (object, _)| super::seen::at(snapshot, object.kind)),
];
