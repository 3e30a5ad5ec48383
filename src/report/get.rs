//! `sealwatch get`: what is known of the objects of a kind. A kind is declared once, as columns in its file
//! under `get/`; table, wide, JSON, YAML and names are all made from these.

mod column;
mod consumers;
mod events;
mod external_secrets;
mod formats;
mod generators;
mod gitops;
mod jobs;
mod neighbours;
mod paths;
mod plain;
mod push_secrets;
mod secrets;
mod seen;
mod stores;
mod vaults;
mod vso;
mod workloads;

use std::io::{self, Write};
use std::sync::LazyLock;

use jiff::Timestamp;

pub use self::formats::colour;
use self::seen::around_is_told;
pub use self::seen::{folder_is_told, names_are_told, unknown_of};

use self::column::Listing;
use crate::diagnosis::Unknown;
use crate::engine::Snapshot;
use crate::model::{Kind, ObjectRef};

/// Output formats of `sealwatch get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum GetFormat {
    /// For people.
    #[default]
    Table,
    /// The same with more columns.
    Wide,
    /// `sealwatch/get/v1`.
    Json,
    /// The same in YAML.
    Yaml,
    /// References only, one a line.
    Name,
}

/// How a table is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct TableStyle {
    /// Whether the names of the columns stand above it.
    pub headers: bool,
    /// Whether states may be coloured.
    pub colour: bool,
}

/// Something that can be listed.
#[derive(Debug)]
pub struct What {
    /// Its word on the command line and in JSON.
    pub name: &'static str,
    /// The other words for it, as kubectl knows them; in any case.
    pub words: &'static [&'static str],
    /// What it lists.
    pub about: &'static str,
    /// The kinds that are listed: if one of them cannot be seen, the list is not whole.
    pub kinds: &'static [Kind],
    /// The kinds that columns are worked out from.
    pub also: &'static [Kind],
    /// Whether it shows what Vault says of paths.
    pub paths: bool,
    list: fn(&What, &Snapshot) -> Listing,
}

/// Everything that can be listed: what has columns of its own, then every other watched kind.
pub static WHAT: LazyLock<Vec<What>> = LazyLock::new(|| {
    let mut all = vec![
        stores::STORES,
        stores::SECRET_STORES,
        stores::CLUSTER_SECRET_STORES,
        external_secrets::EXTERNAL_SECRETS,
        external_secrets::CLUSTER_EXTERNAL_SECRETS,
        paths::PATHS,
        vaults::VAULTS,
        vaults::REPLICAS,
        secrets::SECRETS,
        consumers::CONSUMERS,
        consumers::PODS,
        workloads::DEPLOYMENTS,
        workloads::STATEFUL_SETS,
        workloads::DAEMON_SETS,
        jobs::JOBS,
        jobs::CRON_JOBS,
        vso::ALL,
        vso::STATIC,
        vso::DYNAMIC,
        vso::PKI,
        push_secrets::PUSH_SECRETS,
        generators::ALL,
        generators::OF_VAULT,
        generators::WIDE,
        generators::STATES,
        neighbours::SEALED_SECRETS,
        neighbours::ISSUERS,
        neighbours::CLUSTER_ISSUERS,
        gitops::APPLICATIONS,
        gitops::KUSTOMIZATIONS,
        gitops::HELM_RELEASES,
        gitops::TERRAFORMS,
        events::EVENTS,
    ];
    let own: Vec<Kind> = all.iter().filter_map(What::kind).collect();
    all.extend(plain::all().filter(|what| what.kind().is_none_or(|kind| !own.contains(&kind))));
    all
});

impl What {
    /// What is meant by a word: `es`, `ExternalSecret`, `stores`.
    #[must_use]
    pub fn from_word(word: &str) -> Option<&'static Self> {
        WHAT.iter().find(|what| what.words().any(|known| known.eq_ignore_ascii_case(word)))
    }

    /// Every word for it, its name first.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        let kind = self.kind().into_iter().flat_map(|kind| kind.short_names().iter().copied().chain([kind.as_str()]));
        std::iter::once(self.name).chain(self.words.iter().copied()).chain(kind)
    }

    /// Whether it shows what Vaults tell of their clusters.
    fn is_of_servers(&self) -> bool {
        self.kinds.iter().any(|kind| matches!(kind, Kind::Vault | Kind::VaultReplica))
    }

    /// The kind, if it is exactly one, object by object.
    fn kind(&self) -> Option<Kind> {
        match *self.kinds {
            [kind] if self.name != consumers::CONSUMERS.name => Some(kind),
            _ => None,
        }
    }
}

/// What was found, ready to be written.
pub struct Found {
    listing: Listing,
    now: Timestamp,
    /// What could not be seen of it.
    pub unknown: Vec<Unknown>,
    /// Paths that nobody could read, by Vault.
    pub unread: Vec<Unknown>,
    /// Names that were asked for and are not there, each with those like it.
    pub missing: Vec<(String, Vec<ObjectRef>)>,
}

/// Lists everything of a kind, or what has one of these names: `name`, `namespace/name` or a whole reference.
#[must_use]
pub fn find(what: &'static What, names: &[String], snapshot: &Snapshot) -> Found {
    let mut listing = (what.list)(what, snapshot);
    let place = |object: &ObjectRef| (object.namespace.clone(), object.kind, object.name.clone());
    listing.items.sort_by_cached_key(|item| place(&item.object));
    let is =
        |object: &ObjectRef, name: &str| object.name.as_str() == name || object.short() == name || object.to_string() == name;
    let lacks = |name: &&String| !listing.items.iter().any(|item| is(&item.object, name));
    let missing = names.iter().filter(lacks).map(|name| (name.clone(), seen::like(name, &listing))).collect();
    if !names.is_empty() {
        listing.items.retain(|item| names.iter().any(|name| is(&item.object, name)));
    }
    Found { unknown: seen::unknown(what, snapshot), unread: seen::unread(what, snapshot), now: snapshot.now, listing, missing }
}

impl Found {
    /// Whether nothing was found.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.listing.items.is_empty()
    }

    /// The references of what was found, in order.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectRef> {
        self.listing.items.iter().map(|item| &item.object)
    }

    /// Writes it.
    ///
    /// # Errors
    /// The output cannot be written.
    pub fn write(&self, format: GetFormat, style: TableStyle, out: &mut dyn Write) -> io::Result<()> {
        match format {
            GetFormat::Table => formats::table(self, column::Class::Always, style, out),
            GetFormat::Wide => formats::table(self, column::Class::Wide, style, out),
            GetFormat::Json => formats::json(self, out),
            GetFormat::Yaml => formats::yaml(self, out),
            GetFormat::Name => formats::names(self, out),
        }
    }
}

/// Whether the kinds that are listed could not all be looked at.
#[must_use]
pub fn is_blind(what: &What, snapshot: &Snapshot) -> bool {
    seen::is_blind(what, snapshot)
}

/// Whether what is to be listed was heard of, so that there is nothing more to wait for.
#[must_use]
pub fn is_told(what: &What, snapshot: &Snapshot) -> bool {
    snapshot.is_known() && (!what.paths || snapshot.paths_are_told()) && (!what.is_of_servers() || around_is_told(snapshot))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{WHAT, What};
    use crate::model::{Kind, kinds};

    #[test]
    fn every_watched_kind_is_listed_under_each_of_its_words() {
        for kind in kinds::all().iter().copied().chain([Kind::Vault, Kind::VaultReplica, Kind::VaultPath]) {
            let name = kind.as_str();
            let plural = format!("{name}s");
            for word in kind.short_names().iter().copied().chain([name, plural.as_str()]) {
                let what = What::from_word(word).unwrap_or_else(|| panic!("nothing is listed as {word}"));
                assert_eq!(what.kinds, [kind], "{word}");
            }
        }
    }

    #[test]
    fn no_word_means_two_things() {
        let of_one = |what: &'static What| what.words().map(str::to_ascii_lowercase).collect::<BTreeSet<_>>();
        let mut words: Vec<String> = WHAT.iter().flat_map(of_one).collect();
        words.sort_unstable();
        for two in words.windows(2) {
            assert_ne!(two[0], two[1]);
        }
    }
}
