//! The newest events about stores and ExternalSecrets, kept at hand while thousands of others come and go.

use std::sync::Arc;

use jiff::Timestamp;

use super::Changes;
use crate::model::kinds::{Event, Watched as _};
use crate::model::{Inventory, Kind, ObjectRef};

/// How many are kept at hand.
const EVENTS: usize = 12;

/// When it was last, and which.
type Dated = (Option<Timestamp>, ObjectRef);

/// The newest events, newest first.
#[derive(Clone, Debug, Default)]
pub(super) struct Newest(Vec<Dated>);

impl Newest {
    /// Which, newest first.
    pub(super) fn events(&self) -> Vec<ObjectRef> {
        self.0.iter().map(|(_, event)| event.clone()).collect()
    }

    /// Takes changed events in. All are looked at again only if one of those at hand went or became older.
    pub(super) fn follow(&mut self, changes: &Changes<'_, Event>, world: &Inventory) {
        let mut again = false;
        let mut come: Vec<Dated> = Vec::new();
        for (before, after) in changes {
            let before = before.and_then(dated);
            let after = after.and_then(dated);
            if let Some(at) = before.as_ref().and_then(|before| self.0.iter().position(|one| one == before)) {
                self.0.remove(at);
                again |= after.as_ref() < before.as_ref();
            }
            come.extend(after);
        }
        if again {
            come = world.all::<Event>().iter().filter_map(dated).collect();
            self.0.clear();
        }
        self.0.append(&mut come);
        if self.0.len() > EVENTS {
            self.0.select_nth_unstable_by(EVENTS, |a, b| b.cmp(a));
            self.0.truncate(EVENTS);
        }
        self.0.sort_by(|a, b| b.cmp(a));
    }
}

/// An event with its time, if it tells about what the board shows.
fn dated(event: &Arc<Event>) -> Option<Dated> {
    use Kind::{ClusterExternalSecret, ClusterSecretStore, ExternalSecret, SecretStore};
    let about = event.about.as_ref()?;
    let ours = matches!(about.kind, ExternalSecret | SecretStore | ClusterSecretStore | ClusterExternalSecret);
    ours.then(|| (event.last, event.object_ref()))
}
