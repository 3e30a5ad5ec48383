//! The list of runbooks, each with what it is ready for, or why it would do nothing.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, below, lines, rule};
use crate::runbooks::RUNBOOKS;
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::document::{Document, Ink};
use crate::tui::app::rows::Tone;
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::Pen;

/// From this width on the titles stand in the list too; the one that is selected has its title below anyway.
const WIDE: u16 = 110;

/// Draws it.
pub fn draw(model: &Model, selected: usize, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    rule(&[("RUNBOOKS", look.of(Role::Title))], true, area, buffer, look);
    for (number, runbook) in RUNBOOKS.iter().enumerate() {
        let Ok(row) = u16::try_from(number + 1) else { break };
        let chosen = number == selected;
        let ground = if chosen { Role::Selection } else { Role::Text };
        let mut pen = Pen::new(buffer, area, row);
        let style = |role| look.theme.on(role, ground);
        pen.put(if chosen { glyphs::CURSOR } else { " " }, style(Role::Active));
        let (tone, says) = says(model, number);
        pen.put(glyph(tone), style(role(tone))).put(" ", style(Role::Text));
        pen.column_put(runbook.name, 18, false, style(if tone == Tone::Quiet { Role::Muted } else { Role::Title }));
        if area.width >= WIDE {
            pen.column_put(runbook.title, 34, false, style(Role::Text));
        }
        pen.put(&says, style(if tone == Tone::Quiet { Role::Muted } else { Role::Text })).fill(" ", style(Role::Text));
    }
    let rest = below(area, u16::try_from(RUNBOOKS.len()).unwrap_or(u16::MAX).saturating_add(1));
    let Some(runbook) = RUNBOOKS.get(selected) else { return };
    rule(&[(runbook.title, look.of(Role::Title))], false, rest, buffer, look);
    let mut page = Document::default();
    let (tone, says) = says(model, selected);
    if tone == Tone::Quiet {
        page.text(Ink::Strong, says);
    } else {
        page.text(Ink::Strong, format!("{says}. Enter opens it: it shows each step before it does anything, and asks."));
    }
    page.markdown(runbook.summary);
    page.gap();
    for step in runbook.steps {
        page.pair(step.id, 18, Ink::Plain, step.explanation);
    }
    lines(&page.lines(model.reading_width()), below(rest, 1), buffer, look);
}

/// What a runbook is ready for, or why it would do nothing.
fn says(model: &Model, number: usize) -> (Tone, String) {
    match model.offered.get(number) {
        Some(Ok(target)) => (Tone::Active, format!("ready for {}", target.describe())),
        Some(Err(why)) => (Tone::Quiet, why.clone()),
        None => (Tone::Quiet, String::new()),
    }
}
