//! A person types a value that is missing or a placeholder.

use super::Runbook;
use super::steps::{readers, value};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "write-value",
    title: "Write a value",
    summary: "\
Writes one property of one path with the value that you type unseen, or give from a file or a pipe (`--value-file`), and
refreshes what reads it. The other properties of the path stay, and the version that is replaced is named: if somebody else wrote
it meanwhile, nothing is written.",
    fixes: &["property-missing", "path-missing", "placeholder-value"],
    steps: &[value::STEP, readers::STEP],
};
