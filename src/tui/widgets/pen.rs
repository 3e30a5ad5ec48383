//! Writes on one row from left to right. What does not fit is cut with a mark, at a grapheme, never in silence.

use std::borrow::Cow;

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
        if is_plain(text) && text.len() <= room {
            return self.put_plain(text, style);
        }
        let shown = fit(text, room);
        let (x, _) = self.buffer.set_stringn(self.x, self.y, &shown, room, style);
        self.x = x.min(self.right);
        // Nothing stands behind the mark of a cut, and no second mark.
        if matches!(shown, Cow::Owned(_)) {
            self.put_blanks(room, style);
        }
        self
    }

    /// Writes what is plain and has room: nearly all there is, and a frame is made of thousands of characters. Where
    /// characters end has not to be looked up then.
    fn put_plain(&mut self, text: &str, style: Style) -> &mut Self {
        let first = self.buffer.index_of(self.x, self.y);
        for (cell, byte) in self.buffer.content.iter_mut().skip(first).zip(text.bytes()) {
            cell.set_char(char::from(byte)).set_style(style);
            self.x += 1;
        }
        self
    }

    /// Writes so many blanks.
    fn put_blanks(&mut self, count: usize, style: Style) -> &mut Self {
        const BLANKS: &str = "                                ";
        let mut left = count.min(usize::from(self.left()));
        while left > 0 {
            let some = BLANKS.get(..left).unwrap_or(BLANKS);
            self.put_plain(some, style);
            left -= some.len();
        }
        self
    }

    /// Writes into a column of this width, padded or cut; at its right end if `right`.
    pub fn column_put(&mut self, text: &str, width: u16, right: bool, style: Style) -> &mut Self {
        let width = usize::from(width.min(self.left()));
        let shown = fit(text, width);
        let pad = width.saturating_sub(columns(&shown));
        if right { self.put_blanks(pad, style).put(&shown, style) } else { self.put(&shown, style).put_blanks(pad, style) }
    }

    /// Fills the rest of the row.
    pub fn fill(&mut self, symbol: &str, style: Style) {
        let rest = symbol.repeat(usize::from(self.left()));
        self.put(&rest, style);
    }
}

/// Whether each byte is a character of one column.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// How many columns it takes.
fn columns(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// The text if it fits, else its beginning and the mark of a cut.
#[must_use]
pub fn fit(text: &str, room: usize) -> Cow<'_, str> {
    if columns(text) <= room {
        return Cow::Borrowed(text);
    }
    if room == 0 {
        return Cow::Borrowed("");
    }
    let (head, _) = if room == 1 { ("", "") } else { split_at_width(text, room - 1) };
    let head = if columns(head) < room { head } else { "" };
    Cow::Owned(format!("{}{CUT}", head.trim_end()))
}

/// The text if it fits, else so many columns of its beginning, the mark of a cut, and as much of its end as there is room
/// for.
#[must_use]
pub fn fit_around(text: &str, room: usize, head: usize) -> Cow<'_, str> {
    use unicode_segmentation::UnicodeSegmentation as _;
    if columns(text) <= room {
        return Cow::Borrowed(text);
    }
    let tail = room.saturating_sub(head + 1);
    if head == 0 || tail == 0 {
        return fit(text, room);
    }
    let (first, _) = split_at_width(text, head);
    let mut used = 0;
    let ends = text.grapheme_indices(true).rev().take_while(|(_, grapheme)| {
        used += grapheme.width();
        used <= tail
    });
    let from = ends.last().map_or(text.len(), |(at, _)| at);
    let (_, last) = text.split_at(from);
    Cow::Owned(format!("{first}{CUT}{last}"))
}

#[cfg(test)]
mod tests {
    use ratatui::style::Color;

    use super::*;

    #[test]
    fn what_is_plain_is_written_like_anything_else() {
        let area = Rect::new(0, 0, 12, 1);
        let style = Style::new().fg(Color::Red);
        for text in ["", "a", "a b ~", "twelve chars", "more than twelve", "日本 a", "tab\there"] {
            let (mut ours, mut theirs) = (Buffer::empty(area), Buffer::empty(area));
            Pen::new(&mut ours, area, 0).put(text, style);
            theirs.set_stringn(0, 0, fit(text, 12), 12, style);
            assert_eq!(ours, theirs, "{text}");
        }
        let mut buffer = Buffer::empty(Rect::new(0, 0, 50, 1));
        Pen::new(&mut buffer, Rect::new(1, 0, 44, 1), 0).column_put("ab", 42, true, style).put("c", style);
        assert_eq!(buffer, {
            let mut expected = Buffer::empty(Rect::new(0, 0, 50, 1));
            expected.set_string(1, 0, format!("{:>42}c", "ab"), style);
            expected
        });
    }

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
