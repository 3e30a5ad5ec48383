//! The palette: a field, and what fits.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::Look;
use crate::theme::{Role, glyphs};
use crate::tui::app::palette::Palette;
use crate::tui::widgets::dialog::Dialog;
use crate::tui::widgets::input;
use crate::tui::widgets::pen::Pen;
use crate::tui::widgets::table::window;

/// Draws it; says where the cursor stands.
pub fn draw(palette: &Palette, look: Look<'_>, screen: Rect, buffer: &mut Buffer) -> Option<Position> {
    let choices = palette.choices();
    let dialog =
        Dialog { title: "Run anything", width: 76, height: screen.height.saturating_sub(8).clamp(3, 16), theme: look.theme };
    let inside = dialog.open(screen, buffer);
    Pen::new(buffer, inside, 0).put(":", look.of(Role::Key));
    let cursor = input::field(
        &palette.field,
        Rect { x: inside.x.saturating_add(2), width: inside.width.saturating_sub(2), height: inside.height.min(1), ..inside },
        buffer,
        look.theme,
    );
    let height = inside.height.saturating_sub(1);
    let first = window(choices.len(), palette.selected, palette.selected, usize::from(height));
    for (row, number) in (1..=height).zip(first..choices.len()) {
        let chosen = number == palette.selected;
        let ground = if chosen { Role::Selection } else { Role::Text };
        let style = |role| look.theme.on(role, ground);
        let mut pen = Pen::new(buffer, inside, row);
        pen.put(if chosen { glyphs::CURSOR } else { " " }, style(Role::Active)).put(" ", style(Role::Text));
        pen.column_put(&choices[number].key(), 10, false, style(Role::Key));
        pen.put(&choices[number].name(), style(Role::Text)).fill(" ", style(Role::Text));
    }
    if choices.is_empty() {
        Pen::new(buffer, inside, 1).put("Nothing is called so.", look.of(Role::Muted));
    }
    cursor
}
