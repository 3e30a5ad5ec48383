//! Something is being deleted and does not go.

use super::finding::{Finding, Source};
use super::{Case, Check, ReaderCase, Rule, Severity};
use crate::model::kinds::{ClusterExternalSecret, Meta, PushSecret, Watched as _};
use crate::model::{Clock, ObjectRef};

pub(super) const RULE: Rule = Rule {
    slug: "stuck-deleting",
    title: "Deletion does not end",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Several(&[Check::World(others), Check::ExternalSecret(reader)]),
    explain: "\
The object was deleted minutes ago and is still there: a finalizer waits for a controller that does not come. ExternalSecrets have
one since External Secrets 0.20 (#5154), and so does a store that a PushSecret with `deletionPolicy: Delete` refers to. It
holds back the deletion of the whole namespace (#5426).

**How it is known.** `metadata.deletionTimestamp` is older than five minutes.

**How it is repaired.** Bring External Secrets back (look at its Deployment and its log): it then ends the deletion by itself. As
the last resort remove the finalizer by hand; with `deletionPolicy: Delete` the Secret then stays.
",
};

fn reader(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    found.extend(stuck(&case.case, &case.es.meta, || case.object.clone()));
}

/// Of everything else that has a finalizer there is little.
fn others(case: &Case<'_>, found: &mut Vec<Finding>) {
    let world = case.world;
    found.extend(world.stores().filter_map(|store| stuck(case, &store.meta, || store.store_ref())));
    found.extend(world.all::<ClusterExternalSecret>().iter().filter_map(|all| stuck(case, &all.meta, || all.object_ref())));
    found.extend(world.all::<PushSecret>().iter().filter_map(|push| stuck(case, push.meta(), || push.object_ref())));
}

fn stuck(case: &Case<'_>, meta: &Meta, object: impl FnOnce() -> ObjectRef) -> Option<Finding> {
    let at = meta.deleting.filter(|at| case.is_longer_ago(*at, LONGEST))?;
    let summary = format!("It was deleted at {} and is still there: a finalizer waits for its controller.", Clock(at));
    let finding = Finding::certain(RULE.slug, RULE.severity, object(), summary).since(Some(at));
    Some(finding.seen(Source::Kubernetes, "metadata.deletionTimestamp", Some(at)))
}

/// Seconds that a deletion may take.
const LONGEST: i64 = 300;
