//! Scenarios: one file each. A file says what there is at the beginning, what happens and when, how long
//! the world has run before a person looks, what must be found, and how it is repaired. The states that
//! the person sees are grown by running the world, never written.
//!
//! To add one: write `scenarios/<slug>.toml`, add its slug to `scenarios!`.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::object::{Creation, Refresh, Use};
use super::operator::Release;
use super::world::World;
use crate::model::kinds::go_duration;

macro_rules! scenarios {
    ($($slug:literal),* $(,)?) => {
        /// Slug and text of every scenario, in the order of the list.
        const FILES: &[(&str, &str)] = &[$(($slug, include_str!(concat!("scenarios/", $slug, ".toml")))),*];
    };
}

scenarios! {
    "healthy",
    "sealed",
    "sealed-three-of-five",
    "vso-sealed",
    "two-vaults-sealed",
    "partly-sealed",
    "leader-sealed",
    "namespace-sealed",
    "version-deleted",
    "property-missing",
    "auth-service-account-not-bound",
}

/// A scenario.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Scenario {
    /// Its stable name: the name of the file.
    #[serde(skip)]
    pub slug: String,
    /// What a list calls it.
    pub title: String,
    /// What it is about, in a sentence or two.
    pub summary: String,
    /// The scenario whose world this one begins with.
    pub(super) extends: Option<String>,
    /// Another seed gives other jitter, names and values.
    pub(super) seed: Option<u64>,
    /// When the world begins, RFC 3339.
    pub(super) begins: Option<jiff::Timestamp>,
    /// How long the world has run before a person looks.
    pub(super) look: Option<Span>,
    /// Which External Secrets, `0.16` or `2.9`.
    pub(super) eso: Option<Release>,
    /// Its `--concurrent`.
    pub(super) concurrent: Option<usize>,
    pub(super) vault: Vec<VaultEntry>,
    pub(super) space: Vec<SpaceEntry>,
    pub(super) role: Vec<RoleEntry>,
    pub(super) mount: Vec<MountEntry>,
    pub(super) store: Vec<StoreEntry>,
    pub(super) external_secret: Vec<ExternalEntry>,
    pub(super) cluster_external_secret: Vec<ClusterEntry>,
    pub(super) lease: Vec<LeaseEntry>,
    pub(super) vault_connection: Vec<ConnectionEntry>,
    pub(super) vault_auth: Vec<AuthEntry>,
    pub(super) vault_static_secret: Vec<KeptEntry>,
    pub(super) vault_dynamic_secret: Vec<KeptEntry>,
    pub(super) secret: Vec<SecretEntry>,
    pub(super) consumer: Vec<ConsumerEntry>,
    pub(super) happens: Vec<Happening>,
    /// Rights that the person lacks, as `patch externalsecrets`.
    pub(super) denied: Vec<String>,
    /// The causes that must be found, and no others.
    pub expect: Vec<Expected>,
    /// How it is repaired.
    pub repair: Option<Repair>,
}

/// A cause that must be found.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expected {
    /// Slug of the rule.
    pub slug: String,
    /// `Kind/namespace/name`.
    pub subject: String,
}

/// How a scenario is repaired, and what proves it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Repair {
    /// Name of the runbook.
    pub runbook: String,
    /// On what, `Kind/namespace/name`.
    pub target: String,
    /// On what else, in the same run: more Vaults.
    #[serde(default)]
    pub and: Vec<String>,
    /// Where the shares come from.
    #[serde(default)]
    pub shares: Shares,
    /// By when every proof must stand.
    pub within: Span,
    /// Objects that must be well then.
    #[serde(default)]
    pub proofs: Vec<String>,
    /// Secrets whose data must be the same as before.
    #[serde(default)]
    pub untouched: Vec<String>,
}

/// Where unseal shares come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shares {
    /// Out of the Secret that the runbook names.
    #[default]
    FromSecret,
    /// Typed by a person.
    Typed,
}

/// A time as Go writes it: `1h30m`, `45s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub u64);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let seconds = go_duration(&text).and_then(|seconds| u64::try_from(seconds).ok());
        seconds.map(Self).ok_or_else(|| serde::de::Error::custom(format!("“{text}” is not a time such as 1h30m or 45s")))
    }
}

/// One string or several.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(untagged)]
pub(super) enum Several {
    #[default]
    None,
    One(String),
    Many(Vec<String>),
}

impl Several {
    pub(super) fn all(&self) -> &[String] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct VaultEntry {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) replicas: usize,
    #[serde(default = "one")]
    pub(super) shares: usize,
    #[serde(default = "one")]
    pub(super) threshold: usize,
}

const fn one() -> usize {
    1
}

/// A namespace of a Vault that has a seal of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SpaceEntry {
    /// `namespace/name` of the Vault.
    pub(super) vault: String,
    pub(super) name: String,
    #[serde(default = "one")]
    pub(super) shares: usize,
    #[serde(default = "one")]
    pub(super) threshold: usize,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RoleEntry {
    /// `namespace/name` of the Vault.
    pub(super) vault: String,
    /// Its namespace in which it stands.
    #[serde(default)]
    pub(super) space: String,
    #[serde(default = "kubernetes")]
    pub(super) auth: String,
    pub(super) name: String,
    pub(super) accounts: Vec<String>,
    pub(super) namespaces: Vec<String>,
    pub(super) allows: Vec<String>,
}

fn kubernetes() -> String {
    "kubernetes".to_owned()
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct MountEntry {
    pub(super) vault: String,
    /// Its namespace in which it stands.
    #[serde(default)]
    pub(super) space: String,
    pub(super) path: String,
    #[serde(default = "two")]
    pub(super) version: u8,
    /// Paths and their properties.
    pub(super) secrets: BTreeMap<String, Vec<String>>,
}

const fn two() -> u8 {
    2
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct StoreEntry {
    /// Where; none for a `ClusterSecretStore`.
    #[serde(default)]
    pub(super) namespace: Several,
    pub(super) name: String,
    pub(super) server: String,
    #[serde(default = "secret")]
    pub(super) path: String,
    /// The namespace of its Vault.
    #[serde(default)]
    pub(super) space: String,
    #[serde(default = "v2")]
    pub(super) version: String,
    #[serde(default = "kubernetes")]
    pub(super) auth: String,
    pub(super) role: Option<String>,
    #[serde(default = "account")]
    pub(super) account: String,
    /// Namespace of the service account, for a `ClusterSecretStore`.
    pub(super) account_namespace: Option<String>,
    /// `name/key` of a Secret that holds a static token.
    pub(super) token: Option<String>,
    pub(super) interval: Option<Span>,
    #[serde(default)]
    pub(super) after: Span,
}

fn secret() -> String {
    "secret".to_owned()
}

fn v2() -> String {
    "v2".to_owned()
}

fn account() -> String {
    "external-secrets".to_owned()
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct ExternalEntry {
    pub(super) namespace: Several,
    pub(super) name: String,
    /// A `SecretStore`, or `ClusterSecretStore/<name>`.
    pub(super) store: Option<String>,
    pub(super) target: Option<String>,
    pub(super) interval: Option<String>,
    pub(super) refresh: Refresh,
    pub(super) creation: Creation,
    /// `deletionPolicy: Delete`.
    pub(super) delete_with_source: bool,
    /// Type of the Secret in a template.
    pub(super) template: Option<String>,
    /// Keys of the Secret, each from `path#property`.
    pub(super) data: BTreeMap<String, String>,
    /// A Password generator.
    pub(super) generator: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) after: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClusterEntry {
    pub(super) name: String,
    pub(super) namespaces: Vec<String>,
    pub(super) spec: ExternalEntry,
    #[serde(default)]
    pub(super) after: Span,
}

/// Credentials that a Vault issues.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LeaseEntry {
    /// `namespace/name` of the Vault.
    pub(super) vault: String,
    /// `mount/path`.
    pub(super) path: String,
    pub(super) lasts: Span,
}

/// A `VaultConnection` of the Vault Secrets Operator.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ConnectionEntry {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) address: String,
    #[serde(default)]
    pub(super) after: Span,
}

/// A `VaultAuth`, of kubernetes auth.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct AuthEntry {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) connection: String,
    #[serde(default = "kubernetes")]
    pub(super) auth: String,
    pub(super) role: String,
    pub(super) account: String,
    #[serde(default)]
    pub(super) after: Span,
}

/// A `VaultStaticSecret` or a `VaultDynamicSecret`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct KeptEntry {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) auth: String,
    #[serde(default = "secret")]
    pub(super) mount: String,
    pub(super) path: String,
    /// The Secret; of the same name if none is named.
    pub(super) destination: Option<String>,
    pub(super) refresh_after: Option<String>,
    /// `Deployment/<name>`, `StatefulSet/<name>`.
    #[serde(default)]
    pub(super) restarts: Vec<String>,
    #[serde(default)]
    pub(super) after: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct SecretEntry {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) data: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) after: Span,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ConsumerEntry {
    pub(super) namespace: Several,
    /// `Deployment/<name>`, `StatefulSet/<name>`, `Job/<name>`.
    pub(super) workload: String,
    #[serde(default = "one")]
    pub(super) pods: usize,
    #[serde(default)]
    pub(super) image: Option<String>,
    pub(super) secrets: BTreeMap<Use, Vec<String>>,
    #[serde(default)]
    pub(super) after: Span,
}

/// What happens at a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Happening {
    pub(super) at: Span,
    pub(super) what: Incident,
    /// `namespace/name` of the Vault.
    #[serde(default)]
    pub(super) vault: String,
    /// Which of its replicas; all if none is named.
    #[serde(default)]
    pub(super) replicas: Vec<String>,
    /// Its namespace, for what happens to one.
    #[serde(default)]
    pub(super) space: String,
    /// `mount/path`, for what happens to a path.
    #[serde(default)]
    pub(super) path: String,
    /// `Kind/namespace/name`, for what happens to an object.
    #[serde(default)]
    pub(super) object: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Incident {
    Seal,
    SealSpace,
    DemoteReplicas,
    RestartVault,
    ReplaceVolume,
    WritePath,
    DeleteVersion,
    DestroyVersion,
    Delete,
    StopExternalSecrets,
    StartExternalSecrets,
}

/// Why a scenario cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// Which.
    pub slug: String,
    /// What is wrong with it, with line and column where it is the file.
    pub message: String,
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scenario {}: {}", self.slug, self.message)
    }
}

impl std::error::Error for ScenarioError {}

impl Scenario {
    /// The scenario with this slug.
    #[must_use]
    pub fn named(slug: &str) -> Option<Self> {
        let (slug, text) = FILES.iter().find(|(known, _)| *known == slug)?;
        Self::parse(slug, text).ok()
    }

    /// Every scenario, in the order of the list.
    #[must_use]
    pub fn all() -> Vec<Self> {
        FILES.iter().filter_map(|(slug, text)| Self::parse(slug, text).ok()).collect()
    }

    /// Reads a scenario, and the one that it extends.
    ///
    /// # Errors
    /// The file is not a scenario, or extends one that does not exist.
    pub fn parse(slug: &str, text: &str) -> Result<Self, ScenarioError> {
        let wrong = |message: String| ScenarioError { slug: slug.to_owned(), message };
        let mut scenario: Self = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
        slug.clone_into(&mut scenario.slug);
        if let Some(base) = scenario.extends.take() {
            let Some((base, text)) = FILES.iter().find(|(known, _)| *known == base && base != slug) else {
                return Err(wrong(format!("it extends “{base}”, which does not exist")));
            };
            scenario = scenario.on(Self::parse(base, text)?);
        }
        World::at_the_beginning(&scenario).map(|_| scenario)
    }

    /// This scenario on the world of another: what the other has comes first, and what both say of one
    /// thing is as this one says it.
    fn on(self, base: Self) -> Self {
        fn joined<T, K: PartialEq>(base: Vec<T>, own: Vec<T>, key: impl Fn(&T) -> K) -> Vec<T> {
            let kept = base.into_iter().filter(|one| !own.iter().any(|other| key(other) == key(one)));
            kept.collect::<Vec<_>>().into_iter().chain(own).collect()
        }
        fn appended<T>(base: Vec<T>, own: Vec<T>) -> Vec<T> {
            base.into_iter().chain(own).collect()
        }
        Self {
            seed: self.seed.or(base.seed),
            begins: self.begins.or(base.begins),
            look: self.look.or(base.look),
            eso: self.eso.or(base.eso),
            concurrent: self.concurrent.or(base.concurrent),
            vault: joined(base.vault, self.vault, |vault| (vault.namespace.clone(), vault.name.clone())),
            role: appended(base.role, self.role),
            mount: appended(base.mount, self.mount),
            store: appended(base.store, self.store),
            external_secret: appended(base.external_secret, self.external_secret),
            cluster_external_secret: appended(base.cluster_external_secret, self.cluster_external_secret),
            lease: appended(base.lease, self.lease),
            vault_connection: appended(base.vault_connection, self.vault_connection),
            vault_auth: appended(base.vault_auth, self.vault_auth),
            vault_static_secret: appended(base.vault_static_secret, self.vault_static_secret),
            vault_dynamic_secret: appended(base.vault_dynamic_secret, self.vault_dynamic_secret),
            secret: appended(base.secret, self.secret),
            consumer: appended(base.consumer, self.consumer),
            happens: appended(base.happens, self.happens),
            denied: appended(base.denied, self.denied),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_can_be_read() {
        for (slug, text) in FILES {
            let scenario = Scenario::parse(slug, text).unwrap_or_else(|error| panic!("{error}"));
            assert!(!scenario.title.is_empty() && !scenario.summary.is_empty(), "{slug} says what it is");
        }
        assert_eq!(Scenario::all().len(), FILES.len());
        assert!(Scenario::named("no-such-thing").is_none());
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let error = Scenario::parse("x", "title = \"x\"\nlooks = \"1h\"\n").expect_err("looks");
        assert!(error.message.contains("line 2") && error.message.contains("looks"), "{error}");
        let error = Scenario::parse("x", "look = \"soon\"\n").expect_err("soon");
        assert!(error.message.contains("“soon” is not a time"), "{error}");
        let error = Scenario::parse("x", "extends = \"y\"\n").expect_err("y");
        assert_eq!(error.to_string(), "scenario x: it extends “y”, which does not exist");
    }
}
