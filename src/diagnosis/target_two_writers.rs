//! Two `ExternalSecret`s write one Secret in turn.

use super::finding::{Finding, Source};
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::kinds::{ExternalSecret, Role, Watched as _};
use crate::model::{Kind, ObjectRef};

pub(super) const RULE: Rule = Rule {
    slug: "target-two-writers",
    title: "Two ExternalSecrets write one Secret",
    severity: Severity::Warning,
    runbooks: &[],
    check: Check::ExternalSecret(check),
    explain: "\
Two ExternalSecrets write one Secret and neither owns it. Each says `SecretSynced`, and the value flips at every refresh: with
`creationPolicy: Orphan` a sync deletes the keys of the other.

**How it is known.** Both name the same target in the same namespace, both are green, and at least one is an Orphan. Two with
`Merge` and different keys are stable, and are not blamed.

**How it is repaired.** Leave one writer. Where both are needed, let somebody else make the Secret and both use `Merge` with
keys of their own.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.word.is_some() || !writes_freely(case.es) {
        return;
    }
    let secret = ObjectRef { kind: Kind::Secret, namespace: case.es.meta.namespace.clone(), name: case.es.target.clone() };
    let world = case.case.world;
    let others = world.pointing_at(&secret, Role::Writes).filter(|by| **by != case.object);
    let others: Vec<_> = others.filter_map(|by| world.get::<ExternalSecret>(by)).filter(|es| !es.fails() && writes_freely(es)).collect();
    let Some(other) = others.first() else { return };
    if !is_orphan(case.es) && !others.iter().any(|es| is_orphan(es)) {
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

fn is_orphan(es: &ExternalSecret) -> bool {
    es.creation_policy.as_str() == "Orphan"
}
