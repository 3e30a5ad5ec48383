//! A one-line text field: keys in, text out. For what may be seen; shares are typed elsewhere.

use tui_input::{Input, InputRequest};

use crate::keymap::{Chord, Key};

/// The longest text that is taken, in characters.
const LONGEST: usize = 256;

/// A text field.
#[derive(Clone, Debug, Default)]
pub struct Field(Input);

impl Field {
    /// A field with this text.
    #[must_use]
    pub fn holding(text: &str) -> Self {
        Self(Input::from(text))
    }

    /// Takes a key, if it is one that edits. Says whether the text changed.
    pub fn take(&mut self, chord: Chord) -> bool {
        let request = match (chord.key, chord.control) {
            (Key::Char(c), false) if !c.is_control() && self.0.value().chars().count() < LONGEST => InputRequest::InsertChar(c),
            (Key::Char('u'), true) => InputRequest::DeleteLine,
            (Key::Char('w'), true) => InputRequest::DeletePrevWord,
            (Key::Char('a'), true) | (Key::Home, _) => InputRequest::GoToStart,
            (Key::Char('e'), true) | (Key::End, _) => InputRequest::GoToEnd,
            (Key::Backspace, _) => InputRequest::DeletePrevChar,
            (Key::Delete, _) => InputRequest::DeleteNextChar,
            (Key::Left, _) => InputRequest::GoToPrevChar,
            (Key::Right, _) => InputRequest::GoToNextChar,
            _ => return false,
        };
        self.0.handle(request).is_some_and(|changed| changed.value)
    }

    /// Takes pasted text: one line, no control characters.
    pub fn paste(&mut self, text: &str) {
        for c in text.chars().map(|c| if c == '\n' || c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).take(LONGEST) {
            self.take(Chord::char(c));
        }
    }

    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.value()
    }

    /// Where the cursor stands, in columns.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.0.visual_cursor()
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.0.reset();
    }
}
