//! The role that a store logs in with is not one of its auth method.

use super::finding::Finding;
use super::login::Refusal;
use super::{Check, LoginCase, Rule, Severity};
use crate::model::vault::Told;

pub(super) const RULE: Rule = Rule {
    slug: "auth-role-missing",
    title: "Vault role does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Login(check),
    explain: "\
The store names a role that the auth method does not have.

**How it is known.** Vault answers the login 400 `invalid role name`; so it does to a login that holds no real token.
Role names are lower-cased by Vault.

**How it is repaired.** Correct `spec.provider.vault.auth.kubernetes.role` of the store, or create the role:
`bao write auth/<mount>/role/<role> bound_service_account_names=<account> bound_service_account_namespaces=<namespace>
policies=<policy>`. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let lacks_role = case.has_mount() == Some(true) && case.checks().is_some_and(|checks| checks.role == Told::Absent);
    if case.refusal() != Some(Refusal::Role) && !lacks_role {
        return;
    }
    let mut summary = format!("{} has no role “{}”.", case.method(), case.login.role);
    if let Some(other) = case.healthy_role() {
        summary = format!("{summary} {other}");
    }
    found.push(case.finding(RULE.slug, summary));
}
