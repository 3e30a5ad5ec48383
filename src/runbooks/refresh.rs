//! Asks stores and ExternalSecrets to be looked at again, the stores first.

use super::Runbook;
use super::steps::{check, external_secrets, stores};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "refresh",
    title: "Refresh what failed",
    summary: "\
Annotates each store and waits for its validation, then annotates each ExternalSecret that failed and waits
until it is synced. In the other order an ExternalSecret fails once more and waits for its back-off. What
makes a new value at each sync (a generator) is left out.",
    fixes: &["sync-backing-off", "store-invalid"],
    steps: &[check::STEP, stores::STEP, external_secrets::STEP],
};
