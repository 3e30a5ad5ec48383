//! External Secrets' back-off, worked out from what it leaves behind: it says nowhere when it tries again.

use jiff::{SignedDuration, Timestamp};

use crate::model::Inventory;
use crate::model::kinds::{ExternalSecret, Watched as _};

/// The longest back-off of External Secrets, in seconds (pkg/controllers/common/common.go).
pub const LONGEST: i64 = 420;

/// When an `ExternalSecret` that fails is tried again. The wait doubles, so it is about as long as the
/// failure already lasts: last try + min(last − failed since + 1 s, 420 s), from the times of its newest
/// failure, not from its count. One controller busy with unreachable stores may come later.
#[must_use]
pub fn next_try(world: &Inventory, es: &ExternalSecret) -> Option<Timestamp> {
    let events = world.events_of(&es.object_ref());
    let event = events.iter().rev().find(|event| event.warning)?;
    let last = event.last?;
    let since = es.ready.as_ref().and_then(|ready| ready.since).or(event.first)?;
    let wait = (last.as_second() - since.as_second() + 1).clamp(1, LONGEST);
    last.checked_add(SignedDuration::from_secs(wait)).ok()
}
