//! A Vault that keeps its data in memory.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::{Replica, VaultServer};

pub(super) const RULE: Rule = Rule {
    slug: "vault-dev-mode",
    title: "Vault runs in dev mode",
    severity: Severity::Info,
    runbooks: &[],
    check: Check::Vault(check),
    explain: "\
This Vault keeps everything in memory (`-dev`): a restart loses all of it and makes a new cluster with other keys.

**How it is known.** `sys/seal-status` says `storage_type: inmem`.

**How it is repaired.** On a developer's machine it is meant so: after a restart fill it again (runbook `recover` cannot bring
back what is lost). Anywhere else give it a storage.
",
};

fn check(_: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let memory = |replica: &&Replica| replica.seal.as_ref().is_some_and(|seal| seal.storage.as_str() == "inmem");
    let Some(replica) = server.replicas.values().find(memory) else { return };
    let summary = "It keeps everything in memory: a restart loses every secret and every key.".to_owned();
    let finding = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary);
    found.push(finding.seen(Source::Vault, "GET sys/seal-status: storage_type=inmem", replica.answered));
}
