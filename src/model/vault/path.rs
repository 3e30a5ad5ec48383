//! The paths of KV mounts as Vault tells of them: without their values.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::Told;
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
    /// The names of its properties, as far as they were asked for.
    pub properties: Properties,
    /// How many objects read it.
    pub readers: usize,
    /// The namespace that it is in; empty for root.
    pub namespace: Text,
    /// The mount it is in, as the store names it.
    pub mount: Text,
    /// KV version that the store expects there, `v1` or `v2`.
    pub kv: Name,
}

impl SecretPath {
    /// A path that is referenced, before anybody asks for it.
    #[must_use]
    pub fn referenced(namespace: Text, mount: Text, kv: Name) -> Self {
        Self { facts: PathFacts::default(), asked: None, properties: Properties::default(), readers: 0, namespace, mount, kv }
    }

    /// What stands after the mount in its full path.
    #[must_use]
    pub fn key<'a>(&self, full: &'a Text) -> &'a str {
        let within = |path: &'a str, above: &Text| match path.strip_prefix(above.as_str().trim_matches('/')) {
            Some(rest) => rest.trim_start_matches('/'),
            None => path,
        };
        within(within(full.as_str(), &self.namespace), &self.mount)
    }

    /// The folder that it stands in, relative to the mount; empty for the mount itself.
    #[must_use]
    pub fn folder<'a>(&self, full: &'a Text) -> &'a str {
        self.key(full).rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The version whose names can be asked for and are not known.
    #[must_use]
    pub fn lacks_names(&self) -> Option<u64> {
        match self.facts.state {
            PathState::Present { version, .. } if version > 0 && self.properties.version != version => Some(version),
            _ => None,
        }
    }
}

/// The names of the properties of a path, without their values (`subkeys`, KV v2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Properties {
    /// The names, nested ones with dots between; [`Told::Absent`] where they cannot be had.
    pub names: Told<Arc<[Text]>>,
    /// The version of the path when they were asked for; 0 if they never were.
    pub version: u64,
}

/// Whether a path has a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Has {
    /// It has, or something below it.
    Yes,
    /// It has not.
    No,
    /// The names alone cannot say: they are not known, or it is an expression, or stands within a value.
    Unknown,
}

impl Properties {
    /// Whether there is such a property, as External Secrets looks for it: a name at the top, dots and all, or a way
    /// through names (gjson).
    #[must_use]
    pub fn has(&self, property: &str) -> Has {
        let Some(names) = self.names.said() else { return Has::Unknown };
        let below = |longer: &str, shorter: &str| longer.strip_prefix(shorter).is_some_and(|rest| rest.starts_with('.'));
        if names.iter().any(|name| name.as_str() == property || below(name.as_str(), property)) {
            Has::Yes
        } else if property.contains(['#', '*', '?', '@', '|', '\\', '!', '{', '['])
            || names.iter().any(|name| below(property, name.as_str()))
        {
            Has::Unknown
        } else {
            Has::No
        }
    }
}

/// What stands in a folder of a mount, as far as it was listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its names, folders with a slash at their end.
    pub names: Told<Arc<[Text]>>,
    /// When it was listed.
    pub asked: Timestamp,
}

/// What one look at a path tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathFacts {
    /// Whether it exists, and how: its current version.
    pub state: PathState,
    /// What stands before its current version.
    pub older: Older,
    /// Whether the token that asks may read its value.
    pub value: May,
    /// Whether that token may read its metadata.
    pub metadata: May,
}

/// The versions of a path before the current one, as far as they cannot be read any more (KV v2).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Older {
    /// The oldest that is kept (`max_versions`, which deletes those before it for good); 0 where it is not known.
    pub oldest: u64,
    /// Those that were deleted or destroyed, each as it is.
    pub gone: Box<[PathState]>,
}

impl PathFacts {
    /// What is said of the state alone.
    #[must_use]
    pub fn of(state: PathState) -> Self {
        Self { state, ..Self::default() }
    }

    /// Whether this version is the current one, or none is named.
    #[must_use]
    pub fn is_current(&self, version: Option<u64>) -> bool {
        version.zip(self.state.version()).is_none_or(|(version, current)| version == current || current == 0)
    }

    /// What Vault says of one version; of the current one if none is named, or if it has no versions.
    #[must_use]
    pub fn version(&self, version: Option<u64>) -> Cow<'_, PathState> {
        let (Some(version), Some(current), false) = (version, self.state.version(), self.is_current(version)) else {
            return Cow::Borrowed(&self.state);
        };
        if let Some(gone) = self.older.gone.iter().find(|gone| gone.version() == Some(version)) {
            return Cow::Borrowed(gone);
        }
        Cow::Owned(match version {
            _ if version > current || version == 0 => PathState::Missing,
            _ if version < self.older.oldest => PathState::Destroyed { version },
            _ => PathState::Present { version, written: None },
        })
    }
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

impl PathState {
    /// Which version it tells of; 0 on KV v1.
    #[must_use]
    pub const fn version(&self) -> Option<u64> {
        match self {
            Self::Present { version, .. } | Self::Deleted { version, .. } | Self::Destroyed { version } => Some(*version),
            _ => None,
        }
    }

    /// Whether Vault said how it stands.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        matches!(self, Self::Present { .. }) || self.is_trouble()
    }

    /// Whether it is not as who references it expects, and Vault said so.
    #[must_use]
    pub const fn is_trouble(&self) -> bool {
        matches!(self, Self::Deleted { .. } | Self::Destroyed { .. } | Self::Missing | Self::NoMount | Self::OtherVersion(_))
    }
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

impl fmt::Display for MountState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAsked => f.write_str("not asked"),
            Self::Kv(version) => write!(f, "kv-v{version}"),
            Self::Other(engine) => engine.fmt(f),
            Self::Missing => f.write_str("missing"),
            Self::Hidden => f.write_str("hidden"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_there_until_it_was_deleted_destroyed_or_has_made_room() {
        let gone = [PathState::Destroyed { version: 3 }, PathState::Deleted { version: 4, at: None }];
        let facts = PathFacts {
            older: Older { oldest: 2, gone: gone.into() },
            ..PathFacts::of(PathState::Present { version: 6, written: None })
        };
        let is = |version| facts.version(version).into_owned();
        assert_eq!(is(None), facts.state);
        assert_eq!(is(Some(6)), facts.state);
        assert_eq!(is(Some(5)), PathState::Present { version: 5, written: None });
        assert_eq!(is(Some(4)), PathState::Deleted { version: 4, at: None });
        assert_eq!(is(Some(3)), PathState::Destroyed { version: 3 });
        assert_eq!(is(Some(1)), PathState::Destroyed { version: 1 }, "ten are kept, or as many as the path says");
        assert_eq!(is(Some(7)), PathState::Missing);
        let old = PathFacts::of(PathState::Present { version: 0, written: None });
        assert_eq!(*old.version(Some(3)), old.state, "KV v1 has no versions");
    }

    #[test]
    fn a_property_is_found_by_its_name_or_on_the_way_to_others() {
        let names = ["n.e", "n.z.w", "dot.ted", "list"].iter().map(|name| Text::foreign(name)).collect();
        let properties = Properties { names: Told::Said(names), version: 1 };
        for (property, has) in [
            ("dot.ted", Has::Yes),
            ("n", Has::Yes),
            ("n.z", Has::Yes),
            ("n.z.w", Has::Yes),
            ("n.x", Has::No),
            ("no", Has::No),
            ("do", Has::No),
            ("list.0", Has::Unknown),
            ("list.#", Has::Unknown),
            ("@this", Has::Unknown),
        ] {
            assert_eq!(properties.has(property), has, "{property}");
        }
        assert_eq!(Properties::default().has("n"), Has::Unknown);
    }
}
