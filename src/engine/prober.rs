//! Asks the outside what no watch tells: every replica of every Vault, its paths, the controller. Its
//! answers are [`Change`]s like any other, so that the diagnosis stays pure.

mod around;
mod logins;
mod names;
mod paths;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use self::around::Around;
use self::logins::Logins;
use self::names::Namer;
use self::paths::Reader;
pub(super) use self::paths::reader;
use super::{Looks, Ports};
use crate::model::vault::ServerTls;
use crate::model::{Change, Inventory, Name, ObjectRef, ReplicaRole, VaultAddress};
use crate::ports::{ReplicaAddress, ReplicaPod};

/// How often the seal of each replica is asked for.
const SEAL_EVERY: Duration = Duration::from_secs(1);
/// How often the pods behind a Service are listed, in seconds, while all is well.
const REPLICAS_EVERY: i64 = 10;
/// How often a replica is asked for its health, in seconds: the seal is what cannot wait.
const HEALTH_EVERY: i64 = 10;
/// How often it is looked for runs that failed.
const LOGS_EVERY: Duration = Duration::from_secs(2);
/// How often a log is asked for once more that a passing trouble kept from us. A look that ends waits for these.
const LOG_TRIES: u32 = 5;
/// How often it is asked whether a version is served that somebody misses.
const VERSIONS_EVERY: Duration = Duration::from_secs(2);
/// How often the controller is looked at.
const CONTROLLER_EVERY: Duration = Duration::from_secs(10);

/// What the person wishes to know.
#[derive(Clone)]
pub(super) struct Wishes {
    /// Counts how often they wished to know anew.
    pub(super) nudge: watch::Receiver<u64>,
    /// What they look at.
    pub(super) looks: watch::Receiver<Looks>,
}

/// What the person agreed to beforehand: logins in the stead of stores.
#[derive(Clone)]
pub(super) struct Agreed {
    /// As these, to read with what that gives.
    pub(super) as_stores: Arc<[ObjectRef]>,
    /// As every store that fails, once, to learn why; what that gives is revoked at once.
    pub(super) try_logins: bool,
}

/// Looks at the External Secrets controller, for ever.
pub(super) async fn watch_controller(ports: Ports, changes: mpsc::Sender<Change>) {
    loop {
        if let Ok(controller) = ports.cluster.controller().await
            && changes.send(Change::Controller(controller)).await.is_err()
        {
            return;
        }
        ports.clock.sleep(CONTROLLER_EVERY).await;
    }
}

/// Reads what the pods of failed runs said, once for each, for ever.
pub(super) async fn watch_logs(ports: Ports, mut worlds: watch::Receiver<Arc<Inventory>>, changes: mpsc::Sender<Change>) {
    let mut tries: HashMap<ObjectRef, u32> = HashMap::new();
    loop {
        let world = worlds.borrow_and_update().clone();
        let unread = world.unread_logs();
        tries.retain(|pod, _| unread.contains(pod));
        for pod in unread {
            let lines = match ports.cluster.failures(&pod).await {
                Ok(lines) => lines,
                // A server that has too much to do, or an answer that was lost: the log is still there.
                Err(fault) if fault.is_transient() && tries.get(&pod).is_none_or(|tried| *tried < LOG_TRIES) => {
                    *tries.entry(pod).or_default() += 1;
                    continue;
                }
                // What may not be read, or is gone, is not known; nobody asks again.
                Err(_) => Vec::new(),
            };
            tries.remove(&pod);
            if changes.send(Change::Log(pod, lines)).await.is_err() {
                return;
            }
        }
        ports.clock.sleep(LOGS_EVERY).await;
        if tries.is_empty() && worlds.changed().await.is_err() {
            return;
        }
    }
}

/// Asks whether the versions are served of which somebody says that they are not, for as long as they say so.
pub(super) async fn watch_versions(ports: Ports, mut worlds: watch::Receiver<Arc<Inventory>>, changes: mpsc::Sender<Change>) {
    loop {
        let doubted = worlds.borrow_and_update().doubted_versions();
        for version in &doubted {
            let served = ports.cluster.served(version.as_str()).await;
            if changes.send(Change::Served(version.clone(), served)).await.is_err() {
                return;
            }
        }
        ports.clock.sleep(VERSIONS_EVERY).await;
        if doubted.is_empty() && worlds.changed().await.is_err() {
            return;
        }
    }
}

/// Keeps one poller for each Vault that the stores name, for ever.
pub(super) async fn watch_vaults(
    ports: Ports,
    mut worlds: watch::Receiver<Arc<Inventory>>,
    changes: mpsc::Sender<Change>,
    wishes: Wishes,
    agreed: Agreed,
) {
    let mut pollers: HashMap<VaultAddress, AbortHandle> = HashMap::new();
    // Dropping the set ends every poller with this task.
    let mut tasks = JoinSet::new();
    loop {
        let wanted: Vec<VaultAddress> = worlds.borrow_and_update().vaults.keys().cloned().collect();
        pollers.retain(|address, poller| {
            let keep = wanted.contains(address) && !poller.is_finished();
            if !keep {
                poller.abort();
            }
            keep
        });
        for address in wanted {
            pollers.entry(address).or_insert_with_key(|address| {
                let poller = Poller {
                    ports: ports.clone(),
                    worlds: worlds.clone(),
                    changes: changes.clone(),
                    wishes: wishes.clone(),
                    address: address.clone(),
                    pods: Vec::new(),
                    listed: None,
                    examined: None,
                    states: HashMap::new(),
                    trusts: None,
                    agreed: agreed.clone(),
                };
                tasks.spawn(poller.run())
            });
        }
        if worlds.changed().await.is_err() {
            return;
        }
    }
}

/// Asks one Vault.
struct Poller {
    ports: Ports,
    worlds: watch::Receiver<Arc<Inventory>>,
    changes: mpsc::Sender<Change>,
    wishes: Wishes,
    address: VaultAddress,
    pods: Vec<Name>,
    listed: Option<Timestamp>,
    /// When the replicas were asked for their health.
    examined: Option<Timestamp>,
    /// Whether each replica was sealed, and its role, when it was asked last.
    states: HashMap<Name, (bool, ReplicaRole)>,
    /// What the gateway was told of the server's certificate last, and of which revision that was.
    trusts: Option<(u64, ServerTls)>,
    agreed: Agreed,
}

impl Poller {
    /// Polls the seal of every replica, for ever; all else is read beside it, so that a slow answer does not
    /// hold that up.
    async fn run(mut self) {
        self.trust();
        let reader = Reader {
            ports: self.ports.clone(),
            worlds: self.worlds.clone(),
            changes: self.changes.clone(),
            nudge: self.wishes.nudge.clone(),
            looks: self.wishes.looks.clone(),
            address: self.address.clone(),
            referenced: 0,
            as_stores: Arc::clone(&self.agreed.as_stores),
        };
        let namer = Namer {
            ports: self.ports.clone(),
            worlds: self.worlds.clone(),
            changes: self.changes.clone(),
            looks: self.wishes.looks.clone(),
            address: self.address.clone(),
            queue: Vec::new(),
            found: Vec::new(),
            denials: BTreeMap::new(),
        };
        let around = Around {
            ports: self.ports.clone(),
            worlds: self.worlds.clone(),
            changes: self.changes.clone(),
            nudge: self.wishes.nudge.clone(),
            address: self.address.clone(),
        };
        let logins = Logins {
            ports: self.ports.clone(),
            worlds: self.worlds.clone(),
            changes: self.changes.clone(),
            nudge: self.wishes.nudge.clone(),
            address: self.address.clone(),
            as_stores: Arc::clone(&self.agreed.as_stores),
            every_store: self.agreed.try_logins,
            failing: (u64::MAX, Vec::new()),
        };
        tokio::select! {
            () = reader.run() => {}
            () = logins.run() => {}
            () = around.run() => {}
            () = namer.run() => {}
            () = async { while self.round().await.is_some() { self.rest(SEAL_EVERY).await; } } => {}
        }
    }

    /// Waits, but not longer than until the person wishes to know anew.
    async fn rest(&mut self, time: Duration) {
        tokio::select! {
            () = self.ports.clock.sleep(time) => {}
            _ = self.wishes.nudge.changed() => {}
        }
    }

    /// One round; `None` when nobody listens any more. Each answer is told as it comes: one replica that hangs
    /// does not hold back the others.
    async fn round(&mut self) -> Option<()> {
        self.trust();
        if self.pods.is_empty() || older(self.listed, self.ports.clock.now(), REPLICAS_EVERY) {
            self.list().await?;
        }
        let now = self.ports.clock.now();
        let examine = older(self.examined, now, HEALTH_EVERY);
        if examine {
            self.examined = Some(now);
        }
        let vault = self.ports.vault.clone();
        let ask = |pod: &Name| {
            let (vault, pod) = (vault.clone(), pod.clone());
            let replica = ReplicaAddress { server: self.address.clone(), pod: pod.clone() };
            let before = self.states.get(&pod).cloned();
            async move {
                let status = vault.status(&replica).await;
                let state = status.as_ref().ok().map(|(seal, role)| (seal.sealed, role.clone()));
                // What gives no status gives no health either; what has just changed is no longer as it said.
                let health =
                    if state.is_some() && (examine || state != before) { vault.health(&replica).await.ok() } else { None };
                (pod, status, state, health)
            }
        };
        let mut answers: FuturesUnordered<_> = self.pods.iter().map(ask).collect();
        let mut states = HashMap::new();
        while let Some((pod, answer, state, health)) = answers.next().await {
            if answer.is_err() {
                // The pod may be gone: look again in the next round.
                self.listed = None;
            }
            states.extend(state.map(|state| (pod.clone(), state)));
            if let Some(health) = health {
                self.say(Change::Health(self.address.clone(), pod.clone(), health)).await?;
            }
            self.say(Change::Answered(self.address.clone(), pod, answer)).await?;
        }
        drop(answers);
        self.states = states;
        Some(())
    }

    /// Tells the gateway whose certificates the stores trust, if they say something new.
    fn trust(&mut self) {
        let world = self.worlds.borrow().clone();
        if self.trusts.as_ref().is_some_and(|(revision, _)| *revision == world.revision) {
            return;
        }
        let tls = ServerTls::of(&world, &self.address);
        if self.trusts.as_ref().is_none_or(|(_, told)| *told != tls) {
            self.ports.vault.trust(&self.address, &tls);
        }
        self.trusts = Some((world.revision, tls));
    }

    async fn say(&self, change: Change) -> Option<()> {
        self.changes.send(change).await.ok()
    }

    async fn list(&mut self) -> Option<()> {
        let replicas = if let Some((namespace, service)) = self.address.service() {
            self.ports.cluster.replicas(&namespace, &service).await
        } else {
            let name = Name::new(&self.address.host_port());
            Ok(vec![ReplicaPod { name, started: None }])
        };
        self.listed = Some(self.ports.clock.now());
        match replicas {
            Ok(replicas) => {
                self.pods = replicas.iter().map(|replica| replica.name.clone()).collect();
                let replicas = replicas.into_iter().map(|replica| (replica.name, replica.started)).collect();
                self.say(Change::Replicas(self.address.clone(), Ok(replicas))).await
            }
            // The replicas known so far are asked on: a list that fails says nothing about them.
            Err(fault) => self.say(Change::Replicas(self.address.clone(), Err(fault))).await,
        }
    }
}

fn older(then: Option<Timestamp>, now: Timestamp, seconds: i64) -> bool {
    then.is_none_or(|then| now.as_second() - then.as_second() >= seconds)
}
