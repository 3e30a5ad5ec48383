//! Asks stores and ExternalSecrets to be looked at again, the stores first; then what the Vault Secrets Operator keeps.

use super::Runbook;
use super::steps::{check, external_secrets, stores, vso};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "refresh",
    title: "Refresh what failed or is named",
    summary: "\
Annotates each store that failed and waits for its validation, then annotates each ExternalSecret that failed,
or is named itself though it is synced, and waits until it is synced. In the other order an ExternalSecret fails once more and waits for its back-off. What
makes a new value at each sync (a generator) is left out. Then it annotates each object of the Vault Secrets
Operator that is meant and waits until it was reconciled; one whose annotation issues a new lease or a new
certificate is left out unless it is named itself.",
    fixes: &["sync-backing-off", "store-invalid", "lease-expired"],
    steps: &[check::STEP, stores::STEP, external_secrets::MEANT, vso::MEANT],
};
