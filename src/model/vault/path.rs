//! The paths of KV mounts as Vault tells of them: without their values.

use jiff::Timestamp;

use crate::model::fault::Fault;
use crate::model::object::Name;
use crate::model::text::Text;

/// A path of a KV mount that something references.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretPath {
    /// What Vault says of it.
    pub facts: PathFacts,
    /// When it was last asked for.
    pub asked: Option<Timestamp>,
    /// How many `ExternalSecret`s read it.
    pub readers: usize,
    /// The namespace that it is in; empty for root.
    pub namespace: Text,
    /// The mount it is in, as the store names it.
    pub mount: Text,
    /// KV version that the store expects there, `v1` or `v2`.
    pub kv: Name,
}

impl SecretPath {
    /// What stands after the mount in its full path.
    #[must_use]
    pub fn key<'a>(&self, full: &'a Text) -> &'a str {
        let within = |path: &'a str, above: &Text| match path.strip_prefix(above.as_str().trim_matches('/')) {
            Some(rest) => rest.trim_start_matches('/'),
            None => path,
        };
        within(within(full.as_str(), &self.namespace), &self.mount)
    }
}

/// What one look at a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathFacts {
    /// Whether it exists, and how.
    pub state: PathState,
    /// Whether the token that asks may read its value.
    pub value: May,
    /// Whether that token may read its metadata.
    pub metadata: May,
}

/// Whether a token may do something (`sys/capabilities-self`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum May {
    /// It was not asked, or may not even ask.
    #[default]
    Unknown,
    /// It may.
    Yes,
    /// It may not.
    No,
}

/// What Vault says of a path, without its values. The five shapes of 404 are five of these (facts: OpenBao
/// 2.7.2 and Vault 1.21.4 answered so): no mount, the other KV version, never written, deleted, destroyed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PathState {
    /// Not asked yet, or it cannot be: sealed, no token.
    #[default]
    NotAsked,
    /// It exists.
    Present {
        /// Current version, 0 on KV v1.
        version: u64,
        /// When that version was written; KV v1 does not say.
        written: Option<Timestamp>,
    },
    /// Its current version was deleted and can be undeleted.
    Deleted {
        /// Current version.
        version: u64,
        /// When it was deleted.
        at: Option<Timestamp>,
    },
    /// Its current version was destroyed.
    Destroyed {
        /// Current version.
        version: u64,
    },
    /// It was never written, or all of it was deleted.
    Missing,
    /// There is no such mount.
    NoMount,
    /// The mount is of the other KV version than the store says: this one.
    OtherVersion(u8),
    /// The token that asks may not see it.
    Denied,
    /// The question failed.
    Failed(Fault),
}

/// A mount that a store names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// What it is.
    pub state: MountState,
    /// When it was last asked for.
    pub asked: Option<Timestamp>,
}

/// What Vault says of a mount (`sys/internal/ui/mounts/<mount>`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum MountState {
    /// Not asked yet, or it cannot be.
    #[default]
    NotAsked,
    /// A KV mount of this version.
    Kv(u8),
    /// Another engine: its type.
    Other(Text),
    /// There is none.
    Missing,
    /// There is none, or the token may do nothing there: Vault says the same of both.
    Hidden,
}
