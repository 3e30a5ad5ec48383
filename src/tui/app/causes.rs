//! Causes as they are told: those of a Vault each, others by their rule, so that twenty objects that wait for
//! their back-off are one thing to read and one to repair.

use std::collections::HashSet;
use std::sync::Arc;

use super::model::Model;
use super::words::{counted, short};
use crate::diagnosis::{Cause, Severity};
use crate::model::{Kind, Name, ObjectRef};

/// A cause as it is told: one, or several of one rule with their numbers added up.
#[derive(Clone, Debug)]
pub struct Told {
    /// The first of them, with the numbers of all.
    pub cause: Cause,
    /// The subjects of all.
    pub subjects: Vec<ObjectRef>,
}

/// Twenty objects that wait for their back-off are one thing to a person.
#[must_use]
pub fn told(causes: &[Arc<Cause>]) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    for cause in causes {
        let same = |other: &&mut Told| other.cause.slug == cause.slug && cause.subject.kind != Kind::Vault;
        match told.iter_mut().find(same) {
            Some(group) => group.add(cause),
            None => told.push(Told { cause: Cause::clone(cause), subjects: vec![cause.subject.clone()] }),
        }
    }
    told.iter_mut().filter(|group| group.subjects.len() > 1).for_each(Told::count_namespaces);
    told
}

impl Model {
    /// Whether something says that it is broken, and not everything was asked yet that tells why.
    #[must_use]
    pub fn looks_for_the_cause(&self) -> bool {
        !self.snapshot.is_examined() && self.says_broken()
    }

    /// Whether an object or a Vault says of itself that it is broken, whatever was found out about it.
    fn says_broken(&self) -> bool {
        let world = &self.snapshot.world;
        let objects = || [Kind::ExternalSecret, Kind::SecretStore, Kind::ClusterSecretStore].into_iter();
        let fails = objects().any(|kind| world.failing_names(kind).next().is_some());
        fails || world.vaults.values().any(|server| server.sealed().next().is_some())
    }

    /// The cause that is told in full, and that keys work on. The first answers name what is broken before they tell why:
    /// until then no other matter stands in its place.
    #[must_use]
    pub fn told(&self) -> Option<&Told> {
        let told = self.board.told()?;
        (told.cause.severity == Severity::Error || !self.looks_for_the_cause()).then_some(told)
    }
}

impl Told {
    fn add(&mut self, other: &Cause) {
        let sum = &mut self.cause;
        for (into, from) in [(&mut sum.radius, &other.radius), (&mut sum.failing, &other.failing)] {
            into.stores += from.stores;
            into.external_secrets += from.external_secrets;
            into.secrets += from.secrets;
            into.workloads += from.workloads;
            into.pods += from.pods;
        }
        sum.follows.external_secrets += other.follows.external_secrets;
        sum.follows.stores += other.follows.stores;
        sum.follows.first = [sum.follows.first, other.follows.first].into_iter().flatten().min();
        sum.follows.last = sum.follows.last.max(other.follows.last);
        sum.spared.secrets += other.spared.secrets;
        sum.spared.pods += other.spared.pods;
        sum.since = [sum.since, other.since].into_iter().flatten().min();
        sum.certainty = sum.certainty.min(other.certainty);
        sum.waiting.extend(other.waiting.iter().take(Cause::NAMED.saturating_sub(sum.waiting.len())).cloned());
        self.subjects.push(other.subject.clone());
    }

    fn count_namespaces(&mut self) {
        let namespaces: HashSet<&Name> = self.subjects.iter().map(|subject| &subject.namespace).collect();
        let count = namespaces.len();
        (self.cause.failing.namespaces, self.cause.radius.namespaces) = (count, count);
    }

    /// What it is about: the object, or how many.
    #[must_use]
    pub fn subject(&self) -> String {
        match self.subjects.as_slice() {
            [one] => short(one),
            many => counted(many.len(), self.cause.subject.kind.as_str()),
        }
    }
}
