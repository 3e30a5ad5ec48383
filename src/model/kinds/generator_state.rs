//! `GeneratorState`: what External Secrets must undo when a generated value is replaced (a Grafana account, a GitLab
//! token). Its status stays empty (2.9.0 sets conditions in memory only); the state itself may hold a credential and
//! is not read.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, generator};
use crate::model::object::{Kind, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Named, Whole};

/// A `GeneratorState`.
#[derive(Clone, Debug)]
pub struct GeneratorState {
    /// Metadata.
    pub meta: Meta,
    /// The generator that made the value, as it was then.
    pub generator: Option<ObjectRef>,
    /// When it is undone and deleted; `None` while the value is in use.
    pub deadline: Option<Timestamp>,
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    garbage_collection_deadline: Option<Timestamp>,
    resource: WireResource,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireResource {
    kind: Text,
    metadata: Named,
}

impl Watched for GeneratorState {
    const KIND: Kind = Kind::GeneratorState;
    const API: Api = Api { group: generator::GROUP, versions: &["v1alpha1"], plural: "generatorstates", namespaced: true };
    type Wire = Whole<WireSpec>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, .. } = wire;
        let (meta, resource) = (Meta::read(&metadata, names), &spec.resource);
        let is_told = !resource.metadata.name.is_empty();
        Self {
            generator: is_told
                .then(|| generator::reference(&resource.kind, &resource.metadata.name, &meta.namespace, names)),
            deadline: spec.garbage_collection_deadline,
            meta,
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        self.generator.iter().map(|to| Link { to: to.clone(), role: Role::MadeBy }).collect()
    }
}
