//! `VaultStaticSecret`: the Vault Secrets Operator keeps a Secret like a path of a KV engine.

use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Name, Names};
use crate::model::vso::{Upkeep, WireSpec, WireStatus};
use crate::model::wire::Whole;

/// A `VaultStaticSecret`.
#[derive(Clone, Debug)]
pub struct VaultStaticSecret {
    /// Metadata.
    pub meta: Meta,
    /// What it has in common with its siblings.
    pub upkeep: Upkeep,
    /// `kv-v1` or `kv-v2`.
    pub engine: Name,
    /// The version that it is pinned to; `None` for the newest.
    pub version: Option<u64>,
    /// Whether the operator keeps a keyed digest of the data (`hmacSecretData`), without which it writes at every turn.
    pub keeps_digest: bool,
}

impl Watched for VaultStaticSecret {
    const KIND: Kind = Kind::VaultStaticSecret;
    const API: Api = Api { group: "secrets.hashicorp.com", versions: &["v1beta1"], plural: "vaultstaticsecrets", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        Self {
            engine: names.intern(spec.kind.as_str()),
            keeps_digest: spec.hmac_secret_data != Some(false),
            version: spec.version.filter(|version| *version > 0),
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
