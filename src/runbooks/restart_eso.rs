//! External Secrets itself is restarted.

use super::steps::{operator};
use super::{Runbook, Target};
use crate::model::Inventory;

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

/// What it is run on, whatever is pointed at: External Secrets itself, where it can be seen.
#[must_use]
pub fn target(world: &Inventory) -> Option<Target> {
    world.controller.as_ref().map(|controller| Target::Objects(vec![controller.deployment.clone()]))
}
