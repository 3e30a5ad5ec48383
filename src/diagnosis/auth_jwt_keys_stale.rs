//! The public keys pinned in an auth method are not those that sign tokens.

use super::finding::Finding;
use super::login::Reason;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-jwt-keys-stale",
    title: "Keys of the auth method are stale",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
The configuration of the auth method pins public keys (`pem_keys`), and none of them is the one that signs this
cluster's tokens: the cluster was made anew, or its keys were rotated.

**How it is known.** The login says no more than 403 `permission denied`. Vault's log gives the reason at debug level only
(vault-plugin-auth-kubernetes#374); `sys/monitor` streams it while a login is made in the store's stead: `error verifying token
signature`; and `auth/<mount>/config` lists `pem_keys`.

**How it is repaired.** Write the configuration without `pem_keys` (the API server reviews each token anyway), or with the
new ones. A write replaces all of the configuration: read it first. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let Some(Reason::Keys) = case.reason() else { return };
    let method = case.method();
    let summary = match case.config().map(|config| config.pem_keys.len()) {
        // It pins none: so that reason is of another login.
        Some(0) => return,
        None => format!("None of the pinned keys of {method} has signed the tokens of this cluster."),
        Some(1) => format!("The one pinned key of {method} has not signed the tokens of this cluster."),
        Some(n) => format!("None of the {n} pinned keys of {method} has signed the tokens of this cluster."),
    };
    let mut finding = case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref());
    finding.ruled_out = case.ruled_out();
    found.push(finding);
}
