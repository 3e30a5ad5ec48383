//! A runbook: its steps with what came of each, what it asks right under the step that asks, and the step that is looked at
//! in full; once it is over its summary.

mod prompt;
mod step;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr as _;

use super::{Look, below, lines, rule};
use crate::engine::run::RunResult;
use crate::engine::{RunState, RunView, StepState, StepView};
use crate::model::{Age, Clock};
use crate::runbooks::Outcome;
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::rows::Tone;
use crate::tui::app::run::current;
use crate::tui::app::summary::{summary, why_not_done};
use crate::tui::app::words::since;
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::{Pen, fit};

/// Rows below the steps: a question, a rule, some of what it is about.
const KEPT: usize = 8;

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
    for (number, step) in run.steps.iter().enumerate().skip(first) {
        line(model, run, number, step, number == looked_at, look, rest, buffer);
        rest = below(rest, 1);
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
    let target = fit(&target, room);
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

#[expect(clippy::too_many_arguments, reason = "one caller, and each of them is another thing")]
fn line(
    model: &Model,
    run: &RunView,
    number: usize,
    step: &StepView,
    looked_at: bool,
    look: Look<'_>,
    area: Rect,
    buffer: &mut Buffer,
) {
    let ground = if looked_at { Role::Selection } else { Role::Text };
    let style = |role: Role| look.theme.on(role, ground);
    let (tone, word) = step_state(run, step, number == current(run));
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(if looked_at { glyphs::CURSOR } else { " " }, style(Role::Active));
    pen.put(sign(tone), style(role(tone))).put(&format!(" {} ", number + 1), style(Role::Muted));
    pen.column_put(step.id, 17, false, style(Role::Text)).column_put(word, 14, false, style(role(tone)));
    let at = step.ended.or(step.started).map_or_else(String::new, |at| Clock(at).to_string());
    let took = step.started.map_or_else(String::new, |start| Age::between(start, step.ended.unwrap_or(model.now)).to_string());
    let clock = if area.width < 100 { 0 } else { 9 };
    pen.column_put(&at, clock, false, style(Role::Muted)).column_put(&took, 8, true, style(Role::Muted));
    pen.put("  ", style(Role::Text)).put(&said(run, step, number == current(run)), style(Role::Text));
    pen.fill(" ", style(Role::Text));
}

const fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Quiet => glyphs::NEXT,
        tone => glyph(tone),
    }
}

fn step_state(run: &RunView, step: &StepView, current: bool) -> (Tone, &'static str) {
    match step.state {
        StepState::Next => (Tone::Quiet, if run.is_over() { "not done" } else { "next" }),
        StepState::Runs if current && matches!(run.state, RunState::Asks(_)) => (Tone::Warning, "asks"),
        StepState::Runs if matches!(run.state, RunState::Paused) => (Tone::Warning, "paused"),
        StepState::Runs => (Tone::Active, "RUNS"),
        StepState::Ended(Outcome::Unproved) if current && matches!(run.state, RunState::Over(RunResult::Cancelled)) => {
            (Tone::Warning, "stopped")
        }
        StepState::Ended(outcome) => (
            match outcome {
                Outcome::Proved => Tone::Healthy,
                Outcome::Nothing => Tone::Quiet,
                Outcome::Unproved => Tone::Warning,
                Outcome::Failed | Outcome::Refused => Tone::Failing,
            },
            outcome.as_str(),
        ),
    }
}

/// What a step says in its line.
fn said(run: &RunView, step: &StepView, current: bool) -> String {
    if let Some(report) = &step.report {
        return report.summary.clone();
    }
    match &run.state {
        RunState::Running { waiting: Some(what) } if current => what.clone(),
        RunState::Asks(preview) if current => preview.will.first().cloned().unwrap_or_default(),
        _ => why_not_done(run).unwrap_or_default(),
    }
}
