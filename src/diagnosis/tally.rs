//! What is counted as often as there are reasons for it, and is one thing all the same.

use std::collections::BTreeMap;

/// How many reasons there are for each: one stays until its last reason is taken back.
#[derive(Clone, Debug)]
pub(super) struct Tally<K>(BTreeMap<K, usize>);

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

/// Whether something is counted, or a count of it is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// One reason more.
    Count,
    /// One reason less.
    TakeBack,
}

impl Turn {
    /// Does the same to a plain number, of what has but one reason.
    pub(super) const fn on(self, number: &mut usize) {
        *number = match self {
            Self::Count => *number + 1,
            Self::TakeBack => number.saturating_sub(1),
        };
    }
}

impl<K: Ord> Tally<K> {
    /// One reason more or less for this one. Says whether it came or went with it.
    pub(super) fn turn(&mut self, turn: Turn, key: K) -> bool {
        match turn {
            Turn::Count => {
                let reasons = self.0.entry(key).or_default();
                *reasons += 1;
                *reasons == 1
            }
            Turn::TakeBack => match self.0.get_mut(&key) {
                Some(reasons) if *reasons > 1 => {
                    *reasons -= 1;
                    false
                }
                _ => self.0.remove(&key).is_some(),
            },
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The least of them.
    pub(super) fn first(&self) -> Option<&K> {
        self.0.keys().next()
    }

    /// The least of those that are not less than this.
    pub(super) fn first_from(&self, key: K) -> Option<&K> {
        self.0.range(key..).next().map(|(key, _)| key)
    }

    /// The greatest of them.
    pub(super) fn last(&self) -> Option<&K> {
        self.0.keys().next_back()
    }

    /// All of them, in order.
    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stays_until_its_last_reason_is_taken_back() {
        let mut tally = Tally::default();
        let said = ["b", "a", "b"].map(|key| tally.turn(Turn::Count, key));
        assert_eq!((said, tally.len(), tally.first(), tally.last()), ([true, true, false], 2, Some(&"a"), Some(&"b")));
        let said = ["b", "b", "c"].map(|key| tally.turn(Turn::TakeBack, key));
        assert_eq!((said, tally.keys().collect::<Vec<_>>()), ([false, true, false], vec![&"a"]));
        assert_eq!((tally.first_from("a"), tally.first_from("b")), (Some(&"a"), None));
    }
}
