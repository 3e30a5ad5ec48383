//! A map in the order of its keys that is as cheap to keep a snapshot of as a shelf: a change copies a chunk of it, and
//! how two pictures differ is found by looking only at chunks that they do not share. And a set of the same kind.

use std::fmt;

use super::shelf::Sorted;

/// Values by their keys, shared until they change.
#[derive(Clone)]
pub struct SortedMap<K, V>(Sorted<(K, V)>);

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        Self(Sorted::default())
    }
}

impl<K: Ord, V> SortedMap<K, V> {
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

    /// The value of a key.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.0.get(|(other, _)| other.cmp(key)).map(|(_, value)| value)
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn contains_key(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// All of it, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// What has this key or a greater one, in order.
    pub fn iter_from(&self, key: &K) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter_from(&|(other, _)| other.cmp(key)).map(|(key, value)| (key, value))
    }

    /// The keys, in order.
    pub fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.iter().map(|(key, _)| key)
    }

    /// The values, in the order of their keys.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }
}

impl<K: Ord + Clone, V: Clone> SortedMap<K, V> {
    /// Puts a value, and hands back the one that stood there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let place = key.clone();
        self.0.insert((key, value), |(other, _)| other.cmp(&place)).map(|(_, old)| old)
    }

    /// The value of a key, to change it. Whoever does not change it should not ask: what is shared is copied.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(|(other, _)| other.cmp(key)).map(|(_, value)| value)
    }

    /// Takes a value away.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        // Asking first keeps a shared chunk shared when there is nothing to take.
        self.get(key)?;
        self.0.remove(|(other, _)| other.cmp(key)).map(|(_, old)| old)
    }
}

impl<K: Ord, V: PartialEq> SortedMap<K, V> {
    /// Tells how this picture differs from an older one, in order: the key, its value before, its value now.
    pub fn differences<'a>(&'a self, old: &'a Self, mut tell: impl FnMut(&'a K, Option<&'a V>, Option<&'a V>)) {
        let order = |(a, _): &(K, V), (b, _): &(K, V)| a.cmp(b);
        self.0.differences(&old.0, order, |before, after| match (before, after) {
            (Some((_, before)), Some((_, after))) if before == after => {}
            (Some((key, before)), after) => tell(key, Some(before), after.map(|(_, after)| after)),
            (None, Some((key, after))) => tell(key, None, Some(after)),
            (None, None) => {}
        });
    }
}

impl<K: Ord, V: PartialEq> PartialEq for SortedMap<K, V> {
    fn eq(&self, other: &Self) -> bool {
        let mut same = true;
        self.differences(other, |_, _, _| same = false);
        same
    }
}

impl<K: Ord, V: Eq> Eq for SortedMap<K, V> {}

impl<K: fmt::Debug + Ord, V: fmt::Debug> fmt::Debug for SortedMap<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Ord + Clone, V: Clone> FromIterator<(K, V)> for SortedMap<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(all: I) -> Self {
        let mut map = Self::default();
        for (key, value) in all {
            map.insert(key, value);
        }
        map
    }
}

/// Keys without values, shared until they change.
#[derive(Clone)]
pub struct SortedSet<K>(SortedMap<K, ()>);

impl<K> Default for SortedSet<K> {
    fn default() -> Self {
        Self(SortedMap::default())
    }
}

impl<K: Ord> SortedSet<K> {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    /// Those that are in one of two pictures and not in the other, in order.
    #[must_use]
    pub fn differences<'a>(&'a self, old: &'a Self) -> Vec<&'a K> {
        let mut told = Vec::new();
        self.0.differences(&old.0, |key, _, _| told.push(key));
        told
    }
}

impl<K: Ord + Clone> SortedSet<K> {
    /// Has a key in it, or not. What is so already stays shared.
    pub fn set(&mut self, key: &K, is_in: bool) {
        match (self.contains(key), is_in) {
            (false, true) => drop(self.0.insert(key.clone(), ())),
            (true, false) => drop(self.0.remove(key)),
            _ => {}
        }
    }
}

impl<K: fmt::Debug + Ord> fmt::Debug for SortedSet<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl<K: Ord + Clone> FromIterator<K> for SortedSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(all: I) -> Self {
        Self(all.into_iter().map(|key| (key, ())).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn it_is_a_map_and_tells_two_pictures_apart(steps in proptest::collection::vec((0..900_u32, 0..4_u32), 0..1500)) {
            let (mut map, mut model) = (SortedMap::default(), BTreeMap::new());
            let mut halfway = (map.clone(), model.clone());
            for (step, (key, value)) in steps.iter().enumerate() {
                match value {
                    0 => proptest::prop_assert_eq!(map.remove(key), model.remove(key)),
                    3 => {
                        if let (Some(ours), Some(theirs)) = (map.get_mut(key), model.get_mut(key)) {
                            *ours += 1;
                            *theirs += 1;
                        }
                    }
                    value => proptest::prop_assert_eq!(map.insert(*key, *value), model.insert(*key, *value)),
                }
                if step == steps.len() / 2 {
                    halfway = (map.clone(), model.clone());
                }
            }
            proptest::prop_assert!(map.iter().eq(model.iter()) && halfway.0.iter().eq(halfway.1.iter()));
            proptest::prop_assert!(map.iter_from(&450).eq(model.range(450..)));
            let mut told = BTreeMap::new();
            map.differences(&halfway.0, |key, before, after| {
                told.insert(*key, (before.copied(), after.copied()));
            });
            let keys = model.keys().chain(halfway.1.keys());
            let wanted: BTreeMap<u32, _> = keys.map(|key| (*key, (halfway.1.get(key).copied(), model.get(key).copied()))).filter(|(_, (a, b))| a != b).collect();
            proptest::prop_assert_eq!(told, wanted);
            proptest::prop_assert_eq!(map == halfway.0, model == halfway.1);
            let keys = |map: &SortedMap<u32, u32>| map.keys().copied().collect::<SortedSet<u32>>();
            let mut set = keys(&halfway.0);
            (0..900).for_each(|key| set.set(&key, map.contains_key(&key)));
            proptest::prop_assert!(set.iter().eq(model.keys()));
            let (now, before) = (keys(&map), keys(&halfway.0));
            let came_or_went: Vec<&u32> = model.keys().chain(halfway.1.keys()).filter(|key| model.contains_key(key) != halfway.1.contains_key(key)).collect();
            proptest::prop_assert_eq!(now.differences(&before), came_or_went.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>());
        }
    }
}
