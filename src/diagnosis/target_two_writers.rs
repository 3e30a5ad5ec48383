//! Two `ExternalSecret`s write one Secret in turn.

use std::sync::Arc;

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::Text;
use crate::model::kinds::external_secret::RefreshPolicy;
use crate::model::kinds::{ExternalSecret, Role, Watched as _};

pub(super) const RULE: Rule = Rule {
    slug: "target-two-writers",
    title: "Two ExternalSecrets write one Secret",
    severity: Severity::Warning,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
Two ExternalSecrets write one Secret and neither owns it. Each says `SecretSynced`, and the value flips at every refresh: with
`creationPolicy: Orphan` a sync deletes the keys of the other.

**How it is known.** Both name the same target in the same namespace, both are green, and at least one is an Orphan that is still
synced; or both use `Merge` and refresh by themselves, and name one key of it with different sources: then it flips where the two
values differ, which is suspected and not seen. Two with `Merge` and different keys are stable, and are not blamed; nor is an Orphan with `CreatedOnce` or interval 0,
which made the Secret once for another one to merge into.

**How it is repaired.** Leave one writer. Where both are needed, let somebody else make the Secret and both use `Merge` with
keys of their own.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.word.is_some() || !writes_freely(case.es) {
        return;
    }
    let secret = case.es.target_ref();
    let world = case.case.world;
    let others = world.pointing_at(&secret, Role::Writes).filter(|by| **by != case.object);
    let others: Vec<_> = others.filter_map(|by| world.get::<ExternalSecret>(by)).filter(|es| !es.fails() && writes_freely(es)).collect();
    let Some(first) = others.first() else { return };
    if flips(case.es) || others.iter().any(|es| flips(es)) {
        let summary = format!(
            "It and the ExternalSecret “{}” write the Secret “{}” in turn: both are green, and the value flips.",
            first.meta.name, case.es.target
        );
        found.push(told(case, summary, first, others.iter().copied()));
        return;
    }
    let rivals = others.iter().filter_map(|other| Some((*other, contested(case.es, other)?)));
    let Some((other, (key, own, theirs))) = rivals.clone().next() else { return };
    let summary = format!(
        "It and the ExternalSecret “{}” both write the key “{key}” of the Secret “{}”, each from another place: both are green, and \
         the value flips at every refresh if the two differ.",
        other.meta.name, case.es.target
    );
    let finding = told(case, summary, other, rivals.map(|(other, _)| other)).suspected();
    found.push(finding.seen(Source::Kubernetes, format!("{key}: {own}; in “{}”: {theirs}", other.meta.name), None));
}

/// That it writes beside this one. The first of all who do is the root for the others.
fn told<'a>(
    case: &ReaderCase<'_>,
    summary: String,
    other: &ExternalSecret,
    all: impl Iterator<Item = &'a Arc<ExternalSecret>>,
) -> Finding {
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary)
        .since(case.es.meta.created.max(other.meta.created))
        .seen(Source::Kubernetes, format!("target {}, creationPolicy {}", case.es.target, case.es.creation_policy), case.es.refreshed);
    let first = all.map(|es| es.object_ref()).min().filter(|first| *first < case.object);
    match first {
        Some(first) => finding.under(RULE.slug, first),
        None => finding,
    }
}

/// A key that both write again and again, and from where each takes it, if that is not the same place.
fn contested<'a>(own: &'a ExternalSecret, other: &'a ExternalSecret) -> Option<(&'a Text, &'a Text, &'a Text)> {
    let refreshes = |es: &ExternalSecret| es.policy == RefreshPolicy::Periodic && es.interval > 0;
    if !refreshes(own) || !refreshes(other) {
        return None;
    }
    let (own, other) = (own.more.as_ref()?, other.more.as_ref()?);
    own.shares.iter().find_map(|(key, from)| {
        let (_, theirs) = other.shares.iter().find(|(theirs, place)| theirs == key && place != from)?;
        Some((key, from, theirs))
    })
}

/// Whether it writes a Secret that it does not own.
fn writes_freely(es: &ExternalSecret) -> bool {
    is_orphan(es) || matches!(es.creation_policy.as_str(), "Merge" | "CreateOrMerge")
}

/// Whether its syncs take out what another one wrote. An Orphan that is never synced again does not: to it the Secret is
/// right whatever becomes of it (external-secrets#4956).
fn flips(es: &ExternalSecret) -> bool {
    is_orphan(es) && es.refresh_has_effect()
}

fn is_orphan(es: &ExternalSecret) -> bool {
    es.creation_policy.as_str() == "Orphan"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Certainty, diagnose};
    use crate::model::inventory::Change;
    use crate::model::kinds::OnShelf as _;
    use crate::model::{Inventory, Kind, Names};

    /// What is found about two that write one Secret: each with its creation policy, its refresh policy, and from where it
    /// takes which key.
    fn found(writers: [(&str, &str, &str, &str); 2]) -> Vec<(Certainty, String)> {
        let names = &mut Names::default();
        let mut read = |name: &str, (creation, policy, key, path): (&str, &str, &str, &str)| {
            let wire = format!(
                r#"{{"metadata": {{"name": "{name}", "namespace": "b"}}, "spec": {{{policy},
                "target": {{"name": "s", "creationPolicy": "{creation}"}},
                "data": [{{"secretKey": "{key}", "remoteRef": {{"key": "{path}"}}}}]}},
                "status": {{"refreshTime": "2026-11-25T00:00:00Z"}}}}"#
            );
            ExternalSecret::read(serde_json::from_str(&wire).unwrap(), names).into_object()
        };
        let both = vec![read("first", writers[0]), read("second", writers[1])];
        let now = "2026-11-25T00:30:00Z".parse().unwrap();
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::ExternalSecret.into(), both, Vec::new()), now);
        let found = diagnose(&world, now).findings;
        let said = found.iter().filter(|finding| finding.slug == RULE.slug);
        said.map(|finding| (finding.certainty, finding.summary.clone())).collect()
    }

    const HOURLY: &str = r#""refreshInterval": "1h""#;
    const ONCE: &str = r#""refreshPolicy": "CreatedOnce""#;

    #[test]
    fn an_orphan_that_made_its_secret_once_leaves_it_alone() {
        for (policy, count) in [(HOURLY, 2), (ONCE, 0), (r#""refreshInterval": "0""#, 0)] {
            assert_eq!(found([("Orphan", policy, "k", "db"), ("Merge", HOURLY, "k", "db")]).len(), count, "{policy}");
        }
    }

    #[test]
    fn two_that_merge_one_key_from_two_places_write_it_in_turn() {
        let said = found([("Merge", HOURLY, "k", "db"), ("CreateOrMerge", HOURLY, "k", "mail")]);
        assert_eq!(said.len(), 2);
        let first = said.iter().find(|(_, summary)| summary.contains("“second”")).unwrap();
        assert_eq!(first.0, Certainty::Suspected, "their values are not seen");
        assert!(first.1.contains("both write the key “k” of the Secret “s”"), "{}", first.1);
        for other in [
            ("Merge", HOURLY, "other", "mail"),
            ("Merge", HOURLY, "k", "db"),
            // It has had its turn.
            ("Merge", ONCE, "k", "mail"),
            ("Merge", r#""refreshPolicy": "OnChange""#, "k", "mail"),
        ] {
            assert_eq!(found([("Merge", HOURLY, "k", "db"), other]), [], "{other:?}");
        }
    }
}
