//! How a login of kubernetes auth stands, step by step: what a person with rights would ask a Vault about a store that
//! is refused. No step holds a token; the last one is a real login and is made only where the person asked for it.

use jiff::Timestamp;
use serde::Deserialize;

use super::Told;
use crate::model::text::Text;

/// What was asked about one login, and what was answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoginChecks {
    /// When it was asked.
    pub asked: Option<Timestamp>,
    /// Whether there is an auth method at the mount: a login without a role is answered 400 where there is one and 403
    /// where there is none (measured on OpenBao 2.7.2 and HashiCorp Vault 1.21.4). Needs no token.
    pub mount: Told<bool>,
    /// The answer to a login for the role with something that is no token: it names a role that is missing and a method
    /// that was never configured. Needs no token.
    pub probe: Told<Text>,
    /// The role; [`Told::Absent`] if there is none.
    pub role: Told<AuthRole>,
    /// The configuration of the method; [`Told::Absent`] if it has none.
    pub config: Told<AuthConfig>,
    /// The answer to a login as External Secrets makes it: nothing if it was let in.
    pub login: Told<Option<Text>>,
    /// Why Vault refused that login, as its log says at debug level (`sys/monitor`); [`Told::Absent`] if it said nothing.
    pub reason: Told<Text>,
}

/// `auth/<mount>/role/<role>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuthRole {
    /// Service accounts that may log in; `*` for all.
    #[serde(rename = "bound_service_account_names")]
    pub accounts: Vec<Text>,
    /// Namespaces that these may be in; `*` for all.
    #[serde(rename = "bound_service_account_namespaces")]
    pub namespaces: Vec<Text>,
    /// Labels of further namespaces.
    #[serde(rename = "bound_service_account_namespace_selector")]
    pub selector: Text,
    /// The audience that a token must have; empty for any.
    pub audience: Text,
    /// Addresses from which a login may come; empty for any.
    #[serde(rename = "token_bound_cidrs")]
    pub addresses: Option<Vec<Text>>,
    /// Policies that a login gives.
    #[serde(rename = "token_policies")]
    pub policies: Vec<Text>,
}

/// `auth/<mount>/config`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct AuthConfig {
    /// Where Vault asks for a review of the token.
    #[serde(rename = "kubernetes_host")]
    pub host: Text,
    /// Whether a token of its own was set for these reviews; the token itself cannot be read back.
    #[serde(rename = "token_reviewer_jwt_set")]
    pub reviewer: bool,
    /// Whether the pod's own token and CA are not used.
    #[serde(rename = "disable_local_ca_jwt")]
    pub local_is_off: bool,
    /// Whether the issuer of a token does not matter.
    #[serde(rename = "disable_iss_validation")]
    pub issuer_is_off: bool,
    /// The issuer that a token must have.
    pub issuer: Text,
    /// Public keys by which tokens are verified beside the review.
    pub pem_keys: Vec<Text>,
}

impl LoginChecks {
    /// Whether it says the same, whenever it was asked.
    #[must_use]
    pub fn says_as(&self, other: &Self) -> bool {
        Self { asked: other.asked, ..self.clone() } == *other
    }
}

impl AuthRole {
    /// Whether a service account of this name may log in. Vault takes `*` and, at the end of a name, a part of one.
    #[must_use]
    pub fn binds_account(&self, name: &str) -> bool {
        self.accounts.iter().any(|bound| is_like(bound.as_str(), name))
    }

    /// Whether it may be in this namespace; `None` if labels that are not looked at decide.
    #[must_use]
    pub fn binds_namespace(&self, name: &str) -> Option<bool> {
        if self.namespaces.iter().any(|bound| is_like(bound.as_str(), name)) {
            return Some(true);
        }
        self.selector.is_empty().then_some(false)
    }
}

/// Glob as the plug-in has it (`strutil.StrListContainsGlob`): a star at either end.
fn is_like(pattern: &str, name: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        _ if pattern == "*" => true,
        (Some(_), Some(_)) => name.contains(pattern.trim_matches('*')),
        (Some(end), None) => name.ends_with(end),
        (None, Some(start)) => name.starts_with(start),
        (None, None) => pattern == name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_binds_by_name_and_by_star() {
        let role: AuthRole = serde_json::from_str(
            r#"{"bound_service_account_names": ["eso", "app-*"], "bound_service_account_namespaces": ["shop"], "token_bound_cidrs": null}"#,
        )
        .expect("a role");
        assert_eq!(["eso", "app-web", "other"].map(|name| role.binds_account(name)), [true, true, false]);
        assert_eq!(["shop", "web"].map(|name| role.binds_namespace(name)), [Some(true), Some(false)]);
        let labelled = AuthRole { selector: Text::foreign("{}"), ..role };
        assert_eq!(labelled.binds_namespace("web"), None);
    }
}
