//! The template of an `ExternalSecret` cannot be rendered.

use super::finding::Finding;
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "template-error",
    title: "Template cannot be rendered",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Failing(check),
    explain: "\
External Secrets read what it was asked to, and could not make the Secret of it: the template names a key that the data does
not have, has a fault of syntax, or the ConfigMap of `templateFrom` is missing. The Secret keeps the last value.

**How it is known.** The last Warning event says `could not apply template`; the condition says no more than
`could not update secret` (external-secrets runtime/template).

**How it is repaired.** Correct `spec.target.template`. The keys that it may name are the `secretKey`s of `spec.data` and the
properties of `spec.dataFrom`. The change of the spec makes External Secrets try again at once.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let text = case.text();
    if !SIGNS.iter().any(|sign| text.contains(sign)) {
        return;
    }
    // The innermost words name the template, the line and the key.
    let inner = text.rsplit_once("template: ").map_or(text, |(_, inner)| inner).trim();
    let keeps = case.last_sync();
    found.push(case.finding(RULE.slug, RULE.severity, format!("Its template cannot be rendered: {inner}. {keeps}")));
}

/// What External Secrets says before the fault itself.
const SIGNS: [&str; 4] =
    ["could not apply template", "unable to execute template", "unable to parse template", "error fetching templateFrom data"];
