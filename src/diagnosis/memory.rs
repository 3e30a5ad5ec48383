//! What is known of a world from looking at it before. Only what a change touches is looked at again, and what the clock
//! alone makes different when its time comes. A whole pass is the same with nothing remembered, so that there is one way
//! to a diagnosis and not two; `tests/incremental.rs` holds them against each other.

use std::cell::Cell;
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::finding::Finding;
use super::look::{Found, Look, everything};
use super::reach::Reach;
use super::starting::{set_apart, waiting};
use super::touched::{downstream, touched};
use super::{Case, Check, Diagnosis, RULES};
use crate::model::{Inventory, ObjectRef};

/// Examines a world of which nothing is remembered.
#[must_use]
pub fn diagnose(world: &Inventory, now: Timestamp) -> Diagnosis {
    Memory::default().diagnose(world, now)
}

/// How many times that are out of date are kept in any world.
const SPARE: usize = 1024;

/// What is remembered of a world.
#[derive(Debug, Default)]
pub struct Memory {
    /// The world as it was seen last, and when.
    seen: Option<(Inventory, Timestamp)>,
    found: Found,
    /// When looks have to be done again although nothing changes. One that has a later time by now is done once too often.
    again: BTreeSet<(Timestamp, Look)>,
    /// How many such times there may be before all is looked at anew, which forgets those that are out of date.
    room: Option<usize>,
    /// What has not worked yet, however old it is.
    waiting: BTreeSet<ObjectRef>,
    reach: Reach,
}

impl Memory {
    /// Examines the world as it is now: all rules, then the grouping.
    #[must_use]
    pub fn diagnose(&mut self, world: &Inventory, now: Timestamp) -> Diagnosis {
        let mut looks = self.due(world, now);
        self.seen = Some((world.clone(), now));
        while let Some(look) = looks.pop_first() {
            self.reach.forget(&look);
            let again = Cell::default();
            let here = Case::new(world, now, &again).look(&look, &self.found);
            if let Some(at) = again.get() {
                self.again.insert((at, look.clone()));
            }
            let before = self.found.get(&look).map_or(&[][..], Vec::as_slice);
            if !before.iter().map(AsRef::as_ref).eq(&here) {
                let here: Vec<Arc<Finding>> = here.into_iter().map(Arc::new).collect();
                // What comes of it stands further down.
                looks.extend(downstream(world, &look, before, &here));
                if here.is_empty() {
                    self.found.remove(&look)
                } else {
                    self.found.insert(look, here)
                };
            }
        }
        self.room.get_or_insert(2 * self.again.len() + SPARE);
        let mut findings = self.together(Case::new(world, now, &Cell::default()));
        let starting = set_apart(world, now, &self.waiting, &mut findings);
        Diagnosis::of(world, findings, starting, &mut self.reach)
    }

    /// The looks that may find something else now.
    fn due(&mut self, world: &Inventory, now: Timestamp) -> BTreeSet<Look> {
        // An hour of changes would leave a time behind for each of them; one pass in as many as there are objects costs nothing.
        let is_full = self.room.is_some_and(|room| self.again.len() > room);
        let known = self.seen.take().filter(|(_, at)| *at <= now && !is_full);
        let touched = known.and_then(|(old, _)| touched(&old, world, &mut self.waiting));
        let Some(mut looks) = touched else {
            *self = Self { waiting: waiting(world), ..Self::default() };
            return everything(world);
        };
        while let Some((_, look)) = self.again.first().filter(|(at, _)| *at < now).cloned() {
            self.again.pop_first();
            looks.insert(look);
        }
        looks
    }

    /// Every finding, with what several of them mean together.
    fn together(&self, case: Case<'_>) -> Vec<Arc<Finding>> {
        let mut known = HashSet::new();
        // A store and its readers are found by each of the paths that they read.
        let mut is_new = |look: &Look, finding: &Arc<Finding>| {
            !matches!(look, Look::Path(..)) || known.insert((finding.slug, finding.subject.clone(), finding.because.clone()))
        };
        let all = self.found.iter().flat_map(|(look, here)| here.iter().map(move |finding| (look, finding)));
        let mut all: Vec<Arc<Finding>> =
            all.filter(|(look, finding)| is_new(look, finding)).map(|(_, one)| one.clone()).collect();
        for check in RULES.iter().flat_map(|rule| rule.check.each()) {
            if let Check::Together(check) = check {
                check(&case, &mut all);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, Object, OnShelf as _, SecretStore, Watched as _};
    use crate::model::{Kind, Names};

    fn reader(name: &str, refreshed: &str) -> Object {
        let wire = format!(
            r#"{{"metadata": {{"name": "{name}", "namespace": "ns"}}, "spec": {{"refreshInterval": "1h", "secretStoreRef": {{"name": "store"}},
            "data": [{{"secretKey": "k", "remoteRef": {{"key": "{name}"}}}}]}}, "status": {{"refreshTime": "2026-11-25T{refreshed}Z",
            "conditions": [{{"type": "Ready", "status": "True", "reason": "SecretSynced"}}]}}}}"#
        );
        ExternalSecret::read(serde_json::from_str(&wire).unwrap(), &mut Names::default()).into_object()
    }

    /// What is looked at again, in short.
    fn due(memory: &mut Memory, world: &Inventory, now: Timestamp) -> Vec<String> {
        let looks = memory.due(world, now);
        memory.seen = Some((world.clone(), now));
        let short = |look: Look| match look {
            Look::Vault(address) => address.to_string(),
            Look::Store(object) | Look::Reader(object) => object.to_string(),
            other => format!("{other:?}"),
        };
        looks.into_iter().map(short).collect()
    }

    fn world_of(readers: Vec<Object>, now: Timestamp) -> Inventory {
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store()], Vec::new()), now);
        world.apply(Change::Listed(Kind::ExternalSecret.into(), readers, Vec::new()), now);
        world.settle();
        world
    }

    fn store() -> Object {
        let wire = r#"{"metadata": {"name": "store", "namespace": "ns"}, "spec": {"provider": {"vault":
            {"server": "https://vault.ns.svc:8200", "path": "secret", "auth": {"kubernetes": {"role": "r"}}}}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}"#;
        SecretStore::read(serde_json::from_str(wire).unwrap(), &mut Names::default()).into_object()
    }

    #[test]
    fn what_one_will_be_looked_at_for_does_not_pile_up() {
        let now = "2026-11-25T01:00:00Z".parse().unwrap();
        let mut world = world_of(vec![reader("a", "00:30:00")], now);
        let mut memory = Memory::default();
        let mut most = 0;
        for number in 0..3 * SPARE {
            let refreshed = format!("00:{:02}:{:02}", number / 60 % 60, number % 60);
            world.apply(Change::Applied(reader("a", &refreshed)), now);
            assert!(memory.diagnose(&world, now).findings.is_empty() || number < 30 * 60, "only one that is overdue is blamed");
            most = most.max(memory.again.len());
        }
        assert!((SPARE..2 * SPARE).contains(&most), "{most} times are kept of one object");
    }

    #[test]
    fn a_change_of_one_is_a_look_at_few() {
        let now = "2026-11-25T01:00:00Z".parse().unwrap();
        let readers = ["a", "b", "c"].map(|name| reader(name, "00:30:00")).to_vec();
        let mut world = world_of(readers, now);
        let mut memory = Memory::default();
        assert!(memory.diagnose(&world, now).findings.is_empty());
        assert_eq!(due(&mut memory, &world, now), [""; 0], "nothing changed");
        world.apply(Change::Applied(reader("b", "00:59:00")), now);
        let around = ["https://vault.ns.svc:8200", "SecretStore/ns/store", "ExternalSecret/ns/b"];
        assert_eq!(due(&mut memory, &world, now), around);
        world.apply(Change::Applied(store()), now);
        assert_eq!(
            due(&mut memory, &world, now),
            [around[0], around[1], "World"],
            "who reads through it and is well does not mind"
        );
        let late = "2026-11-25T01:38:00Z".parse().unwrap();
        assert_eq!(
            due(&mut memory, &world, late),
            ["a", "b", "c"].map(|name| format!("ExternalSecret/ns/{name}")),
            "overdue by now"
        );
    }
}
