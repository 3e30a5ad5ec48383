//! The rows of one pane: groups of rows, and a short list of spans that says which of them are shown in which
//! order. A row is looked up by its number, and a number by its row; neither looks at all rows.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::fold::Fold;
use super::lane::Group;
use super::row::{Down, Row, Sieve, Sum, is_at_risk};
use super::{Alone, Entry, Mount, View};
use crate::model::{Inventory, Kind, Name, ObjectRef, SortedSet, Text, VaultAddress};
use crate::tui::app::board::Pane;
use crate::tui::app::filter::Filter;
use crate::tui::app::rows::Tone;

/// What rows stand under.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Under {
    /// A namespace, or none.
    Namespace(Name),
    /// A Vault.
    Server(VaultAddress),
}

/// The group to go on with, and the last row in it that was looked at.
type Resume = (Under, Option<(Tone, String)>);

/// Groups of rows by what they stand under.
pub(super) type Groups = BTreeMap<Under, Group>;

/// Rows that are shown one after the other.
#[derive(Clone, Debug)]
pub(super) enum Span {
    /// One row that stands in no group.
    One(Entry),
    /// So many rows of the group of a namespace, from its first on.
    Objects(Name, usize, Alone),
    /// So many paths of a Vault.
    Paths(VaultAddress, usize, Mount),
}

impl Span {
    const fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Objects(_, len, _) | Self::Paths(_, len, _) => *len,
        }
    }

    fn under(&self) -> Option<Under> {
        match self {
            Self::One(_) => None,
            Self::Objects(namespace, ..) => Some(Under::Namespace(namespace.clone())),
            Self::Paths(address, ..) => Some(Under::Server(address.clone())),
        }
    }
}

/// The rows of one pane.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// How many objects there are, shown or not.
    pub total: usize,
    /// How many of them need a look: failing, wrong, or never heard of.
    pub broken: usize,
    /// How many of these fail.
    pub failing: usize,
    /// How many say that they are well, though something may be wrong with them.
    pub synced: usize,
    /// How many are left by the filter; equal to `total` without one.
    pub kept: usize,
    all: Groups,
    /// Those that the filter leaves, if there is one.
    fitting: Option<Groups>,
    /// Where to go on with a filter that not all rows have passed yet.
    sifting: Option<Resume>,
    /// What an old filter left; given back little by little, for that takes as long as to look at it.
    discarded: Vec<Group>,
    /// In order, each with the number of its first row.
    spans: Vec<(usize, Span)>,
    /// Which span shows a group.
    shown: BTreeMap<Under, usize>,
    len: usize,
    folds: bool,
}

impl Rows {
    /// Whether some rows are folded to a count.
    #[must_use]
    pub const fn folds(&self) -> bool {
        self.folds
    }

    /// How many rows are shown.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is shown.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The row of this number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<Entry> {
        let (first, span) = self.spans.get(self.span_of(number)?)?;
        self.entry(span, number - first)
    }

    /// The number of the row that is the same in this picture, though its counts may differ.
    #[must_use]
    pub fn position(&self, entry: &Entry) -> Option<usize> {
        match entry {
            Entry::Object(object, _) => self.find(object),
            Entry::Path(address, path, _) => self.place(&Under::Server(address.clone()), path.as_str()),
            one => {
                let same = |(_, span): &&(usize, Span)| matches!(span, Span::One(other) if other.is_same(one));
                self.spans.iter().find(same).map(|(first, _)| *first)
            }
        }
    }

    /// The number of the row that stands for an object.
    #[must_use]
    pub fn find(&self, object: &ObjectRef) -> Option<usize> {
        match object.kind {
            Kind::Vault | Kind::VaultReplica => {
                let row = |of: &ObjectRef| {
                    let is = |span: &Span| matches!(span, Span::One(entry) if entry.object().as_ref() == Some(of));
                    self.spans.iter().find(|(_, span)| is(span)).map(|(first, _)| *first)
                };
                // A namespace of a Vault stands in its row.
                let within = || {
                    let (server, _) = object.name.as_str().split_once('/')?;
                    row(&ObjectRef::new(object.kind, object.namespace.as_str(), server))
                };
                row(object).or_else(within)
            }
            Kind::VaultPath => {
                let of = |address: &VaultAddress| address.host_port() == object.namespace.as_str();
                let server = self.shown.keys().find(|under| matches!(under, Under::Server(address) if of(address)))?;
                self.place(server, object.name.as_str())
            }
            _ => {
                let at = self.place(&Under::Namespace(object.namespace.clone()), object.name.as_str())?;
                (self.get(at)?.object()? == *object).then_some(at)
            }
        }
    }

    /// The next row in this direction that needs a look: what is broken, and what will be when it comes due.
    /// `needs` says it of a row that stands in no group.
    pub(super) fn next_broken(&self, at: usize, forwards: bool, down: &Down, needs: &dyn Fn(&Entry) -> bool) -> Option<usize> {
        let next = |(first, span): &(usize, Span)| {
            let numbers: Vec<usize> = self.broken_in(span, down, needs).map(|place| first + place).collect();
            if forwards {
                numbers.into_iter().find(|number| *number > at)
            } else {
                numbers.into_iter().rev().find(|number| *number < at)
            }
        };
        let here = self.span_of(at).unwrap_or(0);
        if forwards {
            self.spans.get(here..)?.iter().find_map(next)
        } else {
            self.spans.get(..=here)?.iter().rev().find_map(next)
        }
    }

    /// The places of a span that need a look.
    fn broken_in<'a>(
        &'a self,
        span: &'a Span,
        down: &'a Down,
        needs: &dyn Fn(&Entry) -> bool,
    ) -> Box<dyn Iterator<Item = usize> + 'a> {
        let group = || span.under().and_then(|under| self.groups().get(&under));
        match span {
            Span::One(entry) => Box::new(needs(entry).then_some(0).into_iter()),
            Span::Paths(_, len, _) => Box::new(0..group().map_or(0, Group::broken).min(*len)),
            Span::Objects(_, len, _) => {
                let broken = group().map_or(0, Group::broken).min(*len);
                let well = group().filter(|_| !down.is_empty()).into_iter().flat_map(Group::iter);
                let at_risk = move |(_, row): (Tone, &Row)| matches!(row, Row::Reader(es) if is_at_risk(es, down));
                let later = well.enumerate().take(*len).skip(broken).filter(move |(_, one)| at_risk(*one));
                Box::new((0..broken).chain(later.map(|(place, _)| place)))
            }
        }
    }

    fn groups(&self) -> &Groups {
        self.fitting.as_ref().unwrap_or(&self.all)
    }

    fn span_of(&self, number: usize) -> Option<usize> {
        let span = self.spans.partition_point(|(first, _)| *first <= number).checked_sub(1)?;
        (number < self.len).then_some(span)
    }

    fn place(&self, under: &Under, name: &str) -> Option<usize> {
        let (first, span) = self.spans.get(*self.shown.get(under)?)?;
        let place = self.groups().get(under)?.position(name)?;
        (place < span.len()).then_some(first + place)
    }

    fn entry(&self, span: &Span, place: usize) -> Option<Entry> {
        let row = || self.groups().get(&span.under()?)?.nth(place);
        match span {
            Span::One(entry) => Some(entry.clone()),
            Span::Objects(_, _, alone) => Some(Entry::Object(row()?.object()?, *alone)),
            Span::Paths(address, _, mount) => match row()? {
                Row::Path(path) => Some(Entry::Path(address.clone(), path.clone(), *mount)),
                _ => None,
            },
        }
    }
}

/// How the rows change with the world.
impl Rows {
    /// Begins anew with these rows, which come by namespace and name.
    pub(super) fn rebuild(&mut self, rows: impl Iterator<Item = Row>, gainsaid: &SortedSet<ObjectRef>) {
        self.all.clear();
        let mut group = Group::default();
        let mut namespace: Option<Name> = None;
        for row in rows {
            if namespace.as_ref() != Some(row.namespace()) {
                let last = namespace.replace(row.namespace().clone());
                self.all.extend(last.map(|last| (Under::Namespace(last), std::mem::take(&mut group))));
            }
            group.push(row.state(gainsaid).health.into(), row);
        }
        self.all.extend(namespace.map(|last| (Under::Namespace(last), group)));
    }

    /// Puts a row, or the newer form of one, in its place.
    pub(super) fn put(&mut self, row: Row, gainsaid: &SortedSet<ObjectRef>, filter: &Filter) {
        let state = row.state(gainsaid);
        let (tone, under) = (Tone::from(state.health), Under::Namespace(row.namespace().clone()));
        if let Some(fitting) = &mut self.fitting {
            if Sieve::new(filter).keeps(&row, tone, &state.word) {
                fitting.entry(under.clone()).or_default().put(tone, row.clone());
            } else {
                drop_row(fitting, &under, row.name());
            }
        }
        self.all.entry(under).or_default().put(tone, row);
    }

    /// Takes a row out.
    pub(super) fn take(&mut self, namespace: &Name, name: &Name) {
        let under = Under::Namespace(namespace.clone());
        for groups in std::iter::once(&mut self.all).chain(&mut self.fitting) {
            drop_row(groups, &under, name.as_str());
        }
    }

    /// Puts a path of a Vault in its place; `word` says its state.
    pub(super) fn put_path(&mut self, under: &Under, tone: Tone, path: &Text, word: &str, filter: &Filter) {
        let row = Row::Path(path.clone());
        if let Some(fitting) = &mut self.fitting {
            if Sieve::new(filter).keeps(&row, tone, word) {
                fitting.entry(under.clone()).or_default().put(tone, row.clone());
            } else {
                drop_row(fitting, under, row.name());
            }
        }
        self.all.entry(under.clone()).or_default().put(tone, row);
    }

    /// Takes a path of a Vault out.
    pub(super) fn take_path(&mut self, under: &Under, path: &Text) {
        for groups in std::iter::once(&mut self.all).chain(&mut self.fitting) {
            drop_row(groups, under, path.as_str());
        }
    }

    /// Puts a whole group in place of the one that stood there.
    pub(super) fn put_group(&mut self, under: Under, all: Group, fitting: Option<Group>) {
        self.all.insert(under.clone(), all);
        if let Some(fitting) = fitting {
            self.fitting.get_or_insert_default().insert(under, fitting);
        } else {
            self.fitting = None;
        }
    }

    /// Keeps only groups that are still wanted.
    pub(super) fn keep_groups(&mut self, wanted: impl Fn(&Under) -> bool) {
        for groups in std::iter::once(&mut self.all).chain(&mut self.fitting) {
            groups.retain(|under, _| wanted(under));
        }
    }

    /// Begins to pass every row through a filter; [`Rows::sift`] does it.
    pub(super) fn begin_to_sift(&mut self, filter: &Filter) {
        let fitting = (!filter.is_empty()).then(Groups::new);
        self.sifting = fitting.as_ref().and_then(|_| Some((self.all.keys().next()?.clone(), None)));
        let old = std::mem::replace(&mut self.fitting, fitting);
        self.discarded.extend(old.into_iter().flat_map(BTreeMap::into_values));
    }

    /// Whether not every row has passed the filter yet, or something is to be given back.
    pub(super) fn is_busy(&self) -> bool {
        self.sifting.is_some() || !self.discarded.is_empty()
    }

    /// Passes so many rows through the filter at most, that nobody waits for the rest. `word` says the state of a row.
    pub(super) fn sift(&mut self, filter: &Filter, left: &mut usize, word: impl Fn(&Under, &Row) -> Cow<'static, str>) {
        let mut sieve = Sieve::new(filter);
        while *left > 0
            && let Some((under, last)) = self.sifting.take()
            && let Some(fitting) = &mut self.fitting
        {
            let mut into = fitting.remove(&under).unwrap_or_default();
            let rows: Box<dyn Iterator<Item = (Tone, &Row)>> = match (self.all.get(&under), &last) {
                (None, _) => Box::new(std::iter::empty()),
                (Some(group), None) => Box::new(group.iter()),
                (Some(group), Some((tone, name))) => Box::new(group.iter_behind(*tone, name)),
            };
            let mut reached = None;
            for (tone, row) in rows.take(*left) {
                *left -= 1;
                if sieve.keeps(row, tone, &word(&under, row)) {
                    into.append(tone, row.clone());
                }
                if *left == 0 {
                    reached = Some((tone, row.name().to_owned()));
                }
            }
            if into.len() > 0 {
                fitting.insert(under.clone(), into);
            }
            self.sifting = match reached {
                Some(last) => Some((under, Some(last))),
                None => self.all.range((Bound::Excluded(under), Bound::Unbounded)).next().map(|(next, _)| (next.clone(), None)),
            };
        }
        while *left > 0
            && let Some(group) = self.discarded.pop()
        {
            *left = left.saturating_sub(group.len());
        }
    }

    /// What the sums say of one object holds no longer; of all, if none is named.
    pub(super) fn forget_sums(&mut self, object: Option<&ObjectRef>) {
        for groups in std::iter::once(&mut self.all).chain(&mut self.fitting) {
            match object {
                None => groups.values_mut().for_each(|group| group.forget_sums(None)),
                Some(object) => {
                    if let Some(group) = groups.get_mut(&Under::Namespace(object.namespace.clone())) {
                        group.forget_sums(Some(object.name.as_str()));
                    }
                }
            }
        }
    }

    /// Adds up what changed, counts, and lays the rows of namespaces out.
    pub(super) fn lay_out(&mut self, pane: Pane, world: &Inventory, down: &Down, view: &View) {
        let groups = self.fitting.as_mut().unwrap_or(&mut self.all);
        for group in groups.values_mut() {
            group.sum_up(&|row| Sum::of(row, world, down));
        }
        self.total = self.all.values().map(Group::len).sum();
        self.broken = self.all.values().map(Group::broken).sum();
        self.failing = self.all.values().map(|group| group.count(Tone::Failing)).sum();
        let well = || Tone::ALL.into_iter().filter(|tone| tone.says_well());
        self.synced = self.all.values().flat_map(|group| well().map(|tone| group.count(tone))).sum();
        self.kept = self.groups().values().map(Group::len).sum();
        let spans = Fold::spans(pane, self.groups(), self.broken, view);
        self.show(spans);
    }

    /// The group of a Vault that the filter leaves.
    pub(super) fn fitting_group(&self, under: &Under) -> Option<&Group> {
        self.groups().get(under)
    }

    /// How many rows a group has in all.
    pub(super) fn all_in(&self, under: &Under, tone: Option<Tone>) -> usize {
        self.all.get(under).map_or(0, |group| tone.map_or_else(|| group.len(), |tone| group.count(tone)))
    }

    /// Shows these spans from now on.
    pub(super) fn show(&mut self, spans: Vec<Span>) {
        self.folds = spans.iter().any(|span| matches!(span, Span::One(Entry::Folded { .. })));
        self.spans.clear();
        self.shown.clear();
        self.len = 0;
        for span in spans.into_iter().filter(|span| span.len() > 0) {
            self.shown.extend(span.under().map(|under| (under, self.spans.len())));
            let first = self.len;
            self.len += span.len();
            self.spans.push((first, span));
        }
    }
}

/// Takes a row out of its group, and the group with its last row.
fn drop_row(groups: &mut Groups, under: &Under, name: &str) {
    if let Some(group) = groups.get_mut(under) {
        group.take(name);
        if group.len() == 0 {
            groups.remove(under);
        }
    }
}
