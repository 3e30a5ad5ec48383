//! A Secret holds the placeholder that a bootstrap left.

use super::finding::{Finding, Source};
use super::{Check, ReaderCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "placeholder-value",
    title: "Value is still a placeholder",
    severity: Severity::Error,
    runbooks: &["client-patcher", "write-value"],
    check: Check::ExternalSecret(check),
    explain: "\
A bootstrap wrote a placeholder into Vault, to be replaced by a real value later (by the client-patcher, or by a person), and that has
not happened. Everything is green; what uses the Secret is refused by the other side.

**How it is known.** External Secrets leaves a hash of the Secret's data on it (`data-hash`); that of a known placeholder under the same
key is the same. The value itself is not read.

**How it is repaired.** Run what should have replaced it (the client-patcher), or write the value. Then annotate the ExternalSecret, and
restart what read the placeholder.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let secret = case.case.world.target_of(case.es);
    let Some(secret) = secret.filter(|secret| secret.marks.as_ref().is_some_and(|marks| marks.placeholder)) else { return };
    let keys: Vec<&str> = case.es.remote.iter().map(|remote| remote.key.as_str()).collect();
    let (target, keys) = (&case.es.target, keys.join(", "));
    let summary = format!("The Secret “{target}” holds a known placeholder: nobody wrote the real value to {keys} yet.");
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary).since(secret.written());
    found.push(finding.seen(Source::Kubernetes, "its data-hash is that of a known placeholder", secret.written()));
}
