//! The Job that fills the Vault is run now, and it is looked at what that left there.

use super::Runbook;
use super::steps::{bootstrap, paths};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "vault-bootstrap",
    title: "Run the Vault bootstrap now",
    summary: "\
Starts a Job from the timetable of the vault-bootstrap, as `kubectl create job --from` does, and follows it to its end. A
bootstrap without a timetable is run again from its own spec. Then it looks whether every path is there that something reads.",
    fixes: &["bootstrap-failed", "bootstrap-required-key-missing"],
    steps: &[bootstrap::STEP, paths::STEP],
};
