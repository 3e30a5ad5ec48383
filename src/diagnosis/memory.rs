//! What is known of a world from looking at it before. Only what a change touches is looked at again, and what the clock
//! alone makes different when its time comes. A whole pass is the same with nothing remembered, so that there is one way
//! to a diagnosis and not two; `tests/incremental.rs` holds them against each other.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::finding::Finding;
use super::groups::{Anew, Groups};
use super::look::{Found, Look, everything};
use super::ranking::Ranking;
use super::reach::Reach;
use super::readings::Readings;
use super::standing::Standing;
use super::starting::{Starting, Waiting, said};
use super::touched::{Touched, downstream, touched};
use super::unknown::unknown;
use super::{Case, Check, Diagnosis, Meaning, RULES};
use crate::model::kinds::{SecretStore, Watched as _};
use crate::model::{Inventory, Kind, ObjectRef};

/// Examines a world of which nothing is remembered.
#[must_use]
pub fn diagnose(world: &Inventory, now: Timestamp) -> Diagnosis {
    Memory::default().diagnose(world, now)
}

/// What is to be looked at again.
#[derive(Debug)]
struct Due {
    looks: BTreeSet<Look>,
    /// Those `ExternalSecret`s that, or what they reach, are not what they were.
    readers: BTreeSet<ObjectRef>,
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
    waiting: Waiting,
    /// What was starting.
    starting: Starting,
    readings: Readings,
    groups: Groups,
    reach: Reach,
    standing: Standing,
    ranking: Ranking,
}

impl Memory {
    /// Examines the world as it is now: all rules, then the grouping.
    #[must_use]
    pub fn diagnose(&mut self, world: &Inventory, now: Timestamp) -> Diagnosis {
        let unsure = if let Some(due) = self.due(world, now) {
            self.look(world, now, due)
        } else {
            *self = Self { waiting: Waiting::of(world), ..Self::default() };
            self.look_at_everything(world, now);
            // Of what is well, and of which nothing was found, there is nothing to count: that is nearly all.
            of_consequence(world)
        };
        self.seen = Some((world.clone(), now));
        self.together(world, now);
        let said = said(world, now, &self.waiting, &self.readings);
        self.groups.set_apart(said.keys().cloned().collect());
        let starting = Starting::of(world, now, &self.waiting, said, &self.groups);
        self.count(world, unsure, &starting);
        let (broken, unexplained) = self.standing.broken(world, &self.groups, &starting);
        Diagnosis {
            causes: self.ranking.causes(),
            findings: self.groups.told().clone(),
            unknown: unknown(world),
            broken,
            unexplained,
            gainsaid: self.standing.gainsaid(),
            starting,
        }
    }

    /// The looks that may find something else now; nothing if that is everything.
    fn due(&mut self, world: &Inventory, now: Timestamp) -> Option<Due> {
        // An hour of changes would leave a time behind for each of them; one pass in as many as there are objects costs nothing.
        let is_full = self.room.is_some_and(|room| self.again.len() > room);
        let (old, _) = self.seen.take().filter(|(_, at)| *at <= now && !is_full)?;
        let Touched { looks, below } = touched(&old, world, &mut self.waiting)?;
        let mut due = Due { readers: looks.iter().filter_map(Look::reader).cloned().collect(), looks };
        for es in &due.readers {
            self.readings.changed(&old, world, es);
        }
        due.looks.extend(below);
        while let Some((_, look)) = self.again.first().filter(|(at, _)| *at < now).cloned() {
            self.again.pop_first();
            due.looks.insert(look);
        }
        Some(due)
    }

    /// Looks, and looks at what comes of it. Says what may have to be counted anew although nothing else was found of it.
    fn look(&mut self, world: &Inventory, now: Timestamp, Due { mut looks, readers }: Due) -> BTreeSet<ObjectRef> {
        let mut unsure = readers;
        while let Some(look) = looks.pop_first() {
            let (again, sight) = (Cell::default(), look.sight(world));
            let case = Case::new(world, now, &self.readings, &again);
            let here = sight.map(|sight| case.look(&sight, &self.found)).unwrap_or_default();
            if let Some(at) = again.get() {
                self.again.insert((at, look.clone()));
            }
            looks.extend(self.find(world, &look, here));
            if look.reader().is_none() {
                unsure.extend(look.into_object());
            }
        }
        unsure
    }

    /// Looks at all there is, in the order of causality: so what comes of a look need not be sought.
    fn look_at_everything(&mut self, world: &Inventory, now: Timestamp) {
        let mut later = Vec::new();
        for (look, sight) in everything(world) {
            let again = Cell::default();
            let here = Case::new(world, now, &self.readings, &again).look(&sight, &self.found);
            later.extend(again.get().map(|at| (at, look.clone())));
            if !here.is_empty() {
                let here: Vec<Arc<Finding>> = here.into_iter().map(Arc::new).collect();
                self.groups.found(&look, &[], &here);
                self.found.insert(look, here);
            }
        }
        self.room = Some(2 * later.len() + SPARE);
        // Made of a list in order, it is also as small as it can be.
        self.again = later.into_iter().collect();
    }

    /// What all findings of a rule mean together.
    fn together(&mut self, world: &Inventory, now: Timestamp) {
        for (number, rule) in RULES.iter().enumerate() {
            for check in rule.check.each() {
                if let Check::Together { of, check } = check {
                    let again = Cell::default();
                    let case = Case::new(world, now, &self.readings, &again);
                    let Meaning { cause, found } = check(&case, self.groups.alike(of));
                    self.groups.mean(of, cause);
                    self.find(world, &Look::Together(number), found);
                }
            }
        }
    }

    /// Keeps what a look found. If that is not what it found before, it is told otherwise, and this is to be looked at: what
    /// comes of it stands further down.
    fn find(&mut self, world: &Inventory, look: &Look, here: Vec<Finding>) -> Vec<Look> {
        let before = self.found.get(look).map_or(&[][..], Vec::as_slice);
        if before.iter().map(AsRef::as_ref).eq(&here) {
            return Vec::new();
        }
        let here: Vec<Arc<Finding>> = here.into_iter().map(Arc::new).collect();
        self.groups.found(look, before, &here);
        let downstream = downstream(world, look, before, &here);
        if here.is_empty() {
            self.found.remove(look);
        } else {
            self.found.insert(look.clone(), here);
        }
        downstream
    }

    /// Counts what these objects, and those of which something else is told, are to their causes and by themselves.
    fn count(&mut self, world: &Inventory, mut unsure: BTreeSet<ObjectRef>, starting: &Starting) {
        let Anew { mut causes, subjects } = self.groups.anew();
        unsure.extend(subjects);
        // The stores of a Vault stand under its causes, and how it serves says what follows from them.
        for (vault, slug) in causes.iter().filter(|(subject, _)| subject.kind == Kind::Vault) {
            let root = (vault.clone(), *slug);
            if self.ranking.has(&root) != self.groups.is_told(&root) {
                unsure.extend(world.stores_of(vault).map(SecretStore::store_ref));
            }
        }
        causes.extend(unsure.iter().filter(|object| object.kind == Kind::Vault).flat_map(|vault| self.groups.of(vault)).cloned());
        self.reach.count(world, &self.groups, &unsure, &mut causes);
        causes.iter().filter(|root| !self.groups.is_told(root)).for_each(|root| self.reach.forget(root));
        let started = std::mem::replace(&mut self.starting, starting.clone());
        unsure.extend(starting.differences(&started).cloned());
        for object in &unsure {
            self.standing.look(world, &self.groups, starting, object);
        }
        self.ranking.make(world, &self.groups, &self.reach, causes, self.standing.generators());
    }
}

/// What has a say in the counts although nothing may be found of it: what says that it fails, what generates, and stores,
/// for what reads through them.
fn of_consequence(world: &Inventory) -> BTreeSet<ObjectRef> {
    let stores = world.stores().map(SecretStore::store_ref);
    let generating = world.generating().into_iter().map(|es| es.object_ref());
    world.failing_names(Kind::ExternalSecret).cloned().chain(generating).chain(stores).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, Object, OnShelf as _, SecretStore};
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
        let Due { looks, .. } = memory.due(world, now).unwrap();
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
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store("valid")], Vec::new()), now);
        world.apply(Change::Listed(Kind::ExternalSecret.into(), readers, Vec::new()), now);
        world.settle();
        world
    }

    fn store(message: &str) -> Object {
        let wire = format!(
            r#"{{"metadata": {{"name": "store", "namespace": "ns"}}, "spec": {{"provider": {{"vault":
            {{"server": "https://vault.ns.svc:8200", "path": "secret", "auth": {{"kubernetes": {{"role": "r"}}}}}}}}}},
            "status": {{"conditions": [{{"type": "Ready", "status": "True", "message": "{message}"}}]}}}}"#
        );
        SecretStore::read(serde_json::from_str(&wire).unwrap(), &mut Names::default()).into_object()
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
        let mut checked = |message: &str| {
            world.apply(Change::Applied(store(message)), now);
            due(&mut memory, &world, now)
        };
        assert_eq!(checked("valid"), [""; 0], "it was written again, and says what it said");
        assert_eq!(checked("store validated"), [around[0], around[1], "World"], "who reads through it and is well does not mind");
        let late = "2026-11-25T01:38:00Z".parse().unwrap();
        assert_eq!(
            due(&mut memory, &world, late),
            ["a", "b", "c"].map(|name| format!("ExternalSecret/ns/{name}")),
            "overdue by now"
        );
    }
}
