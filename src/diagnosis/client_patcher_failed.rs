//! The Job that writes the secrets of clients to Vault has failed.

use super::finding::Finding;
use super::jobs::{CLIENT_PATCHER, because, failure, newest};
use super::{Case, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "client-patcher-failed",
    title: "Client patcher has failed",
    severity: Severity::Error,
    runbooks: &["client-patcher"],
    check: Check::World(check),
    explain: "\
The client-patcher takes the secret of a client (of Keycloak, say) and writes it to Vault in place of the placeholder that the bootstrap
left. It has failed, so the placeholder stays.

**How it is known.** The Job's condition `Failed`; what its pods last said tells why: `401` the login it uses is not valid, `403` it may
not, `404` the client or realm is not there, `permission denied` Vault does not let it write, `exec format error` its image is of
another architecture, `jq: command not found` its image lacks a program.

**How it is repaired.** Mend what it says, then run it again: by a sync, where it is a hook of Argo CD; else by deleting the Job and
making it anew from its own spec (neither Flux nor Helm runs one again that is there). Then look whether the value in Vault is still a placeholder.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    // An older run of a timetable that went well since is nobody's trouble any more.
    for (job, _) in newest(case.world, CLIENT_PATCHER).into_iter().filter(|(job, _)| job.has_failed()) {
        let finding = failure(case.world, job, RULE.slug, RULE.severity);
        found.push(match because(case.world, job) {
            Some((slug, root)) => finding.under(slug, root),
            None => finding,
        });
    }
}
