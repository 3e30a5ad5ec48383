//! `VaultConnection`: which Vault the Vault Secrets Operator talks to. It says Ready while that is sealed: only
//! `seal-status` is asked, which answers, and never again after that (measured on 1.4.1).

use serde::Deserialize;

use super::{Api, Meta, Watched, WireCondition, ready};
use crate::model::health::Condition;
use crate::model::object::{Kind, Name, Names};
use crate::model::text::Text;
use crate::model::vault::VaultAddress;
use crate::model::wire::{Whole, or_default};

/// A `VaultConnection`.
#[derive(Clone, Debug)]
pub struct VaultConnection {
    /// Metadata.
    pub meta: Meta,
    /// Where the Vault is; `None` if that cannot be parsed.
    pub address: Option<VaultAddress>,
    /// The name in the certificate, if it is not that of the address.
    pub tls_server_name: Text,
    /// The Secret with the CA; empty if there is none.
    pub ca_secret: Name,
    /// Whether the certificate is not verified.
    pub insecure: bool,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    address: Text,
    tls_server_name: Text,
    ca_cert_secret_ref: Text,
    #[serde(rename = "skipTLSVerify")]
    skip_tls_verify: bool,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
}

impl Watched for VaultConnection {
    const KIND: Kind = Kind::VaultConnection;
    const API: Api = Api { group: "secrets.hashicorp.com", versions: &["v1beta1"], plural: "vaultconnections", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        Self {
            address: VaultAddress::parse(spec.address.as_str()),
            tls_server_name: spec.tls_server_name,
            ca_secret: names.intern(spec.ca_cert_secret_ref.as_str()),
            insecure: spec.skip_tls_verify,
            ready: ready(&status.conditions, names),
            meta: Meta::read(&metadata, names).marked(Self::KIND, &metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }
}
