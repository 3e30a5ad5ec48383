//! The token with which Vault asks for a review is refused by the API server.

use super::finding::Finding;
use super::login::Reason;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-reviewer-invalid",
    title: "Reviewer token is not accepted",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
Vault asks the API server about each token that logs in, and needs a token of its own for that: the `token_reviewer_jwt`
of the configuration, else that of its own pod, else the token that logs in. The API server does not accept it: it has
expired, its service account was made anew, or it never was a token.

**How it is known.** The login says no more than 403 `permission denied`. Vault's log gives the reason at debug level only
(vault-plugin-auth-kubernetes#374); `sys/monitor` streams it while a login is made in the store's stead: `lookup
failed: service account unauthorized`. That is the 401 of the API server, and speaks of the reviewer: the token that
logs in was made a moment before.

**How it is repaired.** Where Vault runs in the cluster, write the configuration without `token_reviewer_jwt`: Vault then
uses its pod's token, which is renewed. A write replaces all of the configuration: read it first. Elsewhere give it a new
long-lived token. The Vault UI drops the reviewer silently when it saves (vault#32034). Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let Some(Reason::Reviewer) = case.reason() else { return };
    let whose = match case.config() {
        Some(config) if config.reviewer => "the token_reviewer_jwt of its configuration",
        Some(config) if !config.local_is_off => "the token of its own pod",
        Some(_) => "the token that logs in (it has no reviewer of its own)",
        None => "the token that it asks with",
    };
    let summary = format!("Vault cannot have tokens reviewed for {}: the API server does not accept {whose}.", case.method());
    let mut finding = case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref());
    finding.ruled_out = case.ruled_out();
    found.push(finding);
}
