//! Ways to log in at a Vault, as data: with what a person types, or as a store does.

use std::fmt;

use super::Ca;
use crate::model::kinds::SecretStore;
use crate::model::kinds::secret_store::Auth;
use crate::model::object::{Kind, Name, ObjectRef};
use crate::model::text::Text;

/// A way to log in. What is typed for it travels beside it, unseen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// With a token that somebody has.
    Token,
    /// With a name and a password: `userpass`, `ldap` and all others that are asked in the same way.
    User {
        /// Mount of the method.
        mount: String,
        /// The user.
        name: String,
    },
    /// As External Secrets does for a store.
    Store(StoreLogin),
}

impl Login {
    /// Whether a token or a password has to be typed for it.
    #[must_use]
    pub const fn is_typed(&self) -> bool {
        matches!(self, Self::Token | Self::User { .. })
    }

    /// Reads `name` or `mount/name`; nothing is a token.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim().trim_matches('/').rsplit_once('/') {
            None if text.trim().is_empty() => Self::Token,
            None => Self::User { mount: "userpass".to_owned(), name: text.trim().to_owned() },
            Some((mount, name)) => Self::User { mount: mount.to_owned(), name: name.to_owned() },
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token => f.write_str("with a token"),
            Self::User { mount, name } => write!(f, "as {name} ({mount})"),
            Self::Store(login) => write!(f, "as {} does", login.store.short()),
        }
    }
}

/// What a store logs in with: a token of its service account, for a role of a kubernetes auth mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreLogin {
    /// The store.
    pub store: ObjectRef,
    /// The CA that it names, and nobody else: the operator trusts no other for it.
    pub ca: Option<Ca>,
    /// Vault namespace of the login; empty for root.
    pub namespace: Text,
    /// Auth mount.
    pub mount: Text,
    /// Role.
    pub role: Text,
    /// The service account.
    pub account: ObjectRef,
    /// The audiences of its token; none for that of the API server.
    pub audiences: Box<[Text]>,
}

impl StoreLogin {
    /// How this store logs in. `reader` is the namespace of the `ExternalSecret` that reads through it, which matters
    /// where a `ClusterSecretStore` leaves that open.
    ///
    /// # Errors
    /// It logs in in a way that nobody else can take; a sentence.
    pub fn of(store: &SecretStore, reader: Option<&Name>) -> Result<Self, String> {
        let said = store.store_ref();
        let vault = store.vault.as_ref().ok_or_else(|| format!("{} reads no Vault that is known.", said.short()))?;
        let Auth::Kubernetes { mount, role, service_account, account_namespace, audiences, namespace, .. } = &vault.auth else {
            return Err(format!(
                "{} does not log in with kubernetes auth, and only that can be done in its stead.",
                said.short()
            ));
        };
        if service_account.is_empty() {
            return Err(format!("{} names no service account, so it logs in with one that only the operator has.", said.short()));
        }
        // As External Secrets: the account of a SecretStore is in its own namespace, whatever it says.
        let own = Some(&store.meta.namespace).filter(|namespace| !namespace.is_empty());
        let place = own.or(account_namespace.as_ref()).or(reader);
        let Some(place) = place else {
            let message = "leaves the namespace of its service account open: select an ExternalSecret that reads through it.";
            return Err(format!("{} {message}", said.short()));
        };
        Ok(Self {
            account: ObjectRef::new(Kind::ServiceAccount, place.clone(), service_account.as_str()),
            store: said,
            ca: vault.ca.clone(),
            namespace: if namespace.is_empty() { vault.namespace.clone() } else { namespace.clone() },
            mount: mount.clone(),
            role: role.clone(),
            audiences: audiences.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::{ClusterSecretStore, Watched as _};
    use crate::model::object::Names;

    fn login(store: &str, auth: &str, reader: Option<&str>) -> Result<String, String> {
        let wire = format!(
            r#"{{"metadata": {{"name": "vault"{store}}}, "spec": {{"provider": {{"vault":
                {{"server": "http://vault.vault.svc:8200", "namespace": "team", "auth": {{{auth}}}}}}}}}}}"#
        );
        let names = &mut Names::default();
        let read = if store.is_empty() {
            ClusterSecretStore::read(serde_json::from_str(&wire).expect("a store"), names).0
        } else {
            SecretStore::read(serde_json::from_str(&wire).expect("a store"), names)
        };
        let login = StoreLogin::of(&read, reader.map(Name::new).as_ref())?;
        let audiences: Vec<&str> = login.audiences.iter().map(Text::as_str).collect();
        Ok(format!("{} {}:{} {} {}", login.namespace, login.mount, login.role, login.account, audiences.join("+")))
    }

    #[test]
    fn a_store_logs_in_as_external_secrets_does_for_it() {
        let account = r#""serviceAccountRef": {"name": "eso", "namespace": "pki", "audiences": ["vault", "x"]}"#;
        let full = format!(r#""namespace": "admin", "kubernetes": {{"mountPath": "k8s", "role": "r", {account}}}"#);
        let own = r#", "namespace": "shop""#;
        assert_eq!(login(own, &full, None).as_deref(), Ok("admin k8s:r ServiceAccount/shop/eso vault+x"));
        assert_eq!(login("", &full, Some("web")).as_deref(), Ok("admin k8s:r ServiceAccount/pki/eso vault+x"));
        let open = r#""kubernetes": {"role": "r", "serviceAccountRef": {"name": "eso"}}"#;
        assert_eq!(login("", open, Some("web")).as_deref(), Ok("team kubernetes:r ServiceAccount/web/eso "));
        assert!(login("", open, None).unwrap_err().contains("select an ExternalSecret"));
        for (auth, words) in [
            (r#""kubernetes": {"role": "r"}"#, "names no service account"),
            (r#""tokenSecretRef": {"name": "s", "key": "k"}"#, "does not log in with kubernetes auth"),
        ] {
            assert!(login(own, auth, None).unwrap_err().contains(words), "{auth}");
        }
    }

    #[test]
    fn what_follows_the_word_is_a_user_or_nothing() {
        let user = |mount: &str, name: &str| Login::User { mount: mount.to_owned(), name: name.to_owned() };
        assert_eq!(Login::parse("  "), Login::Token);
        assert_eq!(Login::parse(" alice "), user("userpass", "alice"));
        assert_eq!(Login::parse("ldap/alice@corp"), user("ldap", "alice@corp"));
        assert_eq!(Login::parse("team/ldap/alice"), user("team/ldap", "alice"));
    }
}
