//! The Secret that an `ExternalSecret` should write belongs to another one.

use super::finding::Finding;
use super::{ReaderCase, Check, Rule, Severity};
use crate::model::kinds::Role;
use crate::model::{Kind, ObjectRef};

pub(super) const RULE: Rule = Rule {
    slug: "target-owned-by-externalsecret",
    title: "Secret belongs to another ExternalSecret",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Failing(check),
    explain: "\
Two ExternalSecrets with `creationPolicy: Owner` name one Secret. The first owns it, the second can never write it.

**How it is known.** The condition says `target is owned by another ExternalSecret`; the event names it.

**How it is repaired.** Give one of them another `spec.target.name`, or remove it; or let the second one add its keys with
`creationPolicy: Merge` to a Secret that nobody owns. External Secrets does not try again by itself: annotate the
ExternalSecret after the repair.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let condition = case.es.ready.as_ref().is_some_and(|ready| ready.message.as_str().contains(SIGN));
    if !condition && !case.text().contains(SIGN) {
        return;
    }
    let (namespace, target) = (&case.es.meta.namespace, &case.es.target);
    let secret = ObjectRef { kind: Kind::Secret, namespace: namespace.clone(), name: target.clone() };
    let told = case.text().rsplit_once(SIGN).and_then(|(_, rest)| rest.strip_prefix(": ")).map(str::to_owned);
    let others = || case.case.world.pointing_at(&secret, Role::Writes).find(|by| **by != case.object).map(|by| by.name.to_string());
    let owner = told.or_else(others).map_or_else(String::new, |owner| format!(" “{owner}”"));
    let summary = format!("The Secret “{target}” belongs to the ExternalSecret{owner}, so this one cannot write it.");
    found.push(case.finding(RULE.slug, RULE.severity, summary));
}

const SIGN: &str = "owned by another ExternalSecret";
