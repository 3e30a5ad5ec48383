//! A generator makes a new value at every refresh.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::Clock;
use crate::model::kinds::external_secret::RefreshPolicy;

pub(super) const RULE: Rule = Rule {
    slug: "generator-rotates",
    title: "A new value at every refresh",
    severity: Severity::Warning,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
Every sync of an ExternalSecret with a generator makes a new value and forgets the old one (external-secrets#5782). So does a
changed annotation or label, also one that a GitOps tool writes (#3979), and a change of the Secret by somebody else. What was
set up with the first value (a database, a Keycloak client) does not hear of it, and pods that read it by environment keep the
old one.

**How it is known.** It has a generator, `refreshPolicy: Periodic` and an interval.

**How it is repaired.** Set `refreshPolicy: CreatedOnce`: that does not make a new value. Editing `refreshInterval` does, at once.
Then give the present value to what was set up with the old one. `spec.target.immutable: true` guards against everything but
the deletion of the Secret.

**What not to do.** Do not force-sync it, do not edit its interval, do not delete its Secret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let es = case.es;
    if es.generators.is_empty() || es.policy != RefreshPolicy::Periodic || es.interval == 0 || es.immutable {
        return;
    }
    let next = es.next_refresh().map_or_else(String::new, |at| format!(", next at {}", Clock(at)));
    let users: Vec<String> = case.case.world.consumers_of(&es.meta.namespace, &es.target).filter_map(|pod| pod.workload()).collect();
    let mut users: Vec<&str> = users.iter().map(String::as_str).collect();
    users.sort_unstable();
    users.dedup();
    let users = match users.as_slice() {
        [] => String::new(),
        users => format!(" Who uses it: {}.", users.join(", ")),
    };
    let summary = format!("Every refresh makes a new value and forgets the old one{next}.{users}");
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary);
    let what = format!("{} with refreshPolicy Periodic every {} s", es.generators[0], es.interval);
    found.push(finding.seen(Source::Kubernetes, what, es.refreshed));
}
