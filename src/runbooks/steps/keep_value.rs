//! Generators are stopped: `refreshPolicy: CreatedOnce`, and nothing else, since an edited interval rotates at once
//! (external-secrets#5782). The proof is the policy in the world, and a Secret whose data nobody wrote since.

use serde::Serialize;

use super::each::{Aside, Each, Effect, Task, preview};
use super::reverted::{Stays, stays, told};
use super::{by_name, counted, external_secrets_of};
use crate::model::gitops::SpecField;
use crate::model::kinds::external_secret::RefreshPolicy;
use crate::model::kinds::{ExternalSecret, Secret, Watched as _};
use crate::model::{Inventory, Kind, Name, ObjectRef};
use crate::runbooks::commit::{manifest, place};
use crate::runbooks::{Commit, Item, KubernetesWrite, Next, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "keep-value",
    explanation: "Sets refreshPolicy: CreatedOnce, which makes no new value; then looks that the Secret's data was not written since.",
    git: |target, world, progress| {
        tasks(target, world, progress).iter().filter_map(|task| commit(world, task.operation.object())).collect()
    },
    next: |target, world, progress| ask(Aside::new(), &tasks(target, world, progress), world, progress),
    items: |target, world, progress| EACH.items(&tasks(target, world, progress), progress),
};

const EACH: Each = Each {
    id: "keep-value",
    noun: "ExternalSecret",
    done: "stopped, the value unchanged",
    awaited: "to be stopped",
    patience: 30,
    at_once: 4,
    nothing: "None of them makes a new value by itself.",
};

/// What is next in stopping these, beside what cannot be stopped.
pub(super) fn ask(aside: Aside, tasks: &[Task], world: &Inventory, progress: &Progress) -> Next {
    EACH.next_beside(aside, tasks, progress, |open| {
        let base = preview(open);
        Preview {
            will: vec![format!("Set spec.refreshPolicy: CreatedOnce on {}.", counted(open.len(), "ExternalSecret"))],
            will_not: vec![
                "The interval is not edited: that would make a new value at once.".to_owned(),
                "No value changes. The present one stays until the Secret is deleted.".to_owned(),
            ],
            forecast: forecast(world, open),
            confirm: by_name(&base.objects, "ExternalSecret"),
            ..base
        }
    })
}

/// How far these are.
pub(super) fn items(tasks: &[Task], progress: &Progress) -> Vec<Item> {
    EACH.items(tasks, progress)
}

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let rotates = |es: &&ExternalSecret| es.rotates() && es.policy != RefreshPolicy::CreatedOnce;
    let concerned = external_secrets_of(target, world)
        .into_iter()
        .filter(|es| rotates(es) || progress.last(STEP.id, &es.object_ref()).is_some());
    concerned.map(|es| task(es, world, progress)).collect()
}

/// One that is to be stopped, or was.
pub(super) fn task(es: &ExternalSecret, world: &Inventory, progress: &Progress) -> Task {
    let object = es.object_ref();
    let operation = Operation::Kubernetes(KubernetesWrite::KeepValue { external_secret: object.clone() });
    let since = progress.counts_from(STEP.id, &object);
    let effect = match since {
        None => why_not(es, world).map_or(Effect::None, Effect::LeftOut),
        Some(_) if es.policy != RefreshPolicy::CreatedOnce => Effect::None,
        Some(since) => {
            let written = world.get::<Secret>(&es.target_ref()).and_then(|secret| secret.written());
            if es.refreshed.is_some_and(|at| at > since) && written.is_some_and(|at| at > since) {
                Effect::Failed("it is stopped, but its Secret was written once more in between".to_owned())
            } else {
                Effect::Proved("CreatedOnce, and its Secret was not written since".to_owned())
            }
        }
    };
    Task::new(operation, effect)
}

/// The one field that is written.
const TOUCHED: &[SpecField] = &[SpecField::RefreshPolicy];

fn why_not(es: &ExternalSecret, world: &Inventory) -> Option<String> {
    match stays(world, es, TOUCHED) {
        Stays::No(why) => Some(why),
        Stays::Yes(_) => None,
    }
}

fn forecast(world: &Inventory, open: &[&Task]) -> Vec<String> {
    let mut says = vec![
        "What was set up with an earlier value (a database, a client of Keycloak) still has to be given the present one."
            .to_owned(),
    ];
    let deployed = told(world, open.iter().map(|task| task.operation.object()), TOUCHED);
    if deployed.is_empty() {
        says.push("If the manifest stands in Git, put refreshPolicy: CreatedOnce there too.".to_owned());
    }
    says.extend(deployed);
    says
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Kept {
    refresh_policy: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct KeptBelow {
    external_secret_spec: Kept,
}

/// What is to be committed: for a child of a `ClusterExternalSecret`, there.
fn commit(world: &Inventory, object: &ObjectRef) -> Option<Commit> {
    let es = world.get::<ExternalSecret>(object)?;
    let kept = Kept { refresh_policy: "CreatedOnce" };
    let says = vec!["The interval stays as it is: an edit of it makes a new value at once.".to_owned()];
    let parent = es.parent().and_then(|name| world.cluster_external_secret(name));
    let Some(parent) = parent else {
        let snippets = vec![manifest(object, kept)];
        return Some(Commit { object: object.clone(), place: place(world, object, &es.meta), says, snippets });
    };
    let above = ObjectRef { kind: Kind::ClusterExternalSecret, namespace: Name::empty(), name: parent.meta.name.clone() };
    let snippets = vec![manifest(&above, KeptBelow { external_secret_spec: kept })];
    Some(Commit { object: object.clone(), place: place(world, &above, &parent.meta), says, snippets })
}
