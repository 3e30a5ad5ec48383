//! The service account of a store does not exist.

use super::finding::Finding;
use super::{LoginCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "service-account-missing",
    title: "Service account does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Login(check),
    explain: "\
The store logs in as a service account that is not there, so External Secrets gets no token for it.

**How it is known.** The event says `ServiceAccount \"…\" not found`; the account is not among those of its namespace. For a
SecretStore that is always its own namespace, whatever the reference says.

**How it is repaired.** Create the service account, or correct `serviceAccountRef.name` of the store. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    if !case.lacks_account() {
        return;
    }
    let summary = format!("{} logs in as {}, which does not exist.", case.login.store.short(), case.login.account);
    found.push(case.finding(RULE.slug, summary));
}
