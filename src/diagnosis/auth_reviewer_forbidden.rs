//! The account with which Vault asks for a review has no right to.

use super::finding::Finding;
use super::login::Reason;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-reviewer-forbidden",
    title: "Reviewer may not review tokens",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
Vault asks the API server about each token that logs in, and the account it asks with may not create TokenReviews.

**How it is known.** The login says no more than 403 `permission denied`. Vault's log gives the reason at debug level only
(vault-plugin-auth-kubernetes#374); `sys/monitor` streams it while a login is made in the store's stead: `tokenreviews.authentication.k8s.io
is forbidden: User \"system:serviceaccount:<namespace>:<account>\" cannot create`.

**How it is repaired.** Bind the role `system:auth-delegator` to that account: `kubectl create clusterrolebinding
vault-auth-delegator --clusterrole=system:auth-delegator --serviceaccount=<namespace>:<account>`. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let Some(Reason::Forbidden) = case.reason() else { return };
    let who = case.reviewer().map_or_else(String::new, |who| format!(" ({who})"));
    let summary = format!(
        "The account{who} with which Vault has tokens reviewed for {} may not do that: it lacks system:auth-delegator.",
        case.method()
    );
    let mut finding = case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref());
    finding.ruled_out = case.ruled_out();
    found.push(finding);
}
