//! The order of the rows of the board, worked out once for each new picture of the world and not for each
//! frame: groups by namespace, broken rows first, healthy ones folded to a count.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::board::Pane;
use super::causes::{Told, told};
use super::filter::{Candidate, Filter};
use super::rows::{Tone, toned};
use crate::diagnosis::Diagnosis;
use crate::diagnosis::back_off::next_try;
use crate::diagnosis::server::ServerState;
use crate::diagnosis::state;
use crate::model::kinds::{Event, ExternalSecret, SecretStore, Watched};
use crate::model::{Health, Inventory, Kind, Name, ObjectRef, Text, VaultAddress, VaultServer};

/// One row of a pane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A namespace, and what is in it.
    Group {
        /// Which; empty for what is cluster-scoped.
        namespace: Name,
        /// How many in it are broken.
        broken: usize,
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

/// The rows of one pane.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// In order.
    pub entries: Vec<Entry>,
    /// How many objects there are, shown or not.
    pub total: usize,
    /// How many of them need a look: failing, wrong, or never heard of.
    pub broken: usize,
    /// How many of these fail.
    pub failing: usize,
    /// How many are left by the filter; equal to `total` without one.
    pub kept: usize,
}

/// Everything that is worked out once for a picture.
#[derive(Clone, Debug, Default)]
pub struct Index {
    panes: [Rows; 4],
    /// Causes that are one to a person: those of a Vault each, others by their rule.
    pub causes: Vec<Told>,
    /// The newest events, newest first.
    pub events: Vec<ObjectRef>,
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

/// How many events are kept at hand.
const EVENTS: usize = 12;

impl Index {
    /// Works out the rows of this picture.
    #[must_use]
    pub fn of(world: &Inventory, diagnosis: &Diagnosis, view: &View) -> Self {
        let down: HashSet<&VaultAddress> =
            world.vaults.values().filter(|server| ServerState::of(server).is_down()).map(|server| &server.address).collect();
        let panes = [
            Rows::default(),
            grouped(Pane::Stores, store_rows(world, diagnosis), view),
            grouped(Pane::ExternalSecrets, external_secret_rows(world, diagnosis, &down), view),
            vault_rows(world, view),
        ];
        Self { panes, causes: told(&diagnosis.causes), events: events(world) }
    }

    /// The rows of a pane; causes have none, they are told.
    #[must_use]
    pub const fn rows(&self, pane: Pane) -> &Rows {
        &self.panes[pane as usize]
    }
}

/// Puts rows under their namespaces.
fn grouped(pane: Pane, rows: Vec<Row>, view: &View) -> Rows {
    let total = rows.len();
    let broken = rows.iter().filter(|row| row.is_broken()).count();
    let failing = rows.iter().filter(|row| row.tone == Tone::Failing).count();
    let rows: Vec<Row> = rows.into_iter().filter(|row| view.filter.is_empty() || view.filter.keeps(row.candidate())).collect();
    let kept = rows.len();
    let mut groups: BTreeMap<Name, Vec<Row>> = BTreeMap::new();
    for row in rows {
        groups.entry(row.object.namespace.clone()).or_default().push(row);
    }
    let headings = groups.values().filter(|rows| rows.len() > 1).count();
    let healthy_only = groups.values().filter(|rows| !rows.iter().any(Row::is_broken)).count();
    let mut fold = Fold {
        // A filter is a wish to see: nothing that it leaves is folded away. Nor is what fits anyway.
        none: view.unfolded.contains(&pane) || !view.filter.is_empty() || kept + headings <= view.room,
        rows_left: view.room.saturating_sub(broken.min(headings) + 1),
        name_healthy: broken.min(headings) + healthy_only < view.room,
    };
    let mut groups: Vec<(Name, Vec<Row>)> = groups.into_iter().collect();
    groups.sort_by_key(|(name, rows)| (std::cmp::Reverse(rows.iter().filter(|row| row.is_broken()).count()), name.clone()));
    let mut entries = Vec::new();
    let mut folded = Folded::default();
    for (namespace, rows) in groups {
        let flipped = view.flipped.contains(&(pane, namespace.clone()));
        fold.group(namespace, rows, flipped, &mut entries, &mut folded);
    }
    entries.extend(folded.entry());
    Rows { entries, total, broken, failing, kept }
}

/// What is folded in a pane.
struct Fold {
    /// Nothing is.
    none: bool,
    /// Namespaces with broken rows begin open as long as these rows last.
    rows_left: usize,
    /// Namespaces where all is well have a line of their own.
    name_healthy: bool,
}

impl Fold {
    fn group(&mut self, namespace: Name, mut rows: Vec<Row>, flipped: bool, entries: &mut Vec<Entry>, folded: &mut Folded) {
        rows.sort_by(|a, b| a.tone.cmp(&b.tone).then_with(|| a.object.name.cmp(&b.object.name)));
        let broken = rows.iter().filter(|row| row.is_broken()).count();
        let named = self.none || broken > 0 || self.name_healthy || flipped;
        if !named {
            for row in &rows {
                folded.add(row);
            }
            return;
        }
        if rows.len() == 1 {
            return entries.extend(rows.into_iter().map(|row| Entry::Object(row.object, Alone::Yes)));
        }
        let next = match broken {
            0 => rows.iter().filter_map(|row| row.refresh).min(),
            _ => rows.iter().filter_map(|row| row.next).min(),
        };
        let fits = broken > 0 && broken <= self.rows_left;
        if fits {
            self.rows_left -= broken;
        }
        let open = flipped != (self.none || fits);
        let at_risk = rows.iter().filter(|row| row.due.is_some()).count();
        entries.push(Entry::Group { namespace, broken, well: rows.len() - broken, at_risk, next, open });
        // Opened by hand, or where nothing is folded, a namespace shows what is well too.
        let all = self.none || broken == 0;
        for row in rows {
            if open && (all || row.is_broken()) {
                entries.push(Entry::Object(row.object, Alone::No));
            } else if broken > 0 && !row.is_broken() {
                folded.add(&row);
            }
        }
    }
}

/// A row before it has its place.
struct Row {
    object: ObjectRef,
    store: Name,
    tone: Tone,
    state: String,
    /// When it is tried again, if it fails.
    next: Option<Timestamp>,
    /// When it is due by itself, if it is well.
    refresh: Option<Timestamp>,
    /// The same, if it will fail then.
    due: Option<Timestamp>,
}

impl Row {
    fn is_broken(&self) -> bool {
        self.tone < Tone::Quiet
    }

    fn candidate(&self) -> Candidate<'_> {
        Candidate {
            namespace: self.object.namespace.as_str(),
            name: self.object.name.as_str(),
            store: self.store.as_str(),
            ready: !self.is_broken(),
            state: &self.state,
        }
    }
}

#[derive(Default)]
struct Folded {
    count: usize,
    due: usize,
    last: Option<Timestamp>,
}

impl Folded {
    fn add(&mut self, row: &Row) {
        self.count += 1;
        self.due += usize::from(row.due.is_some());
        self.last = self.last.max(row.due);
    }

    fn entry(self) -> Option<Entry> {
        (self.count > 0).then_some(Entry::Folded { count: self.count, unread: 0, due: self.due, last: self.last })
    }
}

fn store_rows(world: &Inventory, diagnosis: &Diagnosis) -> Vec<Row> {
    let row = |store: &SecretStore| {
        let object = store.store_ref();
        let (tone, state) = toned(state::of_store(store, diagnosis.has_found(&object)));
        Row { store: object.name.clone(), tone, state, next: None, refresh: None, due: None, object }
    };
    world.stores().map(row).collect()
}

fn external_secret_rows(world: &Inventory, diagnosis: &Diagnosis, down: &HashSet<&VaultAddress>) -> Vec<Row> {
    let row = |es: &ExternalSecret| {
        let object = es.object_ref();
        let (tone, state) = toned(state::of_external_secret(es, diagnosis.has_found(&object)));
        let address = es.store_ref().and_then(|store| world.store(&store)?.vault.as_ref().map(|vault| &vault.address));
        let follows = es.health() == Health::Healthy && !es.remote.is_empty() && address.is_some_and(|a| down.contains(a));
        Row {
            store: es.store.as_ref().map_or_else(Name::empty, |store| store.name.clone()),
            next: (es.health() == Health::Failing).then(|| next_try(world, es)).flatten(),
            refresh: es.next_refresh(),
            due: follows.then(|| es.next_refresh()).flatten(),
            tone,
            state,
            object,
        }
    };
    world.all::<ExternalSecret>().iter().map(|es| row(es)).collect()
}

fn vault_rows(world: &Inventory, view: &View) -> Rows {
    let mut rows = Rows::default();
    let unfold = view.unfolded.contains(&Pane::Vault) || !view.filter.is_empty();
    for server in world.vaults.values() {
        rows.entries.push(Entry::Server(server.address.clone()));
        for (pod, replica) in &server.replicas {
            rows.total += 1;
            rows.kept += 1;
            rows.broken += usize::from(!replica.is_open());
            rows.entries.push(Entry::Replica(server.address.clone(), pod.clone()));
        }
        let mut paths = Vec::new();
        for (path, known) in server.paths.iter() {
            let (tone, state) = toned(state::of_path(&known.facts.state));
            let broken = tone < Tone::Unknown;
            rows.total += 1;
            let candidate = Candidate { name: path.as_str(), state: &state, ready: !broken, ..Candidate::default() };
            if view.filter.keeps(candidate) {
                rows.kept += 1;
                rows.broken += usize::from(broken);
                paths.push((tone, path));
            }
        }
        paths.sort();
        let mut mounts = server.paths.values().map(|path| &path.mount);
        let first = mounts.next();
        let mount = if mounts.all(|mount| Some(mount) == first) { Mount::Only } else { Mount::OneOfSeveral };
        // What is broken is always shown; of the rest as many as there is room for, and the others as a count.
        let broken = paths.iter().filter(|(tone, _)| *tone < Tone::Unknown).count();
        let room = view.room.saturating_sub(rows.entries.len());
        let shown = if unfold || paths.len() <= room { paths.len() } else { broken.max(room.saturating_sub(1)) };
        let rest = paths.split_off(shown.min(paths.len()));
        rows.entries.extend(paths.into_iter().map(|(_, path)| Entry::Path(server.address.clone(), path.clone(), mount)));
        if !rest.is_empty() {
            let unread = rest.iter().filter(|(tone, _)| *tone == Tone::Unknown).count();
            rows.entries.push(Entry::Folded { count: rest.len(), unread, due: 0, last: None });
        }
    }
    rows.failing = rows.broken;
    rows
}

fn events(world: &Inventory) -> Vec<ObjectRef> {
    let about_us = |event: &Event| {
        event.about.as_ref().is_some_and(|object| {
            use Kind::{ClusterExternalSecret, ClusterSecretStore, ExternalSecret, SecretStore};
            matches!(object.kind, ExternalSecret | SecretStore | ClusterSecretStore | ClusterExternalSecret)
        })
    };
    let mut events: Vec<(Option<Timestamp>, ObjectRef)> =
        world.all::<Event>().iter().filter(|event| about_us(event)).map(|event| (event.last, event.object_ref())).collect();
    let newest_first = |a: &(Option<Timestamp>, ObjectRef), b: &(Option<Timestamp>, ObjectRef)| b.cmp(a);
    if events.len() > EVENTS {
        events.select_nth_unstable_by(EVENTS, newest_first);
        events.truncate(EVENTS);
    }
    events.sort_by(newest_first);
    events.into_iter().map(|(_, event)| event).collect()
}
