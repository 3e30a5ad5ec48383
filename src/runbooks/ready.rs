//! Whether a runbook would find anything to do on a target: its own steps are asked, as they would be in a run.

use jiff::Timestamp;

use super::steps::check;
use super::{ItemState, Next, Outcome, Progress, Runbook, StepDef, Target};
use crate::model::Inventory;

impl Runbook {
    /// Whether there is anything to do on this target, as the world is now.
    ///
    /// # Errors
    /// A sentence that says why not, and how a run would end.
    pub fn ready(&self, target: &Target, world: &Inventory, now: Timestamp) -> Result<(), (Outcome, String)> {
        let progress = Progress::new(now);
        let own = self.steps.iter().filter(|step| step.id != check::STEP.id);
        // What begins with a check does what it finds, and a move that was stopped half-way goes on with its next step; of all
        // others the first step is the repair, and the rest follow it.
        let checks =
            self.steps.first().is_some_and(|step| step.id == check::STEP.id) || self.name == super::move_to_vault::RUNBOOK.name;
        let mut why: Option<Idle> = None;
        for step in own.take(if checks { usize::MAX } else { 1 }) {
            match idle(step, target, world, &progress) {
                None => return Ok(()),
                Some(more) if why.as_ref().is_none_or(|known| more.weight() > known.weight()) => why = Some(more),
                Some(_) => {}
            }
        }
        Err(why.map_or_else(|| (Outcome::Nothing, "It has no step.".to_owned()), |why| (why.outcome, why.why)))
    }
}

/// A step that would do nothing.
struct Idle {
    outcome: Outcome,
    why: String,
    /// Whether an object that is meant is left out for a reason of its own: that says more than that others are well.
    is_of_one: bool,
}

impl Idle {
    const fn nothing(why: String) -> Self {
        Self { outcome: Outcome::Nothing, why, is_of_one: false }
    }

    const fn weight(&self) -> (Outcome, bool) {
        (self.outcome, self.is_of_one)
    }
}

/// Why a step would do nothing, if it would not.
fn idle(step: &StepDef, target: &Target, world: &Inventory, progress: &Progress) -> Option<Idle> {
    match (step.next)(target, world, progress) {
        Next::Done(report) => {
            let reason = report.left.first().filter(|_| report.left.len() == 1).map(|(object, why)| format!("{object}: {why}."));
            let is_of_one = reason.is_some();
            Some(Idle { outcome: report.outcome, why: reason.unwrap_or(report.summary), is_of_one })
        }
        // It asks for rights of what it may leave out all the same.
        Next::Ask(_) => {
            let items = (step.items)(target, world, progress);
            let open = |state| matches!(state, ItemState::Queued | ItemState::Applied);
            let first = items.first().filter(|_| !items.iter().any(|item| open(item.state)))?;
            Some(Idle::nothing(format!("{}: {}.", first.object, first.note)))
        }
        Next::Wait { what, .. } => Some(Idle::nothing(format!("Nothing to do as far as is known: it would wait for {what}."))),
        Next::Confirm(_) | Next::Apply(_) => None,
    }
}
