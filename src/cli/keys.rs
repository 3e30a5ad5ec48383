//! `sealwatch keys`: the key table.

use std::io::{self, Write as _};

use super::{Failure, OK};
use crate::keymap;

/// Prints every key with its meaning, by place.
pub(super) fn run() -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    for (number, (place, lines)) in keymap::help().into_iter().enumerate() {
        writeln!(out, "{}{}", if number == 0 { "" } else { "\n" }, place.title())?;
        for (chords, meaning) in lines {
            writeln!(out, "  {chords:16} {meaning}")?;
        }
    }
    Ok(OK)
}
