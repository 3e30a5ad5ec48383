//! How far an `ExternalSecret` reaches: its Secret, and the pods that use it. With thousands that fail this is most of what
//! a diagnosis costs, so it is remembered until a look at the `ExternalSecret` is due again (`touched.rs`).

use std::collections::HashMap;
use std::sync::Arc;

use super::look::Look;
use crate::model::kinds::{ExternalSecret, Pod};
use crate::model::{Inventory, ObjectRef};

/// What depends on one `ExternalSecret`.
#[derive(Debug)]
pub(super) struct Part {
    /// Itself.
    pub(super) es: Arc<ExternalSecret>,
    /// Whether its Secret is there.
    pub(super) has_secret: bool,
    /// The pods that use that Secret.
    pub(super) pods: Box<[User]>,
}

/// A pod that uses a Secret.
#[derive(Debug)]
pub(super) struct User {
    /// The pod.
    pub(super) pod: Arc<Pod>,
    /// What a person calls its workload.
    pub(super) workload: Option<String>,
}

/// Every part that was asked for.
#[derive(Debug, Default)]
pub(super) struct Reach {
    parts: HashMap<ObjectRef, Counted>,
    counts: usize,
}

#[derive(Debug)]
struct Counted {
    /// `None` for an `ExternalSecret` that is not there.
    part: Option<Arc<Part>>,
    /// The last count that it was in.
    count: usize,
}

impl Reach {
    /// What is due for another look may reach elsewhere.
    pub(super) fn forget(&mut self, look: &Look) {
        if let Look::Reader(es) = look {
            self.parts.remove(es);
        }
    }

    /// Begins to count: what was met before is new once more.
    pub(super) const fn count(&mut self) {
        self.counts += 1;
    }

    /// What depends on an `ExternalSecret`, if there is such a one.
    pub(super) fn of(&mut self, world: &Inventory, object: &ObjectRef) -> Option<Arc<Part>> {
        self.at(world, object).part.clone()
    }

    /// The same, if it is met for the first time in this count.
    pub(super) fn first(&mut self, world: &Inventory, object: &ObjectRef) -> Option<Arc<Part>> {
        let count = self.counts;
        let here = self.at(world, object);
        let is_first = std::mem::replace(&mut here.count, count) != count;
        here.part.clone().filter(|_| is_first)
    }

    fn at(&mut self, world: &Inventory, object: &ObjectRef) -> &mut Counted {
        self.parts.entry(object.clone()).or_insert_with(|| Counted { part: part(world, object), count: 0 })
    }
}

fn part(world: &Inventory, object: &ObjectRef) -> Option<Arc<Part>> {
    let es = world.get::<ExternalSecret>(object)?;
    let users = world.consumers_of(&es.meta.namespace, &es.target);
    Some(Arc::new(Part {
        has_secret: world.target_of(es).is_some(),
        pods: users.map(|pod| User { pod: pod.clone(), workload: pod.workload() }).collect(),
        es: es.clone(),
    }))
}
