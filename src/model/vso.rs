//! What the three kinds of the Vault Secrets Operator that write a Secret have in common.
//!
//! Measured on 1.4.1: `Healthy.lastTransitionTime` is a heartbeat, rewritten at every reconcile; `SecretSynced`
//! can stay False after a recovery until the data changes (vso#1225); `Ready` exists since 1.3.0.

use jiff::Timestamp;
use serde::Deserialize;

use super::health::Condition;
use super::kinds::{Link, Meta, Role, WireCondition, condition, go_duration};
use super::object::{Kind, Name, Names, ObjectRef};
use super::text::Text;
use super::wire::or_default;

/// The name of what stands in for what is not named, in the namespace of the operator.
pub const DEFAULT: &str = "default";

/// The annotation by which sealwatch has the operator look at an object at once. The operator reads none that forces a
/// sync (request vso#680); a change of any annotation reconciles (controllers/predicates.go; measured on 1.4.1).
pub const ASKED: &str = "sealwatch.dev/asked";

/// A Secret that the operator keeps, as its object wants it and as the operator tells it.
#[derive(Clone, Debug)]
pub struct Upkeep {
    /// The `VaultAuth` it reads through; `None` is the one called `default` in the operator's namespace.
    pub auth: Option<ObjectRef>,
    /// Vault namespace; empty for that of the `VaultAuth`.
    pub namespace: Text,
    /// Mount of the engine.
    pub mount: Text,
    /// Path in it; for a certificate the role.
    pub path: Text,
    /// The Secret it writes.
    pub destination: Name,
    /// Whether the operator makes that Secret. If not, and there is none, nothing at all is said (measured).
    pub creates: bool,
    /// Whether it takes over a Secret that somebody else made.
    pub overwrites: bool,
    /// What it restarts after a change.
    pub restarts: Box<[ObjectRef]>,
    /// Seconds until it reads again; `None` leaves that to the lease, or never.
    pub refresh_after: Option<i64>,
    /// The generation that it last worked on.
    pub last_generation: i64,
    /// Whether it keeps a keyed digest of the data, without which drift is not seen.
    pub has_mac: bool,
    /// `SecretSynced`.
    pub synced: Option<Condition>,
    /// `Healthy`; its time is that of the last reconcile.
    pub healthy: Option<Condition>,
    /// `Ready`.
    pub ready: Option<Condition>,
}

/// The spec on the wire, of any of the three.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireSpec {
    vault_auth_ref: Text,
    namespace: Text,
    mount: Text,
    path: Text,
    role: Text,
    refresh_after: Option<Text>,
    destination: WireDestination,
    #[serde(deserialize_with = "or_default")]
    rollout_restart_targets: Vec<WireTarget>,
    /// KV version, of static secrets only.
    #[serde(rename = "type")]
    pub kind: Text,
    /// The KV version that is pinned, of static secrets only.
    pub version: Option<u64>,
    /// Whether a keyed digest of the data is kept, of static secrets only; if nothing is said it is.
    pub hmac_secret_data: Option<bool>,
    /// Whether credentials that Vault rotates itself may be read, of dynamic secrets only.
    pub allow_static_creds: bool,
    /// Percentage of the lease after which it is renewed, of dynamic secrets only.
    pub renewal_percent: Option<u8>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireDestination {
    name: Text,
    create: bool,
    overwrite: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireTarget {
    kind: Text,
    name: Text,
}

/// The part of the status on the wire that all three have.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WireStatus {
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<WireCondition>,
    last_generation: i64,
    #[serde(rename = "secretMAC")]
    secret_mac: Presence,
    /// Of dynamic secrets: Unix seconds, 0 for never.
    pub last_renewal_time: i64,
    /// Of dynamic secrets.
    pub secret_lease: WireLease,
    /// Of certificates: Unix seconds, 0 for never.
    pub expiration: i64,
    /// Of certificates: Unix seconds, 0 for never.
    pub last_rotation: i64,
    /// Of certificates.
    pub error: Text,
}

/// A lease on the wire; its id stays there.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireLease {
    /// Seconds.
    pub duration: i64,
    /// Whether it can be renewed.
    pub renewable: bool,
}

/// Whether a text is there; it is not kept.
#[derive(Clone, Copy, Debug, Default)]
struct Presence(bool);

impl<'de> Deserialize<'de> for Presence {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Ok(Self(text.is_some_and(|text| !text.is_empty())))
    }
}

impl Upkeep {
    /// Keeps what matters.
    pub(super) fn read(spec: WireSpec, status: &WireStatus, meta: &Meta, names: &mut Names) -> Self {
        let target = |wire: &WireTarget, names: &mut Names| {
            let kind = Kind::parse(wire.kind.as_str())?;
            Some(ObjectRef { kind, namespace: meta.namespace.clone(), name: names.intern(wire.name.as_str()) })
        };
        Self {
            auth: reference(Kind::VaultAuth, &spec.vault_auth_ref, meta, names),
            namespace: spec.namespace,
            mount: spec.mount,
            path: if spec.path.is_empty() { spec.role } else { spec.path },
            destination: names.intern(spec.destination.name.as_str()),
            creates: spec.destination.create,
            overwrites: spec.destination.overwrite,
            restarts: spec.rollout_restart_targets.iter().filter_map(|wire| target(wire, names)).collect(),
            refresh_after: spec.refresh_after.and_then(|text| go_duration(text.as_str())).filter(|seconds| *seconds > 0),
            last_generation: status.last_generation,
            has_mac: status.secret_mac.0,
            synced: condition(&status.conditions, "SecretSynced", names),
            healthy: condition(&status.conditions, "Healthy", names),
            ready: condition(&status.conditions, "Ready", names),
        }
    }

    /// The Secret that this object of the operator writes, beside it.
    #[must_use]
    pub fn secret_ref(&self, object: &ObjectRef) -> ObjectRef {
        self.secret_in(&object.namespace)
    }

    fn secret_in(&self, namespace: &Name) -> ObjectRef {
        ObjectRef { kind: Kind::Secret, namespace: namespace.clone(), name: self.destination.clone() }
    }

    pub(super) fn links(&self, meta: &Meta) -> Vec<Link> {
        let secret = self.secret_in(&meta.namespace);
        let writes = (!self.destination.is_empty()).then_some(Link { to: secret, role: Role::Writes });
        let auth = self.auth.iter().map(|auth| Link { to: auth.clone(), role: Role::ReadsThrough });
        let restarts = self.restarts.iter().map(|workload| Link { to: workload.clone(), role: Role::Restarts });
        auth.chain(writes).chain(restarts).collect()
    }
}

/// A time on the wire in Unix seconds, where 0 is never.
pub(super) fn unix(second: i64) -> Option<Timestamp> {
    Some(second).filter(|second| *second > 0).and_then(|second| Timestamp::from_second(second).ok())
}

/// A reference `name` or `namespace/name`; empty is the operator's own default.
pub(super) fn reference(kind: Kind, text: &Text, meta: &Meta, names: &mut Names) -> Option<ObjectRef> {
    let (namespace, name) = match text.as_str().split_once('/') {
        Some((namespace, name)) => (names.intern(namespace), name),
        None => (meta.namespace.clone(), text.as_str()),
    };
    (!name.is_empty()).then(|| ObjectRef { kind, namespace, name: names.intern(name) })
}
