//! A role lets logins in from certain addresses only.

use super::finding::Finding;
use super::login::{Refusal, listed};
use super::{Check, LoginCase, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "auth-cidr-bound",
    title: "Role is bound to other addresses",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Login(check),
    explain: "\
The role lets logins in from certain addresses only (`token_bound_cidrs`), and this one came from elsewhere.

**How it is known.** The login says no more than 403 `permission denied`, and of all reasons for that this is the one that
Vault's log does not name even at debug level. The role has `token_bound_cidrs`, and the role binds the account.

**What would settle it.** A login in the store's stead (L on the store) while `sys/monitor` may be read: if the log then gives
no reason, no other is left. Your own address is not that of External Secrets, so a login that passes proves nothing.

**How it is repaired.** Add the addresses of External Secrets' pods (or of the nodes, or of the gateway they leave by) to the
role's `token_bound_cidrs`, or take these out. Then annotate the store.
",
};

fn check(case: &LoginCase<'_>, found: &mut Vec<Finding>) {
    let addresses = case.role().and_then(|role| role.addresses.as_deref()).filter(|addresses| !addresses.is_empty());
    let (Some(addresses), Some(Refusal::Bare)) = (addresses, case.refusal()) else { return };
    if case.reason().is_some() || case.has_mount() == Some(false) {
        return;
    }
    let role = &case.login.role;
    let summary = format!("The role “{role}” lets logins in from {} only, and Vault refuses this one.", listed(addresses));
    let mut finding = case.finding(RULE.slug, summary);
    finding.ruled_out = case.ruled_out();
    // Its log names every other reason.
    found.push(if case.is_without_reason() { finding } else { finding.suspected() });
}
