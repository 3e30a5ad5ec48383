//! `SecretStore`: which Vault, how to log in there, and what the controller last said of it.

use serde::Deserialize;

use super::{Api, Link, Meta, Namespace, Role, Watched, WireCondition, WireMeta, ready};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::selector::{Selector, WireSelector};
use crate::model::text::Text;
use crate::model::vault::{Ca, VaultAddress};
use crate::model::wire::or_default;

/// A `SecretStore`, or what a `ClusterSecretStore` has in common with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretStore {
    /// Metadata.
    pub meta: Meta,
    /// The Vault it reads, if its provider is Vault (or OpenBao) and the address can be parsed.
    pub vault: Option<VaultProvider>,
    /// The provider's key in the spec: `vault`, `openBao`, `aws`, …
    pub provider: Name,
    /// The last word of the controller; it proves a login, not a mount, a path or a policy.
    pub ready: Option<Condition>,
    /// Seconds between two checks; `None` is the controller's default of 5 minutes.
    pub interval: Option<i64>,
    /// Which External Secrets works on it, where several run; empty for any. Another never writes its status.
    pub class: Name,
    /// The namespaces that may use it, of a `ClusterSecretStore`: those that any of these lets in; none lets in all.
    pub lets_in: Box<[LetIn]>,
}

/// A rule by which a `ClusterSecretStore` lets namespaces in (`spec.conditions`): any of its parts does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetIn {
    /// Those with these labels.
    pub selector: Option<Selector>,
    /// Those with these names.
    pub namespaces: Box<[Name]>,
    /// Those with names like these regular expressions.
    pub like: Box<[Text]>,
}

/// `spec.provider.vault`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultProvider {
    /// Where the server is, as External Secrets is told.
    pub address: VaultAddress,
    /// The mount (`spec.provider.vault.path`); empty if the path carries it.
    pub mount: Text,
    /// KV version, `v1` or `v2`.
    pub version: Name,
    /// Vault namespace (Enterprise, OpenBao); empty for root.
    pub namespace: Text,
    /// How it logs in.
    pub auth: Auth,
    /// The CA that it names for the server's certificate.
    pub ca: Option<Ca>,
}

/// How a store logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `auth.kubernetes`: mount, role, service account.
    Kubernetes {
        /// Auth mount, `kubernetes` by default.
        mount: Text,
        /// Role.
        role: Text,
        /// Service account; empty for the controller's own.
        service_account: Text,
        /// Namespace of the service account, where the store says it. For a `SecretStore` it does not count.
        account_namespace: Option<Name>,
        /// Audiences of the service account's token; none for that of the API server.
        audiences: Box<[Text]>,
        /// Vault namespace of the login; empty for that of the store.
        namespace: Text,
        /// Whether the service account's namespace is left open: the store is never checked then.
        referent: bool,
    },
    /// `auth.tokenSecretRef`: a static token in a Secret.
    Token {
        /// The Secret.
        secret: Text,
        /// The key in it.
        key: Text,
    },
    /// Another method; its name in the spec.
    Other(Name),
}

impl SecretStore {
    /// Health as its own condition tells it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.ready.as_ref().map_or(Health::Unknown, Condition::health)
    }

    /// Whether it leaves the service account to whoever reads through it: then it is never checked itself.
    #[must_use]
    pub fn is_referent(&self) -> bool {
        self.vault.as_ref().is_some_and(|vault| matches!(vault.auth, Auth::Kubernetes { referent: true, .. }))
    }

    /// Whether it lets a namespace in (`shouldProcessSecret` of the client manager); `None` if that cannot be said, as
    /// Go's regular expressions are not read here.
    #[must_use]
    pub fn lets_in(&self, namespace: &Namespace) -> Option<bool> {
        if self.lets_in.is_empty() {
            return Some(true);
        }
        let (name, mut sure) = (&namespace.meta.name, true);
        for rule in &self.lets_in {
            let selected = rule.selector.as_ref().map_or(Some(false), |selector| selector.selects(&namespace.labels));
            if selected == Some(true) || rule.namespaces.contains(name) {
                return Some(true);
            }
            // A name without a mark of a pattern is found wherever it stands in another.
            let plain = |like: &Text| like.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            if rule.like.iter().any(|like| plain(like) && name.as_str().contains(like.as_str())) {
                return Some(true);
            }
            sure &= selected.is_some() && rule.like.iter().all(plain);
        }
        sure.then_some(false)
    }
}

/// Keys of an object whose values do not matter.
type OtherKeys = std::collections::BTreeMap<String, Skipped>;

/// A value that is not kept; it has a size, because serde flattens into maps only.
#[derive(Clone, Debug)]
struct Skipped(#[expect(dead_code, reason = "never read")] bool);

impl<'de> Deserialize<'de> for Skipped {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// What is read off the wire, for both kinds of store.
#[derive(Clone, Debug, Deserialize)]
pub struct Wire {
    #[serde(default)]
    metadata: WireMeta,
    #[serde(default)]
    spec: WireSpec,
    #[serde(default)]
    status: WireStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSpec {
    provider: WireProvider,
    refresh_interval: Option<Text>,
    controller: Text,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireLetIn>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireLetIn {
    namespace_selector: Option<WireSelector>,
    #[serde(deserialize_with = "or_default")]
    namespaces: Vec<Text>,
    #[serde(deserialize_with = "or_default")]
    namespace_regexes: Vec<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct WireProvider {
    #[serde(default)]
    vault: Option<WireVault>,
    #[serde(default, rename = "openBao")]
    openbao: Option<WireVault>,
    #[serde(flatten)]
    others: OtherKeys,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WireVault {
    server: Text,
    path: Option<Text>,
    version: Option<Text>,
    namespace: Option<Text>,
    auth: Option<WireAuth>,
    /// Not a [`Text`], which is too short for it.
    #[serde(rename = "caBundle", deserialize_with = "or_default")]
    ca_bundle: String,
    #[serde(rename = "caProvider")]
    ca_provider: Option<WireCa>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireCa {
    #[serde(rename = "type")]
    kind: Text,
    name: Text,
    key: Text,
    namespace: Option<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireAuth {
    #[serde(default)]
    namespace: Option<Text>,
    #[serde(default)]
    kubernetes: Option<WireKubernetes>,
    #[serde(default)]
    token_secret_ref: Option<WireSecretKey>,
    #[serde(flatten)]
    others: OtherKeys,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireKubernetes {
    mount_path: Option<Text>,
    role: Text,
    service_account_ref: Option<WireAccount>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireAccount {
    name: Text,
    namespace: Option<Text>,
    #[serde(deserialize_with = "or_default")]
    audiences: Vec<Text>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireSecretKey {
    name: Text,
    key: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireStatus {
    conditions: Vec<WireCondition>,
}

/// Reads either kind of store.
pub(super) fn read(wire: Wire, cluster_scoped: bool, names: &mut Names) -> SecretStore {
    let Wire { metadata, spec, status } = wire;
    let others = spec.provider.others.keys().next().cloned();
    let own = metadata.namespace.as_ref().map_or("", Text::as_str);
    let (provider, vault) = match (spec.provider.vault, spec.provider.openbao) {
        (Some(vault), _) => ("vault".to_owned(), Some(vault)),
        (None, Some(openbao)) => ("openBao".to_owned(), Some(openbao)),
        (None, None) => (others.unwrap_or_default(), None),
    };
    let kind = if cluster_scoped { Kind::ClusterSecretStore } else { Kind::SecretStore };
    SecretStore {
        meta: Meta::read(&metadata, names).marked(kind, &metadata, names),
        vault: vault.and_then(|wire| read_vault(wire, own, cluster_scoped, names)),
        provider: names.intern(Text::foreign(&provider).as_str()),
        ready: ready(&status.conditions, names),
        interval: spec.refresh_interval.and_then(|text| super::go_duration(text.as_str())).filter(|seconds| *seconds > 0),
        class: names.intern(spec.controller.as_str()),
        lets_in: spec
            .conditions
            .into_iter()
            .map(|rule| LetIn {
                selector: rule.namespace_selector.map(|selector| selector.read(names)),
                namespaces: rule.namespaces.iter().map(|name| names.intern(name.as_str())).collect(),
                like: rule.namespace_regexes.into(),
            })
            .collect(),
    }
}

pub(super) fn read_vault(wire: WireVault, namespace: &str, cluster_scoped: bool, names: &mut Names) -> Option<VaultProvider> {
    let ca = read_ca(&wire, namespace, cluster_scoped, names);
    let auth = match wire.auth {
        Some(WireAuth { kubernetes: Some(k), namespace, .. }) => {
            let account = k.service_account_ref.unwrap_or_default();
            Auth::Kubernetes {
                namespace: namespace.unwrap_or_default(),
                account_namespace: account.namespace.as_ref().map(|namespace| names.intern(namespace.as_str())),
                audiences: account.audiences.into(),
                mount: k.mount_path.unwrap_or_else(|| Text::foreign("kubernetes")),
                role: k.role,
                referent: cluster_scoped && !account.name.is_empty() && account.namespace.is_none(),
                service_account: account.name,
            }
        }
        Some(WireAuth { token_secret_ref: Some(secret), .. }) => Auth::Token { secret: secret.name, key: secret.key },
        Some(WireAuth { others, .. }) => Auth::Other(names.intern(Text::foreign(others.keys().next().map_or("", String::as_str)).as_str())),
        None => Auth::Other(Name::empty()),
    };
    Some(VaultProvider {
        address: VaultAddress::parse(wire.server.as_str())?,
        mount: wire.path.unwrap_or_default(),
        version: names.intern(wire.version.as_ref().map_or("v2", Text::as_str)),
        namespace: wire.namespace.unwrap_or_default(),
        auth,
        ca,
    })
}

/// As External Secrets reads it (`FetchCACertFromSource`): the bundle wins; a Secret is in the store's own namespace
/// unless the store has none; a `ConfigMap` is where the store says. A store without a namespace must name one.
fn read_ca(wire: &WireVault, own: &str, cluster_scoped: bool, names: &mut Names) -> Option<Ca> {
    if !wire.ca_bundle.is_empty() {
        return Some(Ca::bundle(&wire.ca_bundle, names));
    }
    let provider = wire.ca_provider.as_ref()?;
    let told = provider.namespace.as_ref().map(Text::as_str).filter(|namespace| !namespace.is_empty());
    let (name, key) = (names.intern(provider.name.as_str()), names.intern(provider.key.as_str()));
    match provider.kind.as_str() {
        "Secret" => {
            let namespace = if cluster_scoped { told? } else { own };
            Some(Ca::Secret { namespace: names.intern(namespace), name, key })
        }
        "ConfigMap" => {
            let namespace = if cluster_scoped { told? } else { told.unwrap_or(own) };
            Some(Ca::ConfigMap { namespace: names.intern(namespace), name, key })
        }
        _ => None,
    }
}

/// What a store needs to log in and to trust the server, where it says where that is.
pub(super) fn logins(store: &SecretStore) -> Vec<Link> {
    let Some(vault) = &store.vault else { return Vec::new() };
    let own = Some(&store.meta.namespace).filter(|own| !own.is_empty());
    let login = match &vault.auth {
        Auth::Kubernetes { service_account, account_namespace, .. } if !service_account.is_empty() => own
            .or(account_namespace.as_ref())
            .map(|namespace| ObjectRef::new(Kind::ServiceAccount, namespace.clone(), service_account.as_str())),
        Auth::Token { secret, .. } => own.map(|own| ObjectRef::new(Kind::Secret, own.clone(), secret.as_str())),
        _ => None,
    };
    let authority = match &vault.ca {
        Some(Ca::Secret { namespace, name, .. }) => Some(ObjectRef::new(Kind::Secret, namespace.clone(), name.clone())),
        _ => None,
    };
    login.into_iter().chain(authority).map(|to| Link { to, role: Role::LogsInWith }).collect()
}

impl Watched for SecretStore {
    const KIND: Kind = Kind::SecretStore;
    const API: Api = Api { group: "external-secrets.io", versions: &["v1", "v1beta1"], plural: "secretstores", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        read(wire, false, names)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        logins(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::ClusterSecretStore;

    /// What a store of either kind says of its CA, as text.
    fn ca(said: &str) -> [String; 2] {
        let wire = format!(
            r#"{{"metadata": {{"name": "vault", "namespace": "shop"}},
                "spec": {{"provider": {{"vault": {{"server": "https://vault.vault.svc:8200", {said}}}}}}}}}"#
        );
        let own = SecretStore::read(serde_json::from_str(&wire).expect("a store"), &mut Names::default());
        let wire = wire.replace(r#", "namespace": "shop""#, "");
        let cluster = ClusterSecretStore::read(serde_json::from_str(&wire).expect("a store"), &mut Names::default()).0;
        [own, cluster].map(|store| store.vault.and_then(|vault| vault.ca).map_or_else(String::new, |ca| ca.to_string()))
    }

    #[test]
    fn a_ca_is_looked_for_where_external_secrets_looks_for_it() {
        for (said, own, cluster) in [
            (r#""auth": {}"#, "", ""),
            (r#""caBundle": "aGk=", "caProvider": {"type": "Secret", "name": "s", "key": "k"}"#, "a bundle of its own", "a bundle of its own"),
            (r#""caBundle": null, "caProvider": {"type": "Secret", "name": "s", "key": "k"}"#, "Secret/shop/s (k)", ""),
            (r#""caProvider": {"type": "Secret", "name": "s", "key": "k", "namespace": "pki"}"#, "Secret/shop/s (k)", "Secret/pki/s (k)"),
            (r#""caProvider": {"type": "ConfigMap", "name": "c", "key": "k"}"#, "ConfigMap/shop/c (k)", ""),
            (
                r#""caProvider": {"type": "ConfigMap", "name": "c", "key": "k", "namespace": "pki"}"#,
                "ConfigMap/pki/c (k)",
                "ConfigMap/pki/c (k)",
            ),
            (r#""caProvider": {"type": "File", "name": "c", "key": "k"}"#, "", ""),
        ] {
            assert_eq!(ca(said), [own, cluster], "{said}");
        }
    }

    #[test]
    fn a_bundle_is_whole_however_long_and_is_not_printed() {
        let long = "QUJD".repeat(4000);
        let ca = Ca::bundle(&long, &mut Names::default());
        let Ca::Bundle(bundle) = &ca else { panic!("not a bundle") };
        assert_eq!(bundle.base64(), long);
        assert!(format!("{ca:?}").len() < 60, "{ca:?}");
    }

    #[test]
    fn a_store_lets_namespaces_in_by_name_by_label_and_by_likeness() {
        let namespace = |name: &str, label: &str| {
            let wire = format!(r#"{{"metadata": {{"name": "{name}", "labels": {{"team": "{label}"}}}}}}"#);
            Namespace::read(serde_json::from_str(&wire).expect("a Namespace"), &mut Names::default())
        };
        let store = |conditions: &str| {
            let wire = format!(r#"{{"metadata": {{"name": "wide"}}, "spec": {{"controller": "own", "conditions": {conditions}}}}}"#);
            ClusterSecretStore::read(serde_json::from_str(&wire).expect("a store"), &mut Names::default()).0
        };
        let (shop, other) = (namespace("shop", "a"), namespace("other", "b"));
        assert_eq!(store("[]").lets_in(&shop), Some(true));
        let both = store(r#"[{"namespaces": ["shop"]}, {"namespaceSelector": {"matchLabels": {"team": "c"}}}]"#);
        assert_eq!((both.lets_in(&shop), both.lets_in(&other), both.class.as_str()), (Some(true), Some(false), "own"));
        let like = store(r#"[{"namespaceRegexes": ["^sh.p$"]}]"#);
        assert_eq!((like.lets_in(&shop), like.lets_in(&other)), (None, None));
        assert_eq!(store(r#"[{"namespaceRegexes": ["sho"]}]"#).lets_in(&other), Some(false));
        assert_eq!(store(r#"[{"namespaceRegexes": ["sho"]}]"#).lets_in(&shop), Some(true));
    }
}
