//! One look: at what, and what is found there. The looks go in the order of causality: Vaults, then the stores that log in
//! to them, then the world at large, then paths, then what reads them. What a look finds depends on the world and on what
//! was found by looks before it, and stays right until one of these is different (`touched.rs`).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::case::drags_down;
use super::finding::{CauseKey, Certainty, Finding, Severity};
use super::{Case, Check, PathCase, RULES, ReaderCase};
use crate::model::kinds::{ExternalSecret, SecretStore, Watched as _};
use crate::model::vault::SecretPath;
use crate::model::{Inventory, ObjectRef, Text, VaultAddress, VaultServer};

/// What is looked at, in the order of causality.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Look {
    /// A Vault.
    Vault(VaultAddress),
    /// A store, and its login.
    Store(ObjectRef),
    /// The world at large: all kinds of which there are few.
    World,
    /// A path of a Vault.
    Path(VaultAddress, Text),
    /// An `ExternalSecret`, and its login if it logs in itself.
    Reader(ObjectRef),
    /// Everything that one rule found, for the rule at this place of the list.
    Together(usize),
}

impl Look {
    /// The `ExternalSecret` that is looked at, if it is one.
    pub(super) const fn reader(&self) -> Option<&ObjectRef> {
        if let Self::Reader(es) = self { Some(es) } else { None }
    }

    /// The object that is looked at, if it is one that is counted somewhere.
    pub(super) fn into_object(self) -> Option<ObjectRef> {
        match self {
            Self::Vault(address) => Some(address.subject()),
            Self::Store(object) | Self::Reader(object) => Some(object),
            Self::World | Self::Path(..) | Self::Together(_) => None,
        }
    }
}

/// Where a finding stands in the order of all: the look that found it, and which of its findings it is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub(super) look: Look,
    pub(super) at: usize,
}

/// What was found by each look that found something.
pub(super) type Found = BTreeMap<Look, Vec<Arc<Finding>>>;

/// What there is at a look.
pub(super) enum Sight<'a> {
    Vault(&'a VaultServer),
    Store(&'a SecretStore),
    World,
    Path(&'a VaultServer, &'a Text, &'a SecretPath),
    Reader(&'a ExternalSecret),
}

/// Every look that there is, each with what there is, in the order of causality.
pub(super) fn everything(world: &Inventory) -> impl Iterator<Item = (Look, Sight<'_>)> {
    let vaults = world.vaults.iter().map(|(address, server)| (Look::Vault(address.clone()), Sight::Vault(server)));
    let stores = world.stores().map(|store| (Look::Store(store.store_ref()), Sight::Store(store)));
    let paths = world.vaults.values().flat_map(|server| {
        paths_in_trouble(server).map(move |(full, path)| (path_look(server, full), Sight::Path(server, full, path)))
    });
    let readers = world.all::<ExternalSecret>().iter().map(|es| (Look::Reader(es.object_ref()), Sight::Reader(es)));
    vaults.chain(stores).chain([(Look::World, Sight::World)]).chain(paths).chain(readers)
}

impl Look {
    /// What there is; nothing any more, perhaps.
    pub(super) fn sight<'a>(&'a self, world: &'a Inventory) -> Option<Sight<'a>> {
        match self {
            Self::Vault(address) => world.vaults.get(address).map(|server| Sight::Vault(server)),
            Self::Store(store) => world.store(store).map(Sight::Store),
            Self::World => Some(Sight::World),
            Self::Path(address, full) => world.vaults.get(address).and_then(|server| {
                let path = server.paths.get(full).filter(|path| path.facts.state.is_trouble())?;
                Some(Sight::Path(server, full, path))
            }),
            Self::Reader(es) => world.get::<ExternalSecret>(es).map(|es| Sight::Reader(es)),
            // What is found there is found from what was found, and not from the world alone (`groups.rs`).
            Self::Together(_) => None,
        }
    }
}

/// The paths of a Vault that are not as they should be; the others are not looked at.
pub(super) fn troubled(server: &VaultServer) -> impl Iterator<Item = Look> {
    paths_in_trouble(server).map(|(full, _)| path_look(server, full))
}

fn paths_in_trouble(server: &VaultServer) -> impl Iterator<Item = (&Text, &SecretPath)> {
    server.paths.iter().filter(|(_, path)| path.facts.state.is_trouble())
}

fn path_look(server: &VaultServer, full: &Text) -> Look {
    Look::Path(server.address.clone(), full.clone())
}

/// The looks of every rule, in the order of the list.
fn checks() -> impl Iterator<Item = &'static Check> {
    RULES.iter().flat_map(|rule| rule.check.each())
}

impl Case<'_> {
    /// Looks, given what the looks before it found.
    pub(super) fn look(self, at: &Sight<'_>, found: &Found) -> Vec<Finding> {
        match at {
            Sight::Vault(server) => self.at_vault(server),
            Sight::Store(store) => self.at_store(store, found),
            Sight::World => self.at_large(),
            Sight::Path(server, full, path) => self.at_path(server, full, path),
            Sight::Reader(es) => self.at_reader(es, found),
        }
    }

    fn at_vault(self, server: &VaultServer) -> Vec<Finding> {
        let mut here = Vec::new();
        for check in checks() {
            if let Check::Vault(check) = check {
                check(&self, server, &mut here);
            }
        }
        here
    }

    fn at_store(self, store: &SecretStore, found: &Found) -> Vec<Finding> {
        let store = self.of_store(store);
        let mut here: Vec<Finding> = roots(found).filter_map(|root| store.under(root)).collect();
        let login = store.login();
        for check in checks() {
            match (check, &login) {
                (Check::Store(check), _) => check(&store, &mut here),
                (Check::Login(check), Some(login)) => check(login, &mut here),
                _ => {}
            }
        }
        here
    }

    fn at_large(self) -> Vec<Finding> {
        let mut here = Vec::new();
        for check in checks() {
            if let Check::World(check) = check {
                check(&self, &mut here);
            }
        }
        here
    }

    fn at_path(self, server: &VaultServer, full: &Text, path: &SecretPath) -> Vec<Finding> {
        let mut here = Vec::new();
        let path = PathCase { case: self, server, object: server.address.path_ref(full), path };
        for check in checks() {
            if let Check::Path(check) = check {
                check(&path, &mut here);
            }
        }
        here
    }

    fn at_reader(self, es: &ExternalSecret, found: &Found) -> Vec<Finding> {
        let mut reader = self.of_reader(es);
        let mut here = Vec::new();
        if reader.word.is_some() {
            reader.told = is_told(&reader, found);
            let of_store = |store: ObjectRef| found.get(&Look::Store(store.clone())).map(|here| blamed(&store, here));
            let causes = es.store_ref().and_then(of_store).unwrap_or_default();
            if causes.is_empty() {
                let roots = roots(found).filter(|root| reader.is_hit_by(root));
                here.extend(roots.map(|root| reader.under(&root.cause(), root.certainty)));
            }
            here.extend(causes.into_iter().map(|(cause, sure)| reader.under(&cause, sure)));
        }
        let login = reader.login();
        for check in checks() {
            match (check, &login) {
                (Check::ExternalSecret(check), _) => check(&reader, &mut here),
                (Check::Failing(check), _) if reader.word.is_some() => check(&reader, &mut here),
                (Check::Login(check), Some(login)) => check(login, &mut here),
                _ => {}
            }
        }
        here
    }
}

/// What is wrong with Vaults so that what reads there fails.
fn roots(found: &Found) -> impl Iterator<Item = &Finding> {
    let vaults = found.iter().take_while(|(look, _)| matches!(look, Look::Vault(_)));
    vaults.flat_map(|(_, here)| dragging(here))
}

/// The same, of what was found at one Vault.
fn dragging(here: &[Arc<Finding>]) -> impl Iterator<Item = &Finding> {
    here.iter().map(AsRef::as_ref).filter(|finding| drags_down(finding))
}

/// Why a store is broken, and with it what reads through it, of what was found there.
pub(super) fn blamed(store: &ObjectRef, here: &[Arc<Finding>]) -> Vec<(CauseKey, Certainty)> {
    let errors = here.iter().filter(|finding| finding.severity == Severity::Error && finding.subject == *store);
    let mut causes: Vec<(CauseKey, Certainty)> = errors.map(|finding| (finding.cause(), finding.certainty)).collect();
    causes.dedup_by(|a, b| a.0 == b.0);
    causes
}

/// Whether a look at a path that it reads has told why it fails.
fn is_told(reader: &ReaderCase<'_>, found: &Found) -> bool {
    let Some(server) = reader.server else { return false };
    // Where no path of that Vault is to blame, none of those that it reads has to be looked up.
    let first = found.range(Look::Path(server.address.clone(), Text::default())..).next();
    if !first.is_some_and(|(look, _)| matches!(look, Look::Path(address, _) if *address == server.address)) {
        return false;
    }
    reader.reads().any(|read| {
        let here = found.get(&Look::Path(server.address.clone(), read.full));
        here.is_some_and(|here| here.iter().any(|finding| finding.subject == reader.object))
    })
}
