//! The static token that a store logs in with has expired or was revoked.

use super::finding::Finding;
use super::{StoreCase, Check, Rule, Severity};
use crate::model::kinds::secret_store::Auth;

pub(super) const RULE: Rule = Rule {
    slug: "store-token-invalid",
    title: "Token of the store is not valid",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Store(check),
    explain: "\
The store reads with a token from a Secret, and Vault does not know that token any more.

**How it is known.** The event says 403 at `auth/token/lookup-self`. The same event with 503 `Vault is sealed` or a `dial` error
speaks of the Vault, in spite of its first words, `invalid vault credentials`.

**How it is repaired.** Put a new token into the Secret, then annotate the store: the Secret is not watched. A token that is made
for a store should be periodic, or the store should log in with kubernetes auth.
",
};

fn check(case: &StoreCase<'_>, found: &mut Vec<Finding>) {
    let text = case.text();
    if !(text.contains("lookup-self") && text.contains("Code: 403")) {
        return;
    }
    let place = match case.store.vault.as_ref().map(|vault| &vault.auth) {
        Some(Auth::Token { secret, key }) => format!(" in the Secret “{secret}” (key {key})"),
        _ => String::new(),
    };
    let summary = format!("The token{place} that it reads with is not valid any more: it has expired or was revoked.");
    found.push(case.finding(RULE.slug, RULE.severity, summary));
}
