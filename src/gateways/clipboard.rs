//! The clipboard of the desktop. It is offered names, commands and status lines, never a value. Over SSH there
//! is none, and the console says so.

use std::sync::{Mutex, PoisonError};

use crate::model::{Fault, FaultKind};
use crate::ports::Clipboard;

/// The desktop's clipboard. It is opened at the first copy and kept: on X11 and Wayland its content
/// vanishes with the program that offers it.
#[derive(Default)]
pub struct SystemClipboard(Mutex<Option<arboard::Clipboard>>);

impl SystemClipboard {
    /// A clipboard that is not opened yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clipboard for SystemClipboard {
    fn copy(&self, text: &str) -> Result<(), Fault> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let clipboard = match kept.take() {
            Some(clipboard) => kept.insert(clipboard),
            None => kept.insert(arboard::Clipboard::new().map_err(|error| fault(&error))?),
        };
        clipboard.set_text(text).map_err(|error| fault(&error))
    }
}

fn fault(error: &arboard::Error) -> Fault {
    let message = match error {
        arboard::Error::ClipboardNotSupported => "There is no clipboard here: this session has no display.",
        arboard::Error::ClipboardOccupied => "Another program holds the clipboard. Try again.",
        _ => "The clipboard cannot be reached: this session has no display, or it refuses.",
    };
    Fault::new(FaultKind::Local, message).hinted("Select the text with the mouse instead; Shift makes the terminal take it.")
}
