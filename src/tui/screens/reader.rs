//! A page to read: why, keys, errors, commands.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget as _;

use super::{Look, below, rule};
use crate::theme::Role;
use crate::tui::app::{Model, Reader};
use crate::tui::widgets::lines::Lines;

/// Draws it; says whether there is more of it than is seen.
pub fn draw(model: &Model, reader: &Reader, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> bool {
    let lines = reader.page.document(model).lines(model.reading_width());
    let inside = below(area, 1);
    let height = usize::from(inside.height);
    let scroll = reader.scroll.min(lines.len().saturating_sub(height));
    let place = if lines.len() > height {
        format!("  lines {}–{} of {}", scroll + 1, (scroll + height).min(lines.len()), lines.len())
    } else {
        String::new()
    };
    rule(&[(&reader.page.title(), look.of(Role::Title)), (&place, look.of(Role::Muted))], true, area, buffer, look);
    (&Lines { lines: &lines, scroll, theme: look.theme }).render(inside, buffer);
    lines.len() > height
}
