//! From the model to cells: one file a screen. Nothing here changes anything, and nothing here waits.

pub mod board;
pub mod footer;
pub mod header;
pub mod login;
pub mod palette;
pub mod reader;
pub mod runbook;
pub mod runbooks;
pub mod writes;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use ratatui::style::Style;
use ratatui::widgets::Widget as _;

use super::app::{Model, Overlay, Screen};
use crate::theme::{Role, Theme, glyphs};
use crate::tui::widgets::pen::Pen;

/// The smallest window that is of use.
const SMALLEST: (u16, u16) = (40, 10);

/// How things are drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// The theme.
    pub theme: &'a Theme,
    /// Whether the terminal shows nothing but ASCII.
    pub ascii: bool,
}

impl Look<'_> {
    /// The style of a role.
    #[must_use]
    pub fn of(&self, role: Role) -> Style {
        self.theme.style(role)
    }
}

/// Draws everything; says where the cursor is to stand, if text is being typed.
pub fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let area = area.intersection(buffer.area);
    buffer.set_style(area, look.of(Role::Text));
    let cursor = if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        too_small(area, buffer, look);
        None
    } else {
        whole(model, look, area, buffer)
    };
    if look.ascii {
        to_ascii(area, buffer);
    }
    cursor
}

fn whole(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
    let body = Rect { y: area.y + header::ROWS, height: area.height - header::ROWS - 1, ..area };
    let foot = Rect { y: area.bottom() - 1, height: 1, ..area };
    header::draw(model, look, Rect { height: header::ROWS, ..area }, buffer);
    let mut scrolls = false;
    let cursor = match model.stack.last() {
        None => {
            board::draw(model, look, body, buffer);
            None
        }
        Some(Screen::Runbook) => runbook::draw(model, look, body, buffer),
        Some(Screen::Runbooks(selected)) => {
            runbooks::draw(model, *selected, look, body, buffer);
            None
        }
        Some(Screen::Reader(reader)) => {
            scrolls = reader::draw(model, reader, look, body, buffer);
            None
        }
    };
    let typed = footer::draw(model, scrolls, look, foot, buffer);
    footer::saying(model, look, body, buffer);
    match &model.overlay {
        None => typed.or(cursor),
        Some(Overlay::Filter(_)) => typed,
        Some(Overlay::Palette(choices)) => palette::draw(choices, look, area, buffer),
        Some(Overlay::Writes(dialog)) => writes::draw(model, dialog, look, area, buffer),
        Some(Overlay::Login(dialog)) => login::draw(model, dialog, look, area, buffer),
    }
}

fn too_small(area: Rect, buffer: &mut Buffer, look: Look<'_>) {
    let text = format!("Too small: {}x{} is needed.", SMALLEST.0, SMALLEST.1);
    Pen::new(buffer, area, 0).put(&text, look.of(Role::Text));
}

/// Each cell in ASCII; what takes two columns becomes one sign and a space.
fn to_ascii(area: Rect, buffer: &mut Buffer) {
    for position in area.positions() {
        let Some(cell) = buffer.cell_mut(position) else { continue };
        if !cell.symbol().is_ascii() {
            let ascii = glyphs::ascii(cell.symbol());
            cell.set_symbol(ascii);
        }
    }
}

/// A line across with a title, as parts of the screen begin.
pub(super) fn rule(title: &[(&str, Style)], focused: bool, area: Rect, buffer: &mut Buffer, look: Look<'_>) {
    let line = look.of(if focused { Role::Focus } else { Role::Border });
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(glyphs::ACROSS, line).put(" ", line);
    for (text, style) in title {
        pen.put(text, *style);
    }
    pen.put(" ", line);
    pen.fill(glyphs::ACROSS, line);
}

/// Draws text lines and says how many rows it took.
pub(super) fn lines(lines: &[super::app::document::Line], area: Rect, buffer: &mut Buffer, look: Look<'_>) -> u16 {
    (&super::widgets::lines::Lines { lines, scroll: 0, theme: look.theme }).render(area, buffer);
    u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height)
}

/// What is left of an area below this many rows.
pub(super) const fn below(area: Rect, rows: u16) -> Rect {
    let rows = if rows < area.height { rows } else { area.height };
    Rect { x: area.x, y: area.y + rows, width: area.width, height: area.height - rows }
}
