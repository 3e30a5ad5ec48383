//! The auth method that a store names is not mounted in its Vault.

use super::finding::Finding;
use super::login::Refusal;
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-mount-missing",
    title: "Auth method does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Login(check),
    explain: "\
The store logs in at an auth mount that its Vault does not have. Vault does not say so: it answers every login there
with 403 `permission denied`, as it does for a dozen other reasons.

**How it is known.** A login without a role (`POST auth/<mount>/login {}`, no token needed) is answered 400
`missing role` where the method exists, even unconfigured, and 403 where it does not (measured on OpenBao 2.7.2 and
HashiCorp Vault 1.21.4). With a token that may read it, `auth/<mount>/config` says `no handler for route`.

**How it is repaired.** Correct `spec.provider.vault.auth.kubernetes.mountPath` of the store, or enable the method:
`bao auth enable -path=<mount> kubernetes`, then write its configuration and its roles. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    if case.has_mount() != Some(false) || case.refusal().is_some_and(|refusal| refusal != Refusal::Bare) || case.is_let_in() {
        return;
    }
    let mut summary = format!("There is no auth method at {}: Vault refuses every login there.", case.method());
    if let Some(other) = case.healthy_mount() {
        summary = format!("{summary} {other}");
    }
    let finding = case.finding(RULE.slug, summary).under(RULE.slug, case.method_ref());
    // In a namespace that does not exist every login is refused too.
    found.push(if case.login.namespace.is_empty() { finding } else { finding.suspected() });
}
