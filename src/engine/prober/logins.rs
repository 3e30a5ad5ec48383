//! Asks one Vault how the logins stand of stores that it refuses: what nobody needs rights for at once, and a real login
//! only where the person asked for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::older;
use super::paths::reader;
use crate::engine::Ports;
use crate::model::vault::{StoreLogin, Told};
use crate::model::{Change, Inventory, ObjectRef, VaultAddress};
use crate::ports::ReplicaAddress;

/// How often it is looked for stores that began to fail.
const EVERY: Duration = Duration::from_secs(1);
/// A login that fails is asked about again after so many seconds: somebody may be repairing it.
const AGAIN: i64 = 15;
/// The same where a real login is made too: each stands in the audit logs of Vault and of the cluster.
const ATTEMPTED_AGAIN: i64 = 60;

/// Asks one Vault.
pub(super) struct Logins {
    pub(super) ports: Ports,
    pub(super) worlds: watch::Receiver<Arc<Inventory>>,
    pub(super) changes: mpsc::Sender<Change>,
    /// Counts how often the person wished to know anew.
    pub(super) nudge: watch::Receiver<u64>,
    pub(super) address: VaultAddress,
    /// Stores in whose stead the person wishes to log in: for these a real login may be made.
    pub(super) as_stores: Arc<[ObjectRef]>,
    /// Whether one may be made for every store that fails.
    pub(super) every_store: bool,
    /// The logins that failed when the world was looked at last, and at which revision that was.
    pub(super) failing: (u64, Vec<StoreLogin>),
}

impl Logins {
    /// Asks for ever; ends when nobody listens any more.
    pub(super) async fn run(mut self) {
        loop {
            if self.ask().await.is_none() {
                return;
            }
            tokio::select! {
                () = self.ports.clock.sleep(EVERY) => {}
                changed = self.nudge.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Asks about every login that fails and was not asked about lately; `None` when nobody listens any more.
    async fn ask(&mut self) -> Option<()> {
        let world = self.worlds.borrow().clone();
        let Some(server) = world.vaults.get(&self.address) else { return Some(()) };
        let Some(pod) = reader(server) else { return Some(()) };
        let replica = ReplicaAddress { server: self.address.clone(), pod };
        let now = self.ports.clock.now();
        if self.failing.0 != world.revision {
            self.failing = (world.revision, world.failing_logins(server));
        }
        for login in &self.failing.1 {
            let of = (login.store.clone(), login.account.clone());
            let known = server.logins.get(&of);
            // Once the person asked for a login in the stead of a store, it is made again while that fails.
            let asked_for = known.is_some_and(|known| known.login != Told::NotAsked);
            let attempt = self.every_store || asked_for || self.as_stores.contains(&login.store);
            let again = if asked_for { ATTEMPTED_AGAIN } else { AGAIN };
            if !older(known.and_then(|known| known.asked), now, again) {
                continue;
            }
            let checks = self.ports.vault.login_checks(&replica, login, attempt).await;
            self.changes.send(Change::Login(self.address.clone(), of, Arc::new(checks))).await.ok()?;
        }
        Some(())
    }
}
