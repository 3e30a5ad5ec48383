//! The list of steps: a row for each with what came of it. What is longer than its row goes on below, where there is room.

use std::cmp::Reverse;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use crate::engine::run::RunResult;
use crate::engine::{RunState, RunView, StepState, StepView};
use crate::model::{Age, Clock};
use crate::runbooks::Outcome;
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::document::{Ink, wrap};
use crate::tui::app::rows::Tone;
use crate::tui::app::run::current;
use crate::tui::app::summary::why_not_done;
use crate::tui::screens::Look;
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::Pen;

/// How far what goes on below stands to the right, under the name of its step.
const INDENT: u16 = 5;
/// How many rows of one step stand below its own.
const MOST: usize = 3;
/// Columns of the name, of the word for the state, and of how long it took.
const COLUMNS: [u16; 3] = [17, 14, 8];

/// Columns for the time, which a narrow window has none for.
const fn clock(width: u16) -> u16 {
    if width < 100 { 0 } else { 9 }
}

/// What steps say, each in lines: the first stands in the row of the step, the others below it.
pub(super) struct Sayings(Vec<Vec<String>>);

impl Sayings {
    /// At this width, with at most so many rows below those of the steps. Steps that need eyes come first.
    pub(super) fn of(run: &RunView, width: u16, spare: u16) -> Self {
        let at = current(run);
        let beside = usize::from(width.saturating_sub(7 + COLUMNS.iter().sum::<u16>() + clock(width)));
        let below = usize::from(width.saturating_sub(INDENT + 1));
        let all = run.steps.iter().enumerate().map(|(number, step)| broken(&said(run, step, number == at), beside, below));
        let mut sayings: Vec<Vec<String>> = all.collect();
        let needs_eyes = |number: usize| {
            let ended = run.steps.get(number).map(|step| step.state);
            number == at || matches!(ended, Some(StepState::Ended(outcome)) if outcome >= Outcome::Unproved)
        };
        let mut order: Vec<usize> = (0..sayings.len()).collect();
        // Then what came last: that is what one waited for.
        order.sort_by_key(|number| (!needs_eyes(*number), Reverse(*number)));
        let mut left = usize::from(spare);
        for number in order {
            let Some(lines) = sayings.get_mut(number) else { continue };
            // A question stands right under its step, and what it is about is told in full below.
            let asks = number == at && matches!(run.state, RunState::Asks(_));
            let kept = if asks { 0 } else { (lines.len() - 1).min(left).min(MOST) };
            left -= kept;
            // The rest stands behind the last line, which is cut with a mark then.
            let rest = lines.split_off(kept + 1);
            if let Some(last) = lines.last_mut() {
                *last = std::iter::once(&*last).chain(&rest).cloned().collect::<Vec<_>>().join(" ");
            }
        }
        Self(sayings)
    }

    fn of_step(&self, number: usize) -> &[String] {
        self.0.get(number).map_or(&[], Vec::as_slice)
    }
}

/// A text with room for its first line and for the others; never without a line.
fn broken(text: &str, first: usize, others: usize) -> Vec<String> {
    let plain = |text: &str, width: usize| -> Vec<String> {
        let lines = wrap(&[(Ink::Plain, text.to_owned())], width);
        lines.into_iter().map(|line| line.into_iter().map(|(_, text)| text).collect()).collect()
    };
    if text.width() <= first || first < 12 {
        return vec![text.to_owned()];
    }
    let head = plain(text, first).into_iter().next().unwrap_or_default();
    let rest = text.strip_prefix(head.as_str()).unwrap_or_default().trim_start();
    std::iter::once(head.clone()).chain(plain(rest, others)).collect()
}

/// Draws the row of a step and what goes on below it; says how many rows it took.
pub(super) fn draw(
    model: &Model,
    run: &RunView,
    (number, looked_at): (usize, bool),
    sayings: &Sayings,
    look: Look<'_>,
    area: Rect,
    buffer: &mut Buffer,
) -> u16 {
    let Some(step) = run.steps.get(number) else { return 0 };
    let ground = if looked_at { Role::Selection } else { Role::Text };
    let style = |role: Role| look.theme.on(role, ground);
    let (tone, word) = step_state(run, step, number == current(run));
    let [name, state, elapsed] = COLUMNS;
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(if looked_at { glyphs::CURSOR } else { " " }, style(Role::Active));
    pen.put(sign(tone), style(role(tone))).put(&format!(" {} ", number + 1), style(Role::Muted));
    pen.column_put(step.id, name, false, style(Role::Text)).column_put(word, state, false, style(role(tone)));
    let at = step.ended.or(step.started).map_or_else(String::new, |at| Clock(at).to_string());
    let took = step.started.map_or_else(String::new, |start| Age::between(start, step.ended.unwrap_or(model.now)).to_string());
    pen.column_put(&at, clock(area.width), false, style(Role::Muted)).column_put(&took, elapsed, true, style(Role::Muted));
    let said = sayings.of_step(number);
    pen.put("  ", style(Role::Text)).put(said.first().map_or("", String::as_str), style(Role::Text));
    pen.fill(" ", style(Role::Text));
    for (row, line) in (1..).zip(said.iter().skip(1)) {
        let mut pen = Pen::new(buffer, area, row);
        pen.put(&" ".repeat(usize::from(INDENT)), style(Role::Text)).put(line, style(Role::Text));
        pen.fill(" ", style(Role::Text));
    }
    u16::try_from(said.len()).unwrap_or(1).max(1)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_its_row_goes_on_below_and_nothing_is_lost() {
        let text = "2 of 4 stores Ready, each validated after the annotation, 1 more came back without it.";
        let lines = broken(text, 33, 74);
        assert_eq!(lines, ["2 of 4 stores Ready, each", "validated after the annotation, 1 more came back without it."]);
        assert_eq!(broken("short", 33, 74), ["short"]);
        assert_eq!(broken("", 33, 74), [""]);
    }
}
