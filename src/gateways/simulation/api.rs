//! The API server: objects, their versions, and the news of what changed. Whoever writes says nothing
//! more than what it wants; versions, and who hears of it, follow from what really changed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::object::{Body, Meta, Object};
use super::random::Random;
use crate::model::{Kind, ObjectRef};

/// What happened to an object, as a controller's watch sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) object: ObjectRef,
    pub(super) what: What,
}

/// Which part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// It is new, or its spec, labels or annotations changed.
    Wanted,
    /// Only its status changed (or the data of a Secret).
    Said,
    /// It is gone.
    Gone,
}

/// The server.
#[derive(Debug)]
pub(super) struct Api {
    objects: BTreeMap<ObjectRef, Object>,
    version: u64,
    random: Random,
    /// What changed and no watch has been told yet.
    pub(super) touched: Vec<ObjectRef>,
    /// What changed and no controller has been told yet.
    pub(super) news: Vec<News>,
}

impl Api {
    pub(super) const fn new(seed: u64) -> Self {
        Self { objects: BTreeMap::new(), version: 1000, random: Random::new(seed ^ 0xa91), touched: Vec::new(), news: Vec::new() }
    }

    pub(super) fn get(&self, key: &ObjectRef) -> Option<&Object> {
        self.objects.get(key)
    }

    /// Every object of a kind, by namespace and name.
    pub(super) fn list(&self, kind: Kind) -> impl Iterator<Item = (&ObjectRef, &Object)> {
        self.objects.range(ObjectRef::new(kind, "", "")..).take_while(move |(key, _)| key.kind == kind)
    }

    /// Puts a new object; one that exists already is left alone.
    pub(super) fn create(&mut self, key: ObjectRef, mut meta: Meta, body: Body, now: Timestamp) -> bool {
        if self.objects.contains_key(&key) {
            return false;
        }
        self.version += 1;
        meta.version = self.version;
        meta.generation = 1;
        meta.created = super::time::whole(now);
        meta.uid = self.random.uuid();
        self.objects.insert(key.clone(), Object { meta, body });
        self.tell(key, What::Wanted);
        true
    }

    /// Changes an object; nobody hears of a change that changes nothing. Says its version afterwards.
    pub(super) fn change(&mut self, key: &ObjectRef, change: impl FnOnce(&mut Object)) -> Option<u64> {
        let object = self.objects.get_mut(key)?;
        let before = object.clone();
        change(object);
        if *object == before {
            return Some(before.meta.version);
        }
        self.version += 1;
        object.meta.version = self.version;
        let (old, new) = (&before.meta, &object.meta);
        let wanted = old.generation != new.generation || old.labels != new.labels || old.annotations != new.annotations;
        self.tell(key.clone(), if wanted { What::Wanted } else { What::Said });
        Some(self.version)
    }

    /// Takes an object away.
    pub(super) fn delete(&mut self, key: &ObjectRef) -> Option<Object> {
        let object = self.objects.remove(key)?;
        self.version += 1;
        self.tell(key.clone(), What::Gone);
        Some(object)
    }

    fn tell(&mut self, object: ObjectRef, what: What) {
        self.touched.push(object.clone());
        if object.kind != Kind::Event {
            self.news.push(News { object, what });
        }
    }

    /// A name for an event about something called so.
    pub(super) fn event_name(&mut self, about: &str) -> String {
        format!("{about}.{}", self.random.hex(8))
    }
}
