//! What the kinds that deploy others have in common: which of the objects they deploy matter here, and which Secrets
//! they read.

use serde::Deserialize;

use super::kinds::{Link, Meta, Role, System, WireCondition, api, kind_in};
use super::object::{Kind, Name, Names, ObjectRef};
use super::text::Text;
use super::wire::{Named, or_default};

/// A deployed object, if it is of a kind on the way of a value: a store, a reader, a generator, a Secret. All others
/// are left out: an application may deploy thousands.
pub(super) fn deployed(group: &str, kind: &str, namespace: &str, name: &str, names: &mut Names) -> Option<ObjectRef> {
    // A version is not told everywhere; only the group says which kind it is.
    let kind = if group.is_empty() { kind_in("v1", kind) } else { kind_in(&format!("{group}/"), kind) }?;
    let matters = match kind {
        Kind::Secret | Kind::SealedSecret => true,
        kind => matches!(api(kind)?.system(), System::ExternalSecrets | System::VaultSecretsOperator),
    };
    matters.then(|| ObjectRef { kind, namespace: names.intern(namespace), name: names.intern(name) })
}

/// One link for each object.
pub(super) fn manages(objects: &[ObjectRef]) -> impl Iterator<Item = Link> {
    objects.iter().map(|to| Link { to: to.clone(), role: Role::Manages })
}

/// One link for each Secret that is read.
pub(super) fn consumes<'a>(secrets: &'a [Name], meta: &'a Meta) -> impl Iterator<Item = Link> + 'a {
    secrets.iter().map(|secret| Link {
        to: ObjectRef { kind: Kind::Secret, namespace: meta.namespace.clone(), name: secret.clone() },
        role: Role::Consumes,
    })
}

/// Each Secret once, in order.
pub(super) fn secrets<'a>(read: impl IntoIterator<Item = &'a Text>, names: &mut Names) -> Box<[Name]> {
    let read = read.into_iter().filter(|name| !name.is_empty());
    let mut secrets: Vec<Name> = read.map(|name| names.intern(name.as_str())).collect();
    secrets.sort_unstable();
    secrets.dedup();
    secrets.into()
}

/// A reference to a Secret or a `ConfigMap`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireFrom {
    kind: Text,
    name: Text,
}

impl WireFrom {
    /// Its name, if it is a Secret.
    pub(super) fn secret(&self) -> Option<&Text> {
        (self.kind.as_str() == "Secret").then_some(&self.name)
    }
}

/// A reference below `secretRef`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSecretRef {
    /// The Secret.
    pub secret_ref: Named,
}

/// What Flux has applied: each object as `<namespace>_<name>_<group>_<kind>` (kustomize-controller 1.7,
/// helm-controller after 1.4). No part of it can hold `_` but RBAC names, which write `__` for `:`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireInventory {
    #[serde(deserialize_with = "or_default")]
    entries: Vec<WireEntry>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireEntry {
    id: Text,
}

impl WireInventory {
    /// Those that matter.
    pub(super) fn read(&self, names: &mut Names) -> Box<[ObjectRef]> {
        let read = |entry: &WireEntry| match entry.id.as_str().split('_').collect::<Vec<_>>().as_slice() {
            [namespace, name, group, kind] => deployed(group, kind, namespace, name, names),
            _ => None,
        };
        self.entries.iter().filter_map(read).collect()
    }
}

/// The status of an object of Flux on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    /// Its conditions.
    #[serde(deserialize_with = "or_default")]
    pub conditions: Vec<WireCondition>,
    /// What it has applied.
    #[serde(deserialize_with = "or_default")]
    pub inventory: WireInventory,
    /// The revision it applied last, with success.
    pub last_applied_revision: Text,
    /// The revision it tried last.
    pub last_attempted_revision: Text,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_flux_applied_only_what_matters_here_is_kept() {
        let wire = r#"{"entries": [{"id": "shop_db_external-secrets.io_ExternalSecret", "v": "v1"}, {"id": "_shop__Namespace", "v": "v1"},
            {"id": "shop_pull__Secret", "v": "v1"}, {"id": "_vault_external-secrets.io_ClusterSecretStore", "v": "v1"},
            {"id": "shop_web_apps_Deployment", "v": "v1"}, {"id": "_a__b_rbac.authorization.k8s.io_ClusterRole", "v": "v1"},
            {"id": "shop_p_generators.external-secrets.io_VaultDynamicSecret", "v": "v1alpha1"}]}"#;
        let inventory: WireInventory = serde_json::from_str(wire).expect("an inventory");
        let kept: Vec<String> = inventory.read(&mut Names::default()).iter().map(ToString::to_string).collect();
        let vault = "ClusterSecretStore//vault";
        assert_eq!(kept, ["ExternalSecret/shop/db", "Secret/shop/pull", vault, "VaultDynamicSecretGenerator/shop/p"]);
    }
}
