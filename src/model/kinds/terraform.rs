//! `Terraform` of the tofu-controller (api/v1alpha2): it runs a plan with variables that Secrets hold, and may write
//! its outputs into one.

use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, ready};
use crate::model::gitops::{WireFrom, WireSecretRef, WireStatus, consumes, secrets};
use crate::model::health::{Condition, Health};
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::{Named, Whole, or_default};

/// A `Terraform`.
#[derive(Clone, Debug)]
pub struct Terraform {
    /// Metadata.
    pub meta: Meta,
    /// Whether it is held.
    pub suspended: bool,
    /// Which plan may be applied: `auto` for each, empty for none.
    pub approves: Text,
    /// The Secrets with variables, inputs, files and the configuration of the backend.
    pub secrets: Box<[Name]>,
    /// The Secret that its outputs are written to; empty if none.
    pub output: Name,
    /// The revision that it applied last.
    pub revision: Text,
    /// Its condition `Ready`.
    pub ready: Option<Condition>,
}

impl Terraform {
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
    approve_plan: Text,
    #[serde(deserialize_with = "or_default")]
    vars: Vec<WireVar>,
    #[serde(deserialize_with = "or_default")]
    vars_from: Vec<WireFrom>,
    #[serde(deserialize_with = "or_default")]
    backend_configs_from: Vec<WireFrom>,
    #[serde(deserialize_with = "or_default")]
    read_inputs_from_secrets: Vec<Named>,
    #[serde(deserialize_with = "or_default")]
    file_mappings: Vec<WireSecretRef>,
    cli_config_secret_ref: Named,
    write_outputs_to_secret: Named,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireVar {
    value_from: WireValue,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireValue {
    secret_key_ref: Named,
}

impl Watched for Terraform {
    const KIND: Kind = Kind::Terraform;
    const API: Api = Api {
        group: "infra.contrib.fluxcd.io",
        versions: &["v1alpha2", "v1alpha1"],
        plural: "terraforms",
        namespaced: true,
    };
    type Wire = Whole<WireSpec, WireStatus>;

    fn read(wire: Self::Wire, names: &mut Names) -> Self {
        let Whole { metadata, spec, status } = wire;
        let from = spec.vars_from.iter().chain(&spec.backend_configs_from).filter_map(WireFrom::secret);
        let inputs = spec.read_inputs_from_secrets.iter().map(|input| &input.name);
        let files = spec.file_mappings.iter().map(|file| &file.secret_ref.name);
        let vars = spec.vars.iter().map(|var| &var.value_from.secret_key_ref.name);
        Self {
            suspended: spec.suspend,
            secrets: secrets(from.chain(inputs).chain(files).chain(vars).chain([&spec.cli_config_secret_ref.name]), names),
            output: names.intern(spec.write_outputs_to_secret.name.as_str()),
            approves: spec.approve_plan,
            revision: status.last_applied_revision,
            ready: ready(&status.conditions, names),
            meta: Meta::read(&metadata, names),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn condition(&self) -> Option<&Condition> {
        self.ready.as_ref()
    }

    fn links(&self) -> Vec<Link> {
        let to = ObjectRef { kind: Kind::Secret, namespace: self.meta.namespace.clone(), name: self.output.clone() };
        let writes = (!self.output.is_empty()).then_some(Link { to, role: Role::Writes });
        consumes(&self.secrets, &self.meta).chain(writes).collect()
    }
}
