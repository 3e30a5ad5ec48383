//! The token of a store is for another audience than its role wants.

use super::finding::Finding;
use super::login::{Refusal, listed};
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-audience-mismatch",
    title: "Token is for another audience",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Login(check),
    explain: "\
The role wants tokens for one audience, and the store's token is for another.

**How it is known.** Vault answers the login 403 `invalid audience (aud) claim` (older HashiCorp Vault: 500
`claim \"aud\" is invalid`). A store without `audiences` gets a token for the API server's own.

**How it is repaired.** Put the role's `audience` into `serviceAccountRef.audiences` of the store, or take it out of the
role. Then annotate the store. With audiences other than the API server's, the login's own token cannot review itself:
the method then needs a reviewer of its own.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let told = case.refusal() == Some(Refusal::Audience);
    let wanted = case.role().map(|role| &role.audience).filter(|audience| !audience.is_empty());
    let given = &case.login.audiences;
    let differs = wanted.is_some_and(|wanted| !given.is_empty() && !given.contains(wanted));
    if case.is_let_in() || !(told || differs) {
        return;
    }
    let wants = match wanted {
        Some(wanted) => format!("wants tokens for “{wanted}”"),
        None => "wants tokens for another audience".to_owned(),
    };
    let has = if given.is_empty() { "the API server (it names no audiences)".to_owned() } else { listed(given) };
    let summary = format!("The role “{}” {wants}, and the store's token is for {has}.", case.login.role);
    found.push(case.finding(RULE.slug, summary));
}
