//! `VaultDynamicSecret` of the Vault Secrets Operator (not the generator of External Secrets that is called so):
//! keeps a Secret with credentials that have a lease.

use jiff::Timestamp;

use super::{Api, Link, Meta, Watched};
use crate::model::object::{Kind, Names};
use crate::model::vso::{Upkeep, WireSpec, WireStatus, unix};
use crate::model::wire::Whole;

/// A `VaultDynamicSecret`.
#[derive(Clone, Debug)]
pub struct VaultDynamicSecret {
    /// Metadata.
    pub meta: Meta,
    /// What it has in common with its siblings.
    pub upkeep: Upkeep,
    /// When the lease was last renewed or made anew.
    pub renewed: Option<Timestamp>,
    /// Seconds that the lease lasts; 0 if there is none.
    pub lease: i64,
    /// Whether the lease can be renewed.
    pub renewable: bool,
    /// Percentage of the lease after which it is renewed; 67 by default.
    pub renewal_percent: u8,
    /// Whether the credentials are of a role that Vault rotates itself.
    pub static_credentials: bool,
}

impl VaultDynamicSecret {
    /// When the credentials end unless they are renewed.
    #[must_use]
    pub fn expires(&self) -> Option<Timestamp> {
        let lease = (self.lease > 0).then(|| jiff::SignedDuration::from_secs(self.lease))?;
        self.renewed?.checked_add(lease).ok()
    }
}

impl Watched for VaultDynamicSecret {
    const KIND: Kind = Kind::VaultDynamicSecret;
    const API: Api = Api { group: "secrets.hashicorp.com", versions: &["v1beta1"], plural: "vaultdynamicsecrets", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        Self {
            renewed: unix(status.last_renewal_time),
            lease: status.secret_lease.duration,
            renewable: status.secret_lease.renewable,
            renewal_percent: spec.renewal_percent.unwrap_or(67),
            static_credentials: spec.allow_static_creds,
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
