//! The Job that fills the Vault has failed.

use super::finding::Finding;
use super::jobs::{BOOTSTRAP, because, failure, newest, required_key, told_of};
use super::{Case, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "bootstrap-failed",
    title: "Vault bootstrap has failed",
    severity: Severity::Error,
    runbooks: &["vault-bootstrap"],
    check: Check::World(check),
    explain: "\
The vault-bootstrap fills the Vault from its source. Its last run has failed: what it should have written is not there, or is old.

**How it is known.** The condition `Failed` of the newest Job of its CronJob (or of the Job itself); what its pods last said tells why.

**How it is repaired.** Mend what it says, then run it now: `kubectl create job --from=cronjob/<name> <name>-now`.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for (job, cron) in newest(case.world, BOOTSTRAP).into_iter().filter(|(job, _)| job.has_failed()) {
        if required_key(case.world, job).is_some() {
            continue;
        }
        let finding = failure(case.world, job, RULE.slug, RULE.severity);
        let mut told = Vec::new();
        told_of(finding, cron, "The last run of this CronJob has failed.".to_owned(), &mut told);
        match because(case.world, job) {
            // Both stand under what is wrong with the Vault, rather than one under the other.
            Some((slug, root)) => found.extend(told.into_iter().map(|finding| finding.under(slug, root.clone()))),
            None => found.append(&mut told),
        }
    }
}
