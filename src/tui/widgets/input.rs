//! A text field on one row: what was typed with the cursor in sight, or dots for what may not be seen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::pen::Pen;
use crate::theme::{Role, Theme, glyphs};
use crate::tui::app::document::split_at_width;
use crate::tui::app::field::Field;

/// Draws a field, and says where the cursor stands.
pub fn field(field: &Field, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<Position> {
    let room = usize::from(area.width).checked_sub(1)?;
    // The beginning scrolls out to the left, so that the cursor is always seen.
    let hidden = field.cursor().saturating_sub(room);
    let (_, shown) = if hidden == 0 { ("", field.text()) } else { split_at_width(field.text(), hidden) };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(shown, theme.style(Role::Input));
    pen.fill(" ", theme.style(Role::Input));
    let column = u16::try_from(field.cursor().saturating_sub(hidden)).ok()?;
    Some(Position::new(area.x.saturating_add(column), area.y))
}

/// Draws a field whose text may not be seen: a dot for each character, and how many where there are many.
pub fn dots(length: usize, area: Rect, buffer: &mut Buffer, theme: &Theme) -> Option<Position> {
    let room = usize::from(area.width).checked_sub(1)?;
    let text = if length > room.min(48) {
        format!("{} ({length})", glyphs::DOT.repeat(room.min(40).saturating_sub(6)))
    } else {
        glyphs::DOT.repeat(length)
    };
    let mut pen = Pen::new(buffer, area, 0);
    pen.put(&text, theme.style(Role::Input));
    let cursor = Position::new(pen.column().min(area.right().saturating_sub(1)), area.y);
    pen.fill(" ", theme.style(Role::Input));
    Some(cursor)
}
