//! A deleted version of a path is brought back, and what reads it is refreshed.

use super::Runbook;
use super::steps::{readers, undelete};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "undelete-version",
    title: "Undelete a version",
    summary: "\
Brings the deleted version of each path back (the current one, or one that a reader is held to) and refreshes what reads it. It reads and writes no value. A destroyed
version cannot be brought back.",
    fixes: &["version-deleted"],
    steps: &[undelete::STEP, readers::STEP],
};
