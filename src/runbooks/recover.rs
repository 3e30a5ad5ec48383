//! The whole way back after a seal, of one Vault or of several: check, unseal, stores, ExternalSecrets, what the Vault Secrets
//! Operator keeps, pods, in this order.

use std::sync::Arc;

use super::steps::{anything_fails, check, external_secrets, pods, stores, unseal, vso};
use super::{Runbook, Target};
use crate::diagnosis::Cause;
use crate::model::{Inventory, Kind};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "recover",
    title: "Recover after a seal",
    summary: "\
Unseals every sealed replica, of several Vaults one after the other, then asks each store to validate at once and waits for
its proof, then refreshes each ExternalSecret that failed, as many at a time as External Secrets works on, and waits until
each is synced, and has the Vault Secrets Operator reconcile what failed there. It touches only what failed.
It never restarts a pod, deletes a Secret or changes a spec; what makes a new value at each sync (a generator) is left out.",
    fixes: &["vault-sealed", "vault-partly-sealed", "vault-no-active-node", "store-status-stale", "sync-backing-off"],
    steps: &[check::STEP, unseal::STEP, stores::STEP, external_secrets::STEP, vso::FAILED, pods::STEP],
};

/// What it means where nobody says on what: the Vaults that are closed; if none is, not the one cause that reaches furthest,
/// but all that still fails, so that nothing is left to its back-off.
#[must_use]
pub fn unnamed(causes: &[Arc<Cause>], world: &Inventory) -> Option<Target> {
    closed(causes, RUNBOOK.name).or_else(|| everything(world))
}

/// The Vaults that are closed and that this runbook opens: one, or all of them one after the other.
#[must_use]
pub fn closed(causes: &[Arc<Cause>], runbook: &str) -> Option<Target> {
    let mut vaults = Vec::new();
    for cause in causes.iter().filter(|cause| cause.subject.kind == Kind::Vault && cause.runbooks.contains(&runbook)) {
        // Two things may be wrong with one.
        if !vaults.contains(&cause.subject) {
            vaults.push(cause.subject.clone());
        }
    }
    Target::of_vaults(vaults)
}

/// All that still fails and does not stand behind a Vault that is closed, if there is any.
#[must_use]
pub fn everything(world: &Inventory) -> Option<Target> {
    anything_fails(world).then_some(Target::Everything)
}
