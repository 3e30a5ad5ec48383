//! Generators are stopped: `refreshPolicy: CreatedOnce`, and nothing else, since an edited interval rotates at once
//! (external-secrets#5782). The proof is the policy in the world, and a Secret whose data nobody wrote since.

use super::each::{Each, Effect, Task, preview};
use super::{by_name, counted, external_secrets_of, reverted_by};
use crate::model::Inventory;
use crate::model::kinds::external_secret::RefreshPolicy;
use crate::model::kinds::{ExternalSecret, Secret, Watched as _};
use crate::runbooks::{Applied, KubernetesWrite, Operation, Preview, Progress, StepDef, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "keep-value",
    explanation: "Sets refreshPolicy: CreatedOnce, which makes no new value; then looks that the Secret's data was not written since.",
    next: |target, world, progress| {
        EACH.next(&tasks(target, world, progress), progress, |open| {
            let base = preview(open);
            Preview {
                will: vec![format!("Set spec.refreshPolicy: CreatedOnce on {}.", counted(open.len(), "ExternalSecret"))],
                will_not: vec![
                    "The interval is not edited: that would make a new value at once.".to_owned(),
                    "No value changes. The present one stays until the Secret is deleted.".to_owned(),
                ],
                forecast: vec![
                    "What was set up with an earlier value (a database, a client of Keycloak) still has to be given the present one.".to_owned(),
                    "If the manifest stands in Git, put refreshPolicy: CreatedOnce there too.".to_owned(),
                ],
                confirm: by_name(&base.objects, "ExternalSecret"),
                ..base
            }
        })
    },
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

fn tasks(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Task> {
    let rotates = |es: &&ExternalSecret| es.rotates() && es.policy != RefreshPolicy::CreatedOnce;
    let concerned = external_secrets_of(target, world)
        .into_iter()
        .filter(|es| rotates(es) || progress.last(STEP.id, &es.object_ref()).is_some());
    concerned.map(|es| task(es, world, progress)).collect()
}

fn task(es: &ExternalSecret, world: &Inventory, progress: &Progress) -> Task {
    let object = es.object_ref();
    let operation = Operation::Kubernetes(KubernetesWrite::KeepValue { external_secret: object.clone() });
    let since = progress.last(STEP.id, &object).map(Applied::effective);
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
    Task { operation, effect }
}

fn why_not(es: &ExternalSecret, world: &Inventory) -> Option<String> {
    match es.parent() {
        Some(parent) => Some(format!("its ClusterExternalSecret {parent} reverts it: set it there")),
        None => reverted_by(world, &es.object_ref(), &es.meta),
    }
}
