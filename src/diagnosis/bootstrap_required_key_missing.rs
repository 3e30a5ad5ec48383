//! The Job that fills the Vault found that its source lacks a key.

use super::finding::Finding;
use super::jobs::{BOOTSTRAP, failure, newest, required_key, told_of};
use super::{Case, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "bootstrap-required-key-missing",
    title: "Bootstrap lacks a required key",
    severity: Severity::Error,
    runbooks: &["vault-bootstrap"],
    check: Check::World(check),
    explain: "\
The vault-bootstrap reads its source (a key vault, a file), and a key that it must have is not there. It writes nothing then.

**How it is known.** Its pods said so before they ended.

**How it is repaired.** Put the key into the source (mind its prefix), then run the bootstrap now: `kubectl create job
--from=cronjob/<name> <name>-now`.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for (job, cron) in newest(case.world, BOOTSTRAP).into_iter().filter(|(job, _)| job.has_failed()) {
        let Some(key) = required_key(case.world, job) else { continue };
        let mut finding = failure(case.world, job, RULE.slug, RULE.severity);
        finding.summary = format!("Its source lacks the required key “{key}”; it wrote nothing to Vault.");
        let summary = format!("Its last run has failed: the source lacks the required key “{key}”.");
        told_of(finding, cron, summary, found);
    }
}
