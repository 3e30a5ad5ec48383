//! An `ExternalSecret` merges into a Secret that does not exist.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "target-missing",
    title: "Secret to merge into is missing",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
With `creationPolicy: Merge` External Secrets adds keys to a Secret that somebody else makes, and that Secret is not there.
The ExternalSecret is green all the same: `Ready=True SecretMissing`.

**How it is known.** By that reason, and by the Secret's absence.

**How it is repaired.** Make the Secret, or use `creationPolicy: Owner`. Then annotate the ExternalSecret: a Secret that comes
later is not noticed before the next interval, and never with interval 0.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let missing = case.es.ready.as_ref().filter(|ready| ready.reason.as_str() == "SecretMissing");
    let Some(ready) = missing.filter(|_| case.lacks_target()) else { return };
    let target = &case.es.target;
    let summary = format!("It is green, but the Secret “{target}” that it should merge into does not exist.");
    let finding = case.finding(RULE.slug, RULE.severity, summary).since(ready.since);
    found.push(finding.seen(Source::Kubernetes, format!("there is no Secret {target}; creationPolicy is {}", case.es.creation_policy), None));
}
