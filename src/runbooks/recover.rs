//! The whole way back after a seal: check, unseal, stores, ExternalSecrets, what the Vault Secrets Operator keeps, pods,
//! in this order.

use super::Runbook;
use super::steps::{check, external_secrets, pods, stores, unseal, vso};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "recover",
    title: "Recover after a seal",
    summary: "\
Unseals every sealed replica, then asks each store to validate at once and waits for its proof, then
refreshes each ExternalSecret that failed, as many at a time as External Secrets works on, and waits until
each is synced, and has the Vault Secrets Operator reconcile what failed there. It touches only what failed. It never restarts a pod, deletes a Secret or changes a spec;
what makes a new value at each sync (a generator) is left out.",
    fixes: &["vault-sealed", "vault-partly-sealed", "vault-no-active-node", "store-status-stale", "sync-backing-off"],
    steps: &[check::STEP, unseal::STEP, stores::STEP, external_secrets::STEP, vso::FAILED, pods::STEP],
};
