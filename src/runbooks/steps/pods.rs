//! Pods that could not start for want of a Secret. The kubelet tries again by itself; this step looks
//! until they run. It never restarts one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{counted, external_secrets, external_secrets_of, few, upkeeps_of, vso, without_closed};
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
    let target = &*without_closed(target, world);
    let (waiting, started) = (waiting(target, world), started(target, world, progress));
    let entered = progress.entered_at(STEP.id);
    if !waiting.is_empty() && progress.now.as_second() - entered.as_second() < PATIENCE {
        return Next::Wait { what: format!("{} to start", counted(waiting.len(), "pod")), until: progress.in_seconds(1) };
    }
    let proved = match started.as_slice() {
        [] => None,
        pods => Some(format!("{} could start again: {}", counted(pods.len(), "pod"), few(pods.iter()))),
    };
    if waiting.is_empty() {
        return Next::Done(match proved {
            Some(proved) => StepReport::new(Outcome::Proved, format!("{proved}.")),
            // It was entered before, and something waited then.
            None if progress.now > entered => StepReport::new(Outcome::Proved, "The pods that waited for a Secret have started."),
            None => StepReport::new(Outcome::Nothing, "No pod waits for a Secret."),
        });
    }
    let proved = proved.map_or_else(String::new, |proved| format!("{proved}; "));
    let summary = format!(
        "{proved}{} still cannot start: {}. The kubelet tries again within 5 minutes.",
        counted(waiting.len(), "pod"),
        few(waiting.iter().map(|(pod, _)| pod)),
    );
    Next::Done(StepReport { outcome: Outcome::Unproved, summary, left: waiting })
}

/// The pods that a target means: those that read a Secret of it, each with what keeps that Secret.
fn consumers<'a>(target: &Target, world: &'a Inventory) -> impl Iterator<Item = (ObjectRef, &'a Pod)> {
    let synced = external_secrets_of(target, world).into_iter().map(|es| (es.object_ref(), es.target_ref()));
    let kept = upkeeps_of(target, world).into_iter().map(|(one, of)| {
        let secret = of.secret_ref(&one);
        (one, secret)
    });
    synced.chain(kept).flat_map(|(keeper, secret)| {
        world.consumers_of(&secret.namespace, &secret.name).map(move |pod| (keeper.clone(), pod.as_ref()))
    })
}

/// Pods that wait for a Secret of this target, each once, with the kubelet's word for it.
fn waiting(target: &Target, world: &Inventory) -> Vec<(ObjectRef, String)> {
    let pods: BTreeMap<ObjectRef, String> = consumers(target, world)
        .filter(|(_, pod)| pod.wants_secret())
        .map(|(_, pod)| (pod.object_ref(), pod.why_it_waits()))
        .collect();
    pods.into_iter().collect()
}

/// Pods that were there before this run and began to run after it had a Secret of theirs refreshed.
fn started(target: &Target, world: &Inventory, progress: &Progress) -> Vec<ObjectRef> {
    let began = |pod: &Pod, since: Timestamp| {
        pod.started.is_some_and(|seen| seen < progress.started) && pod.running.is_some_and(|running| running >= since)
    };
    let refreshed = |keeper: &ObjectRef| {
        let steps = [external_secrets::STEP.id, vso::FAILED.id];
        steps.into_iter().find_map(|step| progress.last(step, keeper)).filter(|applied| applied.result.is_ok())
    };
    let pods: BTreeSet<ObjectRef> = consumers(target, world)
        .filter(|(keeper, pod)| refreshed(keeper).is_some_and(|applied| began(pod, applied.effective())))
        .map(|(_, pod)| pod.object_ref())
        .collect();
    pods.into_iter().collect()
}

fn items(target: &Target, world: &Inventory, progress: &Progress) -> Vec<Item> {
    let waits = waiting(target, world).into_iter().map(|(object, note)| Item { object, state: ItemState::Applied, note });
    let runs = started(target, world, progress).into_iter();
    waits.chain(runs.map(|object| Item { object, state: ItemState::Proved, note: "runs now".to_owned() })).collect()
}
