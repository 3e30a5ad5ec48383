//! What a run writes into the journal, and what it takes over from there of a run that was interrupted.

use super::{Door, Run};
use crate::engine::past::{self, Past};
use crate::engine::run::RunResult;
use crate::model::{Fault, Inventory, ObjectRef};
use crate::ports::{JournalEntry, RunLine};
use crate::runbooks::{ItemState, Operation, Receipt, StepDef};

impl Door {
    /// The interrupted run that this one takes up.
    pub(super) fn past(&self) -> Option<Past> {
        let history = self.ports.journal.history();
        past::taken_up(&history, self.runbook, Some(&self.target), self.resume, self.ports.clock.now())
    }
}

impl Run {
    /// Takes over what a run before this one did. What the world shows of it is looked at anew; what failed and may be
    /// done twice is done again.
    pub(super) fn take_up(&mut self, past: Past, world: &Inventory) {
        self.taken_up = Some(past.describe());
        self.began = past.began;
        self.progress.applied = past.applied;
        // The shares of that run are wiped; their numbers are not used again.
        let shares = self.progress.applied.iter().filter_map(|applied| match &applied.operation {
            Operation::Vault(write) => write.share().map(|share| share + 1),
            Operation::Kubernetes(_) => None,
        });
        self.progress.shares_given = shares.max().unwrap_or(0);
        for step in self.door.runbook.steps {
            let items = (step.items)(&self.door.target, world, &self.progress);
            for item in items.iter().filter(|item| item.state == ItemState::Failed) {
                past::forget(&mut self.progress.applied, step.id, &item.object);
            }
        }
    }

    /// Announces a write.
    pub(super) fn intend(&self, step: &StepDef, operation: &Operation) -> Result<(), Fault> {
        let run = RunLine { operation: Some(operation.clone()), ..self.line() };
        self.write_down("intent", self.named(step), operation.object().to_string(), operation.command(), String::new(), Some(run))
    }

    /// Says what came of it.
    pub(super) fn came(
        &self,
        step: &StepDef,
        operation: &Operation,
        result: &Result<Receipt, Fault>,
        note: String,
    ) -> Result<(), Fault> {
        let run = RunLine { operation: Some(operation.clone()), answer: Some(result.clone()), ..self.line() };
        self.write_down("result", self.named(step), operation.object().to_string(), operation.command(), note, Some(run))
    }

    /// Says that a run that wrote something is over.
    pub(super) fn end(&self, result: RunResult) {
        if self.progress.applied.is_empty() {
            return;
        }
        let (step, target) = (self.door.runbook.name.to_owned(), self.door.target.describe());
        // Without this line the run is taken up once more, which does nothing twice.
        let _ = self.write_down("end", step, target, String::new(), result.as_str().to_owned(), Some(self.line()));
    }

    /// A line that is no write of an operation.
    pub(super) fn journal(
        &self,
        what: &'static str,
        step: &StepDef,
        object: &ObjectRef,
        command: &str,
        note: String,
    ) -> Result<(), Fault> {
        self.write_down(what, self.named(step), object.to_string(), command.to_owned(), note, None)
    }

    fn named(&self, step: &StepDef) -> String {
        format!("{}/{}", self.door.runbook.name, step.id)
    }

    fn line(&self) -> RunLine {
        let target = self.door.target.clone();
        RunLine { began: self.began, process: std::process::id(), target, operation: None, answer: None }
    }

    fn write_down(
        &self,
        what: &'static str,
        step: String,
        object: String,
        command: String,
        note: String,
        run: Option<RunLine>,
    ) -> Result<(), Fault> {
        let (user, context) = (self.door.identity.user.clone(), self.door.identity.context.clone());
        let at = self.door.ports.clock.now();
        self.door.ports.journal.append(&JournalEntry { at, what, user, context, step, object, command, note, run })
    }
}
