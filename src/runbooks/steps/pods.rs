//! Pods that could not start for want of a Secret. The kubelet tries again by itself; this step looks
//! until they run. It never restarts one.

use std::collections::BTreeMap;

use super::{counted, external_secrets_of, upkeeps_of};
use crate::model::kinds::{Pod, Watched};
use crate::model::{Inventory, ObjectRef};
use crate::runbooks::{Item, ItemState, Next, Outcome, Progress, StepDef, StepReport, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "pods",
    explanation: "Looks whether pods that could not start for want of a Secret start now. The kubelet tries by itself; nothing is written.",
    git: StepDef::NOT_IN_GIT,
    next,
    items,
};

/// How long we look, in seconds. The kubelet's own back-off goes up to 5 minutes.
const PATIENCE: i64 = 60;

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let waiting = waiting(target, world);
    let entered = progress.entered_at(STEP.id);
    if waiting.is_empty() && progress.now > entered {
        // It was entered before, and something waited then.
        return Next::Done(StepReport::new(Outcome::Proved, "The pods that waited for a Secret have started."));
    }
    if waiting.is_empty() {
        return Next::Done(StepReport::new(Outcome::Nothing, "No pod waits for a Secret."));
    }
    if progress.now.as_second() - entered.as_second() < PATIENCE {
        return Next::Wait { what: format!("{} to start", counted(waiting.len(), "pod")), until: progress.in_seconds(1) };
    }
    let summary = format!("{} still cannot start; the kubelet tries again within 5 minutes.", counted(waiting.len(), "pod"));
    Next::Done(StepReport { outcome: Outcome::Unproved, summary, left: waiting })
}

/// Pods that wait for a Secret of this target, each once, with the kubelet's word for it.
fn waiting(target: &Target, world: &Inventory) -> Vec<(ObjectRef, String)> {
    let synced = external_secrets_of(target, world).into_iter().map(|es| (es.meta.namespace.clone(), es.target.clone()));
    let kept = upkeeps_of(target, world).into_iter().map(|(one, of)| (one.namespace, of.destination.clone()));
    let pods: BTreeMap<ObjectRef, String> = synced
        .chain(kept)
        .flat_map(|(namespace, name)| world.consumers_of(&namespace, &name))
        .filter(|pod| pod.wants_secret())
        .map(|pod| (pod.object_ref(), why(pod)))
        .collect();
    pods.into_iter().collect()
}

fn items(target: &Target, world: &Inventory, _progress: &Progress) -> Vec<Item> {
    waiting(target, world).into_iter().map(|(object, note)| Item { object, state: ItemState::Applied, note }).collect()
}

fn why(pod: &Pod) -> String {
    pod.waiting.as_ref().map_or_else(String::new, |(reason, message)| format!("{reason}: {message}"))
}
