//! Generators of every kind, and what they leave behind.

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state::causes;
use crate::engine::Snapshot;
use crate::model::kinds::generator::{Generator, KINDS};
use crate::model::kinds::{GeneratorState, Role, Watched as _};
use crate::model::{Kind, ObjectRef};

/// All kinds.
pub(super) const ALL: What = What {
    name: "generators",
    words: &["generator"],
    about: "generators of every kind",
    kinds: KINDS,
    also: &[Kind::ExternalSecret, Kind::PushSecret],
    paths: false,
    list,
};

/// Those of a Vault; the other operator has a kind of the same name.
pub(super) const OF_VAULT: What = What {
    name: "vaultdynamicsecretgenerators",
    words: &[],
    about: "VaultDynamicSecrets of External Secrets",
    kinds: &[Kind::VaultDynamicSecretGenerator],
    ..ALL
};

/// Those that stand for one of another kind in every namespace.
pub(super) const WIDE: What =
    What { name: "clustergenerators", words: &[], about: "ClusterGenerators", kinds: &[Kind::ClusterGenerator], ..ALL };

/// What is to be undone.
pub(super) const STATES: What = What {
    name: "generatorstates",
    words: &[],
    about: "GeneratorStates",
    kinds: &[Kind::GeneratorState],
    also: &[],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<GeneratorState>().iter();
        Listing::of(what.name, STATE_COLUMNS, snapshot, all.map(|one| (one.object_ref(), one.as_ref())))
    },
};

fn list(what: &What, snapshot: &Snapshot) -> Listing {
    let all = snapshot.world.generators().filter(|(object, _)| what.kinds.contains(&object.kind));
    let one = |(object, generator): (ObjectRef, &Generator)| (object.clone(), Box::new((object, generator.clone())));
    Listing::of(what.name, COLUMNS, snapshot, all.map(one))
}

const COLUMNS: &[Column<(ObjectRef, Generator)>] = &[
    Column::always("NAMESPACE", "namespace", |_, (object, _)| Value::text(&object.namespace)),
    Column::always("KIND", "kind", |_, (object, _)| Value::text(&object.kind)),
    Column::always("NAME", "name", |_, (object, _)| Value::text(&object.name)),
    Column::always("STANDS FOR", "stands_for", |_, (_, generator)| Value::text(&generator.stands_for)),
    Column::wide("VAULT", "vault", |_, (_, generator)| {
        let provider = generator.vault.as_ref().and_then(|source| source.provider.as_ref());
        provider.map_or(Value::None, |provider| Value::Ref(provider.address.subject()))
    }),
    Column::always("PATH", "path", |_, (_, generator)| {
        generator.vault.as_ref().map_or(Value::None, |source| Value::text(&source.path))
    }),
    Column::wide("CLASS", "class", |_, (_, generator)| Value::text(&generator.class)),
    Column::always("USERS", "users", |snapshot, (object, _)| {
        Value::count(snapshot.world.pointing_at(object, Role::Generates).count())
    }),
    Column::data("used_by", |snapshot, (object, _)| Value::objects(snapshot.world.pointing_at(object, Role::Generates).cloned())),
    Column::always("AGE", "created", |_, (_, generator)| Value::since(generator.meta.created)),
    Column::always("CAUSE", "causes", |snapshot, (object, _)| Value::texts(causes(&snapshot.world, &snapshot.diagnosis, object))),
    Column::data("seen", |snapshot, (object, _)| super::seen::at(snapshot, object.kind)),
];

const STATE_COLUMNS: &[Column<GeneratorState>] = &[
    Column::always("NAMESPACE", "namespace", |_, one| Value::text(&one.meta.namespace)),
    Column::always("NAME", "name", |_, one| Value::text(&one.meta.name)),
    Column::always("GENERATOR", "generator", |_, one| Value::object(one.generator.clone())),
    Column::always("UNDONE", "deadline", |_, one| Value::until(one.deadline)),
    Column::always("AGE", "created", |_, one| Value::since(one.meta.created)),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::GeneratorState)),
];
