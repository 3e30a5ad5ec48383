//! The causes in the order in which they are told: the worst first, of these the one that reaches furthest. Only a cause of
//! which something else was found or counted is put together anew.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cause::{Cause, Counts, is_of_vault};
use super::extent::Extent;
use super::finding::Severity;
use super::groups::{Groups, Root};
use super::reach::Reach;
use crate::model::{Inventory, ObjectRef};

/// By severity, then by what fails now, then by what depends.
type Rank = (Reverse<Severity>, Reverse<(Counts, Counts)>, ObjectRef, &'static str);

/// Every cause that is told.
#[derive(Debug, Default)]
pub(super) struct Ranking {
    made: BTreeMap<Root, Arc<Cause>>,
    ranked: BTreeMap<Rank, Arc<Cause>>,
    /// How many `ExternalSecret`s only generated when the causes were made.
    generators: usize,
}

impl Ranking {
    /// Whether this cause is among them.
    pub(super) fn has(&self, root: &Root) -> bool {
        self.made.contains_key(root)
    }

    /// Makes these causes anew, or forgets them if they are told no more.
    pub(super) fn make(
        &mut self,
        world: &Inventory,
        groups: &Groups,
        reach: &Reach,
        mut causes: BTreeSet<Root>,
        generators: usize,
    ) {
        if std::mem::replace(&mut self.generators, generators) != generators {
            causes.extend(self.made.keys().filter(|(subject, _)| is_of_vault(subject.kind)).cloned());
        }
        let nothing = Extent::default();
        for root in causes {
            if let Some(before) = self.made.remove(&root) {
                self.ranked.remove(&rank(&before));
            }
            let group = groups.get(&root).filter(|group| group.is_told());
            let extent = reach.extent(&root).unwrap_or(&nothing);
            if let Some(cause) = group.and_then(|group| Cause::of(world, &root, group, extent, generators)) {
                let cause = Arc::new(cause);
                self.ranked.insert(rank(&cause), cause.clone());
                self.made.insert(root, cause);
            }
        }
    }

    /// All of them, in order.
    pub(super) fn causes(&self) -> Vec<Arc<Cause>> {
        self.ranked.values().cloned().collect()
    }
}

fn rank(cause: &Cause) -> Rank {
    (Reverse(cause.severity), Reverse((cause.failing, cause.radius)), cause.subject.clone(), cause.slug)
}
