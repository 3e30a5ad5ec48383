//! `ClusterIssuer`: an `Issuer` without a namespace. Its Secrets are in the one that a flag of cert-manager names,
//! which is not known here.

use super::issuer::{Issuer, Wire, read};
use super::{Api, Meta, Watched};
use crate::model::health::Condition;
use crate::model::object::{Kind, Names};

/// A `ClusterIssuer`.
#[derive(Clone, Debug)]
pub struct ClusterIssuer(pub Issuer);

impl Watched for ClusterIssuer {
    const KIND: Kind = Kind::ClusterIssuer;
    const API: Api = Api { group: "cert-manager.io", versions: &["v1"], plural: "clusterissuers", namespaced: false };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        Self(read(wire, names))
    }

    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.0.ready.as_ref()
    }
}
