//! `VaultPKISecret`: the Vault Secrets Operator keeps a Secret with a certificate of Vault's PKI engine.

use jiff::Timestamp;

use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Names};
use crate::model::text::Text;
use crate::model::vso::{Upkeep, WireSpec, WireStatus, unix};
use crate::model::wire::Whole;

/// A `VaultPKISecret`.
#[derive(Clone, Debug)]
pub struct VaultPKISecret {
    /// Metadata.
    pub meta: Meta,
    /// What it has in common with its siblings; the path is the role.
    pub upkeep: Upkeep,
    /// When the certificate ends.
    pub expires: Option<Timestamp>,
    /// When it was last made anew.
    pub rotated: Option<Timestamp>,
    /// What the operator says is wrong.
    pub error: Text,
}

impl Watched for VaultPKISecret {
    const KIND: Kind = Kind::VaultPKISecret;
    const API: Api = Api { group: "secrets.hashicorp.com", versions: &["v1beta1"], plural: "vaultpkisecrets", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        Self {
            expires: unix(status.expiration),
            rotated: unix(status.last_rotation),
            error: status.error.clone(),
            upkeep: Upkeep::read(spec, &status, &meta, names),
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        self.upkeep.links(&self.meta)
    }
}
