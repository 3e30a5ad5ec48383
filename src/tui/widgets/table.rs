//! A table over rows that are asked for one by one: only those in the window are, so ten thousand rows cost as
//! much as ten.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget;
use unicode_width::UnicodeWidthStr;

use super::pen::{Pen, fit_around};

/// What a row consists of.
#[derive(Clone, Debug, Default)]
pub struct Cells {
    /// Two signs before the name: cursor or mark, and the state.
    pub lead: [(String, Style); 2],
    /// The name; it takes what the other columns leave.
    pub name: (String, Style),
    /// A word for the state.
    pub state: (String, Style),
    /// A note, at the right end.
    pub note: (String, Style),
    /// The ground of the whole row.
    pub ground: Style,
    /// How far the name is indented.
    pub indent: u16,
    /// Which part of a name goes that is too long.
    pub cut: Cut,
}

/// Which part of a name goes that is too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cut {
    /// Its end: of words.
    #[default]
    End,
    /// Its middle; in `namespace/name` the middle of the name, as long as there is room for the namespace.
    Middle,
    /// What stands before its end: of paths and pods, whose ends tell one from the other.
    Tail,
}

/// A window on a table.
pub struct Table<F> {
    /// How many rows there are.
    pub len: usize,
    /// The row that the window lies around.
    pub around: usize,
    /// The row that must be seen.
    pub focus: usize,
    /// Makes a row.
    pub row: F,
}

/// The first row of a window of this height that has `around` near its middle and shows `focus`.
#[must_use]
pub fn window(len: usize, around: usize, focus: usize, height: usize) -> usize {
    let first = around.saturating_sub(height / 2).max((focus + 1).saturating_sub(height)).min(focus);
    first.min(len.saturating_sub(height))
}

/// A state of this width stays whole although names are cut for it.
const STATE: u16 = 13;

fn columns_of(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// How wide the columns are.
struct Widths {
    name: u16,
    state: u16,
}

impl Widths {
    /// What the rows of the window need. Where there is not enough, the note stays whole, then a short state,
    /// then the name.
    fn of(rows: &[Cells], width: u16) -> Self {
        let widest = |text: fn(&Cells) -> usize| u16::try_from(rows.iter().map(text).max().unwrap_or(0)).unwrap_or(u16::MAX);
        let named = widest(|row| if row.state.0.is_empty() { 0 } else { row.name.0.width() + usize::from(row.indent) });
        let state = widest(|row| row.state.0.width());
        let note = widest(|row| row.note.0.width()).min(width / 3);
        // Two signs with a blank, and a blank before each further column.
        let room = width.saturating_sub(3 + 2 + note);
        let state = state.min(room.saturating_sub(named).max(STATE.min(room * 3 / 5)));
        Self { name: room.saturating_sub(state), state }
    }
}

/// With less room than this for a name, its namespace is cut too.
const NAME: usize = 5;

/// The name as there is room for it.
fn name(row: &Cells, room: u16) -> Cow<'_, str> {
    let (text, room) = (row.name.0.as_str(), usize::from(room));
    match row.cut {
        Cut::End => Cow::Borrowed(text),
        Cut::Tail => fit_around(text, room, room / 4),
        Cut::Middle => match text.split_once('/') {
            Some((namespace, name)) if namespace.width() + 1 + NAME <= room => {
                let left = room - namespace.width() - 1;
                Cow::Owned(format!("{namespace}/{}", fit_around(name, left, left / 2)))
            }
            _ => fit_around(text, room, room / 2),
        },
    }
}

impl<F: Fn(usize) -> Cells> Widget for &Table<F> {
    fn render(self, area: Rect, buffer: &mut Buffer) {
        let height = usize::from(area.height);
        let first = window(self.len, self.around, self.focus, height);
        let rows: Vec<Cells> = (first..self.len).take(height).map(|number| (self.row)(number)).collect();
        let widths = Widths::of(&rows, area.width);
        for (number, row) in rows.iter().enumerate() {
            let Ok(y) = u16::try_from(number) else { break };
            let line = Rect { y: area.y.saturating_add(y), height: 1, ..area }.intersection(buffer.area);
            buffer.set_style(line, row.ground);
            let mut pen = Pen::new(buffer, area, y);
            pen.column_put(&row.lead[0].0, 1, false, row.lead[0].1);
            pen.column_put("", row.indent, false, row.ground);
            pen.column_put(&row.lead[1].0, 2, false, row.lead[1].1);
            // A row without state and note gives its name the whole line.
            if row.state.0.is_empty() && row.note.0.is_empty() {
                let rest = pen.left();
                pen.column_put(&row.name.0, rest, false, row.name.1);
                continue;
            }
            let column = widths.name.saturating_sub(row.indent);
            let (wide, state, note) = (columns_of(&row.name.0), columns_of(&row.state.0), columns_of(&row.note.0));
            // A name that is too long takes what its own state and note leave free.
            let with_blank = |width: u16| if width == 0 { 0 } else { width + 1 };
            let free = wide.min(pen.left().saturating_sub(with_blank(state) + with_blank(note)));
            if state == 0 {
                let room = free.max(column + 1 + widths.state);
                pen.column_put(&name(row, room), room, false, row.name.1);
            } else {
                let room = free.max(column);
                pen.column_put(&name(row, room), room, false, row.name.1);
                let left = (column + widths.state).saturating_sub(room).max(state);
                pen.put(" ", row.ground).column_put(&row.state.0, left, false, row.state.1);
            }
            let note = pen.left().saturating_sub(1);
            pen.put(" ", row.ground).column_put(&row.note.0, note, true, row.note.1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_tells_names_apart_is_kept_longest() {
        let shown = |cut, text: &str, room| {
            name(&Cells { name: (text.to_owned(), Style::new()), cut, ..Cells::default() }, room).into_owned()
        };
        assert_eq!(shown(Cut::Tail, "secret/payments/stripe-0", 14), "sec…s/stripe-0");
        assert_eq!(shown(Cut::Tail, "vault-core-dev-2", 9), "va…-dev-2");
        assert_eq!(shown(Cut::Middle, "ameide-prod/ameide-vault", 18), "ameide-prod/ame…lt");
        assert_eq!(shown(Cut::Middle, "ameide-staging/ameide-vault", 15), "ameide-…e-vault");
        assert_eq!(shown(Cut::Middle, "db-0", 9), "db-0");
    }

    #[test]
    fn a_long_name_takes_what_its_state_leaves_free() {
        let row = |name: &str, state: &str| Cells {
            name: (name.to_owned(), Style::new()),
            state: (state.to_owned(), Style::new()),
            cut: Cut::Tail,
            ..Cells::default()
        };
        let rows = [row("vault", "SEALED 3 of 3"), row("anthropic-api-key", "v1")];
        let table = Table { len: 2, around: 0, focus: 0, row: |number: usize| rows[number].clone() };
        let area = Rect::new(0, 0, 28, 2);
        let mut buffer = Buffer::empty(area);
        table.render(area, &mut buffer);
        let text: String = (0..28).map(|x| buffer[(x, 1)].symbol()).collect();
        assert_eq!(text.trim_end(), "   anthropic-api-key v1");
    }

    #[test]
    fn only_rows_in_the_window_are_made() {
        let made = Cell::new(0);
        let table = Table {
            len: 10_000,
            around: 4_999,
            focus: 5_000,
            row: |number| {
                made.set(made.get() + 1);
                Cells { name: (format!("row {number}"), Style::new()), ..Cells::default() }
            },
        };
        let area = Rect::new(0, 0, 20, 5);
        let mut buffer = Buffer::empty(area);
        table.render(area, &mut buffer);
        assert_eq!(made.get(), 5);
        assert_eq!(window(3, 2, 2, 5), 0, "a short list begins at the top");
        assert_eq!(window(10, 9, 9, 4), 6, "the end of a list is at the bottom");
        assert_eq!((window(99, 50, 51, 10), window(99, 50, 45, 10)), (45, 45), "it lies still");
        assert_eq!((window(99, 50, 60, 10), window(99, 50, 40, 10)), (51, 40), "what must be seen is seen");
        assert_eq!(window(10, 5, 5, 0), 5, "nothing is shown of it");
    }
}
