//! One thing that has a row, as it stands in the picture: a pointer, and what the order and the sums ask of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::diagnosis::back_off::next_try;
use crate::diagnosis::state::{self, State};
use crate::model::kinds::{ClusterSecretStore, ExternalSecret, SecretStore, Watched as _};
use crate::model::{Health, Inventory, Name, ObjectRef, SortedSet, Text};
use crate::tui::app::filter::Filter;
use crate::tui::app::rows::Tone;

/// What stands in a group.
#[derive(Clone, Debug)]
pub(super) enum Row {
    /// A store of a namespace.
    Store(Arc<SecretStore>),
    /// A store of the cluster.
    ClusterStore(Arc<ClusterSecretStore>),
    /// An `ExternalSecret`.
    Reader(Arc<ExternalSecret>),
    /// A path of a Vault.
    Path(Text),
}

impl Row {
    /// What it is called; unique in its group, and the order of rows that are equally well.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Store(store) => store.meta.name.as_str(),
            Self::ClusterStore(store) => store.0.meta.name.as_str(),
            Self::Reader(es) => es.meta.name.as_str(),
            Self::Path(path) => path.as_str(),
        }
    }

    /// The namespace that it stands under.
    pub(super) fn namespace(&self) -> &Name {
        static NONE: Name = Name::empty();
        match self {
            Self::Store(store) => &store.meta.namespace,
            Self::Reader(es) => &es.meta.namespace,
            Self::ClusterStore(_) | Self::Path(_) => &NONE,
        }
    }

    /// Its reference; a path has one only together with its Vault.
    pub(super) fn object(&self) -> Option<ObjectRef> {
        match self {
            Self::Store(store) => Some(store.store_ref()),
            Self::ClusterStore(store) => Some(store.0.store_ref()),
            Self::Reader(es) => Some(es.object_ref()),
            Self::Path(_) => None,
        }
    }

    /// How it is. `gainsaid` are those of which something was found although they say that they are well.
    pub(super) fn state(&self, gainsaid: &SortedSet<ObjectRef>) -> State {
        let found = !gainsaid.is_empty() && self.object().is_some_and(|object| gainsaid.contains(&object));
        match self {
            Self::Store(store) => state::of_store(store, found),
            Self::ClusterStore(store) => state::of_store(&store.0, found),
            Self::Reader(es) => state::of_external_secret(es, found),
            Self::Path(_) => State::new(Health::Unknown, ""),
        }
    }

    /// The store that it is, or reads through.
    fn store(&self) -> &str {
        match self {
            Self::Store(store) => store.meta.name.as_str(),
            Self::ClusterStore(store) => store.0.meta.name.as_str(),
            Self::Reader(es) => es.store.as_ref().map_or("", |store| store.name.as_str()),
            Self::Path(_) => "",
        }
    }
}

/// Stores whose Vault does not serve.
pub(super) type Down = BTreeSet<ObjectRef>;

/// What a heading or a fold says of many rows at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    /// How many fail as they come due, because their Vault does not serve.
    pub(super) at_risk: usize,
    /// When the last of these is due.
    pub(super) last: Option<Timestamp>,
    /// When the first of all is due.
    pub(super) refresh: Option<Timestamp>,
    /// When the first of those that fail is tried again.
    pub(super) retry: Option<Timestamp>,
}

impl Sum {
    /// What one row adds.
    pub(super) fn of(row: &Row, world: &Inventory, down: &Down) -> Self {
        let Row::Reader(es) = row else { return Self::default() };
        let refresh = es.next_refresh();
        let last = refresh.filter(|_| is_at_risk(es, down));
        Self {
            at_risk: usize::from(last.is_some()),
            last,
            refresh,
            retry: (es.health() == Health::Failing).then(|| next_try(world, es)).flatten(),
        }
    }

    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        let first = |a: Option<Timestamp>, b: Option<Timestamp>| a.into_iter().chain(b).min();
        Self {
            at_risk: self.at_risk + other.at_risk,
            last: self.last.max(other.last),
            refresh: first(self.refresh, other.refresh),
            retry: first(self.retry, other.retry),
        }
    }
}

/// Whether an `ExternalSecret` is well and will not be when it comes due.
pub(super) fn is_at_risk(es: &ExternalSecret, down: &Down) -> bool {
    let store = || es.store_ref().is_some_and(|store| down.contains(&store));
    !down.is_empty() && es.health() == Health::Healthy && !es.remote.is_empty() && store()
}

/// A filter over many rows, which asks once what those that follow each other have in common.
pub(super) struct Sieve<'a> {
    filter: &'a Filter,
    /// The last namespace and state, and what of the filter is left to ask of rows there; `None` if it keeps none.
    last: Option<(Name, Tone, String, Option<Filter>)>,
}

impl<'a> Sieve<'a> {
    /// A fresh one.
    pub(super) const fn new(filter: &'a Filter) -> Self {
        Self { filter, last: None }
    }

    /// Whether it keeps a row that is so.
    pub(super) fn keeps(&mut self, row: &Row, tone: Tone, word: &str) -> bool {
        let namespace = row.namespace();
        let same = self.last.as_ref().is_some_and(|(of, at, said, _)| of == namespace && *at == tone && said == word);
        if !same {
            // Of a path, not to be known is no fault.
            let ready = !tone.is_broken() || (tone == Tone::Unknown && matches!(row, Row::Path(_)));
            let left = self.filter.among(namespace.as_str(), ready, word);
            self.last = Some((namespace.clone(), tone, word.to_owned(), left));
        }
        let left = self.last.as_ref().and_then(|(_, _, _, left)| left.as_ref());
        left.is_some_and(|left| left.keeps_named(row.name(), row.store()))
    }
}
