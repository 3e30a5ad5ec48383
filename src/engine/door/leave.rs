//! What was shown must be what is written to: an object that is another one by now, or has another spec, is not touched.
//! Then the agreement is withdrawn, and the step asks for a new one with what it finds now. Nothing is tried again blindly.

use std::time::Duration;

use super::Run;
use crate::model::kinds::Meta;
use crate::model::{ObjectRef, Uid};
use crate::ports::Seen;
use crate::runbooks::operation::Guard;
use crate::runbooks::{Operation, Preview, StepDef, VaultChange};

/// An object as it was when a person agreed to change it.
pub(super) struct Shown {
    uid: Uid,
    /// Counts changes of the spec. A status that moves meanwhile is no other object.
    generation: i64,
}

impl Shown {
    fn is_still(&self, now: &Meta, guard: Guard) -> bool {
        self.uid == now.uid && (guard != Guard::Spec || self.generation == now.generation)
    }
}

/// Whether a write may leave, as far as its object goes.
pub(super) enum Leave {
    /// It may, and this must still be so at the server.
    Granted(Option<Seen>),
    /// The object is not the one that was shown.
    Changed,
}

/// How often a server may say that an object is newer than what we saw, while what was shown of it still holds.
const REFUSALS: u32 = 3;
/// How long we wait to see what is newer.
const CATCHING_UP: Duration = Duration::from_secs(5);

/// Whether a write takes the place of something, so that a conflict means that this is another one by now. What makes a
/// new object meets a conflict where that is there already.
pub(super) fn replaces(operation: &Operation) -> bool {
    match operation {
        Operation::Kubernetes(write) => write.guard() != Guard::Nothing,
        Operation::Vault(write) => matches!(write.change, VaultChange::WriteValue { .. } | VaultChange::MoveValue { .. }),
    }
}

impl Run {
    /// Keeps how the objects of a step were in what was shown.
    pub(super) fn remember(&mut self, step: &StepDef, preview: &Preview) {
        for object in &preview.objects {
            if let Some(meta) = self.shown.meta_of(object) {
                let shown = Shown { uid: meta.uid.clone(), generation: meta.generation };
                self.agreed_on.insert((step.id, object.clone()), shown);
            }
            self.refused.remove(&(step.id, object.clone()));
        }
    }

    /// Whether a write may leave, and what must still be so.
    pub(super) fn leave(&self, step: &StepDef, operation: &Operation) -> Leave {
        let (guard, object) = (operation.guard(), operation.object());
        let Some(shown) = self.agreed_on.get(&(step.id, object.clone())).filter(|_| guard != Guard::Nothing) else {
            return Leave::Granted(None);
        };
        let world = self.door.worlds.borrow();
        let Some(now) = world.meta_of(object) else {
            // It is gone, or about to be made again: the server knows it by its uid, or does not.
            return Leave::Granted(Some(Seen { uid: shown.uid.clone(), version: None }));
        };
        if !shown.is_still(now, guard) {
            return Leave::Changed;
        }
        let version = (guard == Guard::Spec && now.resource_version > 0).then_some(now.resource_version);
        Leave::Granted(Some(Seen { uid: now.uid.clone(), version }))
    }

    /// The server refused a write, since its object is not what we saw. What is newer is waited for. If only its status
    /// moved, what was shown still holds, and the step sends it again with the new version.
    pub(super) async fn changed_meanwhile(&mut self, step: &StepDef, object: &ObjectRef) {
        let key = (step.id, object.clone());
        let refused = *self.refused.entry(key.clone()).and_modify(|count| *count += 1).or_insert(1);
        let version = |run: &Self| run.door.worlds.borrow().meta_of(object).map(|meta| (meta.uid.clone(), meta.resource_version));
        let before = version(self);
        let clock = self.door.ports.clock.clone();
        let late = clock.sleep(CATCHING_UP);
        tokio::pin!(late);
        while version(self) == before {
            tokio::select! {
                changed = self.door.worlds.changed() => if changed.is_err() { break },
                () = &mut late => break,
            }
        }
        // Perhaps it was this run that changed it, by the write that got no answer: the step looks first.
        if self.progress.is_unheard(step.id, object) && refused < REFUSALS {
            return;
        }
        let still = self
            .agreed_on
            .get(&key)
            .is_some_and(|shown| self.door.worlds.borrow().meta_of(object).is_some_and(|now| shown.is_still(now, Guard::Spec)));
        if !still || refused >= REFUSALS || version(self) == before {
            self.withdraw(step, object);
        }
    }

    /// Takes an agreement back, and says why.
    pub(super) fn withdraw(&mut self, step: &StepDef, object: &ObjectRef) {
        if let Some(agreed) = self.progress.agreed.get_mut(step.id) {
            agreed.remove(object);
        }
        self.withdrawn += 1;
        self.notice = Some(if self.progress.is_unheard(step.id, object) {
            format!("{object} was changed meanwhile, perhaps by the write that got no answer; look again.")
        } else {
            format!("{object} was changed meanwhile; look again. Nothing was written to it.")
        });
    }
}
