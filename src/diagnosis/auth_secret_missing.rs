//! The Secret that a store logs in with lacks what it needs.

use super::finding::Finding;
use super::{StoreCase, Check, Rule, Severity};
use crate::model::kinds::Secret;
use crate::model::kinds::secret_store::Auth;
use crate::model::{Kind, ObjectRef};

pub(super) const RULE: Rule = Rule {
    slug: "auth-secret-missing",
    title: "Secret of the login is missing",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Store(check),
    explain: "\
The store logs in with something from a Secret (a token, a secret id, a certificate), and the Secret or its key is not there.

**How it is known.** The event says `cannot get Kubernetes secret` or `cannot find secret data for key` while the store itself is
not ready. (The second text of an ExternalSecret with a ready store speaks of a property in Vault.)

**How it is repaired.** Create the Secret with that key, or correct the reference in the store. The Secret is not watched: annotate
the store afterwards.
",
};

fn check(case: &StoreCase<'_>, found: &mut Vec<Finding>) {
    let text = case.text();
    let lacks_secret = text.contains("cannot get Kubernetes secret");
    let lacks_key = text.contains("cannot find secret data for key");
    let absent = case.word.is_some() && missing(case);
    if !lacks_secret && !lacks_key && !absent {
        return;
    }
    let what = match case.store.vault.as_ref().map(|vault| &vault.auth) {
        Some(Auth::Token { secret, key }) if lacks_key => format!("the Secret “{secret}” has no key “{key}”"),
        Some(Auth::Token { secret, .. }) => format!("there is no Secret “{secret}”"),
        _ => text.to_owned(),
    };
    found.push(case.finding(RULE.slug, RULE.severity, format!("It cannot log in: {what}.")));
}

/// Whether it can be seen that the Secret of its token, or the key in it, is not there.
fn missing(case: &StoreCase<'_>) -> bool {
    let world = case.case.world;
    let Some(Auth::Token { secret, key }) = case.store.vault.as_ref().map(|vault| &vault.auth) else { return false };
    if case.store.meta.namespace.is_empty() {
        return false;
    }
    let object = ObjectRef::new(Kind::Secret, case.store.meta.namespace.clone(), secret.as_str());
    match world.get::<Secret>(&object) {
        None => world.would_show(&object),
        Some(secret) => !secret.writers.is_empty() && !secret.keys().iter().any(|name| name.as_str() == key.as_str()),
    }
}
