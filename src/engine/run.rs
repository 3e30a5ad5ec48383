//! A run of a runbook as the faces see it.

use jiff::Timestamp;

use crate::runbooks::{Applied, Commit, Outcome, Preview, StepReport};

pub use crate::runbooks::{Item, ItemState};

/// One run.
#[derive(Clone, Debug)]
pub struct RunView {
    /// Name of the runbook.
    pub runbook: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What it runs on, in words.
    pub target: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Where it stands.
    pub state: RunState,
    /// Its steps, in order.
    pub steps: Vec<StepView>,
    /// What was applied, in order.
    pub applied: Vec<Applied>,
    /// The last thing a person should know: a wrong share, a refusal.
    pub notice: Option<String>,
    /// How many answers of the person were heard: a prompt that was answered and refused may be answered again.
    pub answers: u32,
    /// The run that it takes up, in a sentence.
    pub taken_up: Option<String>,
    /// How many agreements were withdrawn, because what they were about was changed meanwhile.
    pub withdrawn: u32,
}

impl RunView {
    /// Whether it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, RunState::Over(_))
    }
}

/// Where a run stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunState {
    /// It works by itself.
    Running {
        /// What it waits for, if it waits.
        waiting: Option<String>,
    },
    /// It shows this and waits for the person.
    Asks(Preview),
    /// It waits until the person resumes it.
    Paused,
    /// It is over.
    Over(RunResult),
}

/// How a run ended: the `result` of `sealwatch/run/v1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunResult {
    /// Every step was proved, or had nothing to do.
    Proved,
    /// Something was applied whose effect was not seen.
    Unproved,
    /// A step could not be done.
    Failed,
    /// Policy or rights refuse it.
    Refused,
    /// A write left and no answer came; the world does not tell either.
    Unknown,
    /// The person stopped it.
    Cancelled,
}

impl RunResult {
    /// The word for reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Proved => "proved",
            Self::Unproved => "unproved",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One step of a run.
#[derive(Clone, Debug)]
pub struct StepView {
    /// Stable name.
    pub id: &'static str,
    /// What it does and why.
    pub explanation: &'static str,
    /// Where it stands.
    pub state: StepState,
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub report: Option<StepReport>,
    /// How far it is, object by object, where it works on several.
    pub items: Vec<Item>,
    /// What is to be committed to Git, once the run is over.
    pub commits: Vec<Commit>,
}

/// Where a step stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    /// Its turn has not come.
    Next,
    /// It is the one that runs.
    Runs,
    /// It ended so.
    Ended(Outcome),
}
