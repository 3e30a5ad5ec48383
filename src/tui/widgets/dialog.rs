//! A box in the middle of the screen.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use crate::theme::{Role, Theme};

/// A box with a title.
pub struct Dialog<'a> {
    /// Its title.
    pub title: &'a str,
    /// How wide its inside is to be.
    pub width: u16,
    /// How high.
    pub height: u16,
    /// What it looks like.
    pub theme: &'a Theme,
}

impl Dialog<'_> {
    /// Draws the box, and says where its inside is. It is never larger than the screen.
    pub fn open(&self, screen: Rect, buffer: &mut Buffer) -> Rect {
        let width = self.width.saturating_add(4).min(screen.width);
        let height = self.height.saturating_add(2).min(screen.height);
        let area = Rect { x: screen.x + (screen.width - width) / 2, y: screen.y + (screen.height - height) / 3, width, height };
        Clear.render(area, buffer);
        let block = Block::bordered()
            .border_type(BorderType::Rounded)
            .border_style(self.theme.style(Role::Focus))
            .title(format!(" {} ", self.title))
            .title_style(self.theme.style(Role::Title))
            .style(self.theme.style(Role::Text));
        let inside = block.inner(area);
        block.render(area, buffer);
        Rect { x: inside.x.saturating_add(1), width: inside.width.saturating_sub(2), ..inside }
    }
}
