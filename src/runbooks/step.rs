//! What a runbook is made of: steps, what a step may say is next, and the record of what was done, from
//! which every step works out where it stands. Nothing else is remembered, so a run can be resumed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::Timestamp;

use super::{Commit, Operation, Right, Target};
use crate::model::{Fault, FaultKind, Inventory, ObjectRef, Seal};

/// A guided repair.
pub struct Runbook {
    /// Stable name; what `sealwatch runbook run` takes.
    pub name: &'static str,
    /// What a screen calls it.
    pub title: &'static str,
    /// What it does, and what it does not, in a paragraph.
    pub summary: &'static str,
    /// The rules whose findings it repairs.
    pub fixes: &'static [&'static str],
    /// Its steps, in order.
    pub steps: &'static [StepDef],
}

/// One step of a runbook.
#[derive(Clone, Copy)]
pub struct StepDef {
    /// Stable name.
    pub id: &'static str,
    /// What it does and why, in a sentence or two.
    pub explanation: &'static str,
    /// What is to be committed to Git, so that what it does stands there: in place of doing it, or beside it.
    pub git: InGit,
    /// What is next in it.
    pub next: fn(&Target, &Inventory, &Progress) -> Next,
    /// How far it is, object by object.
    pub items: fn(&Target, &Inventory, &Progress) -> Vec<Item>,
}

/// How a step tells what is to be committed to Git.
pub type InGit = fn(&Target, &Inventory, &Progress) -> Vec<Commit>;

impl StepDef {
    /// Of a step that changes nothing that stands in Git.
    pub const NOT_IN_GIT: InGit = |_, _, _| Vec::new();
}

impl Runbook {
    /// The step that is not done yet, and what is next in it; `None` when all are done, or one has failed
    /// in a way that stops the rest.
    #[must_use]
    pub fn next(&self, target: &Target, world: &Inventory, progress: &Progress) -> Option<(&'static StepDef, Next)> {
        if progress.done.values().any(|report| report.outcome >= Outcome::Failed) {
            return None;
        }
        let step = self.steps.iter().find(|step| !progress.done.contains_key(step.id))?;
        Some((step, (step.next)(target, world, progress)))
    }
}

/// What a step says is next.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// These rights must be asked for before anything else.
    Ask(Vec<Right>),
    /// The person must see this and agree.
    Confirm(Preview),
    /// These may be applied now, in this order.
    Apply(Vec<Operation>),
    /// Nothing is to be done until the world changes, or until this time.
    Wait {
        /// What is waited for, in words.
        what: String,
        /// When to ask again at the latest.
        until: Timestamp,
    },
    /// The step is over.
    Done(StepReport),
}

/// What is shown before a step writes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// What will be done, in sentences.
    pub will: Vec<String>,
    /// What will not be done, although one might expect it.
    pub will_not: Vec<String>,
    /// What is likely to follow.
    pub forecast: Vec<String>,
    /// The same by hand; the first of them stands for all.
    pub commands: Vec<String>,
    /// On which objects; agreeing to a step means agreeing to these and no others.
    pub objects: Vec<ObjectRef>,
    /// How the person agrees.
    pub confirm: Confirm,
    /// Whether an agreement holds only as long as it is exactly this that will be done.
    pub exact: bool,
}

impl Preview {
    /// Whether an agreement to `shown` is one to this too: the same is asked, on the same objects or on fewer,
    /// since some recovered by themselves while the person read.
    #[must_use]
    pub fn is_covered_by(&self, shown: &Self) -> bool {
        (!self.exact || self.will == shown.will) && self.confirm == shown.confirm && are_among(&self.objects, &shown.objects)
    }
}

/// Whether some objects are all among others; there may be thousands.
#[must_use]
pub fn are_among(some: &[ObjectRef], all: &[ObjectRef]) -> bool {
    let all: HashSet<&ObjectRef> = all.iter().collect();
    some.iter().all(|object| all.contains(object))
}

/// How the person agrees to a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Confirm {
    /// Enter starts it: it writes nothing.
    #[default]
    Start,
    /// `y`.
    Yes,
    /// The name typed in full.
    TypeName(String),
    /// What is to be written, typed unseen; for what, in words.
    Value(String),
    /// An unseal share, typed unseen; or the shares of this Secret, where the policy allows it.
    Share {
        /// Where the shares may also stand; nothing where no Secret is known to hold them.
        secret: Option<ObjectRef>,
    },
}

/// One object of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Which.
    pub object: ObjectRef,
    /// Where it stands.
    pub state: ItemState,
    /// A few words: `2/3`, a reason.
    pub note: String,
}

/// Where one object of a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemState {
    /// Its turn has not come.
    Queued,
    /// The write left; its effect is not seen yet.
    Applied,
    /// The effect was seen.
    Proved,
    /// It failed.
    Failed,
    /// It is left out on purpose.
    LeftOut,
    /// It was well, or became so by another's hand: this run did nothing to it, and claims nothing of it.
    Well,
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepReport {
    /// How.
    pub outcome: Outcome,
    /// One sentence, with counts.
    pub summary: String,
    /// Objects that need attention, each with the reason.
    pub left: Vec<(ObjectRef, String)>,
}

/// How a step, or a run, ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// The world shows the effect.
    Proved,
    /// There was nothing to do.
    Nothing,
    /// It was applied, and its effect could not be seen in time.
    Unproved,
    /// It could not be done; the rest of the runbook makes no sense.
    Failed,
    /// The rights for it are missing.
    Refused,
}

impl Outcome {
    /// The word for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Nothing => "nothing to do",
            Self::Unproved => "unproved",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

impl StepReport {
    /// A report without leftovers.
    #[must_use]
    pub fn new(outcome: Outcome, summary: impl Into<String>) -> Self {
        Self { outcome, summary: summary.into(), left: Vec::new() }
    }
}

/// What was done so far. Steps read it; only the door writes it.
#[derive(Clone, Debug)]
pub struct Progress {
    /// When the run began.
    pub started: Timestamp,
    /// The time at which a step is asked.
    pub now: Timestamp,
    /// The rights that were asked for; `None` where the question failed.
    pub rights: BTreeMap<Right, Option<bool>>,
    /// When each step became the current one.
    pub entered: BTreeMap<&'static str, Timestamp>,
    /// On which objects each step was agreed to.
    pub agreed: BTreeMap<&'static str, BTreeSet<ObjectRef>>,
    /// When each step was last agreed to.
    pub confirmed: BTreeMap<&'static str, Timestamp>,
    /// How many shares the door holds: the last ones given.
    pub shares_held: usize,
    /// How many shares were given in all.
    pub shares_given: usize,
    /// For which replicas the ones that are held were given; none, if that is not known.
    pub shares_for: Vec<ObjectRef>,
    /// When the last share was given.
    pub share_given_at: Option<Timestamp>,
    /// Everything that was applied, in order.
    pub applied: Vec<Applied>,
    /// The steps that are over.
    pub done: BTreeMap<&'static str, StepReport>,
}

/// One write that left, and what came back.
#[derive(Clone, Debug)]
pub struct Applied {
    /// In which step.
    pub step: &'static str,
    /// What.
    pub operation: Operation,
    /// When it left.
    pub at: Timestamp,
    /// What came back.
    pub result: Result<Receipt, Fault>,
}

/// What came back from a write.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Receipt {
    /// The server's time of the write, in whole seconds, where it tells.
    pub server_time: Option<Timestamp>,
    /// The object's version after it.
    pub resource_version: u64,
    /// The seal after it, for an unseal.
    pub seal: Option<Seal>,
}

impl Progress {
    /// A run that begins now.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self {
            started: now,
            now,
            rights: BTreeMap::new(),
            entered: BTreeMap::new(),
            agreed: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            shares_held: 0,
            shares_given: 0,
            shares_for: Vec::new(),
            share_given_at: None,
            applied: Vec::new(),
            done: BTreeMap::new(),
        }
    }

    /// The last write of a step on an object.
    #[must_use]
    pub fn last(&self, step: &str, object: &ObjectRef) -> Option<&Applied> {
        self.applied.iter().rev().find(|applied| applied.step == step && applied.operation.object() == object)
    }

    /// The time from which an effect of a step on an object counts: that of the first write that may have been done, since of
    /// what it has done the tries after it do nothing more.
    #[must_use]
    pub fn counts_from(&self, step: &str, object: &ObjectRef) -> Option<Timestamp> {
        let mine = || self.of_step(step).filter(|applied| applied.operation.object() == object);
        let first = mine().find(|applied| applied.is_unanswered());
        first.or_else(|| mine().next_back()).map(Applied::effective)
    }

    /// Whether the answer to a write of a step on an object was lost: it may have been done, whatever came of the tries
    /// after it.
    #[must_use]
    pub fn is_unheard(&self, step: &str, object: &ObjectRef) -> bool {
        self.of_step(step).any(|applied| applied.operation.object() == object && applied.is_unanswered())
    }

    /// Whether the person agreed to this step on this object.
    #[must_use]
    pub fn is_agreed(&self, step: &str, object: &ObjectRef) -> bool {
        self.agreed.get(step).is_some_and(|agreed| agreed.contains(object))
    }

    /// The writes of a step.
    pub fn of_step<'a>(&'a self, step: &'a str) -> impl DoubleEndedIterator<Item = &'a Applied> {
        self.applied.iter().filter(move |applied| applied.step == step)
    }

    /// When a step became the current one; now, if it is about to.
    #[must_use]
    pub fn entered_at(&self, step: &str) -> Timestamp {
        self.entered.get(step).copied().unwrap_or(self.now)
    }

    /// The value that a step writes into an annotation: the second at which it began, so that what is shown
    /// before is what is written after.
    #[must_use]
    pub fn stamp(&self, step: &str) -> i64 {
        self.entered_at(step).as_second()
    }

    /// The numbers of the shares that the door holds. Numbers are never used again, so that a share given
    /// after the others were wiped is not taken for one of them.
    pub fn held_shares(&self) -> std::ops::Range<usize> {
        self.shares_given - self.shares_held..self.shares_given
    }

    /// This many seconds from now.
    #[must_use]
    pub fn in_seconds(&self, seconds: i64) -> Timestamp {
        self.now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(self.now)
    }
}

impl Applied {
    /// Whether nobody knows what came of it: its answer was lost.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.result.as_ref().is_err_and(|fault| fault.kind == FaultKind::Unknown)
    }

    /// The time from which an effect counts: the server's own if it told, else ours; whole seconds, since
    /// that is all that conditions and events carry.
    #[must_use]
    pub fn effective(&self) -> Timestamp {
        let at = self.result.as_ref().ok().and_then(|receipt| receipt.server_time).unwrap_or(self.at);
        Timestamp::from_second(at.as_second()).unwrap_or(at)
    }
}
