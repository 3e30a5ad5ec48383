//! Gives every sealed replica of a Vault, or a namespace that is sealed by itself, its shares, and nothing more.

use super::Runbook;
use super::steps::unseal;

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "unseal",
    title: "Unseal every replica",
    summary: "\
Sends each share, typed once, to every sealed replica in turn, until all of them are open. It goes through
the Kubernetes API server to each pod, never through `exec`: there the share would stand in the audit log.
Of several Vaults that are closed one is opened after the other, each with its own shares. A namespace of OpenBao that is
sealed by itself is one of them: its shares go to the leader, with your token.
Stores and ExternalSecrets recover by their own back-off; `recover` does that at once.",
    fixes: &["vault-sealed", "vault-partly-sealed", "vault-no-active-node"],
    steps: &[unseal::STEP],
};
