//! A list in order that is cheap to keep a snapshot of: cut into chunks, each behind an `Arc`. A change copies
//! the one chunk that it touches, and two snapshots are told apart by looking only at chunks they do not share.

use std::cmp::Ordering;
use std::sync::Arc;

use super::object::Name;

/// Elements of a full chunk. A change to a shared list of n copies n/`CHUNK` + `CHUNK` pointers: least near √n.
const CHUNK: usize = 256;
/// By how much a chunk grows; doubling would leave half of it empty.
const GROWTH: usize = 16;

/// Elements in order, shared until they change.
#[derive(Clone, Debug)]
pub struct Sorted<T> {
    chunks: Arc<Vec<Arc<Vec<T>>>>,
    len: usize,
}

impl<T> Default for Sorted<T> {
    fn default() -> Self {
        Self { chunks: Arc::default(), len: 0 }
    }
}

/// Where an element stands, or would stand: the chunk, and the place in it.
type Place = (usize, usize);

impl<T> Sorted<T> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Every element, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// The element that `order` calls equal; it says how an element stands to what is looked for.
    pub fn get(&self, order: impl Fn(&T) -> Ordering) -> Option<&T> {
        let (chunk, at) = self.find(order).ok()?;
        self.chunks[chunk].get(at)
    }

    /// The elements from the first on that is not less.
    pub fn iter_from<'a>(&'a self, order: &dyn Fn(&T) -> Ordering) -> impl Iterator<Item = &'a T> + use<'a, T> {
        // Nothing is equal here, so that the first of several equal ones is found.
        let (chunk, at) = self.find(|element| order(element).then(Ordering::Greater)).unwrap_or_else(|place| place);
        let first = self.chunks.get(chunk).and_then(|chunk| chunk.get(at..)).unwrap_or_default();
        first.iter().chain(self.chunks.iter().skip(chunk + 1).flat_map(|chunk| chunk.iter()))
    }

    /// Goes through this list and an older one at once, in order, and tells what stands in both at the same place. What
    /// they share is stepped over.
    pub(super) fn differences<'a>(
        &'a self,
        old: &'a Self,
        order: impl Fn(&T, &T) -> Ordering,
        mut tell: impl FnMut(Option<&'a T>, Option<&'a T>),
    ) {
        let (mut was, mut is) = (Cursor::new(old), Cursor::new(self));
        loop {
            if was.skip_shared(&mut is) {
                continue;
            }
            let (before, after) = (was.peek(), is.peek());
            let order = match (before, after) {
                (None, None) => return,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(before), Some(after)) => order(before, after),
            };
            tell(before.filter(|_| order != Ordering::Greater), after.filter(|_| order != Ordering::Less));
            if order != Ordering::Greater {
                was.step();
            }
            if order != Ordering::Less {
                is.step();
            }
        }
    }

    /// The place behind all, if that is where it belongs: most lists come in order.
    fn end(&self, order: impl Fn(&T) -> Ordering) -> Option<Place> {
        let last = self.chunks.last()?;
        (order(last.last()?) == Ordering::Less).then(|| (self.chunks.len() - 1, last.len()))
    }

    fn find(&self, order: impl Fn(&T) -> Ordering) -> Result<Place, Place> {
        let starts_before = |chunk: &Arc<Vec<T>>| chunk.first().is_some_and(|first| order(first) != Ordering::Greater);
        let chunk = self.chunks.partition_point(starts_before).saturating_sub(1);
        let Some(elements) = self.chunks.get(chunk) else { return Err((0, 0)) };
        elements.binary_search_by(order).map(|at| (chunk, at)).map_err(|at| (chunk, at))
    }
}

impl<T: Clone> Sorted<T> {
    /// Puts an element where `order` says, and hands back the equal one that stood there.
    pub fn insert(&mut self, element: T, order: impl Fn(&T) -> Ordering) -> Option<T> {
        let place = self.end(&order).map_or_else(|| self.find(&order), Err);
        let chunks = Arc::make_mut(&mut self.chunks);
        let (chunk, at) = match place {
            Ok((chunk, at)) => return Some(std::mem::replace(&mut Arc::make_mut(&mut chunks[chunk])[at], element)),
            Err(place) => place,
        };
        self.len += 1;
        let Some(full) = chunks.get_mut(chunk) else {
            chunks.push(Arc::new(vec![element]));
            return None;
        };
        let elements = Arc::make_mut(full);
        if elements.len() < CHUNK {
            if elements.len() == elements.capacity() {
                elements.reserve_exact(GROWTH);
            }
            elements.insert(at, element);
        } else if at == CHUNK {
            // What comes in order fills its chunks.
            chunks.insert(chunk + 1, Arc::new(vec![element]));
        } else {
            // So does what comes in order between others, as the links of a list do: what stands behind it gives way.
            let behind = elements.split_off(at.max(CHUNK / 2));
            elements.insert(at, element);
            if at < CHUNK / 2 {
                elements.shrink_to(CHUNK / 2 + GROWTH);
            }
            chunks.insert(chunk + 1, Arc::new(behind));
        }
        None
    }

    /// The element that `order` calls equal, to change it where it stands.
    pub(super) fn get_mut(&mut self, order: impl Fn(&T) -> Ordering) -> Option<&mut T> {
        let (chunk, at) = self.find(order).ok()?;
        Arc::make_mut(Arc::make_mut(&mut self.chunks).get_mut(chunk)?).get_mut(at)
    }

    /// Takes out the element that `order` calls equal.
    pub fn remove(&mut self, order: impl Fn(&T) -> Ordering) -> Option<T> {
        let (chunk, at) = self.find(order).ok()?;
        let chunks = Arc::make_mut(&mut self.chunks);
        let elements = Arc::make_mut(&mut chunks[chunk]);
        let removed = elements.remove(at);
        self.len -= 1;
        // Two small neighbours become one, so that coming and going leaves no trail of nearly empty chunks.
        let left = elements.len();
        let next = chunks.get(chunk + 1).filter(|next| left + next.len() <= CHUNK / 2).cloned();
        if let Some(next) = next {
            Arc::make_mut(&mut chunks[chunk]).extend_from_slice(&next);
            chunks.remove(chunk + 1);
        } else if left == 0 {
            chunks.remove(chunk);
        }
        Some(removed)
    }
}

/// How one object of a list differs between two pictures of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference<'a, T> {
    /// It was there, and is not any more.
    Gone(&'a Arc<T>),
    /// It was not there.
    New(&'a Arc<T>),
    /// It is another one now: before, after.
    Changed(&'a Arc<T>, &'a Arc<T>),
}

/// What stands on a shelf: it has a name, and perhaps a namespace.
pub trait Placed {
    /// Its place: namespace, then name.
    fn place(&self) -> (&Name, &Name);
}

/// All objects of one kind, in the order of their namespaces and names.
#[derive(Debug)]
pub struct Shelf<T>(Sorted<Arc<T>>);

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self(Sorted::default())
    }
}

impl<T: Placed> Shelf<T> {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object at this place.
    #[must_use]
    pub fn get(&self, place: (&Name, &Name)) -> Option<&Arc<T>> {
        self.0.get(|object| object.place().cmp(&place))
    }

    /// Every object, by namespace, then by name.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter()
    }

    /// Puts an object, and hands back the one that stood there.
    pub fn insert(&mut self, object: Arc<T>) -> Option<Arc<T>> {
        let place = object.clone();
        self.0.insert(object, |other| other.place().cmp(&place.place()))
    }

    /// Takes an object away.
    pub fn remove(&mut self, place: (&Name, &Name)) -> Option<Arc<T>> {
        // Asking first keeps a shared chunk shared when there is nothing to take.
        self.get(place)?;
        self.0.remove(|object| object.place().cmp(&place))
    }

    /// Tells how this picture differs from an older one, in order. Looks only at chunks that they do not share.
    pub fn differences<'a>(&'a self, old: &'a Self, mut tell: impl FnMut(Difference<'a, T>)) {
        self.0.differences(
            &old.0,
            |a, b| a.place().cmp(&b.place()),
            |before, after| match (before, after) {
                (Some(before), Some(after)) if !Arc::ptr_eq(before, after) => tell(Difference::Changed(before, after)),
                (Some(gone), None) => tell(Difference::Gone(gone)),
                (None, Some(new)) => tell(Difference::New(new)),
                _ => {}
            },
        );
    }
}

/// A walk over a list that can step over whole chunks.
struct Cursor<'a, T> {
    chunks: &'a [Arc<Vec<T>>],
    at: usize,
}

impl<'a, T> Cursor<'a, T> {
    fn new(list: &'a Sorted<T>) -> Self {
        Self { chunks: &list.chunks, at: 0 }
    }

    fn peek(&self) -> Option<&'a T> {
        self.chunks.first()?.get(self.at)
    }

    fn step(&mut self) {
        self.at += 1;
        if self.chunks.first().is_some_and(|chunk| chunk.len() <= self.at) {
            self.chunks = &self.chunks[1..];
            self.at = 0;
        }
    }

    /// Steps over the chunk that both begin with, if it is one and the same.
    fn skip_shared(&mut self, other: &mut Self) -> bool {
        let (Some(mine), Some(theirs)) = (self.chunks.first(), other.chunks.first()) else { return false };
        let shared = self.at == 0 && other.at == 0 && Arc::ptr_eq(mine, theirs);
        if shared {
            self.chunks = &self.chunks[1..];
            other.chunks = &other.chunks[1..];
        }
        shared
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Thing(Name, Name, u32);

    impl Placed for Thing {
        fn place(&self) -> (&Name, &Name) {
            (&self.0, &self.1)
        }
    }

    fn thing(number: u32, life: u32) -> Arc<Thing> {
        Arc::new(Thing(Name::new(&format!("ns-{}", number % 7)), Name::new(&format!("n-{number}")), life))
    }

    fn told(old: &Shelf<Thing>, new: &Shelf<Thing>) -> Vec<String> {
        let mut said = Vec::new();
        new.differences(old, |difference| {
            said.push(match difference {
                Difference::Gone(thing) => format!("- {}", thing.1),
                Difference::New(thing) => format!("+ {}", thing.1),
                Difference::Changed(before, after) => format!("{} {}->{}", before.1, before.2, after.2),
            });
        });
        said
    }

    #[test]
    fn a_snapshot_keeps_what_it_saw_and_shares_the_rest() {
        let mut shelf = Shelf::default();
        (0..5000).for_each(|number| drop(shelf.insert(thing(number, 1))));
        let snapshot = shelf.clone();
        let place = thing(3, 1);
        assert_eq!(shelf.remove(place.place()), Some(thing(3, 1)));
        assert_eq!((shelf.len(), snapshot.len(), snapshot.iter().count()), (4999, 5000, 5000));
        assert_eq!((shelf.get(place.place()), snapshot.get(place.place())), (None, Some(&thing(3, 1))));
        let theirs = &snapshot.0.chunks;
        let own = shelf.0.chunks.iter().filter(|chunk| !theirs.iter().any(|other| Arc::ptr_eq(chunk, other))).count();
        assert_eq!(own, 1, "one removal copies one chunk");
    }

    #[test]
    fn what_comes_in_order_fills_its_chunks_although_others_stand_behind_it() {
        let mut list = Sorted::default();
        for number in 0..10_000_u32 {
            for role in 0..3_u32 {
                list.insert((role, number), |other| other.cmp(&(role, number)));
            }
        }
        let room: usize = list.chunks.iter().map(|chunk| chunk.capacity()).sum();
        assert!(list.len() == 30_000 && room < 31_000, "room for {room}");
    }

    #[test]
    fn two_pictures_are_told_apart() {
        let mut shelf = Shelf::default();
        (0..2000).for_each(|number| drop(shelf.insert(thing(number, 1))));
        let before = shelf.clone();
        assert!(told(&before, &shelf).is_empty());
        shelf.insert(thing(7, 2));
        shelf.insert(thing(5005, 1));
        shelf.remove(thing(14, 1).place());
        assert_eq!(told(&before, &shelf), ["- n-14", "+ n-5005", "n-7 1->2"]);
        assert_eq!(told(&shelf, &Shelf::default()).len(), 2000);
    }

    proptest::proptest! {
        #[test]
        fn it_is_a_map_in_order(steps in proptest::collection::vec((0..900_u32, 0..3_u32), 0..1500)) {
            use std::collections::BTreeMap;
            let (mut shelf, mut model) = (Shelf::default(), BTreeMap::new());
            let mut halfway = (Shelf::default(), BTreeMap::new());
            for (step, (number, life)) in steps.iter().enumerate() {
                let thing = thing(*number, *life);
                let key = (thing.0.clone(), thing.1.clone());
                if *life == 0 {
                    proptest::prop_assert_eq!(shelf.remove(thing.place()), model.remove(&key));
                } else {
                    proptest::prop_assert_eq!(shelf.insert(thing.clone()), model.insert(key, thing));
                }
                if step == steps.len() / 2 {
                    halfway = (shelf.clone(), model.clone());
                }
            }
            proptest::prop_assert!(shelf.iter().eq(model.values()) && halfway.0.iter().eq(halfway.1.values()));
            proptest::prop_assert_eq!(shelf.len(), model.len());
            let changed = halfway.1.iter().filter(|(key, old)| model.get(*key).is_none_or(|new| !Arc::ptr_eq(old, new))).count();
            let new = model.keys().filter(|key| !halfway.1.contains_key(*key)).count();
            proptest::prop_assert_eq!(told(&halfway.0, &shelf).len(), changed + new);
        }
    }
}
