//! What the journal tells of runs that are over: writes of which nobody knows what came, and where a run was interrupted,
//! so that another process takes it up.

use jiff::{SignedDuration, Timestamp};

use crate::model::{Clock, Fault, FaultKind, ObjectRef};
use crate::ports::{LOST, Remembered, RunLine};
use crate::runbooks::{Applied, Runbook, Target};

/// Which earlier run is taken up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Resume {
    /// The last one, if it was interrupted a short time ago: its process ended without a word.
    #[default]
    Interrupted,
    /// The last one, however it ended, unless it was proved.
    Last,
    /// None.
    Never,
}

/// For how long an interrupted run is taken up by itself, in minutes. After that the world is another.
const FRESH_MINUTES: i64 = 60;

/// A write of which nobody knows what came, in a sentence.
#[must_use]
pub fn told(line: &Remembered) -> String {
    let target = line.run.as_ref().map_or_else(String::new, |run| format!(" on {}", run.target.describe()));
    let runbook = line.step.as_str().split('/').next().unwrap_or_default();
    format!(
        "At {} a write to {} left, and nobody heard what came of it: {} ({}, step {}). The object itself tells; “{runbook}”{target} \
         takes it up.",
        Clock(line.at),
        line.object,
        line.command,
        line.user,
        line.step,
    )
}

/// A run that is taken up.
#[derive(Clone, Debug)]
pub struct Past {
    /// On what it ran.
    pub target: Target,
    /// When it began.
    pub began: Timestamp,
    /// Which process ran it last.
    pub process: u32,
    /// What it wrote, in order. What has no answer is unknown.
    pub applied: Vec<Applied>,
}

impl Past {
    /// What a person is told of it.
    #[must_use]
    pub fn describe(&self) -> String {
        let done = self.applied.iter().filter(|applied| applied.result.is_ok()).count();
        let unknown = self.applied.iter().filter(|applied| applied.is_unanswered()).count();
        let rest = if unknown == 0 { String::new() } else { format!(", {unknown} without an answer") };
        format!(
            "Taken up again on {}: {done} done{rest} by the run of {} (process {}, which is gone).",
            self.target.describe(),
            Clock(self.began),
            self.process
        )
    }
}

/// The run to take up, if there is one: the last of this runbook on this target; where none is named, on any. What it was
/// on need not be what one would choose now, since half of it may be mended.
#[must_use]
pub fn taken_up(
    history: &[Remembered],
    runbook: &Runbook,
    target: Option<&Target>,
    resume: Resume,
    now: Timestamp,
) -> Option<Past> {
    let name = |line: &Remembered| line.step.as_str().split('/').next() == Some(runbook.name);
    let of_these = || {
        let lines = history.iter().filter(|line| name(line));
        lines.filter_map(|line| Some((line, line.run.as_ref().filter(|run| target.is_none_or(|target| run.target == *target))?)))
    };
    let (_, newest) = of_these().max_by_key(|(_, run)| run.began)?;
    let lines: Vec<(&Remembered, &RunLine)> = of_these().filter(|(_, run)| run.began == newest.began).collect();
    let (last, run) = *lines.last()?;
    let fresh = now.duration_since(last.at) < SignedDuration::from_mins(FRESH_MINUTES);
    let wanted = match (resume, last.what == "end") {
        (Resume::Never, _) => false,
        (Resume::Interrupted, ended) => !ended && fresh,
        (Resume::Last, true) => last.note.as_str() != "proved",
        (Resume::Last, false) => true,
    };
    wanted
        .then(|| Past { target: run.target.clone(), began: run.began, process: run.process, applied: applied(runbook, &lines) })
        .filter(|past| !past.applied.is_empty())
}

/// Forgets what failed at an object and may be done twice, so that it is done again. The first write that may have been done
/// is kept: what it did counts, and the same is not asked for in other words.
pub(super) fn forget(applied: &mut Vec<Applied>, step: &str, object: &ObjectRef) {
    let mut first = true;
    applied.retain(|one| {
        let again = one.step == step && one.operation.object() == object && one.operation.is_repeatable();
        !again || one.is_unanswered() && std::mem::take(&mut first)
    });
}

fn applied(runbook: &Runbook, lines: &[(&Remembered, &RunLine)]) -> Vec<Applied> {
    let mut all: Vec<Applied> = Vec::new();
    for (line, run) in lines {
        let step = line.step.as_str().split('/').nth(1).unwrap_or_default();
        let Some((step, operation)) =
            runbook.steps.iter().find(|def| def.id == step).map(|def| def.id).zip(run.operation.as_ref())
        else {
            continue;
        };
        match (line.what.as_str(), &run.answer) {
            ("intent", _) => {
                let lost = Fault::new(FaultKind::Unknown, LOST);
                all.push(Applied { step, operation: operation.clone(), at: line.at, result: Err(lost) });
            }
            ("result", Some(answer)) => {
                let mine = |one: &Applied| one.step == step && one.operation == *operation && one.is_unanswered();
                let Some(at) = all.iter().rposition(mine) else { continue };
                match answer {
                    // It was refused, since its object was another one by then: it is asked again.
                    Err(fault) if fault.kind == FaultKind::Conflict => drop(all.remove(at)),
                    answer => {
                        if let Some(one) = all.get_mut(at) {
                            one.result.clone_from(answer);
                        }
                    }
                }
            }
            _ => {}
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, ObjectRef};
    use crate::runbooks::{Operation, Receipt};

    #[test]
    fn of_what_failed_only_the_first_write_without_an_answer_is_remembered() {
        let one = |name: &str, second: i64, result: Result<Receipt, Fault>| {
            let object = ObjectRef::new(Kind::VaultDynamicSecret, "shop", name);
            let operation = Operation::annotate(object, crate::model::vso::ASKED, second.to_string());
            Applied { step: "vso", operation, at: Timestamp::from_second(second).expect("a time"), result }
        };
        let lost = || Err(Fault::new(FaultKind::Unknown, "no answer"));
        let refused = || Err(Fault::new(FaultKind::Tcp, "refused"));
        let mut all = vec![
            one("creds", 1, refused()),
            one("creds", 2, lost()),
            one("creds", 3, lost()),
            one("creds", 4, Ok(Receipt::default())),
            one("other", 5, lost()),
        ];
        forget(&mut all, "vso", &ObjectRef::new(Kind::VaultDynamicSecret, "shop", "creds"));
        assert_eq!(all.iter().map(|one| one.at.as_second()).collect::<Vec<_>>(), [2, 5]);
    }

    #[test]
    fn a_run_that_is_taken_up_names_what_it_was_on() {
        let target = Target::Vault(ObjectRef::new(Kind::Vault, "vault", "vault"));
        let past = Past { target, began: Timestamp::UNIX_EPOCH, process: 7, applied: Vec::new() };
        let said = past.describe();
        assert!(said.starts_with("Taken up again on Vault/vault/vault: 0 done by the run of"), "{said}");
    }
}
