//! `Issuer` (cert-manager 1.21, pkg/apis/certmanager/v1): it signs certificates, of interest where a Vault does it.
//! A sealed Vault shows here only when the issuer is checked again.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Api, Link, Meta, Role, Watched, WireCondition, ready};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::vault::VaultAddress;
use crate::model::wire::{Named, Whole, or_default};

/// An `Issuer`, or what a `ClusterIssuer` has in common with it.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// Metadata.
    pub meta: Meta,
    /// What signs: `vault`, `acme`, `ca`, `selfSigned`, `venafi`; empty for one that is newer than this program.
    pub signer: Name,
    /// The Vault, if one signs.
    pub vault: Option<Box<Signer>>,
    /// The Secret with the key it signs with, or with the token, the role's secret or the account's token that it
    /// shows to the Vault; empty if it needs none.
    pub secret: Name,
    /// The service account it logs in as; empty if it does not.
    pub account: Name,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

/// A Vault that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// Where it is; `None` if that cannot be parsed.
    pub address: Option<VaultAddress>,
    /// Vault namespace; empty for root.
    pub namespace: Text,
    /// The path it signs at, `mount/sign/role`.
    pub path: Text,
    /// How it logs in: `kubernetes`, `appRole`, `token`, `clientCertificate`, `aws`.
    pub method: Name,
    /// The role it asks for, of the methods that have one.
    pub role: Text,
}

impl Issuer {
    /// Health as its own condition tells it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.ready.as_ref().map_or(Health::Unknown, Condition::health)
    }
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    acme: Option<IgnoredAny>,
    ca: Option<WireSecretName>,
    vault: Option<WireVault>,
    self_signed: Option<IgnoredAny>,
    venafi: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSecretName {
    secret_name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireVault {
    server: Text,
    path: Text,
    namespace: Text,
    auth: WireAuth,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireAuth {
    token_secret_ref: Option<Named>,
    app_role: Option<WireMethod>,
    kubernetes: Option<WireMethod>,
    client_certificate: Option<WireSecretName>,
    aws: Option<WireMethod>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireMethod {
    role: Text,
    role_id: Text,
    secret_ref: Named,
    service_account_ref: Named,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
}

/// What is read off the wire, for both kinds.
pub type Wire = Whole<WireSpec, WireStatus>;

/// Reads either kind.
pub(super) fn read(wire: Wire, names: &mut Names) -> Issuer {
    let Wire { metadata, spec, status } = wire;
    let signer = match &spec {
        WireSpec { vault: Some(_), .. } => "vault",
        WireSpec { ca: Some(_), .. } => "ca",
        WireSpec { acme: Some(_), .. } => "acme",
        WireSpec { self_signed: Some(_), .. } => "selfSigned",
        WireSpec { venafi: Some(_), .. } => "venafi",
        _ => "",
    };
    let auth = spec.vault.as_ref().map(|vault| vault.auth.clone()).unwrap_or_default();
    let (method, login) = match auth {
        WireAuth { kubernetes: Some(login), .. } => ("kubernetes", login),
        WireAuth { app_role: Some(login), .. } => ("appRole", login),
        WireAuth { token_secret_ref: Some(secret_ref), .. } => ("token", WireMethod { secret_ref, ..WireMethod::default() }),
        WireAuth { client_certificate: Some(cert), .. } => {
            ("clientCertificate", WireMethod { secret_ref: Named { name: cert.secret_name }, ..WireMethod::default() })
        }
        WireAuth { aws: Some(login), .. } => ("aws", login),
        _ => ("", WireMethod::default()),
    };
    let secret = spec.ca.as_ref().map_or(&login.secret_ref.name, |ca| &ca.secret_name);
    Issuer {
        signer: names.intern(signer),
        secret: names.intern(secret.as_str()),
        account: names.intern(login.service_account_ref.name.as_str()),
        vault: spec.vault.map(|vault| {
            Box::new(Signer {
                address: VaultAddress::parse(vault.server.as_str()),
                namespace: vault.namespace,
                path: vault.path,
                method: names.intern(method),
                role: if login.role.is_empty() { login.role_id.clone() } else { login.role.clone() },
            })
        }),
        ready: ready(&status.conditions, names),
        meta: Meta::read(&metadata, names),
    }
}

impl Watched for Issuer {
    const KIND: Kind = Kind::Issuer;
    const API: Api = Api { group: "cert-manager.io", versions: &["v1"], plural: "issuers", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        read(wire, names)
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        let here = |kind, name: &Name| ObjectRef { kind, namespace: self.meta.namespace.clone(), name: name.clone() };
        let needs = [(Kind::Secret, &self.secret, Role::Consumes), (Kind::ServiceAccount, &self.account, Role::LogsInWith)];
        let named = needs.into_iter().filter(|(_, name, _)| !name.is_empty());
        named.map(|(kind, name, role)| Link { to: here(kind, name), role }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::ClusterIssuer;

    #[test]
    fn an_issuer_tells_which_vault_signs_and_how_it_logs_in() {
        let wire = r#"{"metadata": {"name": "mesh", "namespace": "mesh"}, "spec": {"vault": {
            "server": "https://vault.vault.svc:8200", "path": "pki_int/sign/mesh",
            "auth": {"kubernetes": {"role": "mesh", "mountPath": "/v1/auth/kubernetes", "serviceAccountRef": {"name": "issuer"}}}}},
            "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "VaultError", "message": "Vault is sealed"}]}}"#;
        let issuer = Issuer::read(serde_json::from_str(wire).expect("an Issuer"), &mut Names::default());
        let signer = issuer.vault.as_ref().expect("a Vault");
        assert_eq!((issuer.signer.as_str(), signer.method.as_str(), signer.role.as_str()), ("vault", "kubernetes", "mesh"));
        assert_eq!(issuer.health(), Health::Failing);
        let to: Vec<_> = issuer.links().iter().map(|link| (link.to.to_string(), link.role)).collect();
        assert_eq!(to, [("ServiceAccount/mesh/issuer".to_owned(), Role::LogsInWith)]);
        // Where the Secret of a cluster-wide issuer is, only a flag of cert-manager says.
        let ca = r#"{"metadata": {"name": "ca"}, "spec": {"ca": {"secretName": "root"}}}"#;
        let cluster = ClusterIssuer::read(serde_json::from_str(ca).expect("a ClusterIssuer"), &mut Names::default());
        assert_eq!((cluster.0.secret.as_str(), cluster.links()), ("root", Vec::new()));
    }
}
