//! The board: the cause told in full, then stores, ExternalSecrets and Vault side by side, then the last events.

mod causes;
mod events;
pub mod layout;
mod panes;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::Look;
use crate::theme::{Role, glyphs};
use crate::tui::app::Model;
use crate::tui::widgets::pen::Pen;

/// Draws it.
pub fn draw(model: &Model, look: Look<'_>, area: Rect, buffer: &mut Buffer) {
    let told = causes::told(model, usize::from(area.width));
    let areas = layout::layout(model, area, told.height());
    causes::draw(model, &told, look, areas.causes, buffer);
    if let Some(tabs) = areas.tabs {
        panes::tabs(model, look, tabs, buffer);
    }
    for (number, (pane, rect)) in areas.panes.iter().enumerate() {
        if areas.tabs.is_none() && number > 0 {
            panes::separator(Rect { x: rect.x - 1, width: 1, ..*rect }, buffer, look);
        }
        panes::draw(model, *pane, look, *rect, areas.tabs.is_none(), buffer);
    }
    if let Some(rect) = areas.events {
        events::draw(model, look, rect, buffer);
    }
}

/// Marks the title of the part that has the focus: a colour alone is not seen by everyone.
fn mark_focus(area: Rect, buffer: &mut Buffer, look: Look<'_>) {
    let mut pen = Pen::new(buffer, area, 0);
    pen.skip_to(area.x + 1);
    pen.put(glyphs::CURSOR, look.of(Role::Active));
}

/// How high the part of the causes wants to be.
#[must_use]
pub fn causes_height(model: &Model, width: u16) -> u16 {
    causes::told(model, usize::from(width)).height()
}
