//! A runbook: its steps with what came of each, the step that is looked at in full, and what it asks.

mod prompt;
mod step;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, below, rule};
use crate::engine::run::RunResult;
use crate::engine::{RunState, RunView, StepState, StepView};
use crate::model::{Age, Clock};
use crate::runbooks::Outcome;
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::rows::Tone;
use crate::tui::app::run::current;
use crate::tui::app::words::since;
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::Pen;

/// Draws it; says where the cursor stands, if something is typed.
pub fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let Some(run) = &model.snapshot.run else {
        rule(&[("RUNBOOK", look.of(Role::Title))], true, area, buffer, look);
        Pen::new(buffer, area, 2).put("  It begins …", look.of(Role::Muted));
        return None;
    };
    title(model, run, look, area, buffer);
    let steps = below(area, 1);
    let looked_at = model.run.looked_at.unwrap_or_else(|| current(run)).min(run.steps.len().saturating_sub(1));
    for (number, step) in run.steps.iter().enumerate() {
        let Ok(row) = u16::try_from(number) else { break };
        line(model, run, number, step, number == looked_at, look, Rect { height: steps.height, ..steps }, row, buffer);
    }
    let rest = below(steps, u16::try_from(run.steps.len()).unwrap_or(u16::MAX));
    let prompt_rows = prompt::ROWS.min(rest.height / 2);
    let detail = Rect { height: rest.height - prompt_rows, ..rest };
    if let Some(step) = run.steps.get(looked_at) {
        step::draw(model, run, step, look, detail, buffer);
    }
    prompt::draw(model, run, look, Rect { y: detail.bottom(), height: prompt_rows, ..rest }, buffer)
}

fn title(model: &Model, run: &RunView, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let (tone, state) = state(run);
    let name = run.runbook.to_uppercase();
    let target = format!(" {}  ", run.target);
    let time = match run.ended {
        Some(ended) => format!("  {} to {}, {}", Clock(run.started), Clock(ended), Age::between(run.started, ended)),
        None => format!("  since {}", since(run.started, model.now)),
    };
    rule(
        &[
            (&name, look.of(Role::Title)),
            (&target, look.of(Role::Text)),
            (&state, look.of(role(tone))),
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
    row: u16,
    buffer: &mut Buffer,
) {
    let ground = if looked_at { Role::Selection } else { Role::Text };
    let style = |role: Role| look.theme.on(role, ground);
    let (tone, word) = step_state(run, step, number == current(run));
    let mut pen = Pen::new(buffer, area, row);
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
        StepState::Next => (Tone::Quiet, if matches!(run.state, RunState::Over(_)) { "not reached" } else { "next" }),
        StepState::Runs if current && matches!(run.state, RunState::Asks(_)) => (Tone::Warning, "asks"),
        StepState::Runs if matches!(run.state, RunState::Paused) => (Tone::Warning, "paused"),
        StepState::Runs => (Tone::Active, "RUNS"),
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
        _ => String::new(),
    }
}
