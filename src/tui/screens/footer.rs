//! The last line: the keys that work here; or a filter being typed. Above it what was said to the person last.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr as _;

use super::Look;
use crate::keymap::{Action, Place};
use crate::theme::{Role, glyphs};
use crate::tui::app::offers::Hint;
use crate::tui::app::{Model, Overlay};
use crate::tui::widgets::banner::Banner;
use crate::tui::widgets::input;
use crate::tui::widgets::pen::{Pen, fit};

/// Columns of a filter that are shown.
const FILTER: usize = 30;

/// Draws it; says where the cursor stands, if a filter is typed. `scrolls`: whether there is more to read than is seen.
pub fn draw(model: &Model, scrolls: bool, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    if let Some(Overlay::Filter(field)) = &model.overlay {
        let mut pen = Pen::new(buffer, area, 0);
        pen.put(" filter / ", look.of(Role::Key));
        let column = pen.column();
        let width = (area.width / 2).min(pen.left());
        let cursor = input::field(field, Rect { x: column, width, ..area }, buffer, look.theme);
        let mut pen = Pen::new(buffer, area, 0);
        pen.skip_to(column + width);
        pen.put("  text !text ns= store= ready=false", look.of(Role::Muted));
        return cursor;
    }
    let mut pen = Pen::new(buffer, area, 0);
    filter(model, look, &mut pen);
    let from = pen.column();
    hints(&model.hints(scrolls), model, look, Rect { x: from, width: area.right() - from, ..area }, buffer);
    None
}

/// The filter that is on, how much of the pane it leaves, and how it goes: rows that are not there are not missed.
fn filter(model: &Model, look: Look<'_>, pen: &mut Pen<'_>) {
    let filter = &model.board.view.filter;
    if model.place() != Place::Board || filter.is_empty() {
        return;
    }
    let rows = model.board.index.rows(model.board.tab());
    pen.put(" filter: ", look.of(Role::Warning)).put(&fit(filter.text.trim(), FILTER), look.of(Role::Warning));
    pen.put(&format!("  {} of {}  ", rows.kept, rows.total), look.of(Role::Text));
    pen.put("Esc", look.of(Role::Key)).put(" clears  ", look.of(Role::Muted));
}

/// What was said to the person last, whole, over the last rows of the body: the keys below it stay in sight.
pub fn saying(model: &Model, look: Look<'_>, body: Rect, buffer: &mut Buffer) {
    let Some(saying) = &model.saying else { return };
    let said = Banner::new(&saying.text, glyphs::CURSOR, body.width);
    let rows = said.rows().min(body.height);
    let style = |role| look.theme.on(role, Role::Selection);
    said.draw(Rect { y: body.bottom() - rows, height: rows, ..body }, buffer, style(Role::Text), style(Role::Active));
}

/// As many keys as fit, whole, the most useful first; the way out and the way to all others always fit.
fn hints(all: &[Hint], model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let exit = if model.place() == Place::Board { Action::Quit } else { Action::Back };
    let (kept, others): (Vec<Hint>, Vec<Hint>) =
        all.iter().cloned().partition(|hint| hint.action == exit || hint.action == Action::Help);
    let reserved: u16 = kept.iter().map(width).sum();
    let mut pen = Pen::new(buffer, area, 0);
    for one in others {
        if pen.left() >= width(&one) + reserved {
            hint(&one, look, &mut pen);
        }
    }
    pen.skip_to(area.right().saturating_sub(reserved));
    for one in kept.iter().rev().filter(|one| one.action == Action::Help).chain(kept.iter().filter(|one| one.action == exit)) {
        hint(one, look, &mut pen);
    }
}

fn hint(hint: &Hint, look: Look<'_>, pen: &mut Pen<'_>) {
    pen.put(" ", look.of(Role::Text)).put(&hint.keys, look.of(Role::Key));
    pen.put(" ", look.of(Role::Text)).put(hint.word, look.of(Role::Muted)).put(" ", look.of(Role::Text));
}

fn width(hint: &Hint) -> u16 {
    u16::try_from(hint.keys.width() + hint.word.width() + 3).unwrap_or(u16::MAX)
}
