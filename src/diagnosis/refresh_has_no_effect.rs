//! A change of an `ExternalSecret` will not be synced.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "refresh-has-no-effect",
    title: "A change is never synced",
    severity: Severity::Info,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
The ExternalSecret was changed after its last sync, and it is one that is never synced again: `refreshPolicy: CreatedOnce` or
`refreshInterval: 0`. An annotation does not help either.

**How it is known.** `status.syncedResourceVersion` is not the hash of the present generation, labels and annotations, and
`shouldRefresh` says no before it looks at it (measured on 2.9.0).

**How it is repaired.** If the change is wanted, set `refreshPolicy: Periodic` with an interval for one sync, or delete the
Secret. With a generator both make a new value.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    // One that never had its hash written by these policies says nothing: its first generation is the one that was synced.
    if case.es.refresh_has_effect() || case.es.synced_current || case.es.meta.generation <= 1 {
        return;
    }
    let how = if case.es.interval == 0 { "refreshInterval 0" } else { "refreshPolicy CreatedOnce" };
    let summary = format!("Its spec was changed after its only sync; with {how} that has no effect on the Secret.");
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary).suspected();
    let what = format!("generation {}, status.syncedResourceVersion is of an older one", case.es.meta.generation);
    found.push(finding.seen(Source::Kubernetes, what, case.es.refreshed));
}
