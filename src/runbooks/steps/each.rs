//! A step that does one write to each of some objects and waits until the world shows what came of it. A step says
//! what its tasks are; rights, agreement, pace, tries again, proof and report are the same for all, and here.

use std::collections::BTreeSet;

use super::{Again, again, counted, lacks};
use crate::model::{Fault, FaultKind, ObjectRef};
use crate::runbooks::{Item, ItemState, Next, Operation, Outcome, Preview, Progress, Right, StepReport};

/// A write, and where it stands.
pub(super) struct Task {
    /// The write.
    pub(super) operation: Operation,
    /// What the world shows of it.
    pub(super) effect: Effect,
    /// What the steps after it need: it is not begun without, since it would be left half done.
    pub(super) needs: Vec<Right>,
    /// What the steps after it would like: it is done without, and it is said before what will be left.
    pub(super) follows: Vec<Right>,
}

impl Task {
    /// A write after which no other step writes.
    pub(super) const fn new(operation: Operation, effect: Effect) -> Self {
        Self { operation, effect, needs: Vec::new(), follows: Vec::new() }
    }

    /// The same, with what a later step needs.
    pub(super) fn needing(self, needs: Vec<Right>) -> Self {
        Self { needs, ..self }
    }

    /// The same, with what a later step would like.
    pub(super) fn followed_by(self, follows: Vec<Right>) -> Self {
        Self { follows, ..self }
    }

    /// Every right without which it is not done.
    pub(super) fn rights(&self) -> impl Iterator<Item = Right> {
        self.operation.rights().into_iter().chain(self.needs.iter().cloned())
    }
}

/// What the world shows of a write that was done, or why it is not done.
pub(super) enum Effect {
    /// Nothing yet.
    None,
    /// Nothing yet, and it complains; what it says may pass.
    NotYet(String),
    /// It is there, in a few words.
    Proved(String),
    /// It can never be there: why.
    Failed(String),
    /// It is left out on purpose: why.
    LeftOut(String),
    /// It was not done, or half of it, and can be done again: no answer came, and the world shows that.
    Undone,
}

/// How a step does its tasks.
pub(super) struct Each {
    /// The step.
    pub(super) id: &'static str,
    /// What a task is about, in one word.
    pub(super) noun: &'static str,
    /// What came of one that is proved, such as `restarted`.
    pub(super) done: &'static str,
    /// What is waited for, such as `to be complete`.
    pub(super) awaited: &'static str,
    /// How long one may take, in seconds.
    pub(super) patience: i64,
    /// How many are in flight at a time.
    pub(super) at_once: usize,
    /// What is said where there is nothing to do.
    pub(super) nothing: &'static str,
}

enum Standing {
    Queued,
    Waiting,
    Proved(String),
    Failed(String),
    LeftOut(String),
    /// A right for it is missing.
    Blocked(String),
}

/// What cannot be made a task of: the object, and why.
pub(super) type Aside = Vec<(ObjectRef, String)>;

/// What every preview of tasks has: the commands, and the objects that are agreed to.
pub(super) fn preview(open: &[&Task]) -> Preview {
    Preview {
        commands: open.iter().map(|task| task.operation.command()).collect(),
        objects: open.iter().map(|task| task.operation.object().clone()).collect(),
        ..Preview::default()
    }
}

impl Each {
    /// What is next where some of what is meant is no task: nothing is said to be done of which that is all.
    pub(super) fn next_beside(
        &self,
        aside: Aside,
        tasks: &[Task],
        progress: &Progress,
        preview: impl FnOnce(&[&Task]) -> Preview,
    ) -> Next {
        if tasks.is_empty() && !aside.is_empty() {
            let summary = match aside.as_slice() {
                [(_, why)] if progress.applied.is_empty() => format!("Nothing was done: {why}."),
                [(_, why)] => format!("Nothing more was done: {why}."),
                several => format!("{} cannot be helped by this, each for its own reason.", counted(several.len(), self.noun)),
            };
            return Next::Done(StepReport { outcome: Outcome::Failed, summary, left: aside });
        }
        match self.next(tasks, progress, preview) {
            Next::Done(mut report) => {
                report.left.extend(aside);
                Next::Done(report)
            }
            next => next,
        }
    }

    /// What is next. `preview` is asked for what will be done to the tasks that nobody agreed to yet.
    pub(super) fn next(&self, tasks: &[Task], progress: &Progress, preview: impl FnOnce(&[&Task]) -> Preview) -> Next {
        // Also what later steps need: whatever can refuse is asked before the first write.
        let rights: BTreeSet<Right> = tasks.iter().flat_map(|task| task.rights().chain(task.follows.iter().cloned())).collect();
        let unasked: Vec<Right> = rights.into_iter().filter(|right| !progress.rights.contains_key(right)).collect();
        if !unasked.is_empty() {
            return Next::Ask(unasked);
        }
        let (mut queue, mut open, mut waiting, mut proved) = (Vec::new(), Vec::new(), 0, 0);
        let (mut failed, mut blocked, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for task in tasks {
            let object = task.operation.object();
            match self.standing(task, progress) {
                Standing::Queued if progress.is_agreed(self.id, object) => queue.push(task.operation.clone()),
                Standing::Queued => open.push(task),
                Standing::Waiting => waiting += 1,
                Standing::Proved(_) => proved += 1,
                Standing::Failed(why) => failed.push((object.clone(), why)),
                Standing::Blocked(why) => blocked.push((object.clone(), why)),
                Standing::LeftOut(why) => left_out.push((object.clone(), why)),
            }
        }
        let room = self.at_once.saturating_sub(waiting);
        if !queue.is_empty() && room > 0 {
            queue.truncate(room);
            return Next::Apply(queue);
        }
        if waiting > 0 {
            let what = format!("{} {}", counted(waiting, self.noun), self.awaited);
            return Next::Wait { what, until: progress.in_seconds(1) };
        }
        if !open.is_empty() {
            let mut shown = preview(&open);
            shown.forecast.extend(left_undone(&open, progress));
            return Next::Confirm(shown);
        }
        let touched = proved + failed.len();
        let outcome = match (proved, failed.len(), blocked.len()) {
            (0, 0, 0) => Outcome::Nothing,
            (_, 0, 0) => Outcome::Proved,
            (0, 0, _) => Outcome::Refused,
            (0, _, _) => Outcome::Failed,
            _ => Outcome::Unproved,
        };
        let summary = match (touched, left_out.len() + blocked.len()) {
            (0, 0) => self.nothing.to_owned(),
            (0, n) => format!("{} left as it is{}.", counted(n, self.noun), the_one_reason(blocked.iter().chain(&left_out))),
            (_, 0) => format!("{proved} of {} {}.", counted(touched, self.noun), self.done),
            (_, n) => format!("{proved} of {} {}, {n} left as it is.", counted(touched, self.noun), self.done),
        };
        let left = failed.into_iter().chain(blocked).chain(left_out).collect();
        Next::Done(StepReport { outcome, summary, left })
    }

    /// How far it is, object by object.
    pub(super) fn items(&self, tasks: &[Task], progress: &Progress) -> Vec<Item> {
        let item = |task: &Task| {
            let (state, note) = match self.standing(task, progress) {
                Standing::Queued => (ItemState::Queued, String::new()),
                Standing::Waiting => match &task.effect {
                    Effect::NotYet(why) => (ItemState::Applied, format!("in flight; for now it says: {why}")),
                    _ => (ItemState::Applied, "in flight".to_owned()),
                },
                Standing::Proved(how) => (ItemState::Proved, how),
                Standing::Failed(why) | Standing::Blocked(why) => (ItemState::Failed, why),
                Standing::LeftOut(why) => (ItemState::LeftOut, why),
            };
            Item { object: task.operation.object().clone(), state, note }
        };
        tasks.iter().map(item).collect()
    }

    fn standing(&self, task: &Task, progress: &Progress) -> Standing {
        let object = task.operation.object();
        let Some(applied) = progress.last(self.id, object) else {
            if let Effect::LeftOut(why) = &task.effect {
                return Standing::LeftOut(why.clone());
            }
            let missing = task.rights().find(|right| lacks(progress, right));
            return missing.map_or(Standing::Queued, |right| Standing::Blocked(format!("you may not {right}")));
        };
        let in_time = progress.now.as_second() - applied.at.as_second() < self.patience;
        let unheard = progress.is_unheard(self.id, object);
        match (&applied.result, &task.effect) {
            (Ok(_), Effect::Proved(how)) => Standing::Proved(how.clone()),
            // No answer came to one of the tries: it may have been done. What may be done twice is tried again; of all else
            // the world tells.
            (Err(_), Effect::Proved(how)) if unheard => Standing::Proved(how.clone()),
            (Err(fault), Effect::Undone) => match again(progress, self.id, object, fault, applied.at) {
                Again::Later => Standing::Waiting,
                Again::Now => Standing::Queued,
                Again::Never => Standing::Failed(fault.to_string()),
            },
            (Err(fault), _) if fault.kind == FaultKind::Unknown && !task.operation.is_repeatable() => {
                if in_time {
                    Standing::Waiting
                } else {
                    Standing::Failed(not_heard(fault))
                }
            }
            (Ok(_), Effect::Failed(why)) => Standing::Failed(why.clone()),
            (Err(fault), _) => match again(progress, self.id, object, fault, applied.at) {
                Again::Later => Standing::Waiting,
                Again::Now => Standing::Queued,
                Again::Never if unheard => Standing::Failed(not_heard(fault)),
                // It could not be asked for before, or was taken away since.
                Again::Never if is_refusal(fault) => Standing::Blocked(format!("{fault} {}", needed(task))),
                Again::Never => Standing::Failed(fault.to_string()),
            },
            (Ok(_), _) if in_time => Standing::Waiting,
            (Ok(_), Effect::NotYet(why)) => Standing::Failed(format!("no effect within {} s: {why}", self.patience)),
            (Ok(_), _) => Standing::Failed(format!("done, but no effect was seen within {} s", self.patience)),
        }
    }
}

/// What a later step will not do, for want of a right.
fn left_undone(open: &[&Task], progress: &Progress) -> Vec<String> {
    let lacking: BTreeSet<&Right> = open.iter().flat_map(|task| &task.follows).filter(|right| lacks(progress, right)).collect();
    lacking.into_iter().map(|right| format!("You may not {right}: what a later step does with it will be left undone.")).collect()
}

/// Why nothing was done, where that is one reason for all: a report that has room for one sentence says it.
fn the_one_reason<'a>(mut left: impl Iterator<Item = &'a (ObjectRef, String)>) -> String {
    let Some((_, why)) = left.next() else { return String::new() };
    if left.all(|(_, other)| other == why) { format!(": {why}") } else { String::new() }
}

/// Whether a server refused it for who asks.
const fn is_refusal(fault: &Fault) -> bool {
    matches!(fault.kind, FaultKind::Forbidden | FaultKind::Unauthorized)
}

/// The rights of a write, of which one is missing.
fn needed(task: &Task) -> String {
    let rights: Vec<String> = task.operation.rights().iter().map(ToString::to_string).collect();
    format!("It takes: {}.", rights.join(", "))
}

/// Nobody knows whether it was done.
fn not_heard(fault: &Fault) -> String {
    format!("no answer came, and no effect was seen: {fault}")
}
