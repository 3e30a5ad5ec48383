//! A `ClusterSecretStore` does not let the namespace of an `ExternalSecret` in.

use super::finding::Finding;
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::kinds::Namespace;
use crate::model::{Kind, Name, ObjectRef};

pub(super) const RULE: Rule = Rule {
    slug: "store-not-allowed",
    title: "Store does not let the namespace in",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Failing(check),
    explain: "\
The ClusterSecretStore has `conditions`, and none of them lets this namespace in.

**How it is known.** The event says `using cluster store \"…\" is not allowed from namespace \"…\": denied by spec.condition`; the
conditions name neither the namespace nor one of its labels.

**How it is repaired.** Add the namespace, or one of its labels, to `spec.conditions` of the store; or read through another
store. Then annotate the ExternalSecret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let Some(store) = case.store else { return };
    let told = case.text().contains("is not allowed from namespace");
    let namespace = ObjectRef { kind: Kind::Namespace, namespace: Name::empty(), name: case.es.meta.namespace.clone() };
    let shut_out = || case.case.world.get::<Namespace>(&namespace).is_some_and(|namespace| store.lets_in(namespace) == Some(false));
    if !told && !shut_out() {
        return;
    }
    let summary = format!("{} does not let the namespace “{}” in: spec.conditions.", store.store_ref().short(), namespace.name);
    found.push(case.finding(RULE.slug, RULE.severity, summary));
}
