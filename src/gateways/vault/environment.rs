//! What the environment says about Vault: the variables of `bao` and `vault`, of which `bao`'s win, and the
//! token that `login` left behind.

use std::path::PathBuf;

use zeroize::Zeroizing;

use super::secret::TokenSecret;
use super::sessions::is_same;
use crate::model::{Fault, FaultKind, VaultAddress, Withheld};

/// A token has at most a few hundred characters.
const LONGEST_TOKEN: u64 = 16 * 1024;

/// The settings of `bao` and `vault` that sealwatch honours.
#[derive(Default)]
pub struct VaultEnvironment {
    /// `BAO_ADDR`, `VAULT_ADDR`: the server that the token is for; and where to go for servers with an
    /// in-cluster name when no cluster is connected.
    pub address: Option<VaultAddress>,
    /// `BAO_CACERT`, `VAULT_CACERT`: more roots to trust.
    pub ca_file: Option<PathBuf>,
    /// `BAO_SKIP_VERIFY`, `VAULT_SKIP_VERIFY`: reads do not verify certificates; writes are refused.
    pub skip_verify: bool,
    /// `BAO_TLS_SERVER_NAME`, `VAULT_TLS_SERVER_NAME`: the name in the certificate of that server, where it is not that
    /// of its address.
    pub server_name: Option<String>,
    /// `BAO_NAMESPACE`, `VAULT_NAMESPACE`.
    pub namespace: Option<String>,
    /// The Secret with a token that the configuration names.
    pub token_secret: Option<TokenSecret>,
    token: Option<Withheld<String>>,
    token_file: Option<PathBuf>,
}

impl VaultEnvironment {
    /// The environment of this process.
    #[must_use]
    pub fn read() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    /// An environment that is made up.
    #[must_use]
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let either = |name: &str| {
            let named = |prefix: &str| variable(&format!("{prefix}_{name}")).filter(|value| !value.is_empty());
            named("BAO").or_else(|| named("VAULT"))
        };
        let home = || variable("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".vault-token"));
        Self {
            address: either("ADDR").as_deref().and_then(VaultAddress::parse),
            ca_file: either("CACERT").map(PathBuf::from),
            skip_verify: either("SKIP_VERIFY")
                .is_some_and(|value| matches!(value.as_str(), "1" | "t" | "T" | "true" | "TRUE" | "True")),
            server_name: either("TLS_SERVER_NAME"),
            namespace: either("NAMESPACE"),
            token_secret: None,
            token: either("TOKEN").map(Withheld::new),
            token_file: variable("BAO_TOKEN_PATH").filter(|path| !path.is_empty()).map(PathBuf::from).or_else(home),
        }
    }

    /// The token, for the server that it is for: `BAO_ADDR` or `VAULT_ADDR` names it, as for `bao` and `vault`.
    /// Any tenant can write a store that names a server of theirs; it must not be handed somebody's token.
    pub(super) fn token_for(&self, server: &VaultAddress) -> Result<Zeroizing<String>, Fault> {
        let token = self.token()?;
        if self.is_for(server) {
            return Ok(token);
        }
        let message = format!("There is a Vault token, but nothing says that it is for {server}: its paths are not read.");
        Err(Fault::new(FaultKind::NoToken, &message)
            .hinted("Set BAO_ADDR or VAULT_ADDR to that address, just as the store writes it, or log in there: :login."))
    }

    /// Whether `BAO_ADDR` or `VAULT_ADDR` names this server, in whichever way.
    pub(super) fn is_for(&self, server: &VaultAddress) -> bool {
        self.address.as_ref().is_some_and(|address| is_same(address, server))
    }

    /// The token. The file is read each time: a `bao login` in another terminal counts at once.
    fn token(&self) -> Result<Zeroizing<String>, Fault> {
        if let Some(token) = &self.token {
            return Ok(Zeroizing::new(token.reveal().trim().to_owned()));
        }
        let from_file = self.token_file.as_deref().and_then(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            (metadata.is_file() && metadata.len() <= LONGEST_TOKEN)
                .then(|| std::fs::read_to_string(path).ok().map(Zeroizing::new))?
        });
        match from_file.map(|text| Zeroizing::new(text.trim().to_owned())) {
            Some(token) if !token.is_empty() => Ok(token),
            _ => Err(Fault::new(FaultKind::NoToken, "No Vault token: paths cannot be read, and no more than the seal is known.")
                .hinted("Log in: “bao login”, “vault login”, or :login here; or set BAO_TOKEN or VAULT_TOKEN.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateways::testing::Folder;

    #[test]
    fn baos_variables_win_and_the_file_is_the_last_resort() {
        let folder = Folder::new();
        std::fs::write(folder.path().join(".vault-token"), "s.file\n").unwrap();
        let home = folder.path().display().to_string();
        let of = |pairs: &'static [(&str, &str)]| {
            let home = home.clone();
            VaultEnvironment::of(move |name| {
                let found = pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
                found.or_else(|| (name == "HOME").then(|| home.clone()))
            })
        };
        let token = |environment: VaultEnvironment| environment.token().map(|token| token.to_string()).unwrap_or_default();
        assert_eq!(token(of(&[("BAO_TOKEN", "s.bao"), ("VAULT_TOKEN", "s.vault")])), "s.bao");
        assert_eq!(token(of(&[("BAO_TOKEN", ""), ("VAULT_TOKEN", "s.vault")])), "s.vault");
        assert_eq!(token(of(&[])), "s.file");
        assert_eq!(token(of(&[("BAO_TOKEN_PATH", "/nowhere")])), "");
        let with_address = of(&[("BAO_TOKEN", "s.bao"), ("BAO_ADDR", "http://vault.ns.svc:8200")]);
        let server = |url| VaultAddress::parse(url).unwrap();
        assert!(with_address.token_for(&server("http://vault.ns.svc.cluster.local:8200")).is_ok(), "the same Service");
        for other in ["http://vault.tenant.svc:8200", "https://evil.example:8200", "http://vault.ns.svc:8201"] {
            assert_eq!(with_address.token_for(&server(other)).unwrap_err().kind, FaultKind::NoToken, "{other}");
        }
        assert!(of(&[("BAO_TOKEN", "s.bao")]).token_for(&server("http://vault.ns.svc:8200")).is_err());
        assert!(of(&[("VAULT_SKIP_VERIFY", "true")]).skip_verify);
        assert!(!of(&[("VAULT_SKIP_VERIFY", "0")]).skip_verify);
        assert_eq!(of(&[("VAULT_ADDR", "https://v:8200")]).address.map(|a| a.to_string()).as_deref(), Some("https://v:8200"));
    }
}
