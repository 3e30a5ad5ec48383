//! What a pod, or the template of a workload, needs: which Secrets and how, which images.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::Deserialize;

use super::kinds::{Link, Meta, Role};
use super::object::{Kind, Name, Names, ObjectRef};
use super::text::Text;
use super::vault::VaultAddress;
use super::wire::Named;

/// How a Secret reaches a container; it decides when a new value does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Use {
    /// One key as an environment variable: read when a container starts, never again.
    Env,
    /// All keys as environment variables: the same.
    EnvFrom,
    /// A file below a `subPath`: the same.
    SubPath,
    /// A whole volume: the kubelet renews the files within a minute or two.
    Volume,
    /// A part of a projected volume: the same.
    Projected,
    /// To pull an image: read at each pull.
    ImagePull,
}

impl Use {
    /// Whether a container keeps the value that it had when it started.
    #[must_use]
    pub const fn is_fixed(self) -> bool {
        matches!(self, Self::Env | Self::EnvFrom | Self::SubPath)
    }

    /// As a manifest calls it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Env => "env",
            Self::EnvFrom => "envFrom",
            Self::SubPath => "subPath",
            Self::Volume => "volume",
            Self::Projected => "projected",
            Self::ImagePull => "imagePullSecrets",
        }
    }
}

/// One Secret, in one way. The same Secret may be used in several.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SecretUse {
    /// The Secret, in the namespace of the pod.
    pub secret: Name,
    /// How.
    pub by: Use,
}

/// What is kept of a pod spec.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PodSpec {
    /// The Secrets it needs, by name.
    pub secrets: Box<[SecretUse]>,
    /// The images of all containers, each once.
    pub images: Box<[Name]>,
    /// The account it runs as; empty is `default`.
    pub account: Name,
    /// `host:port` of the Vault that its environment names (`VAULT_ADDR`, `BAO_ADDR`); empty if it names none.
    pub vault: Name,
}

impl PodSpec {
    /// Whether it needs this Secret.
    #[must_use]
    pub fn needs(&self, secret: &Name) -> bool {
        self.uses(secret).next().is_some()
    }

    /// How it uses this Secret.
    pub fn uses<'a>(&'a self, secret: &'a Name) -> impl Iterator<Item = Use> + 'a {
        self.secrets.iter().filter(move |one| one.secret == *secret).map(|one| one.by)
    }

    /// One link for each Secret.
    pub(super) fn links(&self, meta: &Meta) -> impl Iterator<Item = Link> {
        let secrets: BTreeSet<&Name> = self.secrets.iter().map(|one| &one.secret).collect();
        secrets.into_iter().map(|secret| Link {
            to: ObjectRef { kind: Kind::Secret, namespace: meta.namespace.clone(), name: secret.clone() },
            role: Role::Consumes,
        })
    }
}

/// A template of pods on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct WireTemplate {
    /// Only its annotations are looked at.
    pub metadata: super::kinds::WireMeta,
    /// The pods.
    pub spec: WirePodSpec,
}

/// A pod spec on the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WirePodSpec {
    containers: Vec<WireContainer>,
    init_containers: Vec<WireContainer>,
    volumes: Vec<WireVolume>,
    image_pull_secrets: Vec<Named>,
    service_account_name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireContainer {
    image: Text,
    env: Vec<WireEnv>,
    env_from: Vec<WireEnvFrom>,
    volume_mounts: Vec<WireMount>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireEnv {
    name: VaultsName,
    value: Url,
    value_from: Option<WireValueFrom>,
}

/// Whether a variable is called as those that name a Vault.
#[derive(Clone, Copy, Debug, Default)]
struct VaultsName(bool);

impl<'de> Deserialize<'de> for VaultsName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = Cow::<'de, str>::deserialize(deserializer)?;
        Ok(Self(matches!(name.as_ref(), "VAULT_ADDR" | "BAO_ADDR")))
    }
}

/// The value of a variable if it is a URL; any other value, which may be anything, is let go at once.
#[derive(Clone, Debug, Default)]
struct Url(Option<Text>);

impl<'de> Deserialize<'de> for Url {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        Ok(Self(value.filter(|value| value.starts_with("http")).map(|value| Text::foreign(&value))))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireValueFrom {
    secret_key_ref: Option<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireEnvFrom {
    secret_ref: Option<Named>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireMount {
    name: Text,
    sub_path: Text,
    sub_path_expr: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireVolume {
    name: Text,
    secret: Option<WireSecretVolume>,
    projected: Option<WireProjected>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireSecretVolume {
    secret_name: Text,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireProjected {
    sources: Vec<WireProjection>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct WireProjection {
    secret: Option<Named>,
}

impl WirePodSpec {
    /// Keeps what matters.
    pub fn read(&self, names: &mut Names) -> PodSpec {
        let secrets: BTreeSet<(&str, Use)> = self.uses().filter(|(name, _)| !name.is_empty()).collect();
        let images: BTreeSet<&str> = self.all_containers().map(|container| container.image.as_str()).collect();
        PodSpec {
            secrets: secrets.into_iter().map(|(name, by)| SecretUse { secret: names.intern(name), by }).collect(),
            images: images.into_iter().filter(|image| !image.is_empty()).map(|image| names.intern(image)).collect(),
            account: names.intern(self.service_account_name.as_str()),
            vault: self.vault().map_or_else(Name::empty, |address| names.intern(&address.host_port())),
        }
    }

    fn vault(&self) -> Option<VaultAddress> {
        let mut named = self.all_containers().flat_map(|container| &container.env).filter(|env| env.name.0);
        named.find_map(|env| VaultAddress::parse(env.value.0.as_ref()?.as_str()))
    }

    fn all_containers(&self) -> impl Iterator<Item = &WireContainer> {
        self.init_containers.iter().chain(&self.containers)
    }

    fn uses(&self) -> impl Iterator<Item = (&str, Use)> {
        let env = self.all_containers().flat_map(|c| &c.env).filter_map(|e| e.value_from.as_ref()?.secret_key_ref.as_ref());
        let env_from = self.all_containers().flat_map(|c| &c.env_from).filter_map(|e| e.secret_ref.as_ref());
        let pulls = self.image_pull_secrets.iter().map(|named| (named.name.as_str(), Use::ImagePull));
        let volumes = self.volumes.iter().flat_map(|volume| {
            let whole = volume.secret.iter().map(|secret| (secret.secret_name.as_str(), Use::Volume));
            let parts = volume.projected.iter().flat_map(|projected| &projected.sources).filter_map(|part| part.secret.as_ref());
            let how = self.mounts_of(volume);
            whole.chain(parts.map(|secret| (secret.name.as_str(), Use::Projected))).flat_map(move |(name, by)| {
                how.clone().into_iter().map(move |fixed| (name, if fixed { Use::SubPath } else { by }))
            })
        });
        let env = env.map(|named| (named.name.as_str(), Use::Env));
        env.chain(env_from.map(|named| (named.name.as_str(), Use::EnvFrom))).chain(volumes).chain(pulls)
    }

    /// In which ways a volume is mounted, `true` for a `subPath`; a volume that nobody mounts holds a pod up all
    /// the same until its Secret exists.
    fn mounts_of(&self, volume: &WireVolume) -> BTreeSet<bool> {
        let mounts = self.all_containers().flat_map(|container| &container.volume_mounts);
        let of_volume = mounts.filter(|mount| mount.name == volume.name);
        let ways: BTreeSet<bool> = of_volume.map(|mount| !mount.sub_path.is_empty() || !mount.sub_path_expr.is_empty()).collect();
        if ways.is_empty() { BTreeSet::from([false]) } else { ways }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_a_secret_is_found_and_told_apart() {
        let spec = r#"{
            "initContainers": [{"image": "init:1", "envFrom": [{"secretRef": {"name": "all"}}, {"configMapRef": {"name": "no"}}]}],
            "containers": [{
                "image": "app:2",
                "env": [{"name": "A", "value": "x"}, {"name": "BAO_ADDR", "value": "https://vault.vault.svc:8200/"}, {"name": "B", "valueFrom": {"secretKeyRef": {"name": "one", "key": "k"}}}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}, {"name": "s", "mountPath": "/s/f", "subPath": "f"}]
            }],
            "volumes": [
                {"name": "v", "secret": {"secretName": "whole"}},
                {"name": "s", "secret": {"secretName": "part"}},
                {"name": "p", "projected": {"sources": [{"secret": {"name": "shared"}}, {"configMap": {"name": "no"}}]}},
                {"name": "c", "configMap": {"name": "no"}}
            ],
            "imagePullSecrets": [{"name": "pull"}]
        }"#;
        let wire: WirePodSpec = serde_json::from_str(spec).expect("a pod spec");
        let read = wire.read(&mut Names::default());
        let found: Vec<_> = read.secrets.iter().map(|one| (one.secret.as_str(), one.by)).collect();
        let expected = [
            ("all", Use::EnvFrom),
            ("one", Use::Env),
            ("part", Use::SubPath),
            ("pull", Use::ImagePull),
            ("shared", Use::Projected),
            ("whole", Use::Volume),
        ];
        assert_eq!(found, expected);
        assert_eq!(read.images.iter().map(Name::as_str).collect::<Vec<_>>(), ["app:2", "init:1"]);
        assert_eq!(read.vault.as_str(), "vault.vault.svc:8200");
        assert!(read.uses(&"part".into()).all(Use::is_fixed) && !read.needs(&"no".into()));
    }
}
