//! What deploys: Applications of Argo CD, `Kustomization`s and `HelmRelease`s of Flux, `Terraform`s.

use super::What;
use super::column::{Column, Listing, Value};
use super::neighbours::{message, since, state};
use crate::diagnosis::state::causes;
use crate::model::kinds::{Application, HelmRelease, Kustomization, Terraform, Watched as _};
use crate::model::{Condition, Health, Kind, Name, ObjectRef, Text};

/// Applications.
pub(super) const APPLICATIONS: What = What {
    name: "applications",
    words: &[],
    about: "Applications of Argo CD",
    kinds: &[Kind::Application],
    also: &[],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Application>().iter();
        Listing::of(what.name, APPS, snapshot, all.map(|one| (one.object_ref(), one.as_ref())))
    },
};

/// `Kustomization`s.
pub(super) const KUSTOMIZATIONS: What = What {
    name: "kustomizations",
    words: &[],
    about: "Kustomizations of Flux",
    kinds: &[Kind::Kustomization],
    also: &[Kind::Secret],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Kustomization>().iter().map(|one| Flux {
            object: one.object_ref(),
            ready: one.ready.clone(),
            reverts: !one.suspended,
            secrets: one.secrets.clone(),
            writes: Name::empty(),
            deploys: one.applied.clone(),
            revision: one.revision.clone(),
        });
        Listing::of(what.name, FLUX, snapshot, all.map(|one| (one.object.clone(), Box::new(one))))
    },
};

/// `HelmRelease`s.
pub(super) const HELM_RELEASES: What = What {
    name: "helmreleases",
    words: &[],
    about: "HelmReleases of Flux",
    kinds: &[Kind::HelmRelease],
    also: &[Kind::Secret],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<HelmRelease>().iter().map(|one| Flux {
            object: one.object_ref(),
            ready: one.ready.clone(),
            reverts: !one.suspended && one.drift.as_str() == "enabled",
            secrets: one.secrets.clone(),
            writes: Name::empty(),
            deploys: one.applied.clone(),
            revision: one.revision.clone(),
        });
        Listing::of(what.name, FLUX, snapshot, all.map(|one| (one.object.clone(), Box::new(one))))
    },
};

/// `Terraform`s.
pub(super) const TERRAFORMS: What = What {
    name: "terraforms",
    words: &[],
    about: "Terraforms of the tofu-controller",
    kinds: &[Kind::Terraform],
    also: &[Kind::Secret],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Terraform>().iter().map(|one| Flux {
            object: one.object_ref(),
            ready: one.ready.clone(),
            reverts: false,
            secrets: one.secrets.clone(),
            writes: one.output.clone(),
            deploys: Box::default(),
            revision: one.revision.clone(),
        });
        Listing::of(what.name, FLUX, snapshot, all.map(|one| (one.object.clone(), Box::new(one))))
    },
};

/// What the kinds of Flux have in common.
struct Flux {
    object: ObjectRef,
    ready: Option<Condition>,
    reverts: bool,
    secrets: Box<[Name]>,
    writes: Name,
    deploys: Box<[ObjectRef]>,
    revision: Text,
}

const FLUX: &[Column<Flux>] = &[
    Column::always("NAMESPACE", "namespace", |_, one| Value::text(&one.object.namespace)),
    Column::always("NAME", "name", |_, one| Value::text(&one.object.name)),
    Column::data("health", |_, one| Value::Health(one.ready.as_ref().map_or(Health::Unknown, Condition::health))),
    Column::always("STATE", "state", |snapshot, one| state(snapshot, &one.object)),
    Column::always("SINCE", "since", |_, one| since(one.ready.as_ref())),
    Column::data("message", |_, one| message(one.ready.as_ref())),
    Column::always("REVERTS", "reverts", |_, one| Value::Flag(one.reverts)),
    Column::always("READS", "secrets", |_, one| Value::texts(&one.secrets)),
    Column::wide("WRITES", "writes", |_, one| Value::text(&one.writes)),
    Column::always("DEPLOYS", "deploys_count", |_, one| Value::count(one.deploys.len())),
    Column::data("deploys", |_, one| Value::objects(one.deploys.iter().cloned())),
    Column::wide("REVISION", "revision", |_, one| Value::text(&one.revision)),
    Column::always("CAUSE", "causes", |snapshot, one| Value::texts(causes(&snapshot.world, &snapshot.diagnosis, &one.object))),
    Column::data("seen", |snapshot, one| super::seen::at(snapshot, one.object.kind)),
];

const APPS: &[Column<Application>] = &[
    Column::always("NAMESPACE", "namespace", |_, app| Value::text(&app.meta.namespace)),
    Column::always("NAME", "name", |_, app| Value::text(&app.meta.name)),
    Column::data("health", |_, app| Value::Health(app.health())),
    Column::always("STATE", "state", |snapshot, app| state(snapshot, &app.object_ref())),
    Column::wide("SYNC", "sync", |_, app| Value::text(&app.sync)),
    Column::wide("HEALTH", "argo_health", |_, app| app.health.as_ref().map_or(Value::None, |health| Value::text(&health.reason))),
    Column::wide("LAST SYNC", "phase", |_, app| Value::text(&app.phase)),
    Column::always("SINCE", "since", |_, app| since(app.health.as_ref())),
    Column::data("message", |_, app| if app.error.is_empty() { message(app.health.as_ref()) } else { Value::text(&app.error) }),
    Column::wide("AUTO", "automated", |_, app| Value::Flag(app.automated)),
    Column::always("REVERTS", "reverts", |_, app| Value::Flag(app.heals)),
    Column::wide("ELSEWHERE", "elsewhere", |_, app| Value::Flag(app.elsewhere)),
    Column::always("DEPLOYS", "deploys_count", |_, app| Value::count(app.deployed.len())),
    Column::data("deploys", |_, app| Value::objects(app.deployed.iter().cloned())),
    Column::data("ignores", |_, app| {
        let rule = |rule: &crate::model::kinds::application::Ignored| {
            Value::Record(vec![
                ("kind", rule.kind.map_or(Value::None, |kind| Value::text(&kind))),
                ("namespace", Value::text(&rule.namespace)),
                ("name", Value::text(&rule.name)),
                ("fields", Value::texts(&rule.fields)),
            ])
        };
        Value::List(app.ignores.iter().map(rule).collect())
    }),
    Column::always("CAUSE", "causes", |snapshot, app| {
        Value::texts(causes(&snapshot.world, &snapshot.diagnosis, &app.object_ref()))
    }),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::Application)),
];
