//! The certificate of the API server is refused by Vault.

use super::finding::Finding;
use super::login::Reason;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-ca-mismatch",
    title: "Vault does not trust the API server",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
Vault asks the API server about each token that logs in, and refuses its certificate: the `kubernetes_ca_cert` of the
configuration is another cluster's or an old one, or the certificate is not for the name in `kubernetes_host`.

**How it is known.** The login says no more than 403 `permission denied`. Vault's log gives the reason at debug level only
(vault-plugin-auth-kubernetes#374); `sys/monitor` streams it while a login is made in the store's stead: `x509: certificate signed by
unknown authority`, or `certificate is valid for A, not B`.

**How it is repaired.** Where Vault runs in the cluster, write the configuration without a CA: it then takes that of its pod.
Elsewhere give it the cluster's. Other replicas take a new CA within 30 s. A write replaces all of the configuration: read it
first, and mind that a `token_reviewer_jwt` cannot be read back. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let Some(Reason::Authority) = case.reason() else { return };
    let host = case.config().map_or_else(String::new, |config| format!(" “{}”", config.host));
    let summary = format!("Vault does not trust the certificate of the API server{host}: the CA of {} is not its.", case.method());
    let mut finding = case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref());
    finding.ruled_out = case.ruled_out();
    found.push(finding);
}
