//! The Job that fills the Vault has failed.

use super::finding::Finding;
use super::jobs::{BOOTSTRAP, because, failure, newest, required_key};
use super::{Case, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "bootstrap-failed",
    title: "Vault bootstrap has failed",
    severity: Severity::Error,
    runbooks: &[],
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
        let summary = "The last run of this CronJob has failed.".to_owned();
        let of_cron = |cron| Finding::certain(RULE.slug, RULE.severity, cron, summary).since(finding.since);
        match (because(case.world, job), cron) {
            (Some((slug, root)), cron) => {
                found.extend(cron.map(of_cron).map(|finding| finding.under(slug, root.clone())));
                found.push(finding.under(slug, root));
            }
            (None, Some(cron)) => {
                found.push(of_cron(cron.clone()));
                found.push(finding.under(RULE.slug, cron));
            }
            (None, None) => found.push(finding),
        }
    }
}
