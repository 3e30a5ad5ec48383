//! Under the policy `gitops` nothing is written: what to commit is shown in its place.

use super::Run;
use crate::model::Inventory;
use crate::runbooks::steps::unseal;
use crate::runbooks::{Confirm, Outcome, StepDef, StepReport};

impl Run {
    /// Whether the policy leaves this write to Git.
    pub(super) fn belongs_to_git(&self, confirm: &Confirm) -> bool {
        let writes = self.door.writes.borrow();
        let sharing = matches!(confirm, Confirm::Share { .. });
        *confirm != Confirm::Start && writes.leaves_to_git() && writes.allow(sharing, self.progress.now).is_err()
    }

    /// Ends at a step that is not done under this policy: what to commit in its place is shown.
    pub(super) fn leave_to_git(&mut self, step: &StepDef, world: &Inventory) {
        let shown = !(step.git)(&self.door.target, world, &self.progress).is_empty();
        let summary = if step.id == unseal::STEP.id {
            "Not done: the policy of this context is “gitops”, and an unseal is no change in Git. `unseal = true` in its [[context]] allows it."
        } else if shown {
            "Not written: the policy of this context is “gitops”. Commit the change below; what deploys it does the rest."
        } else {
            "Not done: the policy of this context is “gitops”, and this step changes nothing that stands in Git."
        };
        self.ended.insert(step.id, self.progress.now);
        self.progress.done.insert(step.id, StepReport::new(Outcome::Refused, summary));
    }

    /// Whether nothing was written because all of it is to be committed.
    pub(super) fn is_left_to_git(&self) -> bool {
        let world = self.door.worlds.borrow();
        let commits = |step: &StepDef| !(step.git)(&self.door.target, &world, &self.progress).is_empty();
        self.door.writes.borrow().leaves_to_git()
            && self.progress.applied.is_empty()
            && self.door.runbook.steps.iter().any(commits)
    }
}
