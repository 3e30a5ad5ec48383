//! What is counted under which cause, kept from one diagnosis to the next. A store stands under the causes of its findings
//! and under those of its Vault, an `ExternalSecret` under those of its findings and of its store. Where that may be
//! otherwise the object is taken back and counted anew; so a change costs what it touches, however much fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::extent::{Extent, Share};
use super::finding::Severity;
use super::groups::{Groups, Root};
use super::tally::Turn;
use crate::model::kinds::{ExternalSecret, Role, Watched as _};
use crate::model::{Inventory, Kind, ObjectRef};

/// What is counted under each cause.
#[derive(Debug, Default)]
pub(super) struct Reach {
    counted: HashMap<ObjectRef, Counted>,
    extents: BTreeMap<Root, Extent>,
}

/// Causes in order, each with whether it is told that an object fails because of it. Of one object there are few.
type Under = Box<[(Root, bool)]>;

/// An object as it was counted.
#[derive(Debug)]
struct Counted {
    under: Under,
    share: Share,
}

impl Reach {
    /// Counts these stores and `ExternalSecret`s anew, and what reads through those stores where that is concerned. Adds the
    /// causes whose counts may be other ones now.
    pub(super) fn count(
        &mut self,
        world: &Inventory,
        groups: &Groups,
        unsure: &BTreeSet<ObjectRef>,
        causes: &mut BTreeSet<Root>,
    ) {
        let mut readers: BTreeSet<&ObjectRef> = unsure.iter().filter(|object| object.kind == Kind::ExternalSecret).collect();
        for store in unsure.iter().filter(|object| is_store(object)) {
            let under = of_store(world, groups, store);
            let before = self.counted.get(store).map(|counted| &counted.under);
            if !before.into_iter().flatten().map(|(root, _)| root).eq(under.iter().map(|(root, _)| root)) {
                readers.extend(world.pointing_at(store, Role::ReadsThrough));
            }
            let now = (!under.is_empty()).then(|| Counted { under, share: Share::of_store(world, store) });
            self.replace(store, now, causes);
        }
        for reader in readers {
            let now = world.get::<ExternalSecret>(reader).and_then(|es| {
                let under = self.of_reader(groups, es);
                (!under.is_empty()).then(|| Counted { under, share: Share::of_reader(world, es) })
            });
            self.replace(reader, now, causes);
        }
    }

    /// What is counted under a cause; nothing if it has neither stores nor `ExternalSecret`s.
    pub(super) fn extent(&self, root: &Root) -> Option<&Extent> {
        self.extents.get(root)
    }

    /// Forgets a cause that is told no more.
    pub(super) fn forget(&mut self, root: &Root) {
        self.extents.remove(root);
    }

    fn of_reader(&self, groups: &Groups, es: &ExternalSecret) -> Under {
        let mut under = named(groups, &es.object_ref());
        let store = if self.counted.is_empty() { None } else { es.store_ref() };
        for (root, _) in store.and_then(|store| self.counted.get(&store)).into_iter().flat_map(|store| &store.under) {
            add(&mut under, root, false);
        }
        in_order(under)
    }

    fn replace(&mut self, object: &ObjectRef, now: Option<Counted>, causes: &mut BTreeSet<Root>) {
        if let Some(before) = self.counted.remove(object) {
            self.turn(Turn::TakeBack, &before, causes);
        }
        if let Some(now) = now {
            self.turn(Turn::Count, &now, causes);
            self.counted.insert(object.clone(), now);
        }
    }

    fn turn(&mut self, turn: Turn, counted: &Counted, causes: &mut BTreeSet<Root>) {
        for (root, fails) in &counted.under {
            match self.extents.get_mut(root) {
                Some(extent) => extent.turn(turn, &counted.share, *fails),
                None => self.extents.entry(root.clone()).or_default().turn(turn, &counted.share, *fails),
            }
            if !causes.contains(root) {
                causes.insert(root.clone());
            }
        }
    }
}

pub(super) const fn is_store(object: &ObjectRef) -> bool {
    matches!(object.kind, Kind::SecretStore | Kind::ClusterSecretStore)
}

fn of_store(world: &Inventory, groups: &Groups, store: &ObjectRef) -> Under {
    let mut under = named(groups, store);
    if let Some(vault) = world.store(store).and_then(|store| store.vault.as_ref()) {
        for subject in std::iter::once(vault.address.subject()).chain(vault.spaces()) {
            for root in groups.of(&subject) {
                add(&mut under, root, false);
            }
        }
    }
    in_order(under)
}

/// The causes of what is told about an object, and whether that says that it fails.
fn named(groups: &Groups, object: &ObjectRef) -> Vec<(Root, bool)> {
    let mut under = Vec::new();
    for finding in groups.told().about(object) {
        let (slug, subject) = finding.root();
        add(&mut under, &(subject.clone(), slug), finding.severity == Severity::Error);
    }
    under
}

fn add(under: &mut Vec<(Root, bool)>, root: &Root, fails: bool) {
    match under.iter_mut().find(|(known, _)| known == root) {
        Some((_, known)) => *known |= fails,
        None => under.push((root.clone(), fails)),
    }
}

fn in_order(mut under: Vec<(Root, bool)>) -> Under {
    under.sort_unstable();
    under.into()
}
