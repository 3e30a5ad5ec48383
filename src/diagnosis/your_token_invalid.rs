//! The token that sealwatch reads a Vault with is not valid.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::{FaultKind, VaultServer};

pub(super) const RULE: Rule = Rule {
    slug: "your-token-invalid",
    title: "Your Vault token is not valid",
    severity: Severity::Info,
    runbooks: &[],
    check: Check::Vault(check),
    explain: "\
The token that sealwatch took from `BAO_TOKEN`, `VAULT_TOKEN`, the helper file, a login or a Secret is refused by this Vault. Its
seal is seen all the same; its paths are not.

**How it is known.** `auth/token/lookup-self` is answered 403.

**How it is repaired.** Log in again: `:login` in the console, L on a store to log in as that store does, or `bao login`.
",
};

fn check(_: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let Some(fault) = server.unreadable.as_ref().filter(|fault| fault.kind == FaultKind::Unauthorized) else { return };
    let summary = "The token that sealwatch has for this Vault is not valid: its paths are not read.".to_owned();
    let finding = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary);
    found.push(finding.seen(Source::Probe, fault.message.to_string(), None));
}
