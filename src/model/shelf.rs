//! A map that is cheap to snapshot: sharded, each shard behind an `Arc`. A batch of changes copies the
//! pointers of the shards it touches, never the objects, and never the whole map.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::object::Key;

const SHARDS: usize = 64;

/// A fixed number of maps, each shared until it changes.
type Shards<K, T> = Box<[Arc<BTreeMap<K, Arc<T>>>]>;

/// All objects of one kind.
#[derive(Debug)]
pub struct Shelf<T> {
    shards: Shards<Key, T>,
    len: usize,
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self { shards: self.shards.clone(), len: self.len }
    }
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect(), len: 0 }
    }
}

/// The shard of a key. Namespaces spread too unevenly to shard by them alone.
fn shard_of<K: Hash>(key: &K) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    #[expect(clippy::cast_possible_truncation, reason = "a remainder of 64 fits")]
    let shard = (hasher.finish() % SHARDS as u64) as usize;
    shard
}

impl<T> Shelf<T> {
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

    /// The object at this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Arc<T>> {
        self.shards[shard_of(key)].get(key)
    }

    /// Every object, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<T>> {
        self.shards.iter().flat_map(|shard| shard.values())
    }

    /// Puts an object, and hands back the one that stood there.
    pub fn insert(&mut self, key: Key, object: Arc<T>) -> Option<Arc<T>> {
        let old = Arc::make_mut(&mut self.shards[shard_of(&key)]).insert(key, object);
        self.len += usize::from(old.is_none());
        old
    }

    /// Takes an object away.
    pub fn remove(&mut self, key: &Key) -> Option<Arc<T>> {
        let shard = &mut self.shards[shard_of(key)];
        // Asking first keeps a shared shard shared when there is nothing to take.
        shard.contains_key(key).then(|| Arc::make_mut(shard).remove(key)).flatten().inspect(|_| self.len -= 1)
    }
}

/// From one thing to the set of things that point at it; shared and sharded like a [`Shelf`].
#[derive(Clone, Debug)]
pub struct Index<K, V> {
    shards: Shards<K, Vec<V>>,
}

impl<K, V> Default for Index<K, V> {
    fn default() -> Self {
        Self { shards: (0..SHARDS).map(|_| Arc::default()).collect() }
    }
}

impl<K: Ord + Clone + Hash, V: Ord + Clone> Index<K, V> {
    /// What points at `to`, in order.
    #[must_use]
    pub fn get(&self, to: &K) -> &[V] {
        self.shards[shard_of(to)].get(to).map_or(&[], |set| set.as_slice())
    }

    /// Notes that `from` points at `to`.
    pub fn insert(&mut self, to: K, from: V) {
        let set = Arc::make_mut(&mut self.shards[shard_of(&to)]).entry(to).or_default();
        if let Err(at) = set.binary_search(&from) {
            Arc::make_mut(set).insert(at, from);
        }
    }

    /// Forgets that `from` points at `to`.
    pub fn remove(&mut self, to: &K, from: &V) {
        let shard = Arc::make_mut(&mut self.shards[shard_of(to)]);
        let Some(set) = shard.get_mut(to) else { return };
        if let Ok(at) = set.binary_search(from) {
            Arc::make_mut(set).remove(at);
        }
        if set.is_empty() {
            shard.remove(to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_keeps_what_it_saw_and_shares_the_rest() {
        let mut shelf = Shelf::default();
        let key = |i: u32| (format!("ns-{}", i % 7).as_str().into(), format!("n-{i}").as_str().into());
        for i in 0..500 {
            shelf.insert(key(i), Arc::new(i));
        }
        let snapshot = shelf.clone();
        assert_eq!(*shelf.remove(&key(3)).expect("there"), 3);
        assert_eq!((shelf.len(), snapshot.len(), snapshot.iter().count()), (499, 500, 500));
        let shared = shelf.shards.iter().zip(&snapshot.shards).filter(|(a, b)| Arc::ptr_eq(a, b)).count();
        assert_eq!(shared, SHARDS - 1, "one removal copies one shard");
    }

    #[test]
    fn an_index_finds_the_way_back_and_forgets_it() {
        let mut index = Index::default();
        index.insert("secret", "pod-b");
        index.insert("secret", "pod-a");
        index.insert("secret", "pod-a");
        assert_eq!(index.get(&"secret"), ["pod-a", "pod-b"]);
        index.remove(&"secret", &"pod-a");
        index.remove(&"secret", &"pod-b");
        assert!(index.get(&"secret").is_empty());
    }
}
