//! Kubernetes auth is mended: what the checklist of a refused login names.

use super::Runbook;
use super::steps::{external_secrets, login, stores};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "kubernetes-auth",
    title: "Mend kubernetes auth",
    summary: "\
Goes through the checklist of each refused login and mends what it names: writes the configuration of the auth method in the form of
a Vault that runs in a pod, binds a role to the account of the store, or lets Vault's own account review tokens. Shows old beside new
first. Then validates the stores and refreshes what failed. A missing mount or role, and an audience that differs, need a decision and
are only said.",
    fixes: &["auth-not-configured", "auth-issuer-mismatch", "auth-reviewer-invalid", "auth-reviewer-forbidden", "auth-host-unreachable", "auth-ca-mismatch", "auth-jwt-keys-stale", "auth-service-account-not-bound", "auth-namespace-not-bound"],
    steps: &[login::STEP, stores::STEP, external_secrets::STEP],
};
