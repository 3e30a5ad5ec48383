//! The objects of the simulated API server: what a person or a controller wrote into spec and metadata,
//! and what the controllers wrote into status. They leave this room as JSON only (`wire.rs`).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::platform::{Node, Service, Slice, Workload};
use super::vso::{Auth, Connection, Kept};
use crate::model::{Kind, ObjectRef, VaultAddress};

/// Labels, annotations, and data of a Secret.
pub(super) type Words = BTreeMap<String, String>;

/// Metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub(super) uid: String,
    /// Set by the API server at every write.
    pub(super) version: u64,
    pub(super) generation: i64,
    pub(super) created: Timestamp,
    pub(super) labels: Words,
    pub(super) annotations: Words,
    /// The controlling owner: API version, kind, name, uid.
    pub(super) owner: Option<[String; 4]>,
}

/// A condition `Ready`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ready {
    pub(super) status: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) since: Timestamp,
}

impl Ready {
    /// Puts a condition in the place of another; the time moves only when the status flips.
    pub(super) fn set(slot: &mut Option<Self>, status: bool, reason: &'static str, message: impl Into<String>, now: Timestamp) {
        let since = slot.as_ref().filter(|old| old.status == status).map_or(now, |old| old.since);
        *slot = Some(Self { status, reason, message: message.into(), since });
    }
}

/// How a store logs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// `auth.kubernetes`.
    Kubernetes { mount: String, role: String, account: String, namespace: Option<String> },
    /// `auth.tokenSecretRef`.
    Token { secret: String, key: String },
}

/// A `SecretStore` or `ClusterSecretStore`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Store {
    pub(super) url: String,
    pub(super) address: VaultAddress,
    pub(super) mount: String,
    /// The namespace of its Vault; empty for the server's own.
    pub(super) space: String,
    pub(super) version: String,
    pub(super) login: Login,
    /// Seconds; 0 is the controller's default.
    pub(super) interval: u64,
    pub(super) ready: Option<Ready>,
    /// Whether it was ever valid: the capabilities are written then, and stay.
    pub(super) capable: bool,
}

/// One `spec.data`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    pub(super) secret_key: String,
    pub(super) key: String,
    pub(super) property: String,
}

/// `spec.refreshPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Refresh {
    #[default]
    Periodic,
    OnChange,
    CreatedOnce,
}

/// `spec.target.creationPolicy`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub(super) enum Creation {
    #[default]
    Owner,
    Orphan,
    Merge,
}

/// An `ExternalSecret`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct External {
    /// `SecretStore` or `ClusterSecretStore`, and its name.
    pub(super) store: Option<(Kind, String)>,
    pub(super) target: String,
    /// The type in `spec.target.template`; without a template the labels and annotations are copied.
    pub(super) template: Option<String>,
    pub(super) creation: Creation,
    pub(super) delete_with_source: bool,
    /// The interval as it is written, and in seconds.
    pub(super) interval: (String, u64),
    pub(super) refresh: Refresh,
    pub(super) data: Vec<Remote>,
    /// The Password generator in `spec.dataFrom[0]`.
    pub(super) generator: Option<String>,
    pub(super) ready: Option<Ready>,
    pub(super) refreshed: Option<Timestamp>,
    pub(super) synced: String,
    pub(super) bound: bool,
}

/// A Secret, with its values: nothing here is real.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Secret {
    pub(super) kind: String,
    pub(super) data: Words,
    /// When the Vault Secrets Operator wrote it, if it did.
    pub(super) kept: Option<Timestamp>,
}

/// Where a pod uses a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Use {
    Env,
    EnvFrom,
    Volume,
    ImagePull,
}

/// A pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pod {
    pub(super) image: String,
    pub(super) secrets: Vec<(Use, String)>,
    pub(super) phase: &'static str,
    pub(super) started: Option<Timestamp>,
    pub(super) running: Option<Timestamp>,
    /// Reason and message.
    pub(super) waiting: Option<(&'static str, String)>,
    pub(super) ready: bool,
    /// How often the kubelet has tried in vain.
    pub(super) tries: u32,
    /// Whether every Secret was seen.
    pub(super) complete: bool,
}

/// A `ClusterExternalSecret` in these namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ClusterExternal {
    pub(super) namespaces: Vec<String>,
    pub(super) spec: External,
    pub(super) failed: Vec<String>,
}

/// An Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) about: ObjectRef,
    pub(super) about_uid: String,
    pub(super) component: &'static str,
    pub(super) warning: bool,
    pub(super) reason: &'static str,
    pub(super) message: String,
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
    pub(super) count: u32,
}

/// What an object is, beside its metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Body {
    Store(Store),
    External(External),
    ClusterExternal(ClusterExternal),
    Secret(Secret),
    Pod(Pod),
    Event(Event),
    Workload(Workload),
    Service(Service),
    Slice(Slice),
    Node(Node),
    Connection(Connection),
    Auth(Auth),
    Kept(Kept),
    /// A Namespace, a `ServiceAccount` or a Password generator: nothing but its metadata matters.
    Plain,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) meta: Meta,
    pub(super) body: Body,
}

macro_rules! bodies {
    ($($name:ident, $name_mut:ident: $Variant:ident),*) => {
        impl Object {
            $(
                pub(super) const fn $name(&self) -> Option<&$Variant> {
                    match &self.body { Body::$Variant(body) => Some(body), _ => None }
                }
                #[allow(dead_code, reason = "one pair of accessors for each kind")]
                pub(super) const fn $name_mut(&mut self) -> Option<&mut $Variant> {
                    match &mut self.body { Body::$Variant(body) => Some(body), _ => None }
                }
            )*
        }
    };
}

bodies! {
    store, store_mut: Store,
    external, external_mut: External,
    cluster_external, cluster_external_mut: ClusterExternal,
    secret, secret_mut: Secret,
    pod, pod_mut: Pod,
    event, event_mut: Event,
    workload, workload_mut: Workload,
    service, service_mut: Service,
    slice, slice_mut: Slice,
    connection, connection_mut: Connection,
    auth, auth_mut: Auth,
    kept, kept_mut: Kept
}
