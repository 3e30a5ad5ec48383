//! What the kinds that deploy others have in common: which of the objects they deploy matter here, and which Secrets
//! they read.

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::kinds::{Link, Meta, Role, System, WireCondition, WireMeta, api, kind_in};
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

/// Our annotation on what deploys others while it is held, so that it can be given back by anybody: since when, and
/// what stood there before.
pub const HELD: &str = "sealwatch.dev/held";

/// That something is held by us.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// Since when, if the annotation can be read.
    pub since: Option<Timestamp>,
    /// What stood in the spec before, such as `selfHeal=true`.
    pub before: Text,
}

impl Held {
    /// What the annotation says, if it is there.
    pub(super) fn read<Managed>(wire: &WireMeta<Managed>) -> Option<Self> {
        let said = wire.annotations.get(HELD)?;
        let (since, before) = said.split_once(' ').unwrap_or((said, ""));
        Some(Self { since: since.parse().ok(), before: Text::foreign(before) })
    }
}

/// Where something stands in Git, or in a repository of charts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Origin {
    /// The URL, without what one logs in with; or the object of Flux that knows it.
    pub repository: Text,
    /// The folder in it; empty if that is not told.
    pub folder: Text,
    /// The chart; empty if there is none.
    pub chart: Text,
    /// The branch, tag or version; empty if that is not told.
    pub revision: Text,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let of = |what: &str, name: &Text| if name.is_empty() { String::new() } else { format!("{what} {name} of ") };
        write!(f, "{}{}{}", of("chart", &self.chart), of("folder", &self.folder), self.repository)?;
        if self.revision.is_empty() { Ok(()) } else { write!(f, " at {}", self.revision) }
    }
}

/// A field of a spec that we may change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SpecField {
    /// `spec.refreshPolicy`.
    RefreshPolicy,
    /// `spec.secretStoreRef`.
    SecretStoreRef,
    /// `spec.data`.
    Data,
    /// `spec.dataFrom`.
    DataFrom,
}

impl SpecField {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RefreshPolicy => "refreshPolicy",
            Self::SecretStoreRef => "secretStoreRef",
            Self::Data => "data",
            Self::DataFrom => "dataFrom",
        }
    }
}

/// Which fields a tool of `GitOps` applied. What it did not apply it leaves alone: both compare what stands in Git only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Deployed(u8);

/// The names under which Argo CD and Flux write (`argocd-controller` since 2.5, before that the name of the program).
const APPLIERS: [&str; 4] = ["argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"];

impl Deployed {
    /// Whether this field was applied.
    #[must_use]
    pub const fn has(self, field: SpecField) -> bool {
        self.0 & (1 << field as u8) != 0
    }

    /// What the managed fields say; `None` if no such tool stands there.
    pub(super) fn read(wrote: &[WireWrote]) -> Option<Self> {
        let mut ours = wrote.iter().filter(|one| APPLIERS.contains(&one.manager.as_str())).peekable();
        ours.peek()?;
        Some(Self(ours.map(|one| one.fields_v1.spec.bits()).fold(0, |all, one| all | one)))
    }
}

/// One entry of managed fields: who wrote which of the fields above.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireWrote {
    manager: Text,
    fields_v1: WireFields,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireFields {
    #[serde(rename = "f:spec")]
    spec: WireOwned,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireOwned {
    #[serde(rename = "f:refreshPolicy")]
    refresh_policy: Option<IgnoredAny>,
    #[serde(rename = "f:secretStoreRef")]
    secret_store_ref: Option<IgnoredAny>,
    #[serde(rename = "f:data")]
    data: Option<IgnoredAny>,
    #[serde(rename = "f:dataFrom")]
    data_from: Option<IgnoredAny>,
}

impl WireOwned {
    fn bits(&self) -> u8 {
        let owned = [
            (SpecField::RefreshPolicy, self.refresh_policy.is_some()),
            (SpecField::SecretStoreRef, self.secret_store_ref.is_some()),
            (SpecField::Data, self.data.is_some()),
            (SpecField::DataFrom, self.data_from.is_some()),
        ];
        owned.iter().filter(|(_, is)| *is).fold(0, |all, (field, _)| all | 1 << *field as u8)
    }
}

/// A URL without the user and the password that may stand in it.
pub(super) fn without_login(url: &Text) -> Text {
    let Some((scheme, rest)) = url.as_str().split_once("://") else { return url.clone() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    match host.rsplit_once('@') {
        Some((_, host)) => {
            Text::foreign(&format!("{scheme}://{host}{}", path.map_or_else(String::new, |path| format!("/{path}"))))
        }
        None => url.clone(),
    }
}

/// What Flux reads a source from.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireSourceRef {
    kind: Text,
    name: Text,
    namespace: Text,
}

impl WireSourceRef {
    /// What it is called, seen from this namespace; empty if it names nothing.
    pub(super) fn read(&self, from: &Name) -> Text {
        let namespace = if self.namespace.is_empty() { from.as_str() } else { self.namespace.as_str() };
        if self.name.is_empty() { Text::default() } else { Text::foreign(&format!("{} {namespace}/{}", self.kind, self.name)) }
    }
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
    fn only_what_a_tool_of_gitops_applied_is_its_own() {
        let read = |wire: &str| Deployed::read(&serde_json::from_str::<Vec<WireWrote>>(wire).expect("managed fields"));
        let entry = |manager: &str, fields: &str| {
            format!(
                r#"{{"manager": "{manager}", "operation": "Apply", "fieldsV1": {{"f:metadata": {{}}, "f:spec": {{{fields}}}}}}}"#
            )
        };
        let flux = entry("kustomize-controller", r#""f:dataFrom": {}, "f:target": {"f:name": {}}"#);
        let person = entry("kubectl-edit", r#""f:refreshPolicy": {}"#);
        let both = read(&format!("[{person}, {flux}]")).expect("Flux stands there");
        assert!(both.has(SpecField::DataFrom) && !both.has(SpecField::RefreshPolicy) && !both.has(SpecField::Data));
        assert_eq!(read(&format!("[{person}]")), None);
        assert_eq!(read("[]"), None);
    }

    #[test]
    fn of_a_url_what_one_logs_in_with_is_left_out() {
        for (url, left) in [
            ("https://bot:hunter2@git.example/a/b.git", "https://git.example/a/b.git"),
            ("https://git.example/a@b", "https://git.example/a@b"),
            ("ssh://git@git.example", "ssh://git.example"),
            ("git@git.example:a/b", "git@git.example:a/b"),
        ] {
            assert_eq!(without_login(&Text::foreign(url)).as_str(), left);
        }
    }

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
