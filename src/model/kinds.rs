//! The kinds that are watched: one file each, named once in `kinds!` below. A kind says which fields
//! matter (`Wire`), how they become a small struct (`read`), and to what it is linked.
//!
//! To add one: write `kinds/<kind>.rs`, add its name to the list.

use std::fmt::Debug;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::gitops::Held;
use super::health::{Condition, Status};
use super::inventory::Inventory;
use super::object::{Kind, Name, Names, ObjectRef, Uid};
use super::shelf::{Placed, Shelf};
use super::text::Text;

macro_rules! kinds {
    ($($module:ident :: $Kind:ident on $shelf:ident),*; $several:ident :: { $($One:ident on $ones:ident),* $(,)? }) => {
        $(pub mod $module; pub use $module::$Kind;)*
        pub mod $several; pub use $several::{$($One),*};
        shelves! { $($Kind on $shelf,)* $($One on $ones,)* }
    };
}

macro_rules! shelves {
    ($($Kind:ident on $shelf:ident),* $(,)?) => {
        /// Any watched object, as it stands on its shelf.
        #[derive(Clone, Debug)]
        pub enum Object { $(#[doc = concat!("A ", stringify!($Kind))] $Kind(Arc<$Kind>)),* }

        impl Object {
            /// Its reference.
            #[must_use]
            pub fn object_ref(&self) -> ObjectRef {
                match self { $(Self::$Kind(object) => object.object_ref()),* }
            }
        }

        /// One shelf for each watched kind.
        #[derive(Clone, Debug, Default)]
        pub struct Shelves { $(#[doc = concat!("Every ", stringify!($Kind))] pub $shelf: Shelf<$Kind>),* }

        $(impl OnShelf for $Kind {
            fn shelf(shelves: &Shelves) -> &Shelf<Self> { &shelves.$shelf }
            fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self> { &mut shelves.$shelf }
            fn into_object(self) -> Object { Object::$Kind(Arc::new(self)) }
        })*

        impl Inventory {
            /// Puts an object on its shelf and into the link index.
            pub(super) fn put(&mut self, object: Object) {
                match object { $(Object::$Kind(object) => self.put_kind(object)),* }
            }

            /// Whether this very version of an object stands on its shelf.
            pub(super) fn holds(&self, object: &Object) -> bool {
                match object { $(Object::$Kind(object) => self.holds_version(object.as_ref())),* }
            }

            /// Takes an object off its shelf and out of the link index.
            pub(super) fn take(&mut self, object: &ObjectRef) {
                match object.kind {
                    $(Kind::$Kind => self.take_kind::<$Kind>(&object.namespace, &object.name),)*
                    _ => {}
                }
            }

            /// Takes everything of a kind off its shelf that is not to be kept.
            pub(super) fn keep_if(&mut self, kind: Kind, keep: impl Fn(&ObjectRef) -> bool) {
                let all: Vec<ObjectRef> = match kind {
                    $(Kind::$Kind => self.all::<$Kind>().iter().map(|object| object.object_ref()).collect(),)*
                    _ => Vec::new(),
                };
                for gone in all.iter().filter(|object| !keep(object)) {
                    self.take(gone);
                }
            }
        }

        impl Inventory {
            /// Everything that an object points at; nothing, if it is not here.
            #[must_use]
            pub fn links_of(&self, object: &ObjectRef) -> Vec<Link> {
                match object.kind {
                    $(Kind::$Kind => self.get::<$Kind>(object).map(|object| object.links()),)*
                    _ => None,
                }
                .unwrap_or_default()
            }

            /// Whether an object is here.
            #[must_use]
            pub fn has(&self, object: &ObjectRef) -> bool {
                match object.kind {
                    $(Kind::$Kind => self.get::<$Kind>(object).is_some(),)*
                    _ => false,
                }
            }

            /// The condition by which an object tells how it is.
            #[must_use]
            pub fn condition_of(&self, object: &ObjectRef) -> Option<&Condition> {
                match object.kind {
                    $(Kind::$Kind => self.get::<$Kind>(object).and_then(|object| object.condition()),)*
                    _ => None,
                }
            }
        }

        /// Where a watched kind is served.
        #[must_use]
        pub const fn api(kind: Kind) -> Option<Api> {
            match kind { $(Kind::$Kind => Some($Kind::API),)* _ => None }
        }

        /// Every watched kind, in the order of the list.
        #[must_use]
        pub const fn all() -> &'static [Kind] { &[$(Kind::$Kind),*] }

        /// Calls the visitor once with each watched kind, in the order of the list.
        pub fn visit(visitor: &mut impl Visitor) { $(visitor.visit::<$Kind>();)* }
    };
}

kinds! {
    secret_store::SecretStore on secret_stores,
    cluster_secret_store::ClusterSecretStore on cluster_secret_stores,
    external_secret::ExternalSecret on external_secrets,
    cluster_external_secret::ClusterExternalSecret on cluster_external_secrets,
    event::Event on events,
    secret::Secret on secrets,
    pod::Pod on pods,
    deployment::Deployment on deployments,
    stateful_set::StatefulSet on stateful_sets,
    daemon_set::DaemonSet on daemon_sets,
    job::Job on jobs,
    cron_job::CronJob on cron_jobs,
    service::Service on services,
    endpoint_slice::EndpointSlice on endpoint_slices,
    service_account::ServiceAccount on service_accounts,
    namespace::Namespace on namespaces,
    node::Node on nodes,
    vault_connection::VaultConnection on vault_connections,
    vault_auth::VaultAuth on vault_auths,
    vault_static_secret::VaultStaticSecret on vault_static_secrets,
    vault_dynamic_secret::VaultDynamicSecret on vault_dynamic_secrets,
    vault_pki_secret::VaultPKISecret on vault_pki_secrets,
    push_secret::PushSecret on push_secrets,
    generator_state::GeneratorState on generator_states,
    sealed_secret::SealedSecret on sealed_secrets,
    issuer::Issuer on issuers,
    cluster_issuer::ClusterIssuer on cluster_issuers,
    application::Application on applications,
    kustomization::Kustomization on kustomizations,
    helm_release::HelmRelease on helm_releases,
    terraform::Terraform on terraforms;
    generator::{
        Password on passwords,
        ClusterGenerator on cluster_generators,
        VaultDynamicSecretGenerator on vault_dynamic_secret_generators,
        UUID on uuids,
        SSHKey on ssh_keys,
        MFA on mfas,
        Webhook on webhooks,
        Fake on fakes,
        Grafana on grafanas,
        ACRAccessToken on acr_access_tokens,
        ECRAuthorizationToken on ecr_authorization_tokens,
        GCRAccessToken on gcr_access_tokens,
        GithubAccessToken on github_access_tokens,
        GitlabDeployToken on gitlab_deploy_tokens,
        QuayAccessToken on quay_access_tokens,
        STSSessionToken on sts_session_tokens,
        CloudsmithAccessToken on cloudsmith_access_tokens,
        BeyondtrustWorkloadCredentialsDynamicSecret on beyondtrust_dynamic_secrets,
    }
}

/// The kind that is called so in this API group or version (`apps/v1`, `v1`). Other groups have kinds of the same
/// names (`Application`, `Grafana`): these are none of ours.
#[must_use]
pub fn kind_in(api_version: &str, name: &str) -> Option<Kind> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    if group == generator::GROUP && name == generator::VaultDynamicSecretGenerator::NAME {
        return Some(Kind::VaultDynamicSecretGenerator);
    }
    Kind::parse(name).filter(|kind| api(*kind).is_some_and(|api| api.group == group))
}

/// Something generic over the watched kinds: a gateway that starts one watch for each, say.
pub trait Visitor {
    /// Does it for `K`.
    fn visit<K: Watched>(&mut self);
}

/// Where the API server serves a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Api {
    /// API group; empty for core.
    pub group: &'static str,
    /// Versions that we can read, the preferred one first.
    pub versions: &'static [&'static str],
    /// The resource name in URLs.
    pub plural: &'static str,
    /// Whether objects live in namespaces.
    pub namespaced: bool,
}

/// Which system brings a kind, and so what it means that a cluster does not serve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum System {
    /// Every cluster serves it.
    Kubernetes,
    /// External Secrets. It or the other operator must be there, or there is nothing to look at.
    ExternalSecrets,
    /// HashiCorp's Vault Secrets Operator.
    VaultSecretsOperator,
    /// Something beside them, which need not be there.
    Neighbour,
}

impl Api {
    /// Whether what is served there stands beside the way of a value: it explains, and nothing is judged by it. A
    /// person who may not see it is not blind.
    #[must_use]
    pub fn is_beside(&self) -> bool {
        self.group == generator::GROUP || self.system() == System::Neighbour
    }

    /// The system that brings it.
    #[must_use]
    pub fn system(&self) -> System {
        match self.group {
            "" | "apps" | "batch" | "discovery.k8s.io" => System::Kubernetes,
            "external-secrets.io" | "generators.external-secrets.io" => System::ExternalSecrets,
            "secrets.hashicorp.com" => System::VaultSecretsOperator,
            _ => System::Neighbour,
        }
    }
}

/// A watched kind: how it is served, read and linked.
pub trait Watched: OnShelf + Clone + Debug + Send + Sync + 'static {
    /// Which kind this is.
    const KIND: Kind;
    /// Where it is served.
    const API: Api;
    /// Its name there; ours is another only where two groups have a kind of the same name.
    const NAME: &'static str = Self::KIND.as_str();
    /// What is read off the wire: only the fields that matter, serde skips the rest.
    type Wire: DeserializeOwned + Clone + Debug + Send + Sync;

    /// The small struct that is kept.
    fn read(wire: Self::Wire, names: &mut Names) -> Self;
    /// The metadata that is kept.
    fn meta(&self) -> &Meta;

    /// What this object points at, for the link index.
    fn links(&self) -> Vec<Link> {
        Vec::new()
    }

    /// Whether it says of itself that it fails, and is to be found at once among thousands that do not.
    fn fails(&self) -> bool {
        false
    }

    /// The condition by which it tells how it is, if it has one.
    fn condition(&self) -> Option<&Condition> {
        None
    }

    /// That we hold it, if we do: it deploys others, and reverts nothing meanwhile.
    fn held(&self) -> Option<&Held> {
        None
    }

    /// Its reference.
    fn object_ref(&self) -> ObjectRef {
        ObjectRef { kind: Self::KIND, namespace: self.meta().namespace.clone(), name: self.meta().name.clone() }
    }
}

impl<K: Watched> Placed for K {
    fn place(&self) -> (&Name, &Name) {
        (&self.meta().namespace, &self.meta().name)
    }
}

/// The shelf of a kind and the variant that carries it; written by `kinds!`.
pub trait OnShelf: Sized {
    /// The shelf that holds this kind.
    fn shelf(shelves: &Shelves) -> &Shelf<Self>;
    /// The same, to change it.
    fn shelf_mut(shelves: &mut Shelves) -> &mut Shelf<Self>;
    /// Any object of this kind as an [`Object`].
    fn into_object(self) -> Object;
}

/// A link from one object to another, by which the index finds the way back.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Link {
    /// What is pointed at.
    pub to: ObjectRef,
    /// In which role.
    pub role: Role,
}

/// Why one object points at another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// An `ExternalSecret` reads through this store, an object of the Vault Secrets Operator through this
    /// `VaultAuth`, that through this `VaultConnection`.
    ReadsThrough,
    /// An `ExternalSecret` reads this key: a `VaultPath` without a server, for which server and which mount it is in
    /// the store says.
    Reads,
    /// This Secret is written.
    Writes,
    /// A Pod, or a workload by its template, needs this Secret.
    Consumes,
    /// An Event tells about this object.
    Tells,
    /// This object made the other and controls it.
    MadeBy,
    /// A mirror copies this Secret.
    Mirrors,
    /// An `EndpointSlice` lists the endpoints of this Service.
    Serves,
    /// This workload is restarted when the value changes.
    Restarts,
    /// It logs in with this Secret, or as this service account.
    LogsInWith,
    /// A `PushSecret` writes through this store.
    PushesThrough,
    /// This generator makes a new value at every sync.
    Generates,
    /// What is deployed by this object, as that object tells itself; it reverts what others write there.
    Manages,
}

/// Metadata as it stands on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireMeta<Managed = IgnoredAny> {
    /// Object name.
    pub name: Text,
    /// Namespace, absent for cluster-scoped objects.
    pub namespace: Option<Text>,
    /// Identity of this life of the object.
    pub uid: Box<str>,
    /// Opaque, but an integer on every server there is; zero if not.
    pub resource_version: Box<str>,
    /// Counts changes of the spec.
    pub generation: i64,
    /// When it was made.
    pub creation_timestamp: Option<Timestamp>,
    /// When its deletion was asked for.
    pub deletion_timestamp: Option<Timestamp>,
    /// Who has to agree to its deletion.
    pub finalizers: Vec<Text>,
    /// Labels.
    pub labels: std::collections::BTreeMap<String, String>,
    /// Annotations.
    pub annotations: std::collections::BTreeMap<String, String>,
    /// Owners.
    pub owner_references: Vec<WireOwner>,
    /// Who wrote which field; long, and skipped by all kinds but Secrets.
    pub managed_fields: Managed,
}

/// An owner reference on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireOwner {
    /// API group and version of the owner.
    #[serde(default)]
    pub api_version: Text,
    /// Kind of the owner.
    pub kind: Text,
    /// Its name.
    pub name: Text,
    /// Whether it is *the* controller.
    #[serde(default)]
    pub controller: bool,
}

impl WireOwner {
    /// Its kind; with the group, as kubectl writes it, where one of our kinds is called the same and it is another.
    pub fn called(&self, names: &mut Names) -> Name {
        let (group, kind) = (self.api_version.as_str().split_once('/').map_or("", |(group, _)| group), self.kind.as_str());
        let other = !self.api_version.is_empty()
            && Kind::parse(kind).is_some()
            && kind_in(self.api_version.as_str(), kind).is_none_or(|known| known.as_str() != kind);
        if other { names.intern(&format!("{kind}.{group}")) } else { names.intern(kind) }
    }
}

/// That an object is being deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deleting {
    /// When that was asked for.
    pub at: Timestamp,
    /// Who has not agreed yet. Few objects are being deleted, so that these cost the others nothing.
    pub finalizers: Vec<Text>,
}

/// Metadata that is kept of every object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// Namespace, empty for cluster-scoped objects.
    pub namespace: Name,
    /// Object name.
    pub name: Name,
    /// Identity of this life of the object.
    pub uid: Uid,
    /// Monotonic within a cluster; compares two sightings of one object.
    pub resource_version: u64,
    /// Counts changes of the spec.
    pub generation: i64,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Its deletion, if that was asked for.
    pub deleting: Option<Box<Deleting>>,
    /// The controlling owner, if any: kind as text, name.
    pub controller: Option<(Name, Name)>,
    /// Who deploys it, as its labels and annotations say; see [`Meta::manager`]. Empty if they do not, or are not read.
    pub manager: Name,
}

impl Meta {
    /// Keeps what matters of the wire form.
    pub fn read<Managed>(wire: &WireMeta<Managed>, names: &mut Names) -> Self {
        Self {
            namespace: names.intern_opt(wire.namespace.as_ref()),
            name: Name::new(wire.name.as_str()),
            uid: Uid::read(&wire.uid),
            resource_version: wire.resource_version.parse().unwrap_or(0),
            generation: wire.generation,
            created: wire.creation_timestamp,
            deleting: wire.deletion_timestamp.map(|at| Box::new(Deleting { at, finalizers: wire.finalizers.clone() })),
            controller: wire
                .owner_references
                .iter()
                .find(|owner| owner.controller)
                .map(|owner| (owner.called(names), names.intern(owner.name.as_str()))),
            manager: Name::empty(),
        }
    }

    /// The object that controls this one, if it is of a kind that sealwatch knows. A cluster-scoped owner has no
    /// namespace, any other the namespace of what it owns.
    #[must_use]
    pub fn owner(&self) -> Option<ObjectRef> {
        let (kind, name) = self.controller.as_ref()?;
        let kind = Kind::parse(kind.as_str())?;
        let namespace = if kind == Kind::ClusterExternalSecret { Name::empty() } else { self.namespace.clone() };
        Some(ObjectRef { kind, namespace, name: name.clone() })
    }

    /// The resource version as the API takes it back; empty if it was not a number.
    #[must_use]
    pub fn position(&self) -> Box<str> {
        if self.resource_version == 0 { Box::default() } else { self.resource_version.to_string().into() }
    }

    /// The link to that object.
    pub(super) fn made_by(&self) -> Option<Link> {
        self.owner().map(|to| Link { to, role: Role::MadeBy })
    }

    /// Metadata of an object that a test or a simulation makes up.
    #[must_use]
    pub fn named(namespace: &str, name: &str) -> Self {
        Self {
            namespace: Name::new(namespace),
            name: Name::new(name),
            uid: Uid::read(&format!("uid-{namespace}-{name}")),
            resource_version: 1,
            generation: 1,
            created: None,
            deleting: None,
            controller: None,
            manager: Name::empty(),
        }
    }
}

/// A condition on the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WireCondition {
    #[serde(default, rename = "type")]
    kind: Text,
    #[serde(default)]
    status: Text,
    #[serde(default)]
    reason: Text,
    #[serde(default)]
    message: Text,
    #[serde(default)]
    last_transition_time: Option<Timestamp>,
}

/// The `Ready` condition among several; the last one where a controller wrote it twice.
pub fn ready(conditions: &[WireCondition], names: &mut Names) -> Option<Condition> {
    condition(conditions, "Ready", names)
}

/// One condition among several.
pub fn condition(conditions: &[WireCondition], kind: &str, names: &mut Names) -> Option<Condition> {
    conditions.iter().rev().find(|c| c.kind.as_str() == kind).map(|c| Condition {
        status: match c.status.as_str() {
            "True" => Status::True,
            "False" => Status::False,
            _ => Status::Unknown,
        },
        reason: names.intern(c.reason.as_str()),
        message: names.share(&c.message),
        since: c.last_transition_time,
    })
}

/// A Go duration (`1h0m0s`, `15s`, `250ms`) in whole seconds, rounded up; `None` if it cannot be read.
#[must_use]
pub fn go_duration(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Some(seconds);
    }
    let mut total = 0.0;
    let mut number = String::new();
    let mut chars = text.chars().peekable();
    let mut any = false;
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let value: f64 = number.parse().ok()?;
        number.clear();
        any = true;
        total += value
            * match c {
                'h' => 3600.0,
                'm' if chars.next_if_eq(&'s').is_some() => 0.001,
                'm' => 60.0,
                's' => 1.0,
                'u' | 'µ' | 'n' if chars.next_if_eq(&'s').is_some() => 0.0,
                _ => return None,
            };
    }
    #[expect(clippy::cast_possible_truncation, reason = "an interval beyond 2^63 s is capped by the cast")]
    (any && number.is_empty()).then_some(total.ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::go_duration;

    #[test]
    fn go_durations_become_seconds() {
        for (text, seconds) in [
            ("1h0m0s", Some(3600)),
            ("15s", Some(15)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("1h30m", Some(5400)),
            ("500ms", Some(1)),
            ("often", None),
            ("", None),
            ("5", Some(5)),
        ] {
            assert_eq!(go_duration(text), seconds, "{text}");
        }
    }
}
