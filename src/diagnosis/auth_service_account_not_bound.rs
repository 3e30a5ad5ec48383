//! The service account of a store is not one that its role lets in.

use super::finding::Finding;
use super::login::{Refusal, listed};
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-service-account-not-bound",
    title: "Role does not bind the service account",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
The role exists, and does not let in the service account that the store logs in with.

**How it is known.** Vault answers the login 403 `service account name not authorized`; the role's
`bound_service_account_names` lacks it.

**How it is repaired.** Correct `serviceAccountRef` of the store, or add the account to the role. Writing a role
replaces only the fields that are given. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let account = &case.login.account.name;
    let unbound = case.role().is_some_and(|role| !role.binds_account(account.as_str()));
    let told = case.refusal() == Some(Refusal::Account);
    // An account that does not exist is not one to be bound.
    if case.is_let_in() || case.lacks_account() || !(told || unbound) {
        return;
    }
    let bound = case.role().map_or_else(String::new, |role| format!(" It lets in {}.", listed(&role.accounts)));
    let role = &case.login.role;
    let summary = format!("The role “{role}” of {} does not let in the service account “{account}”.{bound}", case.method());
    found.push(case.finding(RULE.slug, summary));
}
