//! Something is being deleted and does not go.

use super::finding::{Finding, Source};
use super::{Case, Check, ReaderCase, Rule, Severity};
use crate::model::kinds::{ClusterExternalSecret, Meta, PushSecret, Watched as _};
use crate::model::{Clock, ObjectRef, Text};

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

**How it is known.** `metadata.deletionTimestamp` is older than five minutes. Whom it waits for, `metadata.finalizers` says: those of
External Secrets end in `externalsecrets.io/finalizer` or begin with `externalsecrets.external-secrets.io/`; any other is somebody
else's, and bringing External Secrets back does not end it.

**How it is repaired.** Bring the controller back whose finalizer it is. Of External Secrets look at the Deployment and the log: it
then ends the deletion by itself. As the last resort remove the finalizer by hand; with `deletionPolicy: Delete` the Secret then
stays.
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
    let deletion = meta.deleting.as_ref().filter(|deletion| case.is_longer_ago(deletion.at, LONGEST))?;
    let at = deletion.at;
    let summary = format!("It was deleted at {} and is still there: {}.", Clock(at), held_by(&deletion.finalizers));
    let finding = Finding::certain(RULE.slug, RULE.severity, object(), summary).since(Some(at));
    let finding = finding.seen(Source::Kubernetes, "metadata.deletionTimestamp", Some(at));
    if deletion.finalizers.is_empty() {
        return Some(finding);
    }
    let all: Vec<&str> = deletion.finalizers.iter().map(Text::as_str).collect();
    Some(finding.seen(Source::Kubernetes, format!("metadata.finalizers: {}", all.join(", ")), None))
}

/// Whom it waits for: who is not External Secrets is named first.
fn held_by(finalizers: &[Text]) -> String {
    let foreign: Vec<&str> = finalizers.iter().map(Text::as_str).filter(|one| !is_of_external_secrets(one)).collect();
    match foreign.as_slice() {
        [] if finalizers.is_empty() => "a finalizer waits for its controller".to_owned(),
        [] => "its finalizer waits for External Secrets".to_owned(),
        // The garbage collector's own (Kubernetes, “Finalizers”).
        ["foregroundDeletion"] => "it waits until all that it owns is gone".to_owned(),
        [one] => format!("the finalizer “{one}” holds it, which is not External Secrets'"),
        some => format!("the finalizers “{}” hold it, which are not External Secrets'", some.join("”, “")),
    }
}

/// Whether a finalizer is one that External Secrets sets (2.9.0).
fn is_of_external_secrets(finalizer: &str) -> bool {
    let domain = finalizer.split('/').next().unwrap_or_default();
    domain == "externalsecrets.external-secrets.io" || domain == "externalsecrets.io" || domain.ends_with(".externalsecrets.io")
}

/// Seconds that a deletion may take.
const LONGEST: i64 = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, OnShelf as _};
    use crate::model::{Inventory, Kind, Names};

    /// What is said of one with these finalizers that was deleted ten minutes ago.
    fn said(finalizers: &str) -> String {
        let wire = format!(
            r#"{{"metadata": {{"name": "app", "namespace": "a", "deletionTimestamp": "2026-11-25T00:00:00Z",
            "finalizers": {finalizers}}}, "spec": {{}}}}"#
        );
        let es = ExternalSecret::read(serde_json::from_str(&wire).unwrap(), &mut Names::default());
        let now = "2026-11-25T00:10:00Z".parse().unwrap();
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![es.into_object()], Vec::new()), now);
        let found = diagnose(&world, now).findings;
        found.iter().find(|finding| finding.slug == RULE.slug).map(|finding| finding.summary.clone()).unwrap()
    }

    #[test]
    fn who_holds_a_deletion_is_named_if_it_is_not_external_secrets() {
        let own = "externalsecrets.external-secrets.io/externalsecret-cleanup";
        for (finalizers, says) in [
            ("[]".to_owned(), "a finalizer waits for its controller."),
            (format!(r#"["{own}"]"#), "its finalizer waits for External Secrets."),
            (r#"["secretstore.externalsecrets.io/finalizer"]"#.to_owned(), "its finalizer waits for External Secrets."),
            (
                format!(r#"["{own}", "example.com/audit"]"#),
                "the finalizer “example.com/audit” holds it, which is not External Secrets'.",
            ),
            (r#"["foregroundDeletion"]"#.to_owned(), "it waits until all that it owns is gone."),
            (
                r#"["a.example/one", "notexternalsecrets.io/two"]"#.to_owned(),
                "the finalizers “a.example/one”, “notexternalsecrets.io/two” hold it, which are not External Secrets'.",
            ),
        ] {
            assert!(said(&finalizers).ends_with(says), "{finalizers}: {}", said(&finalizers));
        }
    }
}
