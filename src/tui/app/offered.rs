//! What each runbook would be run on from here, or why it would do nothing: for the list, the palette and what starts one.

use super::board::Pane;
use super::effect::Effect;
use super::model::{Model, Screen};
use crate::diagnosis::rule;
use crate::engine::target_of;
use crate::model::ObjectRef;
use crate::runbooks::{Outcome, RUNBOOKS, Runbook, Target, hold_self_heal, recover, restart_eso, unseal};

/// Causes that are tried for one that a runbook repairs.
const TRIED: usize = 8;

impl Model {
    /// What a runbook is ready for: what is marked or selected, else a cause that it repairs.
    ///
    /// # Errors
    /// A sentence that says why it would do nothing.
    pub fn target_for(&self, runbook: &Runbook) -> Result<Target, String> {
        if let Some(run) = self.snapshot.run.as_ref().filter(|_| self.run_is_on()) {
            return Err(format!("Not while “{}” goes on: o opens that.", run.runbook));
        }
        // Why what needs it cannot be helped says more than that something else does not need it.
        let mut worst: Option<(Outcome, String)> = None;
        for target in self.candidates(runbook) {
            match runbook.ready(&target, &self.snapshot.world, self.now) {
                Ok(()) => return Ok(target),
                Err(why) if worst.as_ref().is_none_or(|(outcome, _)| why.0 > *outcome) => worst = Some(why),
                Err(_) => {}
            }
        }
        let nothing = || "Nothing in view needs it, and nothing is selected on the board.".to_owned();
        Err(worst.map_or_else(nothing, |(_, why)| why))
    }

    /// What a runbook may be meant for, the likeliest first.
    fn candidates(&self, runbook: &Runbook) -> Vec<Target> {
        if runbook.name == restart_eso::RUNBOOK.name {
            return vec![restart_eso::target(&self.snapshot.world).unwrap_or(Target::Everything)];
        }
        if !self.board.marks.is_empty() {
            return vec![Target::Objects(self.board.marks.iter().cloned().collect())];
        }
        let remedy = self.remedy();
        let its_own = remedy.iter().filter(|(first, _)| *first == runbook.name).map(|(_, target)| target.clone());
        // Nobody pointed at an object: all that still fails is meant, not the one cause that stands first.
        let unpointed = runbook.name == recover::RUNBOOK.name && self.board.focus == Pane::Causes;
        let closed = its_own.clone().filter(|target| matches!(target, Target::Vault(_)));
        let unnamed = || recover::unnamed(&self.snapshot.diagnosis.causes, &self.snapshot.world);
        let selected = self.board.object(self).map(|object| target_of(&object));
        // Who points at a row that needs this means that row: it is not done to another one instead, and why not is said.
        let needs = |object: &ObjectRef| {
            let slugs = self.snapshot.diagnosis.about(object).map(|finding| finding.slug);
            slugs.filter_map(rule).any(|rule| rule.runbooks.contains(&runbook.name))
        };
        let is_meant = self.board.focus != Pane::Causes && self.board.object(self).as_ref().is_some_and(needs);
        let tried = if is_meant { 0 } else { TRIED };
        let causes = self.snapshot.diagnosis.causes.iter().filter(|cause| cause.runbooks.contains(&runbook.name)).take(tried);
        let held = (runbook.name == hold_self_heal::RUNBOOK.name).then_some(Target::Everything);
        let of_recover = (runbook.name == recover::RUNBOOK.name).then(unnamed).flatten();
        // Several Vaults that are closed are one run, whichever of them stands first.
        let opens = [recover::RUNBOOK.name, unseal::RUNBOOK.name].contains(&runbook.name);
        let several = (opens && self.board.focus == Pane::Causes)
            .then(|| recover::closed(&self.snapshot.diagnosis.causes, runbook.name))
            .flatten()
            .filter(|target| matches!(target, Target::Vaults(_)));
        let mut all: Vec<Target> = Vec::new();
        all.extend(several);
        all.extend(closed.filter(|_| unpointed));
        all.extend(unpointed.then(unnamed).flatten());
        all.extend(its_own);
        all.extend(selected);
        all.extend(remedy.map(|(_, target)| target));
        all.extend(causes.map(|cause| target_of(&cause.subject)));
        all.extend(of_recover.into_iter().chain(held));
        let mut once: Vec<Target> = Vec::new();
        for target in all {
            if !once.contains(&target) {
                once.push(target);
            }
        }
        once
    }

    /// Works out anew what the list says, if it is read: once for a picture in which something changed, not for each frame.
    pub(super) fn reoffer(&mut self) {
        // Also while something lies over it: it is come back to.
        let is_read = self.stack.iter().any(|screen| matches!(screen, Screen::Runbooks(_)));
        self.offered = if is_read { RUNBOOKS.iter().map(|runbook| self.target_for(runbook)).collect() } else { Vec::new() };
    }

    /// What a runbook of the list is ready for, by its number.
    #[must_use]
    pub fn ready(&self, number: usize) -> Option<&Target> {
        self.offered.get(number)?.as_ref().ok()
    }

    /// Begins a runbook by name, on what it can be run on.
    pub(super) fn start_named(&mut self, runbook: &'static Runbook) -> Vec<Effect> {
        match self.target_for(runbook) {
            Ok(target) => self.start(runbook.name, target),
            Err(_) if self.run_is_on() => {
                self.open_running();
                Vec::new()
            }
            Err(why) => {
                self.say(format!("“{}” would do nothing: {why}", runbook.name));
                Vec::new()
            }
        }
    }
}
