//! The auth method of a store has no configuration.

use super::finding::Finding;
use super::login::Refusal;
use super::{Check, LoginCase, Rule, Severity};
use crate::model::vault::Told;

pub(super) const RULE: Rule = Rule {
    slug: "auth-not-configured",
    title: "Auth method was never configured",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
The auth method is mounted, but nobody ever wrote its configuration: Vault does not know which API server to ask about
a token.

**How it is known.** Every login is answered 500 `could not load backend configuration`; `auth/<mount>/config` is 404.

**How it is repaired.** Where Vault runs in the same cluster, it needs no more than the address of the API server:
`bao write auth/<mount>/config kubernetes_host=https://kubernetes.default.svc`. Elsewhere it needs a CA and a
`token_reviewer_jwt` too. Then annotate the store. Look at what should have written it (a bootstrap Job, Terraform): it
may have failed, and may fail again.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let lacks_config = case.has_mount() == Some(true) && case.checks().is_some_and(|checks| checks.config == Told::Absent);
    if case.refusal() != Some(Refusal::Unconfigured) && !lacks_config {
        return;
    }
    let summary = format!("The auth method at {} was never configured: Vault cannot look at any token.", case.method());
    found.push(case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref()));
}
