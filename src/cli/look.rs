//! One look at the world for commands without a screen: waits until everything that can be asked was
//! asked, then hands out the snapshot.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::diagnosis::server::ServerState;
use crate::engine::Snapshot;
use crate::ports::Clock;

/// Waits until the world is known and diagnosed, or for this many seconds of the clock; then the snapshot
/// says itself what is missing.
pub(super) async fn look(snapshots: &mut watch::Receiver<Arc<Snapshot>>, clock: &dyn Clock, seconds: u64) -> Arc<Snapshot> {
    let known = snapshots.wait_for(|snapshot| is_known(snapshot));
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

/// Whether everything was heard of once, and the newest of it is diagnosed.
fn is_known(snapshot: &Snapshot) -> bool {
    let world = &snapshot.world;
    let listed = crate::model::kinds::all()
        .iter()
        .all(|kind| world.sources.get(kind).is_some_and(|source| source.complete || source.fault.is_some()));
    let asked = world.vaults.values().all(|server| server.unlisted.is_some() || ServerState::of(server) != ServerState::Unknown);
    let met = !snapshot.identity.context.is_empty() || snapshot.offline.is_some();
    snapshot.offline.is_some() || (listed && asked && met && snapshot.diagnosed == world.revision)
}
