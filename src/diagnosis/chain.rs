//! The chain of one object, from either end: upstream, Vault, path, login, reader, Secret, consumers. Every
//! station says how it is; the first that fails is where the chain breaks. Pure, and as wide as what depends on
//! the object: neighbours come from the link index.

mod links;
mod station;
mod tree;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;

use super::state::State;
use super::{Cause, Diagnosis};
use crate::model::{Health, Inventory, ObjectRef};

pub use tree::{Line, Says};

/// The stations from where a value comes to where it is used, around one object.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The object that was asked for.
    pub asked: ObjectRef,
    /// The station that stands for it: of a replica its Vault.
    pub of: ObjectRef,
    /// In the order in which a value flows.
    pub stations: Vec<Station>,
    /// Stations that were left out for want of room.
    pub more: Vec<More>,
    /// What the diagnosis says is wrong with a station.
    pub causes: Vec<Arc<Cause>>,
}

/// One object of a chain.
#[derive(Clone, Debug)]
pub struct Station {
    /// Which.
    pub object: ObjectRef,
    /// What it is to the value.
    pub stage: Stage,
    /// How it is.
    pub state: State,
    /// Since when, or since when it is there; see `note`.
    pub since: Option<Timestamp>,
    /// When it is tried again, how a Secret is used, what is missing; may be empty.
    pub note: String,
    /// The stations that it depends on, by index.
    pub from: Vec<usize>,
    /// Whether it fails and nothing that it depends on does.
    pub breaks: bool,
}

/// What a station is to the value that flows; in this order it flows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// It writes the value into Vault.
    Bootstrap,
    /// The Vault.
    Vault,
    /// The path in it.
    Path,
    /// What a store needs to log in: a service account, a token's Secret.
    Login,
    /// The store, or the way of another operator to its Vault.
    Store,
    /// It makes a new value at every sync.
    Generator,
    /// It makes readers in many namespaces.
    Maker,
    /// It reads the value and writes the Secret.
    Reader,
    /// The Secret.
    Secret,
    /// It uses the Secret.
    Consumer,
}

impl Stage {
    /// Its word in reports.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bootstrap => "bootstrap",
            Self::Vault => "vault",
            Self::Path => "path",
            Self::Login => "login",
            Self::Store => "store",
            Self::Generator => "generator",
            Self::Maker => "maker",
            Self::Reader => "reader",
            Self::Secret => "secret",
            Self::Consumer => "consumer",
        }
    }

    /// Whether it stands beside what needs it rather than in the line: a reader has one store and many paths.
    #[must_use]
    pub const fn is_beside(self) -> bool {
        matches!(self, Self::Bootstrap | Self::Path | Self::Login | Self::Generator | Self::Maker)
    }
}

/// Dependents of a station that were left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct More {
    /// The station that they depend on.
    pub of: usize,
    /// How many of them fail.
    pub failing: usize,
    /// How many are well, or not known.
    pub others: usize,
}

/// The chain of an object. Of the dependents of one station at most `most` are followed, the worst first.
#[must_use]
pub fn chain(world: &Inventory, diagnosis: &Diagnosis, object: &ObjectRef, now: Timestamp, most: usize) -> Chain {
    let mut walk = Walk { world, diagnosis, now, most, found: HashMap::new(), order: Vec::new(), more: Vec::new() };
    let start = links::start(world, object);
    walk.up(start.clone());
    walk.down(start.clone());
    Chain { asked: object.clone(), ..walk.finish(start) }
}

/// The chain in the making.
struct Walk<'a> {
    world: &'a Inventory,
    diagnosis: &'a Diagnosis,
    now: Timestamp,
    most: usize,
    /// Each object with what it depends on.
    found: HashMap<ObjectRef, Vec<ObjectRef>>,
    order: Vec<ObjectRef>,
    more: Vec<(ObjectRef, usize, usize)>,
}

impl Walk<'_> {
    /// An object and everything that it depends on.
    fn up(&mut self, object: ObjectRef) {
        let mut open = VecDeque::from([object]);
        while let Some(object) = open.pop_front() {
            if self.found.contains_key(&object) {
                continue;
            }
            let mut from = links::up(self.world, &object);
            open.extend(from.iter().cloned());
            // What fills the Vault needs it, and is not asked what else it needs: that is a chain of its own.
            for filler in links::fillers(self.world, &object) {
                if !self.found.contains_key(&filler) {
                    self.order.push(filler.clone());
                    self.found.insert(filler.clone(), from.clone());
                }
                from.push(filler);
            }
            self.order.push(object.clone());
            self.found.insert(object, from);
        }
    }

    /// Everything that depends on an object. A reader brings what it needs with it; a consumer does not bring
    /// its other Secrets: they are chains of their own.
    fn down(&mut self, object: ObjectRef) {
        let mut open = VecDeque::from([object]);
        let mut seen = HashSet::new();
        while let Some(object) = open.pop_front() {
            if !seen.insert(object.clone()) {
                continue;
            }
            let mut below = links::down(self.world, &object);
            if below.len() > self.most {
                below.sort_by_cached_key(|one| (self.health(one), one.clone()));
                let rest = below.split_off(self.most);
                let failing = rest.iter().filter(|one| self.health(one) == Health::Failing).count();
                self.more.push((object.clone(), failing, rest.len() - failing));
            }
            for next in below {
                match links::stage(next.kind) {
                    Stage::Reader | Stage::Store => self.up(next.clone()),
                    _ if !self.found.contains_key(&next) => {
                        self.order.push(next.clone());
                        self.found.insert(next.clone(), Vec::new());
                    }
                    _ => {}
                }
                let from = self.found.entry(next.clone()).or_default();
                if !from.contains(&object) {
                    from.push(object.clone());
                }
                open.push_back(next);
            }
        }
    }

    fn health(&self, object: &ObjectRef) -> Health {
        station::state(self.world, self.diagnosis, object).health
    }

    fn finish(mut self, of: ObjectRef) -> Chain {
        // Two lifetimes of a walk may meet in one object: the order of the flow is that of the stages, then of names.
        self.order.sort_by_cached_key(|object| (links::stage(object.kind), object.clone()));
        let places: HashMap<&ObjectRef, usize> = self.order.iter().enumerate().map(|(at, object)| (object, at)).collect();
        let place = |object: &ObjectRef| places.get(object).copied();
        let mut stations: Vec<Station> = self
            .order
            .iter()
            .map(|object| {
                let from = self.found.get(object).into_iter().flatten().filter_map(place).collect();
                station::station(self.world, self.diagnosis, object, from, self.now)
            })
            .collect();
        for at in 0..stations.len() {
            let under_a_path = |one: &Station| one.stage == Stage::Path && one.from.contains(&at);
            if stations[at].stage == Stage::Consumer && stations.iter().any(under_a_path) {
                stations[at].stage = Stage::Bootstrap;
                // That it failed matters where what it writes is not there.
                let lacking = stations.iter().any(|one| under_a_path(one) && one.state.health == Health::Failing);
                if stations[at].state.health == Health::Failing && !lacking {
                    stations[at].state.health = Health::Warning;
                }
            }
        }
        for at in 0..stations.len() {
            // A Secret that a store logs in with stands beside it.
            if stations[at].stage == Stage::Secret
                && stations.iter().any(|one| one.stage == Stage::Store && one.from.contains(&at))
            {
                stations[at].stage = Stage::Login;
            }
            stations[at].breaks = stations[at].state.health == Health::Failing && !fails_before(&stations, at);
        }
        let named: HashSet<_> =
            self.order.iter().flat_map(|object| self.diagnosis.about(object)).map(super::Finding::cause).collect();
        let causes = self.diagnosis.causes.iter().filter(|cause| named.contains(&(cause.slug, cause.subject.clone())));
        let causes = causes.cloned().collect();
        let more = self
            .more
            .iter()
            .filter_map(|(object, failing, others)| Some(More { of: place(object)?, failing: *failing, others: *others }));
        Chain { asked: of.clone(), of, more: more.collect(), stations, causes }
    }
}

/// Whether something that a station depends on fails.
fn fails_before(stations: &[Station], at: usize) -> bool {
    let mut open = stations[at].from.clone();
    let mut seen = HashSet::from([at]);
    while let Some(next) = open.pop() {
        if seen.insert(next) {
            if stations[next].state.health == Health::Failing {
                return true;
            }
            open.extend(&stations[next].from);
        }
    }
    false
}

impl Chain {
    /// The stations where it breaks.
    pub fn breaks(&self) -> impl Iterator<Item = &Station> {
        self.stations.iter().filter(|station| station.breaks)
    }

    /// The worst that any station is.
    #[must_use]
    pub fn health(&self) -> Health {
        self.stations.iter().map(|station| station.state.health).min().unwrap_or(Health::Unknown)
    }
}
