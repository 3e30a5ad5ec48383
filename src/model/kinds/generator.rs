//! Generators: each sync of an `ExternalSecret` that names one asks it for a *new* value, and the old one is lost
//! (external-secrets#5782). They have no status (external-secrets 2.9.0, apis/generators/v1alpha1).
//!
//! One kind each, for so they are served; what is kept of them is the same.

use serde::Deserialize;

use super::secret_store::{VaultProvider, WireVault, read_vault};
use super::{Api, Meta, Watched};
use crate::model::inventory::Inventory;
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;
use crate::model::wire::Whole;

/// What a generator of any kind is.
#[derive(Clone, Debug)]
pub struct Generator {
    /// Metadata.
    pub meta: Meta,
    /// The kind that a `ClusterGenerator` stands for; empty for all others, which are what they are.
    pub stands_for: Name,
    /// Which External Secrets works on it, where several run; empty for any.
    pub class: Name,
    /// What it asks of a Vault, if that is where it asks.
    pub vault: Option<Box<Source>>,
}

/// The path of a Vault that makes credentials. Their lease is not renewed: they end with the token that asked for
/// them (external-secrets#2198).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The Vault, and how the generator logs in; `None` if its address cannot be parsed.
    pub provider: Option<VaultProvider>,
    /// The whole path, mount included.
    pub path: Text,
}

/// The spec on the wire of a kind of which no more is kept.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Plain {
    controller: Text,
}

/// The spec on the wire of one that asks a Vault.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct OfVault {
    controller: Text,
    path: Text,
    provider: Option<WireVault>,
}

/// The spec on the wire of one that stands for another kind.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wide {
    kind: Text,
    generator: WireInner,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireInner {
    vault_dynamic_secret_spec: Option<OfVault>,
}

impl OfVault {
    /// Seen from its own namespace, if it has one.
    fn read(self, own: Option<&Text>, names: &mut Names) -> Option<Box<Source>> {
        let provider = read_vault(self.provider?, own.map_or("", Text::as_str), own.is_none(), names);
        Some(Box::new(Source { provider, path: self.path }))
    }
}

fn plain(wire: Whole<Plain>, names: &mut Names) -> Generator {
    let Whole { metadata, spec, .. } = wire;
    Generator {
        stands_for: Name::empty(),
        class: names.intern(spec.controller.as_str()),
        vault: None,
        meta: Meta::read(&metadata, names),
    }
}

fn of_vault(wire: Whole<OfVault>, names: &mut Names) -> Generator {
    Generator {
        stands_for: Name::empty(),
        class: names.intern(wire.spec.controller.as_str()),
        vault: wire.spec.read(wire.metadata.namespace.as_ref(), names),
        meta: Meta::read(&wire.metadata, names),
    }
}

fn wide(wire: Whole<Wide>, names: &mut Names) -> Generator {
    let inner = wire.spec.generator.vault_dynamic_secret_spec;
    Generator {
        stands_for: names.intern(wire.spec.kind.as_str()),
        class: names.intern(inner.as_ref().map_or("", |inner| inner.controller.as_str())),
        vault: inner.and_then(|inner| inner.read(None, names)),
        meta: Meta::read(&wire.metadata, names),
    }
}

/// The API group of them all.
pub const GROUP: &str = "generators.external-secrets.io";

macro_rules! generators {
    ($($Kind:ident: $name:literal in $plural:literal, $namespaced:literal, $read:ident of $Spec:ident;)*) => {
        $(
            #[doc = concat!("A `", $name, "` of `generators.external-secrets.io`.")]
            #[derive(Clone, Debug)]
            pub struct $Kind(pub Generator);

            impl Watched for $Kind {
                const KIND: Kind = Kind::$Kind;
                const API: Api = Api { group: GROUP, versions: &["v1alpha1"], plural: $plural, namespaced: $namespaced };
                const NAME: &'static str = $name;
                type Wire = Whole<$Spec>;

                fn read(wire: Self::Wire, names: &mut Names) -> Self {
                    Self($read(wire, names))
                }

                fn meta(&self) -> &Meta {
                    &self.0.meta
                }
            }
        )*

        /// Every kind of generator.
        pub const KINDS: &[Kind] = &[$(Kind::$Kind),*];

        /// The kind of generator that is called so; one that is newer than this program is a [`Kind::Generator`].
        #[must_use]
        pub fn called(name: &str) -> Kind {
            match name { $($name => Kind::$Kind,)* _ => Kind::Generator }
        }

        /// Whether this is a kind of generator.
        #[must_use]
        pub const fn is_generator(kind: Kind) -> bool {
            matches!(kind, Kind::Generator $(| Kind::$Kind)*)
        }

        impl Inventory {
            /// The generator of whichever kind.
            #[must_use]
            pub fn generator(&self, object: &ObjectRef) -> Option<&Generator> {
                match object.kind {
                    $(Kind::$Kind => self.get::<$Kind>(object).map(|one| &one.0),)*
                    _ => None,
                }
            }

            /// Every generator.
            pub fn generators(&self) -> impl Iterator<Item = (ObjectRef, &Generator)> {
                let none = std::iter::empty::<(ObjectRef, &Generator)>();
                none$(.chain(self.all::<$Kind>().iter().map(|one| (one.object_ref(), &one.0))))*
            }
        }
    };
}

generators! {
    Password: "Password" in "passwords", true, plain of Plain;
    ClusterGenerator: "ClusterGenerator" in "clustergenerators", false, wide of Wide;
    VaultDynamicSecretGenerator: "VaultDynamicSecret" in "vaultdynamicsecrets", true, of_vault of OfVault;
    UUID: "UUID" in "uuids", true, plain of Plain;
    SSHKey: "SSHKey" in "sshkeys", true, plain of Plain;
    MFA: "MFA" in "mfas", true, plain of Plain;
    Webhook: "Webhook" in "webhooks", true, plain of Plain;
    Fake: "Fake" in "fakes", true, plain of Plain;
    Grafana: "Grafana" in "grafanas", true, plain of Plain;
    ACRAccessToken: "ACRAccessToken" in "acraccesstokens", true, plain of Plain;
    ECRAuthorizationToken: "ECRAuthorizationToken" in "ecrauthorizationtokens", true, plain of Plain;
    GCRAccessToken: "GCRAccessToken" in "gcraccesstokens", true, plain of Plain;
    GithubAccessToken: "GithubAccessToken" in "githubaccesstokens", true, plain of Plain;
    GitlabDeployToken: "GitlabDeployToken" in "gitlabdeploytokens", true, plain of Plain;
    QuayAccessToken: "QuayAccessToken" in "quayaccesstokens", true, plain of Plain;
    STSSessionToken: "STSSessionToken" in "stssessiontokens", true, plain of Plain;
    CloudsmithAccessToken: "CloudsmithAccessToken" in "cloudsmithaccesstokens", true, plain of Plain;
    BeyondtrustWorkloadCredentialsDynamicSecret: "BeyondtrustWorkloadCredentialsDynamicSecret"
        in "beyondtrustworkloadcredentialsdynamicsecrets", true, plain of Plain;
}

/// A reference to a generator, seen from a namespace.
#[must_use]
pub(super) fn reference(kind: &Text, name: &Text, namespace: &Name, names: &mut Names) -> ObjectRef {
    let kind = called(kind.as_str());
    let namespace = if kind == Kind::ClusterGenerator { Name::empty() } else { namespace.clone() };
    ObjectRef { kind, namespace, name: names.intern(name.as_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds;

    const VAULT: &str = r#"{"path": "database/creds/app", "method": "GET", "provider": {"server": "https://vault.vault.svc:8200",
        "auth": {"kubernetes": {"mountPath": "kubernetes", "role": "app", "serviceAccountRef": {"name": "app"}}}}}"#;

    #[test]
    fn a_generator_of_a_vault_tells_which_vault_and_which_path() {
        let one = format!(r#"{{"metadata": {{"name": "db", "namespace": "shop"}}, "spec": {VAULT}}}"#);
        let wide = format!(
            r#"{{"metadata": {{"name": "db"}}, "spec": {{"kind": "VaultDynamicSecret", "generator": {{"vaultDynamicSecretSpec": {VAULT}}}}}}}"#
        );
        let names = &mut Names::default();
        let one = VaultDynamicSecretGenerator::read(serde_json::from_str(&one).unwrap(), names);
        let wide = ClusterGenerator::read(serde_json::from_str(&wide).unwrap(), names);
        assert_eq!(one.object_ref().to_string(), "VaultDynamicSecretGenerator/shop/db");
        assert_eq!(wide.0.stands_for.as_str(), "VaultDynamicSecret");
        for source in [one.0.vault, wide.0.vault] {
            let source = source.expect("a Vault");
            assert_eq!(source.path.as_str(), "database/creds/app");
            assert_eq!(source.provider.expect("an address").address.to_string(), "https://vault.vault.svc:8200");
        }
        let password = r#"{"metadata": {"name": "p", "namespace": "a"}, "spec": {"length": 32, "encoding": "raw"}}"#;
        let password = Password::read(serde_json::from_str(password).unwrap(), names);
        assert!(password.0.vault.is_none() && password.0.stands_for.is_empty());
    }

    #[test]
    fn every_kind_of_the_group_is_a_generator_but_for_what_generators_leave_behind() {
        for kind in kinds::all().iter().copied() {
            let of_the_group = kinds::api(kind).is_some_and(|api| api.group == GROUP) && kind != Kind::GeneratorState;
            assert_eq!((is_generator(kind), KINDS.contains(&kind)), (of_the_group, of_the_group), "{kind}");
        }
        assert_eq!(called("VaultDynamicSecret"), Kind::VaultDynamicSecretGenerator);
        assert_eq!(called("NotInventedYet"), Kind::Generator);
        assert_eq!(kinds::kind_in("secrets.hashicorp.com/v1beta1", "VaultDynamicSecret"), Some(Kind::VaultDynamicSecret));
        assert_eq!(kinds::kind_in("grafana.integreatly.org/v1beta1", "Grafana"), None);
    }
}
