//! `Kustomization` of Flux (kustomize-controller 1.7, api/v1): it applies a folder of Git again and again, and so
//! reverts what others write on the objects in it.

use serde::Deserialize;

use super::{Api, Link, Meta, Watched, ready};
use crate::model::gitops::{Held, Origin, WireFrom, WireSecretRef, WireSourceRef, WireStatus, consumes, manages, secrets};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Whole, or_default};

/// A `Kustomization`.
#[derive(Clone, Debug)]
pub struct Kustomization {
    /// Metadata.
    pub meta: Meta,
    /// Whether it is held: then it reverts nothing.
    pub suspended: bool,
    /// Whether it deletes what is no longer in Git.
    pub prunes: bool,
    /// The Secrets that it reads to substitute, to decrypt, or to log in to another cluster.
    pub secrets: Box<[Name]>,
    /// What it has applied that matters here; nothing if it applies to another cluster.
    pub applied: Box<[ObjectRef]>,
    /// The revision that it applied last.
    pub revision: Text,
    /// Where it stands in Git.
    pub origin: Origin,
    /// That we hold it.
    pub held: Option<Held>,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

impl Kustomization {
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
    suspend: bool,
    prune: bool,
    path: Text,
    source_ref: WireSourceRef,
    post_build: WirePostBuild,
    decryption: WireSecretRef,
    kube_config: Option<WireSecretRef>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WirePostBuild {
    #[serde(deserialize_with = "or_default")]
    substitute_from: Vec<WireFrom>,
}

impl Watched for Kustomization {
    const KIND: Kind = Kind::Kustomization;
    const API: Api = Api {
        group: "kustomize.toolkit.fluxcd.io",
        versions: &["v1", "v1beta2"],
        plural: "kustomizations",
        namespaced: true,
    };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let here = spec.kube_config.is_none();
        let elsewhere = spec.kube_config.unwrap_or_default();
        let substituted = spec.post_build.substitute_from.iter().filter_map(WireFrom::secret);
        let meta = Meta::read(&metadata, names).marked(Self::KIND, &metadata, names);
        Self {
            origin: Origin { repository: spec.source_ref.read(&meta.namespace), folder: spec.path, ..Origin::default() },
            held: Held::read(&metadata),
            suspended: spec.suspend,
            prunes: spec.prune,
            secrets: secrets(substituted.chain([&spec.decryption.secret_ref.name, &elsewhere.secret_ref.name]), names),
            applied: if here { status.inventory.read(names) } else { Box::default() },
            revision: status.last_applied_revision,
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

    fn held(&self) -> Option<&Held> {
        self.held.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        consumes(&self.secrets, &self.meta).chain(manages(&self.applied)).collect()
    }
}
