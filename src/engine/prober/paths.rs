//! Reads the paths that something references from one Vault: never at the cost of its seal, and not faster
//! than a Vault likes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};

use super::SEAL_EVERY;
use crate::engine::{Looks, Ports};
use crate::model::inventory::under;
use crate::model::vault::{Login, SecretPath, StoreLogin};
use crate::model::{Change, Fault, FaultKind, Inventory, Name, ObjectRef, PathFacts, PathState, Text, VaultAddress, VaultServer};
use crate::ports::{MountPaths, ReplicaAddress};

/// How often paths are read, if that is cheap.
const PATHS_EVERY: Duration = Duration::from_secs(15);
/// How many requests a second reading again may cost on average: 10,000 paths in 200 folders are read anew
/// each half minute where folders can be, and each 21 minutes where only paths can.
const PACE: u32 = 8;
/// How many paths are asked for in one go; what they say is shown when the go is over.
const GO: usize = 500;

/// Reads one Vault's paths.
pub(super) struct Reader {
    pub(super) ports: Ports,
    pub(super) worlds: watch::Receiver<Arc<Inventory>>,
    pub(super) changes: mpsc::Sender<Change>,
    /// Counts how often the person wished to know anew.
    pub(super) nudge: watch::Receiver<u64>,
    pub(super) address: VaultAddress,
    /// What somebody looks at: these are read first.
    pub(super) looks: watch::Receiver<Looks>,
    /// How many paths were referenced when they were read last.
    pub(super) referenced: usize,
    /// Stores in whose stead to log in, until one of them is of this Vault and that was done.
    pub(super) as_stores: Arc<[ObjectRef]>,
}

/// Which paths are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    /// Those that were never read: somebody just began to reference them.
    Unread,
}

impl Reader {
    /// Reads for ever; ends when nobody listens any more.
    pub(super) async fn run(mut self) {
        let mut all_at: Option<Timestamp> = None;
        loop {
            let now = self.ports.clock.now();
            let which = if all_at.is_none_or(|at| at <= now) { Which::All } else { Which::Unread };
            let Some(read) = self.read(which).await else { return };
            match read {
                // Until a replica is open there is nobody to read from; that is worth a look each second.
                None => self.ports.clock.sleep(SEAL_EVERY).await,
                Some(requests) => {
                    if which == Which::All {
                        let rest = PATHS_EVERY.max(Duration::from_secs(1) * u32::try_from(requests).unwrap_or(u32::MAX) / PACE);
                        all_at = self.ports.clock.now().checked_add(rest).ok();
                    }
                    if self.rest().await == Which::All {
                        all_at = None;
                    }
                }
            }
        }
    }

    /// Waits, but not longer than until something else is referenced, or until the person wishes to know anew.
    async fn rest(&mut self) -> Which {
        let mut waited = Duration::ZERO;
        while waited < PATHS_EVERY {
            tokio::select! {
                () = self.ports.clock.sleep(SEAL_EVERY) => waited += SEAL_EVERY,
                // Also when nobody is left who could wish anything: then nobody listens, and the next answer tells.
                _ = self.nudge.changed() => return Which::All,
            }
            let referenced = self.worlds.borrow().vaults.get(&self.address).map_or(0, |server| server.paths.len());
            if referenced != self.referenced {
                break;
            }
        }
        Which::Unread
    }

    /// Reads at the leader, or at any open replica. Says how many requests it took, or that there was nobody to
    /// read from; the outer `None` says that nobody listens any more.
    async fn read(&mut self, which: Which) -> Option<Option<usize>> {
        let world = self.worlds.borrow().clone();
        let Some(server) = world.vaults.get(&self.address) else { return Some(None) };
        let Some(pod) = reader(server) else { return Some(None) };
        let replica = ReplicaAddress { server: self.address.clone(), pod };
        self.referenced = server.paths.len();
        let mut requests = 0;
        if let Some(fault) = self.log_in(&world, &replica).await {
            self.say(Change::Unreadable(self.address.clone(), Some(fault))).await?;
            return Some(Some(1));
        }
        // One that ends soon is looked at each time: it may have to be renewed.
        let ends = server.token.as_ref().is_some_and(|token| token.ends_soon(self.ports.clock.now()));
        if which == Which::All || ends {
            match self.ports.vault.token(&replica).await {
                Ok(token) => self.say(Change::Token(self.address.clone(), token)).await?,
                Err(fault) => {
                    self.say(Change::Token(self.address.clone(), None)).await?;
                    self.say(Change::Unreadable(self.address.clone(), Some(fault))).await?;
                    return Some(Some(1));
                }
            }
        }
        let mut goes = goes(server, which);
        while !goes.is_empty() {
            // What is in sight may change while the others are read.
            let seen = self.looks.borrow().at(server);
            let in_sight = |go: &Go| !seen.is_empty() && go.full.iter().any(|path| seen.contains(path));
            let go = goes.remove(goes.iter().position(in_sight).unwrap_or(0));
            let answer = self.ports.vault.classify(&replica, &go.wanted).await;
            match answer {
                Ok(classified) => {
                    requests += classified.requests;
                    let mount = under(go.wanted.namespace.as_str(), go.wanted.mount);
                    self.say(Change::Mount(self.address.clone(), mount, classified.mount)).await?;
                    let facts = go.full.into_iter().zip(classified.paths).collect();
                    self.say(Change::Paths(self.address.clone(), facts)).await?;
                }
                // No token, a dead one, sealed in between, no answer: the same for every path, so it is said once.
                Err(fault) if fault.concerns_all() => {
                    self.say(Change::Unreadable(self.address.clone(), Some(fault))).await?;
                    return Some(Some(requests));
                }
                Err(fault) => {
                    let failed = PathFacts::of(PathState::Failed(fault));
                    let facts = go.full.into_iter().map(|path| (path, failed.clone())).collect();
                    self.say(Change::Paths(self.address.clone(), facts)).await?;
                }
            }
        }
        self.say(Change::Unreadable(self.address.clone(), None)).await?;
        Some(Some(requests))
    }

    /// Logs in in the stead of a store, if the person asked for that; once, and again until it is done. Says why not.
    async fn log_in(&mut self, world: &Inventory, replica: &ReplicaAddress) -> Option<Fault> {
        let of = |store: &&ObjectRef| world.store(store)?.vault.as_ref().filter(|vault| vault.address == self.address);
        let store = self.as_stores.iter().find(|store| of(store).is_some()).and_then(|store| world.store(store))?;
        let login = StoreLogin::of(store, None).map_err(|why| Fault::new(FaultKind::NoToken, &why));
        let done = match login {
            Ok(login) => self.ports.vault.log_in(replica, &Login::Store(login), None).await.map(drop),
            Err(fault) => Err(fault),
        };
        if done.is_ok() {
            self.as_stores = Arc::default();
        }
        done.err()
    }

    async fn say(&self, change: Change) -> Option<()> {
        self.changes.send(change).await.ok()
    }
}

/// Paths that are asked for in one go, and their full names in the same order.
struct Go {
    wanted: MountPaths,
    full: Vec<Text>,
}

/// Paths by their folder: full name, and the key in the mount.
type Folders<'a> = BTreeMap<&'a str, Vec<(&'a Text, &'a str)>>;

/// What is to be read, mount by mount. A folder is not torn apart unless it alone is more than a go.
fn goes(server: &VaultServer, which: Which) -> Vec<Go> {
    let mut mounts: BTreeMap<(&Text, &Text, &Name), Folders<'_>> = BTreeMap::new();
    let wanted = |path: &SecretPath| which == Which::All || path.asked.is_none();
    for (full, path) in server.paths.iter().filter(|(_, path)| wanted(path)) {
        let key = path.key(full);
        let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folders = mounts.entry((&path.namespace, &path.mount, &path.kv)).or_default();
        folders.entry(folder).or_default().push((full, key));
    }
    let mut goes = Vec::new();
    for ((namespace, mount, kv), folders) in mounts {
        let empty = || Go {
            wanted: MountPaths { namespace: namespace.clone(), mount: mount.clone(), kv: kv.clone(), keys: Vec::new() },
            full: Vec::new(),
        };
        let mut go = empty();
        for paths in folders.into_values() {
            if !go.full.is_empty() && go.full.len() + paths.len() > GO {
                goes.push(std::mem::replace(&mut go, empty()));
            }
            for (full, key) in paths {
                go.full.push(full.clone());
                go.wanted.keys.push(key.to_owned());
            }
        }
        goes.push(go);
    }
    goes
}

/// The replica to read from: the leader, else any that is open.
pub(in crate::engine) fn reader(server: &VaultServer) -> Option<Name> {
    let leader = server.replicas.iter().find(|(_, replica)| replica.leads());
    leader.or_else(|| server.open().next()).map(|(pod, _)| pod.clone())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::vault::Properties;

    #[test]
    fn ten_thousand_paths_are_few_goes_and_no_folder_is_in_two() {
        let mut server = VaultServer::new(VaultAddress::parse("http://vault.vault.svc:8200").unwrap());
        let path = |mount: &str| SecretPath {
            facts: PathFacts::default(),
            asked: None,
            properties: Properties::default(),
            readers: 1,
            namespace: Text::foreign("team"),
            mount: Text::foreign(mount),
            kv: Name::new("v2"),
        };
        let full = |n: usize| Text::foreign(&format!("team/secret/folder-{}/path-{}", n % 200, n / 200));
        let mut paths: BTreeMap<Text, SecretPath> = (0..10_000).map(|n| (full(n), path("secret"))).collect();
        paths.insert(Text::foreign("team/other/x"), path("other"));
        server.paths = paths.into_iter().collect();
        let goes = goes(&server, Which::All);
        // A go of 500 paths in 10 folders is 13 requests (gateways/vault/classify): 260 in all, and 450 are allowed.
        assert_eq!(goes.len(), 21);
        let mut seen = BTreeSet::new();
        for go in &goes {
            assert!(go.full.len() <= GO && go.full.len() == go.wanted.keys.len());
            let folders: BTreeSet<&str> = go.wanted.keys.iter().filter_map(|key| Some(key.rsplit_once('/')?.0)).collect();
            assert!(folders.iter().all(|folder| seen.insert(folder.to_owned())), "{folders:?}");
        }
        assert_eq!(seen.len(), 200);
        assert_eq!(goes.iter().map(|go| go.full.len()).sum::<usize>(), 10_001);
        let first = goes.first().map(|go| (go.wanted.mount.as_str(), go.wanted.keys.as_slice()));
        assert_eq!(first, Some(("other", ["x".to_owned()].as_slice())), "the key stands behind namespace and mount");
    }
}
