//! A runbook: its steps with what came of each, what it asks right under the step that asks, and the step that is looked at
//! in full; once it is over its summary.

mod prompt;
mod rows;
mod step;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr as _;

use super::{Look, below, lines, rule};
use crate::engine::run::RunResult;
use crate::engine::{RunState, RunView, StepState};
use crate::model::{Age, Clock};
use crate::runbooks::Outcome;
use crate::theme::Role;
use crate::tui::app::Model;
use crate::tui::app::rows::Tone;
use crate::tui::app::run::current;
use crate::tui::app::summary::summary;
use crate::tui::app::words::since;
use crate::tui::widgets::lines::role;
use crate::tui::widgets::pen::{Pen, fit_around};

/// Rows below the steps: a question, a rule, some of what it is about.
const KEPT: usize = 8;
/// Rows below the steps while it asks: what is agreed to is read whole before what came of others is.
const KEPT_TO_ASK: usize = 14;
/// Rows below the steps of a run that is over: most of its summary.
const KEPT_AT_THE_END: usize = 10;

/// Draws it; says where the cursor stands, if something is typed.
pub fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let Some(run) = &model.snapshot.run else {
        rule(&[("RUNBOOK", look.of(Role::Title))], true, area, buffer, look);
        Pen::new(buffer, area, 2).put("  It begins …", look.of(Role::Muted));
        return None;
    };
    title(model, run, look, area, buffer);
    let mut rest = below(area, 1);
    let at = current(run);
    let looked_at = model.run.looked_at.unwrap_or(at).min(run.steps.len().saturating_sub(1));
    let mut cursor = None;
    // In a low window the first steps give way to what is asked: nobody agrees to what is not shown.
    let first = (run.steps.len() + KEPT).saturating_sub(usize::from(rest.height)).min(at);
    // The results of steps go on below their rows, as long as what is asked and the step in full keep their room.
    let kept = match run.state {
        RunState::Asks(_) => KEPT_TO_ASK,
        RunState::Over(_) => KEPT_AT_THE_END,
        RunState::Running { .. } | RunState::Paused => KEPT,
    };
    let kept = run.steps.len() - first + kept;
    let spare = rest.height.saturating_sub(u16::try_from(kept).unwrap_or(u16::MAX));
    let sayings = rows::Sayings::of(run, area.width, spare);
    for number in first..run.steps.len() {
        let taken = rows::draw(model, run, (number, number == looked_at), &sayings, look, rest, buffer);
        rest = below(rest, taken);
        // What a step asks stands right under it, wherever the window ends.
        if number == at {
            let (rows, typed) = prompt::draw(model, look, rest, buffer);
            cursor = typed;
            rest = below(rest, rows);
        }
    }
    if run.is_over() {
        rest = below(rest, over(run, look, rest, buffer));
    }
    if let Some(step) = run.steps.get(looked_at) {
        step::draw(model, run, step, look, rest, buffer);
    }
    cursor
}

/// The summary of a run that is over; a step in full keeps some rows.
fn over(run: &RunView, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> u16 {
    rule(&[("SUMMARY", look.of(Role::Title))], false, area, buffer, look);
    let said = summary(run).lines(usize::from(area.width).saturating_sub(1).min(140));
    let room = usize::from(area.height.saturating_sub(1 + area.height / 3));
    1 + lines(&said[..said.len().min(room)], below(area, 1), buffer, look)
}

/// Name and state always fit; the target and the times take what is left.
fn title(model: &Model, run: &RunView, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let (tone, state) = state(run);
    let name = format!("{}  ", run.runbook.to_uppercase());
    let (long, short) = match run.ended {
        Some(ended) => {
            let took = Age::between(run.started, ended);
            (format!("  {} to {}, {took}", Clock(run.started), Clock(ended)), format!("  {took}"))
        }
        None => (format!("  since {}", since(run.started, model.now)), format!("  {}", Age::between(run.started, model.now))),
    };
    // The line that the title stands on has two columns before it and some after it.
    let mut room = usize::from(area.width).saturating_sub(name.width() + state.width() + 4);
    let target = format!("  {}", run.target);
    let time = [long, short].into_iter().find(|time| time.width() + target.width() <= room).unwrap_or_default();
    room = room.saturating_sub(time.width());
    // What it is called stands at the end.
    let target = fit_around(&target, room, room / 3);
    rule(
        &[
            (&name, look.of(Role::Title)),
            (&state, look.of(role(tone))),
            (&target, look.of(Role::Text)),
            (&time, look.of(Role::Muted)),
        ],
        true,
        area,
        buffer,
        look,
    );
}

/// How a run is to be taken, with the word for it.
fn state(run: &RunView) -> (Tone, String) {
    let at = format!("step {} of {}", current(run) + 1, run.steps.len());
    match &run.state {
        RunState::Running { .. } => (Tone::Active, format!("{at} runs")),
        RunState::Asks(_) => (Tone::Warning, format!("{at} asks you")),
        RunState::Paused => (Tone::Warning, format!("{at} paused (p goes on)")),
        // Green words are for what was done.
        RunState::Over(RunResult::Proved) if !run.steps.iter().any(|step| step.state == StepState::Ended(Outcome::Proved)) => {
            (Tone::Quiet, "over: nothing to do".to_owned())
        }
        RunState::Over(result) => (
            match result {
                RunResult::Proved => Tone::Healthy,
                RunResult::Unproved | RunResult::Unknown | RunResult::Cancelled => Tone::Warning,
                RunResult::Failed | RunResult::Refused => Tone::Failing,
            },
            format!("over: {}", result.as_str()),
        ),
    }
}
