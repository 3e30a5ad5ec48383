//! What a run shows of itself, stage by stage, and how it ended.

use std::sync::Arc;

use jiff::Timestamp;

use super::Run;
use crate::engine::run::{RunResult, RunState, RunView, StepState, StepView};
use crate::model::Inventory;
use crate::runbooks::{Applied, ItemState, Outcome, Runbook, StepDef, StepReport, Target};

/// What a run looks like before it began.
pub(in crate::engine) fn first_view(runbook: &'static Runbook, target: &Target, now: Timestamp) -> RunView {
    let step = |def: &StepDef| StepView {
        id: def.id,
        explanation: def.explanation,
        state: StepState::Next,
        started: None,
        ended: None,
        report: None,
        items: Vec::new(),
        commits: Vec::new(),
    };
    RunView {
        runbook: runbook.name,
        title: runbook.title,
        target: target.describe(),
        started: now,
        ended: None,
        state: RunState::Running { waiting: None },
        steps: runbook.steps.iter().map(step).collect(),
        applied: Vec::new(),
        notice: None,
        answers: 0,
        taken_up: None,
        withdrawn: 0,
    }
}

impl Run {
    /// Notes how far a step came that is stopped in the middle.
    pub(super) fn cut_short(&mut self, step: &StepDef, world: &Inventory) {
        let items = (step.items)(&self.door.target, world, &self.progress);
        let count = |state| items.iter().filter(|item| item.state == state).count();
        let total = items.len() - count(ItemState::LeftOut) - count(ItemState::Well);
        let summary =
            format!("Stopped: {} of {total} proved, {} not touched.", count(ItemState::Proved), count(ItemState::Queued));
        self.ended.insert(step.id, self.progress.now);
        self.progress.done.insert(step.id, StepReport::new(Outcome::Unproved, summary));
    }

    /// How the run ended.
    pub(super) fn result(&self, world: &Inventory) -> RunResult {
        let worst = self.progress.done.values().map(|report| report.outcome).max().unwrap_or(Outcome::Nothing);
        match worst {
            // That a right is missing is to say that nothing was written. A policy may let an unseal through, and nothing else.
            Outcome::Refused if self.has_written() && !self.door.writes.borrow().leaves_to_git() => RunResult::Unproved,
            Outcome::Refused => RunResult::Refused,
            _ if self.is_left_to_git() => RunResult::Refused,
            Outcome::Failed | Outcome::Unproved if self.is_unknown(world) => RunResult::Unknown,
            Outcome::Failed => RunResult::Failed,
            Outcome::Unproved => RunResult::Unproved,
            Outcome::Proved | Outcome::Nothing => RunResult::Proved,
        }
    }

    /// Whether something was written, or may have been.
    fn has_written(&self) -> bool {
        self.progress.applied.iter().any(|applied| applied.result.is_ok() || applied.is_unanswered())
    }

    /// Whether a write got no answer, and the world does not show either what came of it.
    fn is_unknown(&self, world: &Inventory) -> bool {
        let open = |step: &StepDef| {
            let items = (step.items)(&self.door.target, world, &self.progress);
            let object_of = |applied: &Applied| applied.operation.object().clone();
            self.progress.of_step(step.id).filter(|applied| applied.is_unanswered()).map(object_of).any(|object| {
                // A step that does not tell its objects apart is not over well as long as one of them is not heard of.
                items.iter().find(|item| item.object == object).is_none_or(|item| item.state == ItemState::Failed)
            })
        };
        let unwell = |step: &&StepDef| self.progress.done.get(step.id).is_some_and(|report| report.outcome >= Outcome::Unproved);
        self.door.runbook.steps.iter().filter(unwell).any(open)
    }

    /// Shows where the run stands.
    pub(super) fn publish(&self, world: &Inventory, state: RunState) {
        let over = matches!(state, RunState::Over(_));
        let steps = self.door.runbook.steps.iter().map(|def| self.step_view(def, world, over)).collect();
        self.door.view.send_replace(Arc::new(RunView {
            state,
            steps,
            ended: over.then(|| self.door.ports.clock.now()),
            applied: self.progress.applied.clone(),
            notice: self.notice.clone(),
            answers: self.answers,
            taken_up: self.taken_up.clone(),
            withdrawn: self.withdrawn,
            ..first_view(self.door.runbook, &self.door.target, self.progress.started)
        }));
    }

    fn step_view(&self, def: &StepDef, world: &Inventory, over: bool) -> StepView {
        let report = self.progress.done.get(def.id).cloned();
        let started = self.progress.entered.get(def.id).copied();
        let state = match (&report, started) {
            (Some(report), _) => StepState::Ended(report.outcome),
            (None, Some(_)) if !over => StepState::Runs,
            (None, _) => StepState::Next,
        };
        let commits = if over { (def.git)(&self.door.target, world, &self.progress) } else { Vec::new() };
        let items = if started.is_some() { (def.items)(&self.door.target, world, &self.progress) } else { Vec::new() };
        StepView {
            id: def.id,
            explanation: def.explanation,
            state,
            started,
            ended: self.ended.get(def.id).copied(),
            report,
            items,
            commits,
        }
    }
}
