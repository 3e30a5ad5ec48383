//! The auth method checks the issuer of tokens, and wants another.

use super::finding::Finding;
use super::login::Refusal;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-issuer-mismatch",
    title: "Token is from another issuer",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
The auth method checks who issued a token, and wants another issuer than this cluster's API server.

**How it is known.** Vault answers the login 403 `invalid issuer (iss) claim`. The check is off by default since
Vault 1.9 (`disable_iss_validation=true`), because the API server itself reviews each token.

**How it is repaired.** Write the configuration of the method again with `disable_iss_validation=true`. A write replaces
all of it: read it first, and give the fields that are set. A `token_reviewer_jwt` cannot be read back.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    if case.refusal() != Some(Refusal::Issuer) {
        return;
    }
    let wanted = case.config().map(|config| &config.issuer).filter(|issuer| !issuer.is_empty());
    let wanted = wanted.map_or_else(String::new, |issuer| format!(" It wants “{issuer}”."));
    let summary = format!("{} checks the issuer of tokens, and wants another than this cluster's.{wanted}", case.method());
    found.push(case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref()));
}
