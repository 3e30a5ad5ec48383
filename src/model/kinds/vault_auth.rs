//! `VaultAuth`: how the Vault Secrets Operator logs in. It says Ready although mount and role do not exist: only
//! its references are checked (measured on 1.4.1).

use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireCondition, ready};
use crate::model::health::Condition;
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::vso::reference;
use crate::model::wire::{Whole, or_default};

/// A `VaultAuth`.
#[derive(Clone, Debug)]
pub struct VaultAuth {
    /// Metadata.
    pub meta: Meta,
    /// The `VaultConnection`; `None` is the one called `default` in the operator's namespace.
    pub connection: Option<ObjectRef>,
    /// Vault namespace; empty for root.
    pub namespace: Text,
    /// `kubernetes`, `jwt`, `appRole`, `aws`, `gcp`; empty if a `VaultAuthGlobal` says it.
    pub method: Name,
    /// Auth mount.
    pub mount: Text,
    /// Role, of the methods that have one.
    pub role: Text,
    /// Service account, of the methods that have one.
    pub service_account: Name,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    vault_connection_ref: Text,
    namespace: Text,
    method: Text,
    mount: Text,
    kubernetes: Option<WireMethod>,
    jwt: Option<WireMethod>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireMethod {
    role: Text,
    service_account: Text,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
}

impl Watched for VaultAuth {
    const KIND: Kind = Kind::VaultAuth;
    const API: Api = Api { group: "secrets.hashicorp.com", versions: &["v1beta1"], plural: "vaultauths", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        let method = spec.kubernetes.or(spec.jwt).unwrap_or_default();
        Self {
            connection: reference(Kind::VaultConnection, &spec.vault_connection_ref, &meta, names),
            namespace: spec.namespace,
            method: names.intern(spec.method.as_str()),
            mount: spec.mount,
            role: method.role,
            service_account: names.intern(method.service_account.as_str()),
            ready: ready(&status.conditions, names),
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        self.connection.iter().map(|to| Link { to: to.clone(), role: Role::ReadsThrough }).collect()
    }
}
