//! The rows of the board. They are kept up to date with the pictures: what differs between two costs what it is, and
//! not what the world is; and a row is put into words only when it is drawn.

mod fold;
mod lane;
mod newest;
mod row;
mod spans;
#[cfg(test)]
mod tests;
mod vaults;

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;

use self::newest::Newest;
use self::row::{Down, Row};
pub use self::spans::Rows;
use self::spans::Under;
use self::vaults::Mounts;
use super::board::Pane;
use super::causes::{Told, told};
use super::filter::Filter;
use super::rows::Tone;
use crate::diagnosis::Diagnosis;
use crate::diagnosis::server::ServerState;
use crate::model::kinds::{ClusterSecretStore, Event, ExternalSecret, SecretStore};
use crate::model::shelf::{Difference, Placed, Shelf};
use crate::model::{Inventory, Kind, Name, ObjectRef, SortedSet, Text, VaultAddress, VaultServer};

/// One row of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A namespace, and what is in it.
    Group {
        /// Which; empty for what is cluster-scoped.
        namespace: Name,
        /// How many in it are broken, or wrong in silence.
        broken: usize,
        /// How many of these say that they fail.
        failing: usize,
        /// How many in it are well.
        well: usize,
        /// How many of these fail as they come due, because their Vault does not serve.
        at_risk: usize,
        /// When the first of the broken ones is tried again; if none is broken, when the first is due.
        next: Option<Timestamp>,
        /// Whether its rows follow.
        open: bool,
    },
    /// A store or an `ExternalSecret`; alone in its namespace, it needs no heading.
    Object(ObjectRef, Alone),
    /// A Vault.
    Server(VaultAddress),
    /// One of its replicas.
    Replica(VaultAddress, Name),
    /// One of its paths; with its mount where the server's paths are in several.
    Path(VaultAddress, Text, Mount),
    /// What needs no look, as a count.
    Folded {
        /// How many rows are not shown.
        count: usize,
        /// How many of them nobody could read: they are not well, they are unknown.
        unread: usize,
        /// How many of them fail as they come due, because their Vault does not serve.
        due: usize,
        /// When the last of these is due.
        last: Option<Timestamp>,
    },
}

/// Whether the mount of a path has to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mount {
    /// All paths of the server are in one mount: it goes without saying.
    Only,
    /// There are several.
    OneOfSeveral,
}

/// Whether an object is the only one of its namespace in a pane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alone {
    /// It is: its namespace stands before its name.
    Yes,
    /// It stands under the heading of its namespace.
    No,
}

impl Entry {
    /// The object that it stands for, if it stands for one.
    #[must_use]
    pub fn object(&self) -> Option<ObjectRef> {
        match self {
            Self::Object(object, _) => Some(object.clone()),
            Self::Server(address) => Some(address.subject()),
            Self::Replica(address, pod) => Some(VaultServer::new(address.clone()).replica_ref(pod)),
            Self::Path(address, path, _) => Some(address.path_ref(path)),
            Self::Group { .. } | Self::Folded { .. } => None,
        }
    }

    /// Whether it is the same row in another picture, though its counts may differ.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Group { namespace: a, .. }, Self::Group { namespace: b, .. }) => a == b,
            (Self::Object(a, _), Self::Object(b, _)) => a == b,
            (Self::Folded { .. }, Self::Folded { .. }) => true,
            (a, b) => a == b,
        }
    }
}

/// What a person chose to see.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The filter.
    pub filter: Filter,
    /// Panes whose healthy rows are shown.
    pub unfolded: HashSet<Pane>,
    /// Namespaces that were opened or closed by hand.
    pub flipped: HashSet<(Pane, Name)>,
    /// About how many rows a pane can show at once.
    pub room: usize,
}

/// What differs between two pictures of one kind: before, after.
type Changes<'a, K> = Vec<(Option<&'a Arc<K>>, Option<&'a Arc<K>>)>;

/// If more than one in so many changed, all rows are placed anew: that is cheaper than one by one.
const FEW: usize = 8;

/// So many rows pass a filter before somebody who types is looked after again: a few milliseconds.
const AT_ONCE: usize = 8192;

/// The rows of every pane, as of one picture.
#[derive(Clone, Debug, Default)]
pub struct Index {
    panes: [Rows; 4],
    /// Causes that are one to a person: those of a Vault each, others by their rule.
    pub causes: Vec<Told>,
    /// The newest events, newest first.
    pub events: Vec<ObjectRef>,
    newest: Newest,
    mounts: Mounts,
    /// The picture that these are the rows of.
    world: Arc<Inventory>,
    diagnosis: Arc<Diagnosis>,
    down: Down,
    filter: Filter,
    /// Instead of [`AT_ONCE`], where a test wants it slower.
    at_once: Option<usize>,
}

impl Index {
    /// The rows of a picture that none came before.
    #[must_use]
    pub fn of(world: &Inventory, diagnosis: &Arc<Diagnosis>, view: &View) -> Self {
        let mut index = Self::default();
        index.follow(&Arc::new(world.clone()), diagnosis, view);
        index
    }

    /// Follows the world to this picture, and the person to what they chose to see.
    pub fn follow(&mut self, world: &Arc<Inventory>, diagnosis: &Arc<Diagnosis>, view: &View) {
        let old = std::mem::replace(&mut self.world, world.clone());
        let judged = std::mem::replace(&mut self.diagnosis, diagnosis.clone());
        let down = down(world);
        let down_changed = down != self.down;
        self.down = down;
        let refiltered = self.filter != view.filter;
        self.filter.clone_from(&view.filter);
        if !Arc::ptr_eq(&judged, diagnosis) {
            self.causes = told(&diagnosis.causes);
        }
        let judged_anew = diagnosis.gainsaid.differences(&judged.gainsaid);
        let events = changes(old.all::<Event>(), world.all::<Event>());
        if !events.is_empty() {
            self.newest.follow(&events, world);
            self.events = self.newest.events();
        }
        let [_, stores, readers, vault] = &mut self.panes;
        let eyes = Eyes { gainsaid: &diagnosis.gainsaid, filter: &self.filter };

        eyes.follow(stores, &changes(old.all::<SecretStore>(), world.all()), Row::Store);
        eyes.follow(stores, &changes(old.all::<ClusterSecretStore>(), world.all()), Row::ClusterStore);
        let all = world.all::<ExternalSecret>();
        let changed = changes(old.all::<ExternalSecret>(), all);
        if changed.len() > all.len() / FEW {
            readers.rebuild(all.iter().cloned().map(Row::Reader), eyes.gainsaid);
            readers.begin_to_sift(eyes.filter);
        } else {
            eyes.follow(readers, &changed, Row::Reader);
        }
        for object in judged_anew {
            let pane = if object.kind == Kind::ExternalSecret { &mut *readers } else { &mut *stores };
            if let Some(row) = row_of(world, object) {
                pane.put(row, eyes.gainsaid, eyes.filter);
            }
        }
        // When one that fails is tried again is told by its events.
        for event in events.iter().flat_map(|(before, after)| [before, after]).flatten() {
            if let Some(about) = event.about.as_ref().filter(|about| about.kind == Kind::ExternalSecret) {
                readers.forget_sums(Some(about));
            }
        }
        if down_changed {
            readers.forget_sums(None);
        }
        vaults::follow(vault, &mut self.mounts, (old.as_ref(), world.as_ref()), eyes.filter);
        let mut left = self.at_once.unwrap_or(AT_ONCE);
        for rows in [&mut *stores, &mut *readers, &mut *vault] {
            if refiltered {
                rows.begin_to_sift(eyes.filter);
            }
            rows.sift(eyes.filter, &mut left, |under, row| match row {
                Row::Path(_) => vaults::word_of(world, under, row),
                _ => row.state(eyes.gainsaid).word,
            });
        }
        stores.lay_out(Pane::Stores, world, &self.down, view);
        readers.lay_out(Pane::ExternalSecrets, world, &self.down, view);
        vaults::lay_out(vault, &self.mounts, world, view);
    }

    /// Whether not every row has passed the filter yet: then the picture is to be followed again at once.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.panes.iter().any(Rows::is_busy)
    }

    /// The rows of a pane; causes have none, they are told.
    #[must_use]
    pub const fn rows(&self, pane: Pane) -> &Rows {
        &self.panes[pane as usize]
    }

    /// How many paths of a Vault nobody could read yet.
    #[must_use]
    pub fn unread(&self, server: &VaultServer) -> usize {
        self.rows(Pane::Vault).all_in(&Under::Server(server.address.clone()), Some(Tone::Unknown))
    }

    /// The next row of a pane in this direction that needs a look; `needs` says it of those in no group.
    pub(super) fn next_broken(&self, pane: Pane, at: usize, forwards: bool, needs: &dyn Fn(&Entry) -> bool) -> Option<usize> {
        self.rows(pane).next_broken(at, forwards, &self.down, needs)
    }
}

/// How rows are looked at.
struct Eyes<'a> {
    gainsaid: &'a SortedSet<ObjectRef>,
    filter: &'a Filter,
}

impl Eyes<'_> {
    fn follow<K: Placed>(&self, rows: &mut Rows, changes: &Changes<'_, K>, row: impl Fn(Arc<K>) -> Row) {
        for change in changes {
            match change {
                (_, Some(after)) => rows.put(row(Arc::clone(after)), self.gainsaid, self.filter),
                (Some(gone), None) => {
                    let (namespace, name) = gone.place();
                    rows.take(namespace, name);
                }
                (None, None) => {}
            }
        }
    }
}

/// What differs between two pictures of a shelf.
fn changes<'a, K: Placed>(old: &'a Shelf<K>, new: &'a Shelf<K>) -> Changes<'a, K> {
    let mut changes = Vec::new();
    new.differences(old, |difference| {
        changes.push(match difference {
            Difference::Gone(before) => (Some(before), None),
            Difference::New(after) => (None, Some(after)),
            Difference::Changed(before, after) => (Some(before), Some(after)),
        });
    });
    changes
}

/// The row of an object, if it is there.
fn row_of(world: &Inventory, object: &ObjectRef) -> Option<Row> {
    Some(match object.kind {
        Kind::ExternalSecret => Row::Reader(world.get::<ExternalSecret>(object)?.clone()),
        Kind::SecretStore => Row::Store(world.get::<SecretStore>(object)?.clone()),
        Kind::ClusterSecretStore => Row::ClusterStore(world.get::<ClusterSecretStore>(object)?.clone()),
        _ => return None,
    })
}

/// The stores whose Vault does not serve.
fn down(world: &Inventory) -> Down {
    let servers: HashSet<&VaultAddress> =
        world.vaults.values().filter(|server| ServerState::of(server).is_down()).map(|server| &server.address).collect();
    if servers.is_empty() {
        return Down::new();
    }
    let reads_there = |store: &&SecretStore| store.vault.as_ref().is_some_and(|vault| servers.contains(&vault.address));
    world.stores().filter(reads_there).map(SecretStore::store_ref).collect()
}
