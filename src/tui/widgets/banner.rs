//! Words on a ground of their own, over as many rows as they need: what was said to the person, and what is asked.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::pen::Pen;
use crate::tui::app::document::{Ink, Line, wrap};

/// Words on a ground.
pub struct Banner {
    lines: Vec<Line>,
    lead: &'static str,
}

impl Banner {
    /// At this width. The sign stands before the first line, with a blank before it; the other lines stand under its words.
    #[must_use]
    pub fn new(text: &str, sign: &'static str, width: u16) -> Self {
        let taken = if sign.is_empty() { 2 } else { 4 };
        Self { lines: wrap(&[(Ink::Plain, text.to_owned())], usize::from(width.saturating_sub(taken))), lead: sign }
    }

    /// How many rows it needs.
    #[must_use]
    pub fn rows(&self) -> u16 {
        u16::try_from(self.lines.len()).unwrap_or(u16::MAX)
    }

    /// Draws as many rows of it as the area has; says how many that were.
    pub fn draw(&self, area: Rect, buffer: &mut Buffer, words: Style, sign: Style) -> u16 {
        let rows = self.rows().min(area.height);
        for (row, line) in (0..rows).zip(&self.lines) {
            let mut pen = Pen::new(buffer, area, row);
            pen.put(" ", words);
            if !self.lead.is_empty() {
                pen.put(if row == 0 { self.lead } else { " " }, sign).put(" ", words);
            }
            for (_, text) in line {
                pen.put(text, words);
            }
            pen.fill(" ", words);
        }
        rows
    }
}
