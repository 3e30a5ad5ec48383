//! The last line: what was said to the person last, else the keys that work here; or a filter being typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr as _;

use super::Look;
use crate::keymap::{Action, Binding, Chord, Place, footer};
use crate::theme::{Role, glyphs};
use crate::tui::app::{Model, Overlay};
use crate::tui::widgets::input;
use crate::tui::widgets::pen::Pen;

/// Draws it; says where the cursor stands, if a filter is typed.
pub fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) -> Option<Position> {
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
    if let Some(saying) = &model.saying {
        pen.put(" ", look.of(Role::Text)).put(glyphs::CURSOR, look.of(Role::Active)).put(" ", look.of(Role::Text));
        pen.put(&saying.text, look.of(Role::Text));
        return None;
    }
    hints(model.place(), look, area, buffer);
    None
}

/// As many keys as fit, whole; the way to the others always fits.
fn hints(place: Place, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let help = footer(place).find(|binding| binding.action == Action::Help);
    let reserved = help.map_or(0, width);
    let mut pen = Pen::new(buffer, area, 0);
    for binding in footer(place).filter(|binding| binding.action != Action::Help) {
        if pen.left() >= width(binding) + reserved {
            hint(binding, look, &mut pen);
        }
    }
    if let Some(help) = help {
        let last = area.right().saturating_sub(reserved);
        pen.skip_to(last);
        hint(help, look, &mut pen);
    }
}

fn hint(binding: &Binding, look: Look<'_>, pen: &mut Pen<'_>) {
    let name = Chord::parse(binding.chord).map_or_else(String::new, |chord| chord.to_string());
    pen.put(" ", look.of(Role::Text)).put(&name, look.of(Role::Key));
    pen.put(" ", look.of(Role::Text)).put(binding.short, look.of(Role::Muted)).put(" ", look.of(Role::Text));
}

fn width(binding: &Binding) -> u16 {
    let name = Chord::parse(binding.chord).map_or(0, |chord| chord.to_string().width());
    u16::try_from(name + binding.short.width() + 3).unwrap_or(u16::MAX)
}
