//! Vault cannot connect to the API server that its auth method names.

use super::finding::Finding;
use super::login::Reason;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-host-unreachable",
    title: "Vault cannot reach the API server",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
Vault asks the API server about each token that logs in, and cannot connect to the `kubernetes_host` of its configuration.

**How it is known.** The login says no more than 403 `permission denied`. Vault's log gives the reason at debug level only
(vault-plugin-auth-kubernetes#374); `sys/monitor` streams it while a login is made in the store's stead: `connection refused`,
`no such host`, `i/o timeout`, `connection reset` (vault#20165: a private endpoint).

**How it is repaired.** Correct `kubernetes_host`; in the cluster it is `https://kubernetes.default.svc`. A write replaces
all of the configuration: read it first, and mind that a `token_reviewer_jwt` cannot be read back. Else look at network
policies and firewalls between Vault and the API server. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let Some(Reason::Host) = case.reason() else { return };
    let host = case.config().map_or_else(String::new, |config| format!(" at “{}”", config.host));
    let summary = format!("Vault cannot reach the API server{host}, so it cannot have tokens reviewed for {}.", case.method());
    let mut finding = case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref());
    finding.ruled_out = case.ruled_out();
    found.push(finding);
}
