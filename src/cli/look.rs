//! One look at the world for commands without a screen: waits until everything that can be asked was
//! asked, then hands out the snapshot.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::engine::Snapshot;
use crate::ports::Clock;

/// Waits until the world is known and diagnosed, or for this many seconds of the clock; then the snapshot
/// says itself what is missing.
pub(super) async fn look(snapshots: &mut watch::Receiver<Arc<Snapshot>>, clock: &dyn Clock, seconds: u64) -> Arc<Snapshot> {
    look_until(snapshots, clock, seconds, Snapshot::is_examined).await
}

/// The same, until enough is known.
pub(super) async fn look_until(
    snapshots: &mut watch::Receiver<Arc<Snapshot>>,
    clock: &dyn Clock,
    seconds: u64,
    enough: impl Fn(&Snapshot) -> bool,
) -> Arc<Snapshot> {
    let known = snapshots.wait_for(|snapshot| enough(snapshot));
    tokio::select! {
        known = known => {
            if let Ok(snapshot) = known {
                return snapshot.clone();
            }
        }
        () = clock.sleep(Duration::from_secs(seconds)) => {}
    }
    snapshots.borrow().clone()
}
