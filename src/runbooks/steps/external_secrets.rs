//! Every ExternalSecret that failed is refreshed, as many at a time as the controller works on. The proof
//! is a `refreshTime` newer than the annotation and a `syncedResourceVersion` that equals our own hash of
//! the object as it is now.
//!
//! Left out: what generates (a refresh rotates its password, external-secrets#5782), and children of a
//! ClusterExternalSecret, whose controller reverts annotations (measured on 0.16.2 and 2.9.0).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::forecast;
use super::stores::settles;
use super::{Again, again, closed_server, counted, external_secrets_of, had_just_opened, idle, lacks, overtaken, without_closed};
use crate::model::kinds::external_secret::FORCE_SYNC;
use crate::model::kinds::{Event, ExternalSecret, Watched};
use crate::model::{Health, Inventory, ObjectRef};
use crate::runbooks::{
    Confirm, Item, ItemState, Next, Operation, Outcome, Preview, Progress, Right, StepDef, StepReport, Target,
};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "external-secrets",
    explanation: "Annotates each ExternalSecret that failed, so that it is synced now; waits until each is, and proves it.",
    git: StepDef::NOT_IN_GIT,
    next: |target, world, progress| next(Which::Failed, target, world, progress),
    items: |target, world, progress| items(Which::Failed, target, world, progress),
};

/// Those that failed, and those that are named themselves whether they fail or not: Vault may have a newer value for them.
pub const MEANT: StepDef = StepDef {
    explanation: "Annotates each ExternalSecret that failed or is named itself, so that it is synced now; waits until each is, and proves it.",
    next: |target, world, progress| next(Which::Meant, target, world, progress),
    items: |target, world, progress| items(Which::Meant, target, world, progress),
    ..STEP
};

/// Which of a target's are refreshed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    Failed,
    Meant,
}

/// How long one may take once it is annotated, in seconds.
const PATIENCE: i64 = 120;
/// How often one is annotated in all, when what it failed for may pass by itself.
const TRIES: usize = 4;
/// How long a failure is left alone before the next try, in seconds, for each try so far.
const PAUSE: i64 = 5;

fn next(which: Which, target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let target = &*without_closed(target, world);
    if let Some(why) = closed_server(target, world) {
        return Next::Done(StepReport::new(Outcome::Failed, why));
    }
    let concerned = concerned(which, target, world, progress);
    if concerned.is_empty() {
        return Next::Done(StepReport::new(Outcome::Nothing, "No ExternalSecret fails."));
    }
    let mut tally = Tally::default();
    for es in concerned {
        match standing(es, world, progress) {
            Standing::LeftOut(why) => tally.left_out.push((es.object_ref(), why)),
            Standing::Blocked(why) => tally.blocked.push((es.object_ref(), why)),
            Standing::Failed(why) => tally.failed.push((es.object_ref(), why)),
            Standing::Queued if progress.is_agreed(STEP.id, &es.object_ref()) => tally.queued.push(es),
            Standing::Queued => tally.unasked.push(es),
            Standing::Waiting => tally.waiting += 1,
            Standing::Proved => tally.proved += 1,
        }
    }
    tally.next(world, progress)
}

/// What fails, what was annotated here because it failed, and what is named where that is enough.
fn concerned<'a>(which: Which, target: &Target, world: &'a Inventory, progress: &Progress) -> Vec<&'a ExternalSecret> {
    let is_named = |es: &ExternalSecret| {
        which == Which::Meant && matches!(target, Target::Objects(objects) if objects.contains(&es.object_ref()))
    };
    external_secrets_of(target, world)
        .into_iter()
        .filter(|es| es.health() == Health::Failing || is_named(es) || progress.last(STEP.id, &es.object_ref()).is_some())
        .collect()
}

#[derive(Default)]
struct Tally<'a> {
    /// Agreed to, and not annotated yet.
    queued: Vec<&'a ExternalSecret>,
    /// Not agreed to yet.
    unasked: Vec<&'a ExternalSecret>,
    waiting: usize,
    proved: usize,
    failed: Vec<(ObjectRef, String)>,
    /// On purpose.
    left_out: Vec<(ObjectRef, String)>,
    /// Because it cannot be done.
    blocked: Vec<(ObjectRef, String)>,
}

impl Tally<'_> {
    fn next(self, world: &Inventory, progress: &Progress) -> Next {
        let total = self.queued.len() + self.waiting + self.proved + self.failed.len();
        // One more than it works on, so that it never idles; not more, so that a person can still stop.
        let concurrent = world.controller.as_ref().map_or(1, |controller| controller.concurrent as usize);
        let room = (concurrent + 1).saturating_sub(self.waiting);
        if !self.queued.is_empty() && room > 0 {
            return Next::Apply(self.queued.iter().take(room).map(|es| annotate(es, progress)).collect());
        }
        if self.waiting > 0 {
            let what = format!("{} of {total} proved, {} in flight", self.proved, self.waiting);
            return Next::Wait { what, until: progress.in_seconds(1) };
        }
        // What began to fail since the person agreed is asked about on its own.
        if !self.unasked.is_empty() {
            return Next::Confirm(self.preview(world, progress));
        }
        let mut summary = format!("{} of {} synced and proved", self.proved, counted(total, "ExternalSecret"));
        if !self.failed.is_empty() {
            let _ = write!(summary, ", {} failed, each for its own reason", self.failed.len());
        }
        if !self.left_out.is_empty() {
            let _ = write!(summary, ", {} left out", self.left_out.len());
        }
        if !self.blocked.is_empty() {
            let _ = write!(summary, ", {} could not be touched", self.blocked.len());
        }
        summary.push_str(&overtaken(world, progress, STEP.id));
        let outcome = match (self.proved, self.failed.len() + self.blocked.len()) {
            (0, 0) => Outcome::Nothing,
            (_, 0) => Outcome::Proved,
            _ => Outcome::Unproved,
        };
        let left = self.failed.into_iter().chain(self.blocked).chain(self.left_out).collect();
        Next::Done(StepReport { outcome, summary: format!("{summary}."), left })
    }

    fn preview(&self, world: &Inventory, progress: &Progress) -> Preview {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, why) in self.left_out.iter().chain(&self.blocked) {
            *reasons.entry(why).or_default() += 1;
        }
        let mut will_not: Vec<String> =
            reasons.iter().map(|(why, n)| format!("{} left out: {why}.", counted(*n, "ExternalSecret"))).collect();
        let all_failed = self.unasked.iter().all(|es| es.health() == Health::Failing);
        if all_failed {
            will_not.push("Those that are synced are not touched.".to_owned());
        }
        Preview {
            exact: false,
            will: vec![format!(
                "Annotate {}{}, and prove that each is synced.",
                counted(self.unasked.len(), "ExternalSecret"),
                if all_failed { " that failed" } else { "" }
            )],
            will_not,
            forecast: forecast::of_sync(world, self.unasked.iter().copied()),
            commands: self.unasked.iter().map(|es| annotate(es, progress).command()).collect(),
            objects: self.unasked.iter().map(|es| es.object_ref()).collect(),
            confirm: Confirm::Yes,
        }
    }
}

enum Standing {
    Queued,
    Waiting,
    Proved,
    Failed(String),
    /// On purpose.
    LeftOut(String),
    /// It cannot be done.
    Blocked(String),
}

fn standing(es: &ExternalSecret, world: &Inventory, progress: &Progress) -> Standing {
    let object = es.object_ref();
    let Some(applied) = progress.last(STEP.id, &object) else {
        return why_not(es, world, progress).unwrap_or(Standing::Queued);
    };
    if let Err(fault) = &applied.result {
        return match again(progress, STEP.id, &object, fault, applied.at) {
            Again::Later => Standing::Waiting,
            Again::Now => Standing::Queued,
            Again::Never => Standing::Failed(fault.to_string()),
        };
    }
    let since = applied.effective();
    if es.health() == Health::Healthy && es.synced_current && es.refreshed.is_some_and(|at| at >= since) {
        return Standing::Proved;
    }
    let events = world.events_of(&object);
    let said = events.iter().rev().find(|event| event.warning && event.last.is_some_and(|at| at > since));
    if let Some(event) = said.filter(|_| es.health() == Health::Failing) {
        let tries = progress.of_step(STEP.id).filter(|a| a.operation.object() == &object).count();
        let left_alone = progress.now.as_second() - event.last.unwrap_or(since).as_second();
        return match i64::try_from(tries) {
            Ok(tries_so_far) if tries < TRIES && may_pass(es, event, world) => {
                if left_alone < PAUSE * tries_so_far {
                    Standing::Waiting
                } else {
                    Standing::Queued
                }
            }
            _ => Standing::Failed(event.message.to_string()),
        };
    }
    if progress.now.as_second() - applied.at.as_second() < PATIENCE {
        Standing::Waiting
    } else {
        Standing::Failed(format!("annotated, but not synced within {PATIENCE} s{}", idle(world)))
    }
}

/// Whether the same may go well a moment later: its store was not Ready yet when its turn came, or its Vault
/// opened so short a time ago that its answers are not to be believed yet.
fn may_pass(es: &ExternalSecret, event: &Event, world: &Inventory) -> bool {
    let raced =
        ["is not ready", "Vault is sealed", "namespace is sealed"].iter().any(|text| event.message.as_str().contains(text));
    let server = es.store_ref().and_then(|store| world.vault_of(world.store(&store)?));
    raced || server.zip(event.last).is_some_and(|(server, failed)| had_just_opened(server, failed))
}

/// Why one is not refreshed, if it is not.
fn why_not(es: &ExternalSecret, world: &Inventory, progress: &Progress) -> Option<Standing> {
    let right = Right::annotate(&es.object_ref());
    if es.rotates() {
        return Some(Standing::LeftOut("a refresh makes a new password".to_owned()));
    }
    if let Some(parent) = es.parent() {
        return Some(Standing::LeftOut(format!("its ClusterExternalSecret {parent} reverts annotations")));
    }
    if es.health() == Health::Healthy && !es.refresh_has_effect() {
        return Some(Standing::LeftOut("it is read only once: it follows when its Secret is deleted and made again".to_owned()));
    }
    if lacks(progress, &right) {
        return Some(Standing::Blocked(format!("you may not {right}")));
    }
    let store = es.store_ref()?;
    match world.store(&store) {
        Some(standing) if standing.health() == Health::Healthy => None,
        // A standby that is behind may refuse it once more after it was proved.
        Some(_) if settles(progress, progress.now) => Some(Standing::Waiting),
        Some(_) => Some(Standing::Blocked(format!("its store {} is not ready", store.name))),
        None => Some(Standing::Blocked(format!("its store {} does not exist", store.name))),
    }
}

fn items(which: Which, target: &Target, world: &Inventory, progress: &Progress) -> Vec<Item> {
    let target = &*without_closed(target, world);
    let item = |es: &ExternalSecret| {
        let (state, note) = match standing(es, world, progress) {
            Standing::Queued => (ItemState::Queued, String::new()),
            Standing::Waiting => (ItemState::Applied, "annotated".to_owned()),
            Standing::Proved => (ItemState::Proved, "synced".to_owned()),
            Standing::Failed(why) | Standing::Blocked(why) => (ItemState::Failed, why),
            Standing::LeftOut(why) => (ItemState::LeftOut, why),
        };
        Item { object: es.object_ref(), state, note }
    };
    concerned(which, target, world, progress).into_iter().map(item).collect()
}

fn annotate(es: &ExternalSecret, progress: &Progress) -> Operation {
    // The value that stands there already would change nothing, and nothing would be synced: that is so
    // for a second try, and for two people in one second.
    let stamp = progress.stamp(STEP.id);
    let value = if es.force_sync.as_str() == stamp.to_string() { progress.now.as_second().max(stamp + 1) } else { stamp };
    Operation::annotate(es.object_ref(), FORCE_SYNC, value.to_string())
}
