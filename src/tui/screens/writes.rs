//! The dialog that opens writes.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, below, lines};
use crate::engine::gate::OPEN_MINUTES;
use crate::theme::Role;
use crate::tui::app::Model;
use crate::tui::app::document::{Document, Ink, wrap};
use crate::tui::app::rows::Tone;
use crate::tui::app::writes::WritesDialog;
use crate::tui::widgets::dialog::Dialog;
use crate::tui::widgets::input;
use crate::tui::widgets::pen::Pen;

/// Draws it; says where the cursor stands.
pub fn draw(model: &Model, dialog: &WritesDialog, look: Look<'_>, screen: Rect, buffer: &mut Buffer) -> Option<Position> {
    let context = &model.snapshot.identity.context;
    let with_name = model.writes_need_name();
    let mut page = Document::default();
    if with_name {
        page.text(
            Ink::Plain,
            format!(
                "Writes on {context} are opened for {OPEN_MINUTES} minutes, counted down in the header and journalled. Each step still asks before it writes. W closes them again."
            ),
        );
    } else {
        page.text(Ink::Plain, format!("Writes on {context} are opened for this session. Each step still asks before it writes."));
        page.gap();
        page.line(vec![
            (Ink::Key, "y".to_owned()),
            (Ink::Plain, " opens them, ".to_owned()),
            (Ink::Key, "Esc".to_owned()),
            (Ink::Plain, " leaves them closed.".to_owned()),
        ]);
    }
    let said = page.lines(64);
    let head = u16::try_from(said.len()).unwrap_or(4);
    let wrong = dialog.wrong.as_ref().map_or_else(Vec::new, |wrong| wrap(&[(Ink::Tone(Tone::Failing), wrong.clone())], 62));
    let height = head + if with_name { 5 + u16::try_from(wrong.len().max(1)).unwrap_or(1) } else { 0 };
    let inside = Dialog { title: "Open writes", width: 66, height, theme: look.theme }.open(screen, buffer);
    lines(&said, inside, buffer, look);
    if !with_name {
        return None;
    }
    let mut rest = below(inside, head + 1);
    let mut cursor = None;
    for (label, field, focused) in [
        (format!("  Type the context’s name, {context}:"), &dialog.context, !dialog.on_reason),
        ("  Why (it stands in the journal):".to_owned(), &dialog.reason, dialog.on_reason),
    ] {
        Pen::new(buffer, rest, 0).put(&label, look.of(if focused { Role::Text } else { Role::Muted }));
        let line = below(rest, 1);
        let line = Rect { x: line.x + 2, width: line.width.saturating_sub(4), height: line.height.min(1), ..line };
        let at = input::field(field, line, buffer, look.theme);
        if focused {
            cursor = at.filter(|_| line.height > 0);
        }
        rest = below(rest, 2);
    }
    if wrong.is_empty() {
        Pen::new(buffer, rest, 0).put("  Enter goes on, Esc leaves them closed.", look.of(Role::Muted));
    } else {
        lines(&wrong, Rect { x: rest.x + 2, width: rest.width.saturating_sub(2), ..rest }, buffer, look);
    }
    cursor
}
