//! The work queue of one controller, as client-go has it: one entry per object, what is being worked on
//! is not handed out twice, and failures wait 1 s × 2ⁿ, at most 7 minutes (External Secrets
//! pkg/controllers/common/common.go; the same in 0.16.2 and 2.9).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::time::after;
use crate::model::ObjectRef;

/// The longest wait after a failure.
pub(super) const LONGEST: Duration = Duration::from_secs(420);

/// What waits, what is due, what is being worked on.
#[derive(Debug, Default)]
pub(super) struct Queue {
    due: VecDeque<ObjectRef>,
    dirty: BTreeSet<ObjectRef>,
    processing: BTreeSet<ObjectRef>,
    waiting: BTreeMap<ObjectRef, Timestamp>,
    failures: BTreeMap<ObjectRef, u32>,
}

impl Queue {
    /// Something happened to this object: it is due now, once.
    pub(super) fn add(&mut self, key: &ObjectRef) {
        if self.dirty.insert(key.clone()) && !self.processing.contains(key) {
            self.due.push_back(key.clone());
        }
    }

    /// It is due after this time, unless it waits for an earlier one; says when to wake, if that is new.
    pub(super) fn add_after(&mut self, key: &ObjectRef, wait: Duration, now: Timestamp) -> Option<Timestamp> {
        let at = after(now, wait);
        if self.waiting.get(key).is_some_and(|earlier| *earlier <= at) {
            return None;
        }
        self.waiting.insert(key.clone(), at);
        Some(at)
    }

    /// It failed: it is due again after its back-off.
    pub(super) fn add_rate_limited(&mut self, key: &ObjectRef, now: Timestamp) -> Option<Timestamp> {
        let failures = self.failures.entry(key.clone()).or_default();
        let wait = Duration::from_secs(1 << (*failures).min(9)).min(LONGEST);
        *failures += 1;
        self.add_after(key, wait, now)
    }

    /// It went well: the next failure waits 1 s again.
    pub(super) fn forget(&mut self, key: &ObjectRef) {
        self.failures.remove(key);
    }

    /// The time for which it waited has come. An entry that was replaced by an earlier one is stale.
    pub(super) fn wake(&mut self, key: &ObjectRef, now: Timestamp) {
        if self.waiting.get(key).is_some_and(|at| *at <= now) {
            self.waiting.remove(key);
            self.add(key);
        }
    }

    /// The next to work on, if a worker is free.
    pub(super) fn take(&mut self, workers: usize) -> Option<ObjectRef> {
        if self.processing.len() >= workers {
            return None;
        }
        let key = self.due.pop_front()?;
        self.dirty.remove(&key);
        self.processing.insert(key.clone());
        Some(key)
    }

    /// It is worked through; if something happened to it meanwhile, it is due again.
    pub(super) fn done(&mut self, key: &ObjectRef) {
        self.processing.remove(key);
        if self.dirty.contains(key) {
            self.due.push_back(key.clone());
        }
    }

    /// How often it failed in a row.
    #[cfg(test)]
    pub(super) fn failures(&self, key: &ObjectRef) -> u32 {
        self.failures.get(key).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Kind;

    fn key() -> ObjectRef {
        ObjectRef::new(Kind::ExternalSecret, "ns", "es")
    }

    #[test]
    fn one_object_is_worked_on_once_at_a_time() {
        let mut queue = Queue::default();
        queue.add(&key());
        queue.add(&key());
        assert_eq!(queue.take(2), Some(key()));
        queue.add(&key());
        assert_eq!(queue.take(2), None, "it is being worked on");
        queue.done(&key());
        assert_eq!(queue.take(2), Some(key()), "what happened meanwhile is not lost");
    }

    #[test]
    fn failures_wait_twice_as_long_each_time_up_to_seven_minutes() {
        let (mut queue, start) = (Queue::default(), Timestamp::UNIX_EPOCH);
        let waits: Vec<i64> = (0..11)
            .map(|_| {
                let at = queue.add_rate_limited(&key(), start).expect("nothing waits");
                queue.wake(&key(), at);
                queue.take(1);
                queue.done(&key());
                at.as_second()
            })
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 420, 420]);
        assert_eq!(queue.failures(&key()), 11);
    }
}
