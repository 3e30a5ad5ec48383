//! The last line: what was said to the person last, else the keys that work here; or a filter being typed.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};
use unicode_width::UnicodeWidthStr as _;

use super::Look;
use crate::keymap::{Action, Binding, Chord, Place, footer, reachable};
use crate::theme::{Role, glyphs};
use crate::tui::app::board::Pane;
use crate::tui::app::{Model, Overlay};
use crate::tui::widgets::input;
use crate::tui::widgets::pen::{Pen, fit};

/// Keys that belong together, and what they do.
type Hint = (String, &'static str);

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
    if let Some(saying) = &model.saying {
        pen.put(" ", look.of(Role::Text)).put(glyphs::CURSOR, look.of(Role::Active)).put(" ", look.of(Role::Text));
        pen.put(&saying.text, look.of(Role::Text));
        return None;
    }
    let place = model.place();
    if place == Place::Board {
        filter(model, look, &mut pen);
    }
    let from = pen.column();
    hints(model, &extra(model, scrolls), look, Rect { x: from, width: area.right() - from, ..area }, buffer);
    None
}

/// The filter that is on, how much of the pane it leaves, and how it goes: rows that are not there are not missed.
fn filter(model: &Model, look: Look<'_>, pen: &mut Pen<'_>) {
    let filter = &model.board.view.filter;
    if filter.is_empty() {
        return;
    }
    let rows = model.board.index.rows(model.board.tab());
    pen.put(" filter: ", look.of(Role::Warning)).put(&fit(filter.text.trim(), FILTER), look.of(Role::Warning));
    pen.put(&format!("  {} of {}  ", rows.kept, rows.total), look.of(Role::Text));
    pen.put("Esc", look.of(Role::Key)).put(" clears  ", look.of(Role::Muted));
}

/// Keys that are worth naming in this moment only.
fn extra(model: &Model, scrolls: bool) -> Vec<Hint> {
    let place = model.place();
    let pair = |one: Action, other: Action, short| (format!("{} {}", key_of(place, one), key_of(place, other)), short);
    match place {
        Place::Reader if scrolls => vec![
            pair(Action::PageDown, Action::PageUp, "page"),
            pair(Action::Down, Action::Up, "line"),
            pair(Action::Top, Action::Bottom, "ends"),
            (key_of(place, Action::Back), "back"),
        ],
        Place::Board if model.board.focus == Pane::Causes && model.board.index.causes.len() > 1 => {
            vec![pair(Action::Down, Action::Up, "next cause")]
        }
        _ => Vec::new(),
    }
    .into_iter()
    .filter(|(keys, _)| !keys.trim().is_empty())
    .collect()
}

/// The first key of an action in a place.
fn key_of(place: Place, action: Action) -> String {
    reachable(place).find(|binding| binding.action == action).map_or_else(String::new, name)
}

/// As many keys as fit, whole; the way to the others always fits.
fn hints(model: &Model, extra: &[Hint], look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let place = model.place();
    let on_causes = place == Place::Board && model.board.focus == Pane::Causes;
    // A cause cannot be marked, and opening it is asking why.
    let idle = |action| on_causes && matches!(action, Action::Mark | Action::Accept);
    let works = |binding: &&Binding| !idle(binding.action) && binding.action != Action::Help;
    let of = |binding: &'static Binding| (name(binding), binding.short);
    let help = footer(place).find(|binding| binding.action == Action::Help).map(of);
    let reserved = help.as_ref().map_or(0, width);
    let mut pen = Pen::new(buffer, area, 0);
    let named = |keys: &str| extra.iter().any(|(other, _)| other == keys);
    let others = footer(place).filter(works).map(of).filter(|(keys, _)| !named(keys));
    // On the board repair and why come first, whatever else there is to say.
    let first = if place == Place::Board { 2 } else { 0 };
    let mut all: Vec<Hint> = others.collect();
    let at = first.min(all.len());
    all.splice(at..at, extra.iter().cloned());
    for one in &all {
        if pen.left() >= width(one) + reserved {
            hint(one, look, &mut pen);
        }
    }
    if let Some(help) = help {
        let last = area.right().saturating_sub(reserved);
        pen.skip_to(last);
        hint(&help, look, &mut pen);
    }
}

fn hint((keys, short): &Hint, look: Look<'_>, pen: &mut Pen<'_>) {
    pen.put(" ", look.of(Role::Text)).put(keys, look.of(Role::Key));
    pen.put(" ", look.of(Role::Text)).put(short, look.of(Role::Muted)).put(" ", look.of(Role::Text));
}

fn name(binding: &Binding) -> String {
    Chord::parse(binding.chord).map_or_else(String::new, |chord| chord.to_string())
}

fn width((keys, short): &Hint) -> u16 {
    u16::try_from(keys.width() + short.width() + 3).unwrap_or(u16::MAX)
}
