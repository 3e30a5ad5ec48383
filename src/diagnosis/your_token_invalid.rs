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

**How it is known.** `auth/token/lookup-self` is answered 403. Where there is no token, or nothing says that it is for this Vault
(`BAO_ADDR` or `VAULT_ADDR` names another one or none), it was shown to nobody: that is no invalid token, and stands among
what is not known.

**How it is repaired.** Log in again: `:login` in the console, L on a store to log in as that store does, or `bao login`.
",
};

fn check(_: &Case<'_>, server: &VaultServer, found: &mut Vec<Finding>) {
    let Some(fault) = server.unreadable.as_ref().filter(|fault| fault.kind == FaultKind::Unauthorized) else { return };
    let summary = "The token that sealwatch has for this Vault is not valid: its paths are not read.".to_owned();
    let finding = Finding::certain(RULE.slug, RULE.severity, server.subject(), summary);
    found.push(finding.seen(Source::Probe, fault.message.to_string(), None));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::kinds::{OnShelf as _, SecretStore, Watched as _};
    use crate::model::{Fault, Inventory, Kind, Names, VaultAddress};

    #[test]
    fn a_token_that_was_not_shown_to_this_vault_is_not_called_invalid() {
        let store = r#"{"metadata": {"name": "vault", "namespace": "a"}, "spec": {"provider": {"vault":
            {"server": "http://vault.a.svc:8200", "path": "secret"}}}}"#;
        let now = "2026-11-25T00:00:00Z".parse().unwrap();
        for (kind, said) in [(FaultKind::Unauthorized, true), (FaultKind::NoToken, false), (FaultKind::Tcp, false)] {
            let store = SecretStore::read(serde_json::from_str(store).unwrap(), &mut Names::default());
            let mut world = Inventory::default();
            world.apply(Change::Listed(Kind::SecretStore.into(), vec![store.into_object()], Vec::new()), now);
            world.settle();
            let address = VaultAddress::parse("http://vault.a.svc:8200").unwrap();
            world.apply(Change::Unreadable(address, Some(Fault::new(kind, "It says why."))), now);
            let found = diagnose(&world, now).findings;
            assert_eq!(found.iter().any(|finding| finding.slug == RULE.slug), said, "{kind:?}");
        }
    }
}
