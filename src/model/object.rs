//! What an object is called: interned names, kinds, references, uids.
//! Nothing here knows what an object contains.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use arcstr::ArcStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::text::Text;

/// An interned name: of an object, a namespace, a store, a reason. It is one pointer, and cloning copies it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Name(ArcStr);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        // Interned names are mostly one and the same: most comparisons are of namespaces.
        if ArcStr::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.as_str().cmp(other.as_str()) }
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Name {
    /// A name of our own making (tests, constants). Foreign names come through [`Names::intern`].
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self(ArcStr::from(name))
    }

    /// The name of what has no namespace, or is not known.
    #[must_use]
    pub const fn empty() -> Self {
        Self(ArcStr::new())
    }

    /// The characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no name at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&Text> for Name {
    /// The same characters, not a copy of them.
    fn from(text: &Text) -> Self {
        Self(text.shared().clone())
    }
}

impl From<&str> for Name {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The table of interned names of one reader. Ten thousand `ExternalSecret`s share fifty namespaces and
/// a handful of stores: each of these strings exists once.
#[derive(Default, Debug)]
pub struct Names {
    known: HashSet<Name>,
    said: HashSet<Text>,
    /// When there are this many, those that nobody else holds are forgotten: names come and go for weeks.
    limit: usize,
}

impl Names {
    /// The one `Name` for this text.
    pub fn intern(&mut self, text: &str) -> Name {
        if let Some(name) = self.known.get(text) {
            return name.clone();
        }
        self.forget();
        let name = Name::new(text);
        self.known.insert(name.clone());
        name
    }

    /// The one `Text` of those that say this: thousands of objects say the same sentence.
    pub fn share(&mut self, text: &Text) -> Text {
        if let Some(said) = self.said.get(text.as_str()) {
            return said.clone();
        }
        self.forget();
        self.said.insert(text.clone());
        text.clone()
    }

    fn forget(&mut self) {
        if self.known.len() + self.said.len() < self.limit {
            return;
        }
        let held = |text: &ArcStr| ArcStr::strong_count(text).is_none_or(|count| count > 1);
        self.known.retain(|name| held(&name.0));
        self.said.retain(|text| held(text.shared()));
        self.limit = (2 * (self.known.len() + self.said.len())).max(256);
    }

    /// The one `Name` for a text that may be absent; empty then.
    pub fn intern_opt(&mut self, text: Option<&Text>) -> Name {
        self.intern(text.map_or("", Text::as_str))
    }
}

/// The identity that the API server gave to one life of an object: a UUID on every server there is, and then it
/// takes no memory of its own.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Uid {
    /// `8-4-4-4-12` digits of lower case, as `uuid.NewUUID` writes it.
    Uuid([u8; 16]),
    /// Anything else.
    Other(Box<str>),
}

impl Uid {
    /// Reads one.
    #[must_use]
    pub fn read(text: &str) -> Self {
        uuid(text).map_or_else(|| Self::Other(text.into()), Self::Uuid)
    }
}

/// As the API server writes it.
impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Other(text) => f.write_str(text),
            Self::Uuid(bytes) => bytes.iter().enumerate().try_for_each(|(at, byte)| {
                if matches!(at, 4 | 6 | 8 | 10) {
                    f.write_str("-")?;
                }
                write!(f, "{byte:02x}")
            }),
        }
    }
}

fn uuid(text: &str) -> Option<[u8; 16]> {
    let mut digits = [0; 16];
    let mut count = 0;
    for (at, byte) in text.bytes().enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'-' if matches!(at, 8 | 13 | 18 | 23) => continue,
            _ => return None,
        };
        let place = digits.get_mut(count / 2)?;
        *place = *place << 4 | digit;
        count += 1;
    }
    (count == 32 && text.len() == 36).then_some(digits)
}

macro_rules! kind_names {
    ($($(#[$doc:meta])* $kind:ident),* $(,)?) => {
        /// Every kind of thing that can be the subject of a finding, a right or a write.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind { $($(#[$doc])* $kind),* }

        impl Kind {
            /// The kind as Kubernetes (or, for the three of ours, as sealwatch) writes it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$kind => stringify!($kind)),* }
            }

            /// The kind with this exact name.
            #[must_use]
            pub fn parse(name: &str) -> Option<Self> {
                match name { $(stringify!($kind) => Some(Self::$kind),)* _ => None }
            }

            /// Every kind, in the order of the list.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];
        }
    };
}

kind_names! {
    /// `external-secrets.io`
    ExternalSecret,
    /// `external-secrets.io`
    SecretStore,
    /// `external-secrets.io`
    ClusterSecretStore,
    /// `external-secrets.io`
    ClusterExternalSecret,
    /// core, read as metadata only
    Secret,
    /// core
    Pod,
    /// core
    Event,
    /// core
    Service,
    /// core
    Namespace,
    /// `apps`
    Deployment,
    /// `apps`
    StatefulSet,
    /// `apps`
    DaemonSet,
    /// `batch`
    Job,
    /// `batch`
    CronJob,
    /// `discovery.k8s.io`
    EndpointSlice,
    /// core
    ServiceAccount,
    /// core
    Node,
    /// `secrets.hashicorp.com`
    VaultConnection,
    /// `secrets.hashicorp.com`
    VaultAuth,
    /// `secrets.hashicorp.com`
    VaultStaticSecret,
    /// `secrets.hashicorp.com`
    VaultDynamicSecret,
    /// `secrets.hashicorp.com`
    VaultPKISecret,
    /// `external-secrets.io`
    PushSecret,
    /// `generators.external-secrets.io`
    Password,
    /// `generators.external-secrets.io`
    ClusterGenerator,
    /// `VaultDynamicSecret` of `generators.external-secrets.io`; the other operator has a kind of that name
    VaultDynamicSecretGenerator,
    /// `generators.external-secrets.io`
    UUID,
    /// `generators.external-secrets.io`
    SSHKey,
    /// `generators.external-secrets.io`
    MFA,
    /// `generators.external-secrets.io`
    Webhook,
    /// `generators.external-secrets.io`
    Fake,
    /// `generators.external-secrets.io`
    Grafana,
    /// `generators.external-secrets.io`
    ACRAccessToken,
    /// `generators.external-secrets.io`
    ECRAuthorizationToken,
    /// `generators.external-secrets.io`
    GCRAccessToken,
    /// `generators.external-secrets.io`
    GithubAccessToken,
    /// `generators.external-secrets.io`
    GitlabDeployToken,
    /// `generators.external-secrets.io`
    QuayAccessToken,
    /// `generators.external-secrets.io`
    STSSessionToken,
    /// `generators.external-secrets.io`
    CloudsmithAccessToken,
    /// `generators.external-secrets.io`
    BeyondtrustWorkloadCredentialsDynamicSecret,
    /// A generator of a kind that is newer than this program
    Generator,
    /// `generators.external-secrets.io`
    GeneratorState,
    /// `bitnami.com`
    SealedSecret,
    /// `cert-manager.io`
    Issuer,
    /// `cert-manager.io`
    ClusterIssuer,
    /// `argoproj.io`
    Application,
    /// `kustomize.toolkit.fluxcd.io`
    Kustomization,
    /// `helm.toolkit.fluxcd.io`
    HelmRelease,
    /// `infra.contrib.fluxcd.io`
    Terraform,
    /// One Vault or OpenBao server, all replicas of it.
    Vault,
    /// One pod of a Vault.
    VaultReplica,
    /// One path in a mount of a Vault.
    VaultPath,
}

impl Kind {
    /// The short words that people type: those of `kubectl api-resources`, and ours.
    #[must_use]
    pub const fn short_names(self) -> &'static [&'static str] {
        match self {
            Self::ExternalSecret => &["es"],
            Self::SecretStore => &["ss"],
            Self::ClusterSecretStore => &["css"],
            Self::ClusterExternalSecret => &["ces"],
            Self::Pod => &["po"],
            Self::Event => &["ev"],
            Self::Service => &["svc"],
            Self::Namespace => &["ns"],
            Self::Deployment => &["deploy"],
            Self::StatefulSet => &["sts"],
            Self::DaemonSet => &["ds"],
            Self::CronJob => &["cj"],
            Self::ServiceAccount => &["sa"],
            Self::Node => &["no"],
            Self::VaultStaticSecret => &["vss"],
            Self::VaultDynamicSecret => &["vds"],
            Self::PushSecret => &["ps"],
            Self::GeneratorState => &["gs"],
            Self::Application => &["app", "apps"],
            Self::Kustomization => &["ks"],
            Self::HelmRelease => &["hr"],
            Self::Terraform => &["tf"],
            Self::VaultReplica => &["replica", "replicas"],
            Self::VaultPath => &["path", "paths"],
            _ => &[],
        }
    }

    /// The kind that a person means: its name, its plural or a short name, in any case.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let word = word.to_ascii_lowercase();
        let is = |kind: &Self| {
            let name = kind.as_str().to_ascii_lowercase();
            word == name || word.strip_suffix('s') == Some(name.as_str()) || kind.short_names().contains(&word.as_str())
        };
        Self::ALL.iter().copied().find(is)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Which object: `Kind/namespace/name`, or `Kind//name` where there is no namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ObjectRef {
    /// What it is.
    pub kind: Kind,
    /// Where it is; empty for what is cluster-scoped.
    pub namespace: Name,
    /// What it is called.
    pub name: Name,
}

impl ObjectRef {
    /// A reference of these three parts.
    #[must_use]
    pub fn new(kind: Kind, namespace: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { kind, namespace: namespace.into(), name: name.into() }
    }

    /// Reads `Kind/namespace/name`; a path keeps the slashes of its own name.
    ///
    /// # Errors
    /// A sentence that says which part is missing or unknown.
    pub fn parse(text: &str) -> Result<Self, String> {
        // It is said again in messages.
        if text.chars().any(char::is_control) {
            return Err("A name of an object holds no control characters.".to_owned());
        }
        let mut parts = text.splitn(3, '/');
        let (Some(kind), Some(namespace), Some(name)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(format!("“{text}” is not of the form Kind/namespace/name."));
        };
        let kind = Kind::parse(kind).ok_or_else(|| format!("“{kind}” is not a kind that sealwatch knows."))?;
        Ok(Self::new(kind, namespace, name))
    }

    /// The name with its namespace, for a column of one kind.
    #[must_use]
    pub fn short(&self) -> String {
        if self.namespace.is_empty() { self.name.to_string() } else { format!("{}/{}", self.namespace, self.name) }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.kind, self.namespace, self.name)
    }
}

impl Serialize for ObjectRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_known_by_every_word_for_it_and_no_word_names_two() {
        for (word, kind) in [
            ("es", Some(Kind::ExternalSecret)),
            ("ExternalSecrets", Some(Kind::ExternalSecret)),
            ("deploy", Some(Kind::Deployment)),
            ("path", Some(Kind::VaultPath)),
            ("vaults", Some(Kind::Vault)),
            ("bread", None),
        ] {
            assert_eq!(Kind::from_word(word), kind, "{word}");
        }
        let mut words: Vec<&str> = Kind::ALL.iter().flat_map(|kind| kind.short_names()).copied().collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
        for word in words {
            let kind = Kind::from_word(word).expect("a kind");
            assert!(kind.short_names().contains(&word), "{word} is the name of {kind}");
        }
    }

    #[test]
    fn a_uid_is_a_uuid_or_itself() {
        let text = "0f3e8a64-9c5b-4f7e-b1d2-00a1b2c3d4ff";
        assert_eq!(Uid::read(text), Uid::Uuid(0x0f3e_8a64_9c5b_4f7e_b1d2_00a1_b2c3_d4ff_u128.to_be_bytes()));
        for odd in ["", "0F3E8A64-9C5B-4F7E-B1D2-00A1B2C3D4FF", "0f3e8a649c5b4f7eb1d200a1b2c3d4ff", "uid-of-a-test"] {
            assert_eq!(Uid::read(odd), Uid::Other(odd.into()));
            assert_eq!(Uid::read(odd).to_string(), odd);
        }
        assert_eq!(Uid::read(text).to_string(), text);
        assert_ne!(Uid::read(text), Uid::read("0f3e8a64-9c5b-4f7e-b1d2-00a1b2c3d4fe"));
    }

    #[test]
    fn names_that_nobody_holds_are_forgotten() {
        let mut names = Names::default();
        let kept = names.intern("kept");
        for number in 0..100_000 {
            names.intern(&format!("passing-{number}"));
        }
        assert!(names.known.len() <= 512, "{}", names.known.len());
        assert!(ArcStr::ptr_eq(&names.intern("kept").0, &kept.0));
    }
}
