//! The same findings and runs without a screen: one file an output format. Reports take a snapshot and
//! write; they ask nobody.

pub mod check_json;
pub mod check_table;
pub mod get;
pub mod run_json;
pub mod trace;

use std::io::{self, Write};

use jiff::Timestamp;

use crate::diagnosis::upcoming::Upcoming;
use crate::engine::Snapshot;

/// Output formats of `sealwatch check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// `sealwatch/check/v1`.
    Json,
}

/// Writes what the diagnosis says.
///
/// # Errors
/// The output cannot be written.
pub fn check(format: Format, snapshot: &Snapshot, upcoming: Option<&[Upcoming]>, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => {
            check_table::write(snapshot, out)?;
            check_table::soon(upcoming.unwrap_or_default(), out)
        }
        Format::Json => check_json::write(snapshot, upcoming, out),
    }
}

/// What a check says in a word.
#[must_use]
pub fn verdict(snapshot: &Snapshot) -> &'static str {
    use crate::diagnosis::Severity;
    let worst = snapshot.diagnosis.worst();
    if worst.is_some_and(|severity| severity >= Severity::Warning) || !snapshot.diagnosis.unexplained.is_empty() {
        "findings"
    } else if is_whole(snapshot) && !snapshot.is_empty() {
        "healthy"
    } else {
        "unknown"
    }
}

/// Whether everything could be looked at, and had the time to say how it is.
fn is_whole(snapshot: &Snapshot) -> bool {
    snapshot.diagnosis.unknown.is_empty() && snapshot.diagnosis.starting.said.is_empty() && !snapshot.is_blind()
}

/// A time in whole seconds, `2026-11-25T02:31:44Z`.
fn rfc3339(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).unwrap_or(at).to_string()
}

/// Breaks a text between words into lines of at most this width; a longer word has a line of its own.
fn wrap(text: &str, width: usize) -> Vec<String> {
    use unicode_width::UnicodeWidthStr as _;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
