//! The board's own state: which pane has the focus, which row is selected, what is folded, filtered, marked.

use std::collections::BTreeSet;

use super::causes::Told;
use super::effect::{Ask, Clip, Effect};
use super::index::{Entry, Index, View};
use super::links::{InFold, Linked};
use super::model::{Model, Overlay, Reader, Screen};
use super::pages::Page;
use super::rows::{Tone, describe};
use super::words::named;
use crate::engine::target_of;
use crate::keymap::Action;
use crate::model::{Kind, ObjectRef};
use crate::runbooks::Target;

/// What can have the focus on the board.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pane {
    /// The causes.
    #[default]
    Causes,
    /// The stores.
    Stores,
    /// The `ExternalSecret`s.
    ExternalSecrets,
    /// The Vaults, their replicas and paths.
    Vault,
}

impl Pane {
    /// In the order of Tab.
    pub const ALL: [Self; 4] = [Self::Causes, Self::Stores, Self::ExternalSecrets, Self::Vault];
    /// The three side by side.
    pub const TABLES: [Self; 3] = [Self::Stores, Self::ExternalSecrets, Self::Vault];

    /// Whether objects of this kind stand in it.
    const fn shows(self, object: &ObjectRef) -> bool {
        match object.kind {
            Kind::SecretStore | Kind::ClusterSecretStore => matches!(self, Self::Stores),
            Kind::ExternalSecret => matches!(self, Self::ExternalSecrets),
            Kind::Vault | Kind::VaultPath => matches!(self, Self::Vault),
            _ => false,
        }
    }

    /// What its heading says.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Causes => "CAUSES",
            Self::Stores => "STORES",
            Self::ExternalSecrets => "EXTERNALSECRETS",
            Self::Vault => "VAULT",
        }
    }
}

/// The state of the board.
#[derive(Clone, Debug, Default)]
pub struct Board {
    /// The rows, worked out for the newest picture.
    pub index: Index,
    /// What has the focus.
    pub focus: Pane,
    /// The table that is shown where there is room for one only.
    pub tab: Option<Pane>,
    /// The cause that is told in full.
    pub cause: usize,
    cursors: [usize; 4],
    /// The row that each pane's window lies around.
    around: [usize; 4],
    /// What is folded and filtered.
    pub view: View,
    /// Rows that were marked.
    pub marks: BTreeSet<ObjectRef>,
    linked: Linked,
    first_linked: [Option<usize>; 4],
    linked_in_fold: [InFold; 4],
}

impl Board {
    /// The row that a pane's cursor is on.
    #[must_use]
    pub const fn cursor(&self, pane: Pane) -> usize {
        self.cursors[pane as usize]
    }

    /// The row of a pane that must be seen: its cursor's, or the first that belongs to the selected row of another.
    #[must_use]
    pub fn in_sight(&self, pane: Pane) -> usize {
        let linked = self.first_linked[pane as usize].filter(|_| self.focus != pane);
        linked.unwrap_or_else(|| self.cursor(pane))
    }

    /// The row that a pane's window lies around. It stays while the row to be seen moves near it: what stands still is
    /// easier to read, and need not be written to a terminal that may be far away.
    #[must_use]
    pub const fn around(&self, pane: Pane) -> usize {
        self.around[pane as usize]
    }

    /// Moves each window that lies too far from the row to be seen.
    fn follow_sight(&mut self) {
        let reach = self.view.room / 3;
        for pane in Pane::TABLES {
            let (seen, around) = (self.in_sight(pane), &mut self.around[pane as usize]);
            if seen.abs_diff(*around) > reach {
                *around = seen;
            }
        }
    }

    /// How many rows that belong to the selected one are folded away in a pane.
    #[must_use]
    pub const fn linked_in_fold(&self, pane: Pane) -> InFold {
        self.linked_in_fold[pane as usize]
    }

    /// The table to show where there is room for one only.
    #[must_use]
    pub fn tab(&self) -> Pane {
        if self.focus == Pane::Causes { self.tab.unwrap_or(Pane::ExternalSecrets) } else { self.focus }
    }

    /// The selected row of the pane that has the focus.
    #[must_use]
    pub fn selected(&self) -> Option<Entry> {
        self.index.rows(self.focus).get(self.cursor(self.focus))
    }

    /// The cause that is told in full.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        self.index.causes.get(self.cause)
    }

    /// Whether `z` folds something in the pane in sight, or unfolds it; `None` if all rows are shown anyway.
    #[must_use]
    pub fn folds(&self) -> Option<bool> {
        let pane = self.tab();
        // What a filter leaves is shown whole.
        let unfolded = self.view.unfolded.contains(&pane) && self.view.filter.is_empty();
        if unfolded { Some(true) } else { self.index.rows(pane).folds().then_some(false) }
    }

    /// The object that keys work on: the selected row's, or the cause's.
    #[must_use]
    pub fn object(&self, model: &Model) -> Option<ObjectRef> {
        match self.focus {
            Pane::Causes => model.told().map(|told| told.cause.subject.clone()),
            _ => self.selected()?.object(),
        }
    }
}

impl Model {
    /// Brings the rows up to date, and keeps each cursor on the row that it was on.
    pub(super) fn reindex(&mut self) {
        // What stands around the rows takes about this much.
        let beside = if self.snapshot.diagnosis.causes.is_empty() { 12 } else { 20 };
        self.board.view.room = usize::from(self.size.1).saturating_sub(beside).max(6);
        let Board { index, cursors, around, view, .. } = &mut self.board;
        let selected = Pane::TABLES.map(|pane| index.rows(pane).get(cursors[pane as usize]));
        let old = *cursors;
        index.follow(&self.snapshot.world, &self.snapshot.diagnosis, view);
        for (pane, selected) in Pane::TABLES.into_iter().zip(selected) {
            let rows = index.rows(pane);
            let cursor = &mut cursors[pane as usize];
            *cursor = selected.and_then(|entry| rows.position(&entry)).unwrap_or(*cursor).min(rows.len().saturating_sub(1));
            // Rows that came or went above it do not move the row that it is on.
            let around = &mut around[pane as usize];
            *around = (*around + *cursor).saturating_sub(old[pane as usize]);
        }
        self.board.cause = self.board.cause.min(self.board.index.causes.len().saturating_sub(1));
        self.relink();
    }

    /// Works out what belongs to the selected row.
    pub(super) fn relink(&mut self) {
        let selected = self.board.selected().filter(|_| self.board.focus != Pane::Causes).and_then(|entry| entry.object());
        let board = &mut self.board;
        board.linked = selected.map_or_else(Linked::default, |object| Linked::to(&self.snapshot.world, &object));
        for pane in Pane::TABLES {
            let rows = board.index.rows(pane);
            let belonging = || board.linked.at_hand().filter(|object| pane.shows(object));
            let places = || belonging().filter_map(|object| rows.find(object));
            board.first_linked[pane as usize] = places().min();
            board.linked_in_fold[pane as usize] =
                if board.linked.is_many() { InFold::Many } else { InFold::Count(belonging().count() - places().count()) };
        }
        board.follow_sight();
    }

    /// Whether an object belongs to the selected row.
    #[must_use]
    pub fn is_linked(&self, object: &ObjectRef) -> bool {
        self.board.linked.contains(&self.snapshot.world, object)
    }

    /// A key on the board.
    pub(super) fn board_act(&mut self, action: Action) -> Vec<Effect> {
        match action {
            Action::Down => self.board_move(1),
            Action::Up => self.board_move(-1),
            Action::PageDown => self.board_move(self.page()),
            Action::PageUp => self.board_move(-self.page()),
            Action::Top => self.board_move(isize::MIN),
            Action::Bottom => self.board_move(isize::MAX),
            Action::NextPane => self.focus_by(1),
            Action::PreviousPane => self.focus_by(Pane::ALL.len() - 1),
            Action::NextBroken => self.next_broken(true),
            Action::PreviousBroken => self.next_broken(false),
            Action::Accept => self.board_open(),
            Action::Fold => self.fold(),
            Action::Mark => self.mark(),
            Action::Filter => self.overlay = Some(Overlay::Filter(super::field::Field::holding(&self.board.view.filter.text))),
            Action::Why => self.why(),
            Action::Repair => return self.repair(),
            Action::CopyName => return self.copy_name(),
            Action::LogInAsStore => return self.login_as_store(),
            Action::Refresh => {
                self.say("Every Vault is asked again.");
                return vec![Effect::Engine(Ask::Refresh)];
            }
            Action::Back => self.board_back(),
            _ => {}
        }
        Vec::new()
    }

    /// Moves the cursor of the pane that has the focus.
    pub(super) fn board_move(&mut self, by: isize) {
        let pane = self.board.focus;
        let (at, len) = match pane {
            Pane::Causes => (self.board.cause, self.board.index.causes.len()),
            _ => (self.board.cursor(pane), self.board.index.rows(pane).len()),
        };
        let to = at.saturating_add_signed(by).min(len.saturating_sub(1));
        match pane {
            Pane::Causes => self.board.cause = to,
            _ => self.board.cursors[pane as usize] = to,
        }
        self.relink();
    }

    fn focus_by(&mut self, steps: usize) {
        let at = Pane::ALL.iter().position(|pane| *pane == self.board.focus).unwrap_or(0);
        self.focus(Pane::ALL[(at + steps) % Pane::ALL.len()]);
    }

    /// Gives a pane the focus.
    pub(super) fn focus(&mut self, pane: Pane) {
        self.board.focus = pane;
        if pane != Pane::Causes {
            self.board.tab = Some(pane);
        }
        self.relink();
    }

    /// Puts the cursor on a row that was clicked.
    pub(super) fn select(&mut self, pane: Pane, row: usize) {
        self.focus(pane);
        self.board.cursors[pane as usize] = row.min(self.board.index.rows(pane).len().saturating_sub(1));
        self.relink();
    }

    fn next_broken(&mut self, forwards: bool) {
        if self.board.focus == Pane::Causes {
            return self.board_move(if forwards { 1 } else { -1 });
        }
        let pane = self.board.focus;
        let needs = |entry: &Entry| {
            !matches!(entry, Entry::Group { open: true, .. } | Entry::Folded { .. }) && describe(self, entry).tone < Tone::Active
        };
        match self.board.index.next_broken(pane, self.board.cursor(pane), forwards, &needs) {
            Some(found) => {
                self.board.cursors[pane as usize] = found;
                self.relink();
            }
            None => self.say(if forwards { "No broken row below." } else { "No broken row above." }),
        }
    }

    /// Enter: a namespace folds, the chain of an object is shown, a cause is explained.
    fn board_open(&mut self) {
        match self.board.selected() {
            Some(Entry::Group { namespace, .. }) if self.board.focus != Pane::Causes => {
                let flip = (self.board.focus, namespace);
                if !self.board.view.flipped.remove(&flip) {
                    self.board.view.flipped.insert(flip);
                }
                self.reindex();
            }
            Some(Entry::Folded { .. }) if self.board.focus != Pane::Causes => self.fold(),
            Some(entry) if self.board.focus != Pane::Causes => {
                if let Some(object) = entry.object() {
                    self.open_trace(object);
                }
            }
            _ => self.why(),
        }
    }

    fn fold(&mut self) {
        if self.board.folds().is_none() {
            return;
        }
        let pane = self.board.tab();
        if !self.board.view.unfolded.remove(&pane) {
            self.board.view.unfolded.insert(pane);
        }
        self.reindex();
    }

    /// The row that has the cursor, if it can be marked.
    pub(super) fn markable(&self) -> Option<ObjectRef> {
        match self.board.selected().filter(|_| self.board.focus != Pane::Causes)? {
            Entry::Object(object, _) => Some(object),
            _ => None,
        }
    }

    fn mark(&mut self) {
        let Some(object) = self.markable() else { return self.say("Stores and ExternalSecrets can be marked.") };
        if !self.board.marks.remove(&object) {
            self.board.marks.insert(object);
        }
        self.board_move(1);
    }

    fn why(&mut self) {
        match self.board.object(self) {
            Some(object) => self.open(Screen::Reader(Reader::new(Page::Why(object)))),
            None => self.say("Nothing is selected."),
        }
    }

    fn copy_name(&mut self) -> Vec<Effect> {
        if let Some(object) = self.board.object(self) {
            vec![Effect::Copy(Clip::Words(object.short()))]
        } else {
            self.say("Nothing is selected.");
            Vec::new()
        }
    }

    /// Esc on the board takes away what was put there last: the filter, then the marks.
    fn board_back(&mut self) {
        if !self.board.view.filter.is_empty() {
            self.board.view.filter = super::filter::Filter::default();
            self.reindex();
        } else if !self.board.marks.is_empty() {
            self.board.marks.clear();
        } else {
            self.focus(Pane::Causes);
        }
    }

    /// The runbook that repairs what is selected, and on what. Marks win over the selection; an object that
    /// stands under a cause is repaired by repairing the cause.
    #[must_use]
    pub fn remedy(&self) -> Option<(&'static str, Target)> {
        let diagnosis = &self.snapshot.diagnosis;
        if !self.board.marks.is_empty() {
            return Some(("refresh", Target::Objects(self.board.marks.iter().cloned().collect())));
        }
        let object = self.board.object(self)?;
        if self.board.focus == Pane::Causes {
            let told = self.told()?;
            let target = match told.subjects.as_slice() {
                [one] => target_of(one),
                many => Target::Objects(many.to_vec()),
            };
            return told.cause.runbooks.first().map(|runbook| (*runbook, target));
        }
        let cause = {
            let finding = diagnosis.about(&object).next();
            finding.and_then(|finding| {
                let (slug, subject) = finding.cause();
                diagnosis.causes.iter().find(|cause| cause.slug == slug && cause.subject == subject)
            })
        };
        if let Some(cause) = cause {
            cause.runbooks.first().map(|runbook| (*runbook, target_of(&cause.subject)))
        } else {
            use crate::model::Kind::{ClusterSecretStore, ExternalSecret, SecretStore};
            let is_synced = matches!(object.kind, ExternalSecret | SecretStore | ClusterSecretStore);
            let is_kept = self.snapshot.world.upkeep(&object).is_some();
            (is_synced || is_kept).then(|| ("refresh", target_of(&object)))
        }
    }

    /// Whether there is one, without working out on what.
    #[must_use]
    pub fn has_remedy(&self) -> bool {
        match self.board.focus {
            _ if !self.board.marks.is_empty() => true,
            Pane::Causes => self.told().is_some_and(|told| !told.cause.runbooks.is_empty()),
            _ => self.remedy().is_some(),
        }
    }

    fn repair(&mut self) -> Vec<Effect> {
        if self.run_is_on() {
            self.open(Screen::Runbook);
            return Vec::new();
        }
        if let Some((runbook, target)) = self.remedy() {
            self.start(runbook, target)
        } else {
            if self.board.focus == Pane::Causes && self.looks_for_the_cause() {
                self.say("The cause is still looked for; that takes a second or two.");
                return Vec::new();
            }
            let what = self.board.object(self).map_or_else(|| "this".to_owned(), |object| named(&object));
            self.say(format!("No runbook repairs {what}. X says what is known of it, R lists every runbook."));
            Vec::new()
        }
    }
}
