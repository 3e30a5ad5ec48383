//! The Job that replaces placeholders is run again.

use super::Runbook;
use super::steps::{client_patcher, placeholders};

/// See the module.
pub static RUNBOOK: Runbook = Runbook {
    name: "client-patcher",
    title: "Run the client-patcher again",
    summary: "\
Runs the client-patcher again: by a sync of its Argo CD Application where it is a hook of that, else by deleting the Job and
making it anew from its own spec, which is the same to Argo CD, Flux and Helm; follows it to its end, and looks whether the Secrets still hold a placeholder.",
    fixes: &["client-patcher-failed", "placeholder-value"],
    steps: &[client_patcher::STEP, placeholders::STEP],
};
