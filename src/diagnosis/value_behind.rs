//! Vault has a newer value than an `ExternalSecret` will ever fetch.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::Clock;

pub(super) const RULE: Rule = Rule {
    slug: "value-behind",
    title: "Newer value is never fetched",
    severity: Severity::Warning,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
The ExternalSecret reads its source once (`refreshPolicy: CreatedOnce`, or `refreshInterval: 0`), and Vault holds a newer
version. Everything is green; the Secret keeps the old value.

**How it is known.** The current version was written after the last sync, and no annotation makes External Secrets read again
(`shouldRefresh`, measured on 2.9.0).

**How it is repaired.** If the new value is wanted: set `refreshPolicy: Periodic` with an interval for one sync, or delete the
Secret, which is then made anew. If the old value is wanted (a password that a database was made with), nothing is wrong:
that is what this policy is for.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.es.refresh_has_effect() || case.word.is_some() {
        return;
    }
    let (Some(read), Some(newest)) = (case.es.refreshed, case.newest_version()) else { return };
    if newest <= read {
        return;
    }
    let how = if case.es.interval == 0 { "refreshInterval 0" } else { "refreshPolicy CreatedOnce" };
    let summary = format!(
        "Vault has a version of {}, its Secret is of {}: with {how} it is never fetched.",
        Clock(newest),
        Clock(read)
    );
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary).since(Some(newest));
    found.push(
        finding
            .seen(Source::Vault, "the current version was written then", Some(newest))
            .seen(Source::Kubernetes, format!("status.refreshTime; {how}"), Some(read)),
    );
}
