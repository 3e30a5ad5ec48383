//! Writes on one row from left to right. What does not fit is cut with a mark, at a grapheme, never in silence.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

use crate::theme::glyphs::CUT;
use crate::tui::app::document::split_at_width;

/// A pen on one row of an area.
pub struct Pen<'a> {
    buffer: &'a mut Buffer,
    x: u16,
    y: u16,
    right: u16,
}

impl<'a> Pen<'a> {
    /// At the left end of a row of this area; outside of it, it writes nothing.
    pub fn new(buffer: &'a mut Buffer, area: Rect, row: u16) -> Self {
        let area = area.intersection(buffer.area);
        let inside = row < area.height;
        Self { buffer, x: area.x, y: area.y.saturating_add(row), right: if inside { area.right() } else { area.x } }
    }

    /// How many columns are left.
    #[must_use]
    pub const fn left(&self) -> u16 {
        self.right.saturating_sub(self.x)
    }

    /// Where the next character goes.
    #[must_use]
    pub const fn column(&self) -> u16 {
        self.x
    }

    /// Goes on at this column, if it is to the right.
    pub fn skip_to(&mut self, column: u16) {
        self.x = self.x.max(column).min(self.right);
    }

    /// Writes.
    pub fn put(&mut self, text: &str, style: Style) -> &mut Self {
        let room = usize::from(self.left());
        if room == 0 || text.is_empty() {
            return self;
        }
        let shown = fit(text, room);
        let (x, _) = self.buffer.set_stringn(self.x, self.y, &shown, room, style);
        self.x = x.min(self.right);
        self
    }

    /// Writes into a column of this width, padded or cut; at its right end if `right`.
    pub fn column_put(&mut self, text: &str, width: u16, right: bool, style: Style) -> &mut Self {
        let width = width.min(self.left());
        let shown = fit(text, usize::from(width));
        let pad = usize::from(width).saturating_sub(shown.width());
        let padded = if right { format!("{}{shown}", " ".repeat(pad)) } else { format!("{shown}{}", " ".repeat(pad)) };
        self.put(&padded, style)
    }

    /// Fills the rest of the row.
    pub fn fill(&mut self, symbol: &str, style: Style) {
        let rest = symbol.repeat(usize::from(self.left()));
        self.put(&rest, style);
    }
}

/// The text if it fits, else its beginning and the mark of a cut.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    if width == 0 {
        return String::new();
    }
    let (head, _) = if width == 1 { ("", "") } else { split_at_width(text, width - 1) };
    let head = if head.width() < width { head } else { "" };
    format!("{}{CUT}", head.trim_end())
}

#[cfg(test)]
mod tests {
    use super::fit;

    #[test]
    fn a_cut_is_marked_and_never_splits_a_character() {
        for (text, width, shown) in [
            ("payments", 8, "payments"),
            ("payments", 5, "paym…"),
            ("payments", 1, "…"),
            ("payments", 0, ""),
            ("日本語", 4, "日…"),
            ("日本語", 2, "…"),
            ("two words", 5, "two…"),
        ] {
            assert_eq!(fit(text, width), shown, "{text} in {width}");
        }
    }
}
