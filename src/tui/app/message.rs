//! What can happen to the console, each as one value: an incident is a list of these, and can be replayed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::board::Pane;
use super::effect::Clip;
use crate::engine::Snapshot;
use crate::keymap::Chord;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Message {
    /// A key was pressed; `repeat` where the terminal says that it is held down.
    Key {
        /// Which.
        chord: Chord,
        /// Whether it is held down rather than pressed.
        repeat: bool,
    },
    /// Text was pasted. It goes to a text field or nowhere, and never confirms anything.
    Paste(String),
    /// The hidden field holds this many characters now. What they are, this side never learns.
    Hidden(usize),
    /// What was typed unseen would be sent while another step is looked at: the step that asks is shown instead.
    ComeBack,
    /// The hidden field was sent to the engine and wiped.
    HiddenSent,
    /// The hidden field was wiped because it stood too long.
    HiddenExpired,
    /// A new picture from the engine.
    Snapshot(Arc<Snapshot>),
    /// The window has this many columns and rows now.
    Resized(u16, u16),
    /// Time went on.
    Tick,
    /// The mouse was pressed on something.
    Clicked(Spot),
    /// The wheel turned by this many rows.
    Scrolled(isize),
    /// What came of a copy.
    Copied {
        /// What.
        clip: Clip,
        /// Why it could not be copied, if so.
        refused: Option<String>,
    },
    /// Something that a person should be told.
    Told(String),
}

/// Something on the screen that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A row of a pane of the board, by its number.
    Row(Pane, usize),
    /// A pane, beside its rows.
    Pane(Pane),
}

/// When a message comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Since the console started; for what a person's fingers do.
    pub since_start: Duration,
    /// By the clock of the world; for ages.
    pub now: Timestamp,
}
