//! Something is being deleted and does not go.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::Clock;
use crate::model::kinds::{ClusterExternalSecret, ExternalSecret, Meta, PushSecret, Watched as _};

pub(super) const RULE: Rule = Rule {
    slug: "stuck-deleting",
    title: "Deletion does not end",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::World(check),
    explain: "\
The object was deleted minutes ago and is still there: a finalizer waits for a controller that does not come. ExternalSecrets have
one since External Secrets 0.20 (#5154), and so does a store that a PushSecret with `deletionPolicy: Delete` refers to. It
holds back the deletion of the whole namespace (#5426).

**How it is known.** `metadata.deletionTimestamp` is older than five minutes.

**How it is repaired.** Bring External Secrets back (look at its Deployment and its log): it then ends the deletion by itself. As
the last resort remove the finalizer by hand; with `deletionPolicy: Delete` the Secret then stays.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let stuck = |meta: &Meta| meta.deleting.filter(|at| case.now.as_second() - at.as_second() > LONGEST);
    let world = case.world;
    let readers = world.all::<ExternalSecret>().iter().filter_map(|es| Some((es.object_ref(), stuck(&es.meta)?)));
    let stores = world.stores().filter_map(|store| Some((store.store_ref(), stuck(&store.meta)?)));
    let wide = world.all::<ClusterExternalSecret>().iter().filter_map(|all| Some((all.object_ref(), stuck(&all.meta)?)));
    let pushed = world.all::<PushSecret>().iter().filter_map(|push| Some((push.object_ref(), stuck(push.meta())?)));
    for (object, at) in readers.chain(stores).chain(wide).chain(pushed) {
        let summary = format!("It was deleted at {} and is still there: a finalizer waits for its controller.", Clock(at));
        let finding = Finding::certain(RULE.slug, RULE.severity, object, summary).since(Some(at));
        found.push(finding.seen(Source::Kubernetes, "metadata.deletionTimestamp", Some(at)));
    }
}

/// Seconds that a deletion may take.
const LONGEST: i64 = 300;
