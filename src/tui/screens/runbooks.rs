//! The list of runbooks, each with what it would be run on.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Look, below, lines, rule};
use crate::runbooks::RUNBOOKS;
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::app::document::{Document, Ink};
use crate::tui::widgets::pen::Pen;

/// Draws it.
pub fn draw(model: &Model, selected: usize, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    rule(&[("RUNBOOKS", look.of(Role::Title))], true, area, buffer, look);
    for (number, runbook) in RUNBOOKS.iter().enumerate() {
        let Ok(row) = u16::try_from(number + 1) else { break };
        let chosen = number == selected;
        let ground = if chosen { Role::Selection } else { Role::Text };
        let mut pen = Pen::new(buffer, area, row);
        let style = |role| look.theme.on(role, ground);
        pen.put(if chosen { glyphs::CURSOR } else { " " }, style(Role::Active)).put(" ", style(Role::Text));
        pen.column_put(runbook.name, 18, false, style(Role::Title));
        pen.column_put(runbook.title, 34, false, style(Role::Text));
        let target = model.target_for(runbook).map_or_else(|| "select something on the board".to_owned(), |t| t.describe());
        pen.put(&target, style(Role::Muted)).fill(" ", style(Role::Text));
    }
    let rest = below(area, u16::try_from(RUNBOOKS.len()).unwrap_or(u16::MAX).saturating_add(2));
    let Some(runbook) = RUNBOOKS.get(selected) else { return };
    let mut page = Document::default();
    page.title(runbook.title);
    page.markdown(runbook.summary);
    page.title("Steps");
    for step in runbook.steps {
        page.pair(step.id, 18, Ink::Plain, step.explanation);
    }
    page.gap();
    page.text(Ink::Muted, "Enter opens it. It shows each step before it does anything, and asks.");
    lines(&page.lines(model.reading_width()), rest, buffer, look);
}
