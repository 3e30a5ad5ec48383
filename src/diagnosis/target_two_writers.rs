//! Two `ExternalSecret`s write one Secret in turn.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
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
synced. Two with `Merge` and different keys are stable, and are not blamed; nor is an Orphan with `CreatedOnce` or interval 0,
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
    let Some(other) = others.first() else { return };
    if !flips(case.es) && !others.iter().any(|es| flips(es)) {
        return;
    }
    let summary = format!(
        "It and the ExternalSecret “{}” write the Secret “{}” in turn: both are green, and the value flips.",
        other.meta.name, case.es.target
    );
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary)
        .since(case.es.meta.created.max(other.meta.created))
        .seen(Source::Kubernetes, format!("target {}, creationPolicy {}", case.es.target, case.es.creation_policy), case.es.refreshed);
    let first = others.iter().map(|es| es.object_ref()).min().filter(|first| *first < case.object);
    found.push(match first {
        Some(first) => finding.under(RULE.slug, first),
        None => finding,
    });
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
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::kinds::OnShelf as _;
    use crate::model::{Inventory, Kind, Names};

    /// How many findings there are about an Orphan with this policy, and one that merges into its Secret.
    fn said(policy: &str) -> usize {
        let names = &mut Names::default();
        let mut read = |name: &str, creation: &str, policy: &str| {
            let wire = format!(
                r#"{{"metadata": {{"name": "{name}", "namespace": "b"}}, "spec": {{{policy},
                "target": {{"name": "s", "creationPolicy": "{creation}"}},
                "data": [{{"secretKey": "k", "remoteRef": {{"key": "db"}}}}]}},
                "status": {{"refreshTime": "2026-11-25T00:00:00Z"}}}}"#
            );
            ExternalSecret::read(serde_json::from_str(&wire).unwrap(), names).into_object()
        };
        let both = vec![read("first", "Orphan", policy), read("second", "Merge", r#""refreshInterval": "1h""#)];
        let now = "2026-11-25T00:30:00Z".parse().unwrap();
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::ExternalSecret.into(), both, Vec::new()), now);
        diagnose(&world, now).findings.iter().filter(|finding| finding.slug == RULE.slug).count()
    }

    #[test]
    fn an_orphan_that_made_its_secret_once_leaves_it_alone() {
        for (policy, found) in
            [(r#""refreshInterval": "1h""#, 2), (r#""refreshPolicy": "CreatedOnce""#, 0), (r#""refreshInterval": "0""#, 0)]
        {
            assert_eq!(said(policy), found, "{policy}");
        }
    }
}
