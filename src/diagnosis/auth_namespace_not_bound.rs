//! The namespace of a store is not one that its role lets in.

use super::finding::Finding;
use super::login::{Refusal, listed};
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-namespace-not-bound",
    title: "Role does not bind the namespace",
    severity: Severity::Error,
    runbooks: &["kubernetes-auth"],
    check: Check::Login(check),
    explain: "\
The role lets the service account in, but not from this namespace.

**How it is known.** Vault answers the login 403 `namespace not authorized`; the role's
`bound_service_account_namespaces` lacks it, and no `bound_service_account_namespace_selector` selects it. Vault looks at
the name of the account first.

**How it is repaired.** Add the namespace to the role. For a ClusterSecretStore that names no namespace for its service
account, that of each ExternalSecret counts. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let (account, namespace) = (&case.login.account.name, &case.login.account.namespace);
    let unbound = case.role().is_some_and(|role| {
        role.binds_account(account.as_str()) && role.binds_namespace(namespace.as_str()) == Some(false)
    });
    let told = case.refusal() == Some(Refusal::Namespace);
    if case.is_let_in() || !(told || unbound) {
        return;
    }
    let bound = case.role().map_or_else(String::new, |role| format!(" It lets in accounts of {}.", listed(&role.namespaces)));
    let role = &case.login.role;
    let summary = format!("The role “{role}” of {} lets nobody in from the namespace “{namespace}”.{bound}", case.method());
    found.push(case.finding(RULE.slug, summary));
}
