//! The hidden field: what is typed while a share is asked for goes here and nowhere else, never into a message.

use std::time::Duration;

use crate::keymap::{Chord, Key};
use crate::ports::Typed;

/// What was typed is wiped after this long.
const LONGEST: Duration = Duration::from_secs(120);

/// The hidden field.
#[derive(Default)]
pub(super) struct Hidden {
    typed: Typed,
    since: Option<Duration>,
}

/// What a key did to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Did {
    /// It holds this many characters now.
    Holds(usize),
    /// It is to be sent.
    Send,
    /// The key is not for it.
    Nothing,
}

impl Hidden {
    /// Takes a key, if it is one for a field.
    pub(super) fn key(&mut self, chord: Chord, at: Duration) -> Did {
        match (chord.key, chord.control) {
            (Key::Char(c), false) => {
                if self.since.is_none() {
                    self.typed = Typed::new();
                }
                self.typed.push(c);
                self.since.get_or_insert(at);
            }
            (Key::Backspace, _) => self.typed.pop(),
            (Key::Char('u'), true) => self.wipe(),
            (Key::Enter, _) if self.typed.is_empty() => {}
            (Key::Enter, _) => return Did::Send,
            _ => return Did::Nothing,
        }
        Did::Holds(self.typed.len())
    }

    /// Takes pasted text: shares come from password managers. A paste does not send. What does not fit into one line is not
    /// taken at all: half a key is worse than none.
    pub(super) fn paste(&mut self, text: &str, at: Duration) -> Did {
        let text = text.trim();
        if text.chars().any(char::is_control) || self.typed.len() + text.chars().count() > Typed::LONGEST {
            return Did::Holds(self.typed.len());
        }
        for c in text.chars() {
            self.key(Chord::char(c), at);
        }
        Did::Holds(self.typed.len())
    }

    /// Hands over what was typed, and holds nothing any more.
    pub(super) fn take(&mut self) -> Typed {
        self.since = None;
        std::mem::take(&mut self.typed)
    }

    /// Forgets what was typed.
    pub(super) fn wipe(&mut self) {
        self.typed.wipe();
        self.since = None;
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.typed.is_empty()
    }

    /// When it is to be wiped, since the start.
    pub(super) fn deadline(&self) -> Option<Duration> {
        self.since.map(|since| since + LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_takes_letters_and_sends_on_enter_only() {
        let mut hidden = Hidden::default();
        let at = Duration::from_secs(1);
        assert_eq!(hidden.key(Chord::of(Key::Enter), at), Did::Holds(0), "nothing is not sent");
        assert_eq!(hidden.key(Chord::char('q'), at), Did::Holds(1), "q is a letter here");
        assert_eq!(hidden.paste(" abc\n", at), Did::Holds(4));
        assert_eq!(hidden.key(Chord::of(Key::Tab), at), Did::Nothing);
        assert_eq!(hidden.deadline(), Some(Duration::from_secs(121)));
        assert_eq!(hidden.key(Chord::of(Key::Enter), at), Did::Send);
        assert_eq!(hidden.take().reveal(), "qabc");
        assert!(hidden.is_empty());
        assert_eq!(hidden.deadline(), None);
    }
}
