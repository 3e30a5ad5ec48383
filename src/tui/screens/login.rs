//! The dialog in which a token or a password is typed, unseen.

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use super::{Look, below, lines};
use crate::model::vault::Login;
use crate::theme::Role;
use crate::tui::app::Model;
use crate::tui::app::document::{Document, Ink};
use crate::tui::app::login::LoginDialog;
use crate::tui::widgets::dialog::Dialog;
use crate::tui::widgets::input;
use crate::tui::widgets::pen::Pen;

/// Draws it; says where the cursor stands.
pub fn draw(model: &Model, dialog: &LoginDialog, look: Look<'_>, screen: Rect, buffer: &mut Buffer) -> Option<Position> {
    let mut page = Document::default();
    let (asks, after) = match &dialog.login {
        Login::User { mount, name } => (
            format!("The password of {name} ({mount}) at {}.", dialog.server),
            "What it gets is renewed while it can be, and revoked when you leave.",
        ),
        _ => (format!("A token for {}.", dialog.server), "It is kept in memory until you leave, and not revoked."),
    };
    page.text(Ink::Plain, format!("{asks} It is sent to that Vault and to no other. {after}"));
    let said = page.lines(64);
    let head = u16::try_from(said.len()).unwrap_or(3);
    let inside = Dialog { title: "Log in", width: 66, height: head + 4, theme: look.theme }.open(screen, buffer);
    lines(&said, inside, buffer, look);
    let field = below(inside, head + 1);
    let line = Rect { x: field.x + 2, width: field.width.saturating_sub(4), height: field.height.min(1), ..field };
    let cursor = input::dots(model.hidden, line, buffer, look.theme).filter(|_| line.height > 0);
    Pen::new(buffer, below(field, 2), 0).put("  Enter sends it, Esc wipes it.", look.of(Role::Muted));
    cursor
}
