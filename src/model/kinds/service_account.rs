//! `ServiceAccount`: what a store logs in as, and the Secrets by which its pods pull images.

use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireMeta};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::wire::Named;

/// A `ServiceAccount`.
#[derive(Clone, Debug)]
pub struct ServiceAccount {
    /// Metadata.
    pub meta: Meta,
    /// The Secrets that are added to each new pod of it.
    pub image_pull_secrets: Box<[Name]>,
}

/// What is read off the wire: it has no spec.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Wire {
    metadata: WireMeta,
    image_pull_secrets: Vec<Named>,
}

impl Watched for ServiceAccount {
    const KIND: Kind = Kind::ServiceAccount;
    const API: Api = Api { group: "", versions: &["v1"], plural: "serviceaccounts", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let secrets = wire.image_pull_secrets.iter().filter(|secret| !secret.name.is_empty());
        Self {
            image_pull_secrets: secrets.map(|secret| names.intern(secret.name.as_str())).collect(),
            meta: Meta::read(&wire.metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        let to = |name: &Name| ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: name.clone() };
        self.image_pull_secrets.iter().map(|name| Link { to: to(name), role: Role::Consumes }).collect()
    }
}
