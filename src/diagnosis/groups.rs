//! Which finding stands under which cause. Looks tell what they found anew, and nothing else is gone through: a finding is
//! told once, although several paths lead to it; it may mean something else together with others; and it is set apart with
//! its cause, if that is starting.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;

use super::finding::{CauseKey, Certainty, Finding};
use super::findings::Findings;
use super::look::{Look, Place};
use super::tally::{Tally, Turn};
use super::{Check, RULES};
use crate::model::{ObjectRef, SortedMap};

/// Names a cause as [`CauseKey`] does; those of one object stand together.
pub(super) type Root = (ObjectRef, &'static str);

/// What was found about one cause.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// That it is the cause.
    own: BTreeMap<Place, Arc<Finding>>,
    /// What comes of it.
    under: SortedMap<Place, Arc<Finding>>,
    /// Whether its root is starting: then nothing of it is told.
    apart: bool,
}

impl Group {
    /// Whether there is anything to tell of it.
    pub(super) fn is_told(&self) -> bool {
        !self.apart && !self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.own.is_empty() && self.under.is_empty()
    }

    /// That it is the cause, the last word first.
    pub(super) fn own(&self) -> Vec<Arc<Finding>> {
        self.own.values().rev().cloned().collect()
    }

    /// What comes of it, in order.
    pub(super) const fn under(&self) -> &SortedMap<Place, Arc<Finding>> {
        &self.under
    }
}

/// Every finding of one rule whose findings mean something together.
#[derive(Debug, Default)]
pub struct Alike {
    all: BTreeMap<Place, Arc<Finding>>,
    since: Tally<Timestamp>,
    /// The cause under which all of them stand, if they do.
    cause: Option<CauseKey>,
}

impl Alike {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Each of them, as it was found.
    pub fn iter(&self) -> impl Iterator<Item = &Finding> {
        self.all.values().map(AsRef::as_ref)
    }

    /// Since when the first of them is so.
    #[must_use]
    pub fn since(&self) -> Option<Timestamp> {
        self.since.first().copied()
    }

    pub(super) fn turn(&mut self, turn: Turn, place: &Place, finding: &Arc<Finding>) {
        match turn {
            Turn::Count => drop(self.all.insert(place.clone(), finding.clone())),
            Turn::TakeBack => drop(self.all.remove(place)),
        }
        if let Some(since) = finding.since {
            self.since.turn(turn, since);
        }
    }

    /// One of them as it is told.
    fn meant(&self, finding: &Arc<Finding>) -> Arc<Finding> {
        let Some(cause) = &self.cause else { return finding.clone() };
        Arc::new(Finding { certainty: Certainty::Certain, because: Some(cause.clone()), ..Finding::clone(finding) })
    }
}

/// What makes findings of several paths one: a store and its readers are found by each of the paths that they read.
type Twin = (&'static str, ObjectRef, Option<CauseKey>);

/// Every finding under its cause.
#[derive(Debug)]
pub(super) struct Groups {
    all: BTreeMap<Root, Group>,
    told: Findings,
    /// Findings of paths; the first of those that are one is told.
    twins: HashMap<Twin, BTreeMap<Place, Arc<Finding>>>,
    alike: BTreeMap<&'static str, Alike>,
    /// The roots that are starting.
    apart: BTreeSet<ObjectRef>,
    anew: Anew,
}

/// What is told otherwise than when that was asked last.
#[derive(Debug, Default)]
pub(super) struct Anew {
    /// Causes of which something else was found.
    pub(super) causes: BTreeSet<Root>,
    /// What that was found about.
    pub(super) subjects: BTreeSet<ObjectRef>,
}

impl Default for Groups {
    fn default() -> Self {
        let of = |check: &Check| if let Check::Together { of, .. } = check { Some((*of, Alike::default())) } else { None };
        Self {
            alike: RULES.iter().flat_map(|rule| rule.check.each()).filter_map(of).collect(),
            all: BTreeMap::new(),
            told: Findings::default(),
            twins: HashMap::new(),
            apart: BTreeSet::new(),
            anew: Anew::default(),
        }
    }
}

impl Groups {
    /// Every finding that is told.
    pub(super) const fn told(&self) -> &Findings {
        &self.told
    }

    /// What was found about a cause.
    pub(super) fn get(&self, root: &Root) -> Option<&Group> {
        self.all.get(root)
    }

    /// Whether there is anything to tell of a cause.
    pub(super) fn is_told(&self, root: &Root) -> bool {
        self.get(root).is_some_and(Group::is_told)
    }

    /// The causes that are told of one object.
    pub(super) fn of<'a>(&'a self, subject: &'a ObjectRef) -> impl Iterator<Item = &'a Root> {
        let from = self.all.range((subject.clone(), "")..).take_while(move |((of, _), _)| of == subject);
        from.filter(|(_, group)| group.is_told()).map(|(root, _)| root)
    }

    /// What is about, or comes of, something that is starting.
    pub(super) fn apart(&self) -> impl Iterator<Item = &Arc<Finding>> {
        let groups = self.apart.iter().flat_map(|subject| {
            self.all.range((subject.clone(), "")..).take_while(move |((of, _), _)| of == subject).map(|(_, group)| group)
        });
        groups.flat_map(|group| group.own.values().chain(group.under.values()))
    }

    /// Every finding of a rule whose findings mean something together.
    pub(super) fn alike(&mut self, of: &'static str) -> &Alike {
        self.alike.entry(of).or_default()
    }

    /// A look found this before, and this now.
    pub(super) fn found(&mut self, look: &Look, before: &[Arc<Finding>], now: &[Arc<Finding>]) {
        for at in 0..before.len().max(now.len()) {
            let (before, now) = (before.get(at), now.get(at));
            if before == now {
                continue;
            }
            let place = Place { look: look.clone(), at };
            if let Look::Path(..) = look {
                if let Some(before) = before {
                    self.twin_gone(&place, before);
                }
                if let Some(now) = now {
                    self.twin_found(&place, now);
                }
            } else {
                if let Some(before) = before {
                    self.turn(Turn::TakeBack, &place, before);
                }
                if let Some(now) = now {
                    self.turn(Turn::Count, &place, now);
                }
            }
        }
    }

    fn twin_found(&mut self, place: &Place, finding: &Arc<Finding>) {
        let twins = self.twins.entry(twin(finding)).or_default();
        let first = twins.iter().next().map(|(at, first)| (at.clone(), first.clone()));
        twins.insert(place.clone(), finding.clone());
        if first.as_ref().is_none_or(|(at, _)| place < at) {
            if let Some((at, first)) = first {
                self.turn(Turn::TakeBack, &at, &first);
            }
            self.turn(Turn::Count, place, finding);
        }
    }

    fn twin_gone(&mut self, place: &Place, finding: &Arc<Finding>) {
        let key = twin(finding);
        let Some(twins) = self.twins.get_mut(&key) else { return };
        let was_first = twins.keys().next() == Some(place);
        twins.remove(place);
        let first = twins.iter().next().map(|(at, first)| (at.clone(), first.clone()));
        if first.is_none() {
            self.twins.remove(&key);
        }
        if was_first {
            self.turn(Turn::TakeBack, place, finding);
            if let Some((at, first)) = first {
                self.turn(Turn::Count, &at, &first);
            }
        }
    }

    /// A finding comes or goes, as it was found.
    fn turn(&mut self, turn: Turn, place: &Place, finding: &Arc<Finding>) {
        let alike = self.alike.get_mut(finding.slug).filter(|_| !matches!(place.look, Look::Together(_)));
        let Some(alike) = alike else { return self.stand(turn, place, finding) };
        alike.turn(turn, place, finding);
        let meant = alike.meant(finding);
        self.stand(turn, place, &meant);
    }

    /// All findings of a rule stand under this cause from now on, and are certain; or each as it was found.
    pub(super) fn mean(&mut self, of: &'static str, cause: Option<CauseKey>) {
        let alike = self.alike.entry(of).or_default();
        if alike.cause == cause {
            return;
        }
        let told = |alike: &Alike| -> Vec<(Place, Arc<Finding>)> {
            alike.all.iter().map(|(place, finding)| (place.clone(), alike.meant(finding))).collect()
        };
        let before = told(alike);
        alike.cause = cause;
        let now = told(alike);
        for (place, finding) in &before {
            self.stand(Turn::TakeBack, place, finding);
        }
        for (place, finding) in &now {
            self.stand(Turn::Count, place, finding);
        }
    }

    /// A finding comes under its cause, or goes from there, as it is told.
    fn stand(&mut self, turn: Turn, place: &Place, finding: &Arc<Finding>) {
        let (slug, subject) = finding.root();
        let root = (subject.clone(), slug);
        let starts = || Group { apart: self.apart.contains(&root.0), ..Group::default() };
        let group = self.all.entry(root.clone()).or_insert_with(starts);
        match (turn, finding.because.is_none()) {
            (Turn::Count, true) => drop(group.own.insert(place.clone(), finding.clone())),
            (Turn::Count, false) => drop(group.under.insert(place.clone(), finding.clone())),
            (Turn::TakeBack, true) => drop(group.own.remove(place)),
            (Turn::TakeBack, false) => drop(group.under.remove(place)),
        }
        if !group.apart {
            match turn {
                Turn::Count => self.told.insert(place, finding),
                Turn::TakeBack => self.told.remove(place, &finding.subject),
            }
        }
        self.anew.causes.insert(root);
        self.anew.subjects.insert(finding.subject.clone());
    }

    /// These objects are starting, and no others: what comes of them alone is not told.
    pub(super) fn set_apart(&mut self, starting: BTreeSet<ObjectRef>) {
        let before = std::mem::replace(&mut self.apart, starting);
        for subject in before.symmetric_difference(&self.apart) {
            let groups = self.all.range_mut((subject.clone(), "")..).take_while(|((of, _), _)| of == subject);
            for (root, group) in groups {
                group.apart = self.apart.contains(subject);
                for (place, finding) in group.own.iter().chain(group.under.iter()) {
                    if group.apart {
                        self.told.remove(place, &finding.subject);
                    } else {
                        self.told.insert(place, finding);
                    }
                    self.anew.subjects.insert(finding.subject.clone());
                }
                self.anew.causes.insert(root.clone());
            }
        }
    }

    /// What is told otherwise than when this was asked last. Causes of which nothing is left are forgotten with it.
    pub(super) fn anew(&mut self) -> Anew {
        let anew = std::mem::take(&mut self.anew);
        for root in &anew.causes {
            if self.all.get(root).is_some_and(Group::is_empty) {
                self.all.remove(root);
            }
        }
        anew
    }
}

fn twin(finding: &Finding) -> Twin {
    (finding.slug, finding.subject.clone(), finding.because.clone())
}
