//! A `ClusterExternalSecret` could not make its `ExternalSecret` everywhere.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::Status;
use crate::model::kinds::{ClusterExternalSecret, Watched as _};

pub(super) const RULE: Rule = Rule {
    slug: "cluster-external-secret-failed",
    title: "ClusterExternalSecret fails in a namespace",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::World(check),
    explain: "\
A ClusterExternalSecret makes one ExternalSecret in each namespace that it chooses, and could not in some of them. Mostly an
ExternalSecret of that name is there already and belongs to somebody else.

**How it is known.** `status.failedNamespaces` names them with a reason; there are no events (external-secrets
pkg/controllers/clusterexternalsecret).

**How it is repaired.** Remove or rename the ExternalSecret that is in the way, or give the ClusterExternalSecret another
`externalSecretName`. It looks again at its `refreshTime`; annotating it with `external-secrets.io/force-sync` makes it look now
(0.20 and later).
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    for all in case.world.all::<ClusterExternalSecret>().iter() {
        let fails = all.ready.as_ref().is_some_and(|ready| ready.status == Status::False);
        if all.failed.is_empty() && !fails {
            continue;
        }
        let places: Vec<String> = all.failed.iter().take(NAMED).map(|(namespace, why)| format!("{namespace} ({why})")).collect();
        let more = all.failed.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let places = if places.is_empty() { "some namespaces".to_owned() } else { places.join(", ") };
        let summary = format!("It could not make the ExternalSecret “{}” in {places}{more}.", all.child);
        let mut finding = Finding::certain(RULE.slug, RULE.severity, all.object_ref(), summary);
        for (namespace, why) in all.failed.iter().take(NAMED) {
            finding = finding.seen(Source::Kubernetes, format!("status.failedNamespaces: {namespace}: {why}"), None);
        }
        found.push(finding);
    }
}

/// How many namespaces are named.
const NAMED: usize = 5;
