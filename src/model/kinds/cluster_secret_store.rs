//! `ClusterSecretStore`: a `SecretStore` without a namespace.

use super::secret_store::{SecretStore, Wire, logins, read};
use super::{Api, Link, Meta, Watched};
use crate::model::health::Condition;
use crate::model::object::{Kind, Names};

/// A `ClusterSecretStore`.
#[derive(Clone, Debug)]
pub struct ClusterSecretStore(pub SecretStore);

impl Watched for ClusterSecretStore {
    const KIND: Kind = Kind::ClusterSecretStore;
    const API: Api =
        Api { group: "external-secrets.io", versions: &["v1", "v1beta1"], plural: "clustersecretstores", namespaced: false };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        Self(read(wire, true, names))
    }

    fn meta(&self) -> &Meta {
        &self.0.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.0.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        logins(&self.0)
    }
}
