//! Time and watches around the pure world: one lock, a task that wakes when something is due, and
//! subscriptions that hold no objects but only which of them changed, so that a slow reader costs nothing
//! and sees the newest state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use super::time::{after, between};
use super::wire;
use super::world::World;
use crate::gateways::absent::absent;
use crate::model::kinds::{self, Api, Object, System};
use crate::model::{Change, Kind, Names, ObjectRef};
use crate::ports::Scope;

/// So many changes of one kind are told one by one; after that the whole list is told again.
const MOST_CHANGES: usize = 512;

/// The world and everything that is attached to it.
pub(super) struct Shell {
    inner: Mutex<Inner>,
    /// Rung when something changed: watches look, and the timekeeper looks at what is due.
    bell: watch::Sender<u64>,
    begun: Instant,
    begins: Timestamp,
    speed: f64,
}

struct Inner {
    world: World,
    names: Names,
    watches: BTreeMap<u64, Watch>,
    next: u64,
}

/// One watch.
struct Watch {
    kind: Kind,
    scope: Scope,
    /// Whether the whole list is to be told.
    listing: bool,
    changed: BTreeSet<ObjectRef>,
}

impl Shell {
    pub(super) fn start(world: World, speed: f64) -> Arc<Self> {
        let begins = world.now;
        let inner = Inner { world, names: Names::default(), watches: BTreeMap::new(), next: 0 };
        let shell = Arc::new(Self {
            inner: Mutex::new(inner),
            bell: watch::channel(0).0,
            begun: Instant::now(),
            begins,
            speed: if speed > 0.0 { speed } else { 1.0 },
        });
        tokio::spawn(keep_time(Arc::downgrade(&shell), shell.bell.subscribe()));
        shell
    }

    /// The time in the simulation.
    pub(super) fn now(&self) -> Timestamp {
        after(self.begins, self.begun.elapsed().mul_f64(self.speed))
    }

    /// How long this much simulated time takes outside.
    pub(super) fn outside(&self, time: Duration) -> Duration {
        time.div_f64(self.speed)
    }

    /// Looks at the world as it is now, or does something to it.
    pub(super) fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        let now = self.now();
        let mut inner = self.lock();
        inner.world.advance(now);
        let seen = look(&mut inner.world);
        inner.world.settle();
        let changed = inner.note();
        drop(inner);
        // The timekeeper must look again even if no object changed: something may be due earlier now.
        self.bell.send_modify(|rung| *rung += u64::from(changed) + 1);
        seen
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A watch of a kind, from now on.
    pub(super) fn watch(self: &Arc<Self>, kind: Kind, scope: Scope) -> BoxStream<'static, Change> {
        let beside = self.lock().world.vso.installed;
        if let Some(fault) = kinds::api(kind).filter(|api| !is_served(*api, beside)).map(|api| absent(&api)) {
            return stream::iter([Change::Absent(kind.into(), fault)]).chain(stream::pending()).boxed();
        }
        let id = {
            let mut inner = self.lock();
            inner.next += 1;
            let id = inner.next;
            inner.watches.insert(id, Watch { kind, scope, listing: true, changed: BTreeSet::new() });
            id
        };
        let reader = Reader { shell: Arc::clone(self), id, bell: self.bell.subscribe(), told: VecDeque::new() };
        stream::unfold(reader, |mut reader| async move {
            loop {
                if let Some(change) = reader.told.pop_front() {
                    return Some((change, reader));
                }
                reader.bell.borrow_and_update();
                reader.told = reader.shell.lock().tell(reader.id);
                if reader.told.is_empty() && reader.bell.changed().await.is_err() {
                    return None;
                }
            }
        })
        .boxed()
    }
}

/// Whether the simulated cluster has a kind: it has Kubernetes and External Secrets, the Vault Secrets Operator if a
/// scenario has something for it, and no neighbours.
fn is_served(api: Api, beside: bool) -> bool {
    match api.system() {
        System::Kubernetes | System::ExternalSecrets => true,
        System::VaultSecretsOperator => beside,
        System::Neighbour => false,
    }
}

/// The reading end of a watch; dropping it ends the watch.
struct Reader {
    shell: Arc<Shell>,
    id: u64,
    bell: watch::Receiver<u64>,
    told: VecDeque<Change>,
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shell.lock().watches.remove(&self.id);
    }
}

impl Inner {
    /// Notes for each watch what changed.
    fn note(&mut self) -> bool {
        let touched = std::mem::take(&mut self.world.api.touched);
        for key in &touched {
            for watch in self.watches.values_mut().filter(|watch| watch.sees(key)) {
                watch.changed.insert(key.clone());
                watch.listing |= watch.changed.len() > MOST_CHANGES;
            }
        }
        !touched.is_empty()
    }

    /// What a watch has not been told yet.
    fn tell(&mut self, id: u64) -> VecDeque<Change> {
        let Self { world, names, watches, .. } = self;
        let Some(watch) = watches.get_mut(&id) else { return VecDeque::new() };
        let changed = std::mem::take(&mut watch.changed);
        if std::mem::take(&mut watch.listing) {
            let objects: Vec<Object> = world
                .api
                .list(watch.kind)
                .filter(|(key, _)| watch.sees(key))
                .filter_map(|(key, object)| wire::read(key, object, names))
                .collect();
            return VecDeque::from([Change::Listed(watch.kind.into(), objects, Vec::new())]);
        }
        changed
            .into_iter()
            .filter_map(|key| match world.api.get(&key) {
                Some(object) => wire::read(&key, object, names).map(Change::Applied),
                None => Some(Change::Deleted(key)),
            })
            .collect()
    }
}

impl Watch {
    fn sees(&self, key: &ObjectRef) -> bool {
        key.kind == self.kind && self.scope.holds(&key.namespace)
    }
}

/// Sleeps until something is due and lets it happen; ends with the simulation.
async fn keep_time(shell: Weak<Shell>, mut bell: watch::Receiver<u64>) {
    loop {
        let Some(strong) = shell.upgrade() else { return };
        bell.borrow_and_update();
        let now = strong.now();
        let due = {
            let mut inner = strong.lock();
            inner.world.advance(now);
            let changed = inner.note();
            let due = inner.world.next_due();
            drop(inner);
            if changed {
                strong.bell.send_modify(|rung| *rung += 1);
            }
            due
        };
        let wait = due.map_or(Duration::from_secs(60), |due| between(now, due));
        // A timer has a resolution of 1 ms: never wake before the time has come.
        let wait = strong.outside(wait) + Duration::from_micros(1);
        drop(strong);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            rung = bell.changed() => if rung.is_err() { return },
        }
    }
}
