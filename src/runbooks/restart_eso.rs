//! External Secrets itself is restarted.

use super::Runbook;
use super::steps::{operator};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "restart-eso",
    title: "Restart External Secrets",
    summary: "\
Looks at the Deployment and the lease of External Secrets, restarts it by a rollout, and waits until it leads and renews its
lease. No store, ExternalSecret or Secret is touched.",
    fixes: &["sync-stalled"],
    steps: &[operator::STEP],
};
