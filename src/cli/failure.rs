//! Why a command ends without doing what it should: a sentence, a hint, an exit code.

use std::fmt;

use super::{BLIND, REFUSED, USAGE};
use crate::model::{Fault, Text};

/// The reason for an exit code that is not 0, said to a person.
#[derive(Debug)]
pub struct Failure {
    /// What is wrong.
    pub message: String,
    /// What can be done about it; may be empty.
    pub hint: String,
    /// The exit code.
    pub code: u8,
}

impl Failure {
    /// The command line or a file was wrong.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), code: USAGE }
    }

    /// It could not look.
    pub fn blind(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), code: BLIND }
    }

    /// Policy, rights or closed writes refuse it.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: hint.into(), code: REFUSED }
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::blind(fault.message.as_str(), fault.hint)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        // Whoever read has read enough.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            return Self { message: String::new(), hint: String::new(), code: super::OK };
        }
        Self::blind(format!("The output cannot be written: {error}."), "")
    }
}

impl fmt::Display for Failure {
    /// The sentence, and the hint on a line of its own. What is printed after the screen was left is
    /// scrubbed like everything else: it may quote a file name or a server.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", Text::foreign(&self.message))?;
        if !self.hint.is_empty() {
            write!(f, "\nHint: {}", Text::foreign(&self.hint))?;
        }
        Ok(())
    }
}
