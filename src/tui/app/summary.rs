//! A run that is over, plainly: what was proved, what was not, what was not done and why, how long it took, what is left.

use std::collections::HashSet;

use super::document::{Document, Ink};
use super::rows::Tone;
use super::words::{counted, named};
use crate::engine::run::RunResult;
use crate::engine::{RunState, RunView, StepState};
use crate::model::{Age, Clock, Kind, ObjectRef};
use crate::runbooks::steps::pods;
use crate::runbooks::{Item, ItemState, Outcome};

/// The width of the labels.
const LABEL: usize = 11;
/// What is left that is named here; the steps name all of it.
const NAMED: usize = 3;

/// How one object of a step is to be taken, with the word for it. What was queued when the run ended was not done.
#[must_use]
pub const fn item(run: &RunView, state: ItemState) -> (Tone, &'static str) {
    match (state, run.is_over()) {
        (ItemState::Failed, _) => (Tone::Failing, "FAILED"),
        (ItemState::Applied, false) => (Tone::Active, "in flight"),
        (ItemState::Applied, true) => (Tone::Warning, "unproved"),
        (ItemState::Queued, false) => (Tone::Quiet, "queued"),
        (ItemState::Queued, true) => (Tone::Warning, "not done"),
        (ItemState::LeftOut, _) => (Tone::Unknown, "left out"),
        (ItemState::Proved, _) => (Tone::Healthy, "proved"),
        (ItemState::Well, _) => (Tone::Quiet, "well"),
    }
}

/// Why what was not done was not, in a few words; `None` while the run goes on.
#[must_use]
pub fn why_not_done(run: &RunView) -> Option<String> {
    let RunState::Over(result) = run.state else { return None };
    let ended = |wanted: Outcome| run.steps.iter().find(|step| step.state == StepState::Ended(wanted)).map(|step| step.id);
    Some(match result {
        RunResult::Cancelled => "you stopped the run before its turn".to_owned(),
        RunResult::Failed => ended(Outcome::Failed).map_or_else(
            || "the run failed before its turn".to_owned(),
            |step| format!("the run ended at “{step}”, which failed"),
        ),
        RunResult::Refused => ended(Outcome::Refused)
            .map_or_else(|| "it was refused".to_owned(), |step| format!("the run ended at “{step}”, which was refused")),
        RunResult::Proved | RunResult::Unproved | RunResult::Unknown => "the run ended before its turn".to_owned(),
    })
}

/// `3 replicas, 4 stores, 16 ExternalSecrets`; empty if there are none.
fn counts<'a>(items: impl Iterator<Item = &'a Item>) -> String {
    // In the order of the steps.
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for item in items {
        let noun = match item.object.kind {
            Kind::VaultReplica => "replica",
            Kind::SecretStore | Kind::ClusterSecretStore => "store",
            Kind::VaultPath if item.object.name.as_str().starts_with("auth/") => "auth setting",
            Kind::VaultPath => "path",
            Kind::Pod => "pod",
            kind => kind.as_str(),
        };
        match kinds.iter_mut().find(|(known, _)| *known == noun) {
            Some((_, count)) => *count += 1,
            None => kinds.push((noun, 1)),
        }
    }
    kinds.into_iter().map(|(noun, count)| counted(count, noun)).collect::<Vec<_>>().join(", ")
}

/// The summary of a run that is over.
#[must_use]
pub fn summary(run: &RunView) -> Document {
    let mut page = Document::default();
    let of = |wanted: &[ItemState]| counts(run.steps.iter().flat_map(|step| &step.items).filter(|i| wanted.contains(&i.state)));
    let proved = of(&[ItemState::Proved]);
    let steps = |outcome| run.steps.iter().filter(move |step| step.state == StepState::Ended(outcome)).count();
    if !proved.is_empty() {
        page.pair("proved", LABEL, Ink::Tone(Tone::Healthy), proved);
    } else if steps(Outcome::Proved) > 0 {
        page.pair("proved", LABEL, Ink::Tone(Tone::Healthy), counted(steps(Outcome::Proved), "step"));
    } else {
        page.pair("proved", LABEL, Ink::Plain, "nothing");
    }
    // Which pods could start again is what everybody asks first.
    let pods = run.steps.iter().find(|step| step.id == pods::STEP.id && step.state == StepState::Ended(Outcome::Proved));
    if let Some(report) = pods.and_then(|step| step.report.as_ref()) {
        page.pair("", LABEL, Ink::Plain, report.summary.clone());
    }
    let unproved = of(&[ItemState::Failed, ItemState::Applied]);
    if !unproved.is_empty() {
        page.pair("not proved", LABEL, Ink::Tone(Tone::Failing), unproved);
    }
    not_done(&mut page, run);
    if let Some(ended) = run.ended {
        let took = format!("{}, {} to {}", Age::between(run.started, ended), Clock(run.started), Clock(ended));
        page.pair("took", LABEL, Ink::Plain, took);
    }
    left(&mut page, run);
    page
}

fn not_done(page: &mut Document, run: &RunView) {
    let queued = counts(run.steps.iter().flat_map(|step| &step.items).filter(|item| item.state == ItemState::Queued));
    let steps: Vec<&str> = run.steps.iter().filter(|step| step.state == StepState::Next).map(|step| step.id).collect();
    let parts = [
        (!queued.is_empty()).then_some(queued),
        (!steps.is_empty()).then(|| format!("the step{} {}", if steps.len() == 1 { "" } else { "s" }, steps.join(", "))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if let Some(why) = why_not_done(run).filter(|_| !parts.is_empty()) {
        page.pair("not done", LABEL, Ink::Tone(Tone::Warning), format!("{}: {why}", parts.join("; ")));
    }
}

/// What needs a person still: what failed or was not seen, each with its reason; then what is left out on purpose.
fn left(page: &mut Document, run: &RunView) {
    let all: Vec<&Item> = run.steps.iter().flat_map(|step| &step.items).collect();
    let open: Vec<&(ObjectRef, String)> = run
        .steps
        .iter()
        .filter_map(|step| Some((step, step.report.as_ref()?)))
        .flat_map(|(step, report)| {
            let on_purpose: HashSet<&ObjectRef> =
                step.items.iter().filter(|item| item.state == ItemState::LeftOut).map(|item| &item.object).collect();
            report.left.iter().filter(move |(object, _)| !on_purpose.contains(object))
        })
        .collect();
    let aside = counts(all.iter().copied().filter(|item| item.state == ItemState::LeftOut));
    let unmet = run.steps.iter().filter(|step| matches!(step.state, StepState::Ended(outcome) if outcome >= Outcome::Unproved));
    let mut label = "left";
    for (object, why) in open.iter().take(NAMED) {
        page.pair(std::mem::take(&mut label), LABEL, Ink::Plain, format!("{}: {why}", named(object)));
    }
    if open.len() > NAMED {
        page.pair("", LABEL, Ink::Muted, format!("and {} more, in the steps (j k)", open.len() - NAMED));
    }
    // What a run that was stopped says of itself stands above already.
    if open.is_empty() && run.state != RunState::Over(RunResult::Cancelled) {
        for report in unmet.filter_map(|step| step.report.as_ref()) {
            page.pair(std::mem::take(&mut label), LABEL, Ink::Plain, report.summary.clone());
        }
    }
    if !aside.is_empty() {
        page.pair(std::mem::take(&mut label), LABEL, Ink::Muted, format!("{aside}, left out on purpose (see the step)"));
    }
    if !label.is_empty() {
        let nothing = !all.iter().any(|item| item.state == ItemState::Queued);
        let done = run.steps.iter().all(|step| step.state != StepState::Next);
        page.pair(
            "left",
            LABEL,
            Ink::Plain,
            if nothing && done { "nothing" } else { "what was not done; begin it again for that" },
        );
    }
}
