//! A bar with its numbers beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::Widget;

use super::pen::Pen;
use crate::theme::{Role, Theme, glyphs};

/// How much of something is done.
pub struct Progress<'a> {
    /// Done.
    pub done: usize,
    /// Failed.
    pub failed: usize,
    /// All.
    pub total: usize,
    /// What it looks like.
    pub theme: &'a Theme,
}

impl Widget for &Progress<'_> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let width = usize::from(area.width);
        let cells = |part: usize| (width * part).checked_div(self.total).unwrap_or(0);
        let (done, failed) = (cells(self.done), cells(self.failed));
        let mut pen = Pen::new(buffer, area, 0);
        pen.put(&glyphs::FULL.repeat(done), self.theme.style(Role::Healthy));
        pen.put(&glyphs::FULL.repeat(failed), self.theme.style(Role::Failing));
        pen.put(&glyphs::REST.repeat(width.saturating_sub(done + failed)), self.theme.style(Role::Border));
    }
}
