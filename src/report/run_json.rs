//! `sealwatch/run/v1`: what a run of a runbook did, write by write.

use std::io::{self, Write};

use serde::Serialize;

use crate::engine::{RunState, RunView, StepView};
use crate::model::ObjectRef;
use crate::runbooks::{Aim, Applied, Commit, ItemState};

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    runbook: &'static str,
    target: &'a str,
    policy: &'a str,
    result: &'static str,
    steps: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    id: &'static str,
    object: String,
    command: String,
    forecast: &'a str,
    result: String,
    proof: String,
    seconds: f64,
    /// What is to be committed to Git.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    git: Vec<InGit<'a>>,
}

#[derive(Serialize)]
struct InGit<'a> {
    object: String,
    place: &'a str,
    says: &'a [String],
    snippets: Vec<Piece<'a>>,
}

#[derive(Serialize)]
struct Piece<'a> {
    language: &'static str,
    text: &'a str,
}

fn in_git(commit: &Commit) -> InGit<'_> {
    InGit {
        object: commit.object.to_string(),
        place: &commit.place,
        says: &commit.says,
        snippets: commit.snippets.iter().map(|snippet| Piece { language: snippet.language, text: &snippet.text }).collect(),
    }
}

/// Writes the report on one line; the commands say which cluster they are for.
///
/// # Errors
/// The output cannot be written.
pub fn write(run: &RunView, policy: &str, aim: &Aim, out: &mut dyn Write) -> io::Result<()> {
    let result = match &run.state {
        RunState::Over(result) => result.as_str(),
        _ => "cancelled",
    };
    let steps = run.steps.iter().flat_map(|step| lines(run, step, aim)).collect();
    let report = Report { schema: "sealwatch/run/v1", runbook: run.runbook, target: &run.target, policy, result, steps };
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)
}

/// A line for each write of a step, then one for the step as a whole.
fn lines<'a>(run: &'a RunView, step: &'a StepView, aim: &Aim) -> Vec<Line<'a>> {
    let of_step = |applied: &&Applied| applied.step == step.id;
    let mut lines: Vec<Line<'_>> = run.applied.iter().filter(of_step).map(|applied| write_line(step, applied, aim)).collect();
    let seconds = match (step.started, step.ended) {
        (Some(started), Some(ended)) => seconds_between(started, ended),
        _ => 0.0,
    };
    let report = step.report.as_ref();
    lines.push(Line {
        id: step.id,
        object: run.target.clone(),
        command: String::new(),
        forecast: "",
        result: report.map_or("not reached", |report| report.outcome.as_str()).to_owned(),
        proof: report.map_or_else(String::new, |report| report.summary.clone()),
        seconds,
        git: step.commits.iter().map(in_git).collect(),
    });
    lines
}

fn write_line<'a>(step: &StepView, applied: &Applied, aim: &Aim) -> Line<'a> {
    let object: &ObjectRef = applied.operation.object();
    let item = step.items.iter().find(|item| item.object == *object);
    let (result, proof) = match (&applied.result, item) {
        // Its answer was lost, and the world tells.
        (Err(_), Some(item)) if applied.is_unanswered() && item.state == ItemState::Proved => {
            ("proved".to_owned(), item.note.clone())
        }
        (Err(fault), _) if applied.is_unanswered() => ("unknown".to_owned(), fault.to_string()),
        (Err(fault), _) => ("failed".to_owned(), fault.to_string()),
        (Ok(_), Some(item)) if item.state == ItemState::Proved => ("proved".to_owned(), item.note.clone()),
        (Ok(_), Some(item)) if item.state == ItemState::Failed => ("failed".to_owned(), item.note.clone()),
        (Ok(_), _) => ("applied".to_owned(), String::new()),
    };
    Line {
        id: step.id,
        object: object.to_string(),
        command: aim.at(&applied.operation.command()),
        forecast: "",
        result,
        proof,
        seconds: step.ended.map_or(0.0, |ended| seconds_between(applied.at, ended)),
        git: Vec::new(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of one run fit a double exactly")]
fn seconds_between(from: jiff::Timestamp, to: jiff::Timestamp) -> f64 {
    (to.as_millisecond() - from.as_millisecond()) as f64 / 1000.0
}
