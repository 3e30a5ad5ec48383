//! Every finding that is told, in the order of the looks. A diagnosis hands them on, and the next one changes only those
//! that are other ones: both share the rest.

use std::cmp::Ordering;
use std::sync::Arc;

use super::finding::Finding;
use super::look::Place;
use crate::model::shelf::Sorted;
use crate::model::{ObjectRef, SortedMap};

/// Findings in order, and by what they are about.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    all: SortedMap<Place, Arc<Finding>>,
    about: Sorted<(ObjectRef, Place, Arc<Finding>)>,
}

impl Findings {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether nothing was found.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them: first what causes others, then what is caused.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.all.values()
    }

    /// Those about one object, in the same order.
    pub fn about<'a>(&'a self, object: &ObjectRef) -> impl Iterator<Item = &'a Arc<Finding>> + use<'a> {
        let from = self.about.iter_from(&|(subject, ..)| subject.cmp(object));
        let object = object.clone();
        from.take_while(move |(subject, ..)| *subject == object).map(|(.., finding)| finding)
    }

    /// Whether there is one about this object.
    #[must_use]
    pub fn has(&self, object: &ObjectRef) -> bool {
        self.about.get(|(subject, ..)| subject.cmp(object)).is_some()
    }

    pub(super) fn insert(&mut self, place: &Place, finding: &Arc<Finding>) {
        self.all.insert(place.clone(), finding.clone());
        let order = order(&finding.subject, place);
        self.about.insert((finding.subject.clone(), place.clone(), finding.clone()), order);
    }

    pub(super) fn remove(&mut self, place: &Place, subject: &ObjectRef) {
        self.all.remove(place);
        self.about.remove(order(subject, place));
    }
}

fn order(subject: &ObjectRef, place: &Place) -> impl Fn(&(ObjectRef, Place, Arc<Finding>)) -> Ordering {
    move |(other, at, _)| other.cmp(subject).then_with(|| at.cmp(place))
}
