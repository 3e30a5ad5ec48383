//! The last events that tell about stores and ExternalSecrets, newest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::kinds::Event;
use crate::model::{Clock, ObjectRef};
use crate::theme::Role;
use crate::tui::app::Model;
use crate::tui::app::rows::Tone;
use crate::tui::screens::{Look, rule};
use crate::tui::widgets::lines::{glyph, role};
use crate::tui::widgets::pen::Pen;

/// Draws them.
pub(super) fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    rule(&[("EVENTS", look.of(Role::Title)), ("  newest first", look.of(Role::Muted))], false, area, buffer, look);
    let shown = usize::from(area.height.saturating_sub(1));
    let events = &model.board.index.events;
    for (row, event) in (1..).zip(events.iter().take(shown).filter_map(|event| model.snapshot.world.get::<Event>(event))) {
        let tone = if event.warning { Tone::Warning } else { Tone::Healthy };
        let at = event.last.map_or_else(|| "no time".to_owned(), |at| Clock(at).to_string());
        let about = event.about.as_ref().map_or_else(String::new, ObjectRef::short);
        let mut pen = Pen::new(buffer, area, row);
        pen.put(" ", look.of(Role::Text)).put(&at, look.of(Role::Muted)).put(" ", look.of(Role::Text));
        pen.put(glyph(tone), look.of(role(tone))).put(" ", look.of(Role::Text));
        pen.put(&about, look.of(Role::Text)).put("  ", look.of(Role::Text));
        pen.put(event.reason.as_str(), look.of(role(tone)));
        let times = if event.count > 1 { format!(" ({}x)", event.count) } else { String::new() };
        pen.put(&format!("{times}  {}", event.message), look.of(Role::Muted));
    }
    if events.is_empty() {
        Pen::new(buffer, area, 1).put("  none", look.of(Role::Muted));
    }
}
