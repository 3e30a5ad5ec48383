//! Asks one Vault for what it tells of its cluster: its peers, raft's judgement, its mounts, the seals of the namespaces
//! that stores name. All of it needs a token, and none of it is worth a moment of the seal's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::SEAL_EVERY;
use super::paths::reader;
use crate::engine::Ports;
use crate::model::vault::Told;
use crate::model::{Change, Inventory, Text, VaultAddress};
use crate::ports::ReplicaAddress;

/// How often it is asked: three requests, and one for each namespace.
const EVERY: Duration = Duration::from_secs(10);
/// How often while a namespace is sealed by itself: who gives shares to it sees what others give.
const WHILE_SEALED: Duration = Duration::from_secs(2);
/// How often a token is asked with that may ask nothing of it, or is not there: it seldom changes.
const SELDOM: Duration = Duration::from_secs(60);

/// Asks one Vault.
pub(super) struct Around {
    pub(super) ports: Ports,
    pub(super) worlds: watch::Receiver<Arc<Inventory>>,
    pub(super) changes: mpsc::Sender<Change>,
    /// Counts how often the person wished to know anew.
    pub(super) nudge: watch::Receiver<u64>,
    pub(super) address: VaultAddress,
}

impl Around {
    /// Asks for ever; ends when nobody listens any more.
    pub(super) async fn run(mut self) {
        loop {
            let Some(wait) = self.ask().await else { return };
            tokio::select! {
                () = self.ports.clock.sleep(wait) => {}
                changed = self.nudge.changed() => if changed.is_err() { return },
            }
        }
    }

    /// Asks once; says how long to wait, or that nobody listens any more.
    async fn ask(&mut self) -> Option<Duration> {
        let world = self.worlds.borrow().clone();
        let Some(server) = world.vaults.get(&self.address) else { return Some(SEAL_EVERY) };
        let Some(pod) = reader(server) else { return Some(SEAL_EVERY) };
        let of_server = world.stores().filter_map(|store| store.vault.as_ref()).filter(|vault| vault.address == self.address);
        let namespaces: BTreeSet<Text> = of_server.map(|vault| vault.namespace.clone()).filter(|name| !name.is_empty()).collect();
        let namespaces: Vec<Text> = namespaces.into_iter().collect();
        let replica = ReplicaAddress { server: self.address.clone(), pod };
        let around = self.ports.vault.surroundings(&replica, &namespaces).await;
        let wait = match &around {
            Ok(around) if around.namespaces.iter().any(|(_, seal)| seal.said().is_some_and(|seal| seal.sealed)) => WHILE_SEALED,
            Ok(around) if !(around.peers == Told::Denied && around.autopilot == Told::Denied) => EVERY,
            // Why nothing can be asked, the reader of the paths says: it has the same token.
            _ => SELDOM,
        };
        self.changes.send(Change::Around(self.address.clone(), around)).await.ok()?;
        Some(wait)
    }
}
