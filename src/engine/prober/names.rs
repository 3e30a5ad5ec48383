//! Asks one Vault for the names of properties and for the neighbours of paths: at once for what somebody looks at, and
//! for the names of all other paths in the background, so slowly that the Vault does not feel it. Names only; values
//! never come here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::older;
use super::paths::reader;
use crate::engine::{Looks, Ports};
use crate::model::inventory::under;
use crate::model::vault::{Properties, SecretPath, Told};
use crate::model::{Change, Inventory, Text, VaultAddress, VaultServer};
use crate::ports::{MountFolder, MountPaths, ReplicaAddress};

/// How many requests a second what somebody looks at may cost.
const LOOKED: u32 = 8;
/// How many requests a second go on in the background: 10,000 paths take 42 minutes, and again only those with a new
/// version.
const BACKGROUND: u32 = 4;
/// How long nothing is asked at first, and when there is nothing to ask: one look at the world from a command is over
/// by then.
const IDLE: Duration = Duration::from_secs(5);
/// How long nothing is asked after an answer that concerns every path.
const TROUBLE: Duration = Duration::from_secs(10);
/// A list of a folder this old, in seconds, is made anew while somebody looks at it.
const FOLDER_AGE: i64 = 60;
/// So many names are told at once in the background: each telling copies the list of paths.
const TOLD_AT_ONCE: usize = 32;
/// After so many refusals in a row the paths of a mount are not asked for in the background: the policy has no
/// `subkeys` there, and each refusal stands in the audit log.
const DENIALS: usize = 5;

/// Asks one Vault.
pub(super) struct Namer {
    pub(super) ports: Ports,
    pub(super) worlds: watch::Receiver<Arc<Inventory>>,
    pub(super) changes: mpsc::Sender<Change>,
    /// What the person looks at.
    pub(super) looks: watch::Receiver<Looks>,
    pub(super) address: VaultAddress,
    /// Paths that are next in the background, the next one last.
    pub(super) queue: Vec<Text>,
    /// Names that were found in the background and not told yet.
    pub(super) found: Vec<(Text, Properties)>,
    /// How many refusals came in a row, by namespace and mount.
    pub(super) denials: BTreeMap<(Text, Text), usize>,
}

/// What came of a step.
enum Step {
    /// It cost this time, at the pace that is allowed.
    Took(Duration),
    /// There is nothing to be asked.
    Nothing,
    /// Nothing can be asked.
    Refused,
}

/// Paths that lack their names, of one mount.
struct Lacking {
    wanted: MountPaths,
    full: Vec<(Text, u64)>,
}

impl Namer {
    /// Asks for ever; ends when nobody listens any more.
    pub(super) async fn run(mut self) {
        self.rest(IDLE).await;
        loop {
            let Some(step) = self.step().await else { return };
            match step {
                Step::Took(time) => self.ports.clock.sleep(time).await,
                Step::Nothing => self.rest(IDLE).await,
                Step::Refused => self.rest(TROUBLE).await,
            }
        }
    }

    /// Waits, but not longer than until the person looks at something else.
    async fn rest(&mut self, time: Duration) {
        tokio::select! {
            () = self.ports.clock.sleep(time) => {}
            changed = self.looks.changed() => if changed.is_err() { self.ports.clock.sleep(time).await },
        }
    }

    /// Does what is most wanted; `None` when nobody listens any more.
    async fn step(&mut self) -> Option<Step> {
        let world = self.worlds.borrow().clone();
        let Some(server) = world.vaults.get(&self.address) else { return Some(Step::Nothing) };
        let Some(pod) = reader(server).filter(|_| server.unreadable.is_none()) else { return Some(Step::Nothing) };
        let replica = ReplicaAddress { server: self.address.clone(), pod };
        let looks = self.looks.borrow().clone();
        let opened: Vec<Text> = looks.opened.iter().filter_map(|path| server.path_named(path)).collect();
        if let Some(lacking) = lacking(server, opened.iter()) {
            return self.names(&replica, lacking, LOOKED, true).await;
        }
        if let Some((place, folder)) = opened.iter().find_map(|path| self.unlisted(server, path)) {
            return self.folder(&replica, place, folder).await;
        }
        let seen: Vec<Text> = looks.seen.iter().filter_map(|path| server.path_named(path)).collect();
        if let Some(lacking) = lacking(server, seen.iter()) {
            return self.names(&replica, lacking, LOOKED, true).await;
        }
        if self.queue.is_empty() && !self.found.is_empty() {
            // The world takes it in meanwhile, so that nothing is asked for twice.
            self.tell().await?;
            return Some(Step::Took(Duration::from_secs(1)));
        }
        if self.queue.is_empty() {
            self.fill(server);
        }
        while let Some(path) = self.queue.pop() {
            if let Some(lacking) = lacking(server, std::iter::once(&path)) {
                return self.names(&replica, lacking, BACKGROUND, false).await;
            }
        }
        Some(Step::Nothing)
    }

    /// What is next in the background: nothing before every path was read.
    fn fill(&mut self, server: &VaultServer) {
        if server.paths.values().any(|path| path.asked.is_none()) {
            return;
        }
        let refused = |path: &SecretPath| {
            self.denials.get(&(path.namespace.clone(), path.mount.clone())).is_some_and(|count| *count >= DENIALS)
        };
        let lack = server.paths.iter().filter(|(_, path)| path.lacks_names().is_some() && !refused(path));
        self.queue = lack.map(|(full, _)| full.clone()).take(500).collect();
        self.queue.reverse();
    }

    async fn names(&mut self, replica: &ReplicaAddress, lacking: Lacking, pace: u32, at_once: bool) -> Option<Step> {
        let cost = Duration::from_secs(1) * u32::try_from(lacking.full.len()).unwrap_or(1) / pace;
        let answers = match self.ports.vault.properties(replica, &lacking.wanted).await {
            Ok(answers) => answers,
            Err(fault) if fault.concerns_all() => {
                self.queue.clear();
                return Some(Step::Refused);
            }
            Err(fault) => lacking.full.iter().map(|_| Told::Failed(fault.clone())).collect(),
        };
        let denials = self.denials.entry((lacking.wanted.namespace, lacking.wanted.mount)).or_default();
        for ((full, version), names) in lacking.full.into_iter().zip(answers) {
            *denials = if names == Told::Denied { *denials + 1 } else { 0 };
            self.found.push((full, Properties { names, version }));
        }
        if *denials >= DENIALS {
            // Another policy may be given to the token meanwhile: what somebody looks at is still asked for.
            self.queue.clear();
        }
        if at_once || self.found.len() >= TOLD_AT_ONCE {
            self.tell().await?;
        }
        Some(Step::Took(cost))
    }

    async fn folder(&mut self, replica: &ReplicaAddress, place: Text, folder: MountFolder) -> Option<Step> {
        let names = match self.ports.vault.folder(replica, &folder).await {
            Ok(names) => names,
            Err(fault) if fault.concerns_all() => return Some(Step::Refused),
            Err(fault) => Told::Failed(fault),
        };
        self.changes.send(Change::Folder(self.address.clone(), place, names)).await.ok()?;
        Some(Step::Took(Duration::from_secs(1) / LOOKED))
    }

    /// The folder of a path, if it is to be listed.
    fn unlisted(&self, server: &VaultServer, full: &Text) -> Option<(Text, MountFolder)> {
        let path = server.paths.get(full)?;
        let now = self.ports.clock.now();
        if server.folder_of(full).is_some_and(|(_, folder)| !older(Some(folder.asked), now, FOLDER_AGE)) {
            return None;
        }
        let folder = path.folder(full).to_owned();
        let mount = path.mount.as_str().trim_matches('/');
        let place = if folder.is_empty() { mount.to_owned() } else { format!("{mount}/{folder}") };
        let at = MountFolder { namespace: path.namespace.clone(), mount: path.mount.clone(), kv: path.kv.clone(), folder };
        Some((under(path.namespace.as_str(), Text::foreign(&place)), at))
    }

    async fn tell(&mut self) -> Option<()> {
        if self.found.is_empty() {
            return Some(());
        }
        let found = std::mem::take(&mut self.found);
        self.changes.send(Change::Properties(self.address.clone(), found)).await.ok()
    }
}

/// The first of these paths that lack their names, with those of the same mount: as many as one second allows.
fn lacking<'a>(server: &VaultServer, paths: impl Iterator<Item = &'a Text>) -> Option<Lacking> {
    let mut found: Option<Lacking> = None;
    for full in paths {
        let Some((path, version)) = server.paths.get(full).and_then(|path| Some((path, path.lacks_names()?))) else { continue };
        let lacking = found.get_or_insert_with(|| Lacking {
            wanted: MountPaths {
                namespace: path.namespace.clone(),
                mount: path.mount.clone(),
                kv: path.kv.clone(),
                keys: Vec::new(),
            },
            full: Vec::new(),
        });
        let MountPaths { namespace, mount, kv, keys } = &mut lacking.wanted;
        if (&*namespace, &*mount, &*kv) == (&path.namespace, &path.mount, &path.kv) && keys.len() < LOOKED as usize {
            keys.push(path.key(full).to_owned());
            lacking.full.push((full.clone(), version));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::{Name, PathFacts, PathState};

    #[test]
    fn only_what_exists_and_has_a_new_version_is_asked_for_and_one_second_at_a_time() {
        let mut server = VaultServer::new(VaultAddress::parse("http://vault.vault.svc:8200").unwrap());
        let path = |mount: &str, version: u64, known: u64| SecretPath {
            facts: PathFacts::of(PathState::Present { version, written: None }),
            asked: Some(Timestamp::UNIX_EPOCH),
            properties: Properties { names: Told::NotAsked, version: known },
            readers: 1,
            namespace: Text::default(),
            mount: Text::foreign(mount),
            kv: Name::new("v2"),
        };
        let mut paths: BTreeMap<Text, SecretPath> =
            (0..20).map(|n| (Text::foreign(&format!("secret/a/{n:02}")), path("secret", 2, 1))).collect();
        paths.insert(Text::foreign("secret/a/known"), path("secret", 2, 2));
        paths.insert(Text::foreign("secret/a/old"), path("secret", 0, 0));
        paths.insert(Text::foreign("other/b"), path("other", 1, 0));
        server.paths = paths.into_iter().collect();
        let all: Vec<Text> = server.paths.keys().cloned().collect();
        let first = lacking(&server, all.iter()).unwrap();
        assert_eq!((first.wanted.mount.as_str(), first.wanted.keys), ("other", vec!["b".to_owned()]));
        let next = lacking(&server, all.iter().skip(1)).unwrap();
        assert_eq!((next.wanted.keys.len(), next.wanted.keys[7].as_str()), (8, "a/07"));
        assert!(
            lacking(&server, all.iter().filter(|path| path.as_str().ends_with('n') || path.as_str().ends_with('d'))).is_none()
        );
    }
}
