//! Whether a live change of a spec stays: who deploys the object, whether that reverts by itself now, and which fields
//! it applied. What stands not in Git is no drift: both Argo CD and Flux compare only what they apply.

use crate::model::gitops::SpecField;
use crate::model::kinds::{Application, ExternalSecret, HelmRelease, Kustomization, Watched as _};
use crate::model::manager::Manager;
use crate::model::{Inventory, Kind, ObjectRef};

/// Whether a change stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stays {
    /// Yes; where somebody deploys it, for how long.
    Yes(Option<String>),
    /// No: who reverts what.
    No(String),
}

/// What somebody who deploys does about a change.
enum Reverts {
    /// Reverts it by itself, soon.
    Soon,
    /// Not now: until when.
    Later(String),
}

/// Whether a change of these fields of an `ExternalSecret` stays.
pub(super) fn stays(world: &Inventory, es: &ExternalSecret, fields: &[SpecField]) -> Stays {
    if let Some(parent) = es.parent() {
        return Stays::No(format!("its ClusterExternalSecret {parent} reverts it: change it there"));
    }
    let object = es.object_ref();
    let owner = match world.manager_of(&object, &es.meta) {
        None => return Stays::Yes(None),
        Some(release @ Manager::Release { .. }) => {
            return Stays::Yes(Some(format!(
                "The next upgrade of the {release} may revert it: put it into its values or templates too."
            )));
        }
        Some(Manager::Object(owner)) => owner,
    };
    if let Reverts::Later(until) = reverts(world, &owner) {
        return Stays::Yes(Some(until));
    }
    let applied = |field: &&SpecField| es.deployed.is_none_or(|deployed| deployed.has(**field));
    let ignored =
        |field: &&SpecField| world.get::<Application>(&owner).is_some_and(|app| app.lets_be(&object, "spec", field.as_str()));
    let back: Vec<SpecField> = fields.iter().filter(applied).filter(|field| !ignored(field)).copied().collect();
    let tool = tool(&owner);
    if back.is_empty() {
        let named = named(fields);
        return Stays::Yes(Some(format!(
            "{tool} ({}) does not apply {named}, so it stays; put it into Git all the same.",
            owner.short()
        )));
    }
    let named = named(&back);
    Stays::No(format!("{tool} reverts {named} ({owner}): change it in Git{}", or_hold(&owner)))
}

/// The offer to hold it.
fn or_hold(owner: &ObjectRef) -> String {
    if owner.namespace.is_empty() {
        return String::new();
    }
    format!(", or hold it first: sealwatch runbook run hold-self-heal --target {owner}")
}

fn named(fields: &[SpecField]) -> String {
    fields.iter().map(|field| format!("spec.{}", field.as_str())).collect::<Vec<_>>().join(", ")
}

/// Who is meant by an owner.
pub(super) fn tool(owner: &ObjectRef) -> &'static str {
    if owner.kind == Kind::Application { "Argo CD" } else { "Flux" }
}

fn reverts(world: &Inventory, owner: &ObjectRef) -> Reverts {
    if world.held.contains_key(owner) && !heals(world, owner) {
        return Reverts::Later(format!("{owner} is held: given back, it reverts this, unless it stands in Git by then."));
    }
    match owner.kind {
        _ if heals(world, owner) => Reverts::Soon,
        Kind::Application => {
            Reverts::Later(format!("{owner} does not heal itself: this stays until it is synced; put it into Git before that."))
        }
        Kind::HelmRelease => Reverts::Later(format!(
            "{owner} corrects no drift now: this stays until its next upgrade; put it into Git before that."
        )),
        _ => Reverts::Later(format!("{owner} is suspended: resumed, it reverts this, unless it stands in Git by then.")),
    }
}

/// Whether this reverts by itself what others write. Of what cannot be seen that is assumed.
pub(super) fn heals(world: &Inventory, owner: &ObjectRef) -> bool {
    match owner.kind {
        Kind::Application => world.get::<Application>(owner).is_none_or(|app| app.automated && app.heals),
        Kind::Kustomization => world.get::<Kustomization>(owner).is_none_or(|one| !one.suspended),
        Kind::HelmRelease => world.get::<HelmRelease>(owner).is_none_or(|one| !one.suspended && one.drift.as_str() == "enabled"),
        _ => true,
    }
}

/// What is said of objects whose change stays although somebody deploys them; each sentence once, and not too many.
pub(super) fn told<'a>(world: &Inventory, objects: impl Iterator<Item = &'a ObjectRef>, fields: &[SpecField]) -> Vec<String> {
    let mut says: Vec<String> = Vec::new();
    for es in objects.filter_map(|object| world.get::<ExternalSecret>(object)) {
        match stays(world, es, fields) {
            Stays::Yes(Some(until)) if !says.contains(&until) && says.len() < MOST => says.push(until),
            _ => {}
        }
    }
    says
}

/// How many sentences about who deploys are shown.
const MOST: usize = 3;
