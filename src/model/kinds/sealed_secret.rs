//! `SealedSecret` (Bitnami): a Secret of the same name, encrypted for its controller (0.40,
//! pkg/apis/sealedsecrets/v1alpha1). It reverts what others write there, and gives up on a Secret that it did not
//! make. What is encrypted is not kept.

use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireCondition, WireMeta, condition};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Keys, Whole, or_default};

/// A `SealedSecret`.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    /// Metadata.
    pub meta: Meta,
    /// The keys it brings.
    pub keys: Box<[Name]>,
    /// Whether it adds its keys to a Secret that is there, rather than owning all of it.
    pub patches: bool,
    /// The generation that the controller last worked on.
    pub observed: i64,
    /// `Synced`; it is absent until the controller has seen the object.
    pub synced: Option<Condition>,
}

impl SealedSecret {
    /// Health as its own condition tells it.
    #[must_use]
    pub fn health(&self) -> Health {
        self.synced.as_ref().map_or(Health::Unknown, Condition::health)
    }
}

/// The spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    #[serde(deserialize_with = "or_default")]
    encrypted_data: Keys,
    template: WireTemplate,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireTemplate {
    #[serde(deserialize_with = "or_default")]
    metadata: WireMeta,
}

/// The status on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    observed_generation: i64,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
}

const PATCH: &str = "sealedsecrets.bitnami.com/patch";

impl Watched for SealedSecret {
    const KIND: Kind = Kind::SealedSecret;
    const API: Api = Api { group: "bitnami.com", versions: &["v1alpha1"], plural: "sealedsecrets", namespaced: true };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let keys = spec.encrypted_data.0.iter();
        Self {
            keys: keys.map(|key| names.intern(Text::foreign(key).as_str())).collect(),
            patches: spec.template.metadata.annotations.get(PATCH).is_some_and(|word| word == "true"),
            observed: status.observed_generation,
            synced: condition(&status.conditions, "Synced", names),
            meta: Meta::read(&metadata, names).marked(Self::KIND, &metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.synced.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        let to = ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: self.meta.name.clone() };
        vec![Link { to, role: Role::Writes }]
    }
}
