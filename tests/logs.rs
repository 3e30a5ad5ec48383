//! What a failed run said is asked for again where a passing trouble kept it from us, and once only where it is gone.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that fails says why")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;
use sealwatch::engine::{Engine, Options, Policy, Ports};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::model::inventory::Change;
use sealwatch::model::{Controller, Fault, FaultKind, Kind, Name, ObjectRef, Text};
use sealwatch::ports::{Cluster, Identity, Permit, ReplicaPod, Scope, Typed};
use sealwatch::runbooks::{ClusterRight, KubernetesWrite, Receipt};

/// A recorded cluster that does not give its logs at first.
struct Busy {
    inner: Arc<Recording>,
    says: FaultKind,
    /// How often it says so.
    times: usize,
    asked: AtomicUsize,
}

#[async_trait]
impl Cluster for Busy {
    async fn identity(&self) -> Result<Identity, Fault> {
        self.inner.identity().await
    }
    fn watch(&self, kind: Kind, scope: &Scope) -> BoxStream<'static, Change> {
        self.inner.watch(kind, scope)
    }
    async fn replicas(&self, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault> {
        self.inner.replicas(namespace, service).await
    }
    async fn controller(&self) -> Result<Option<Controller>, Fault> {
        self.inner.controller().await
    }
    async fn failures(&self, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
        if self.asked.fetch_add(1, Ordering::SeqCst) < self.times {
            return Err(Fault::new(self.says, "Not now."));
        }
        self.inner.failures(pod).await
    }
    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        Cluster::may(&*self.inner, right).await
    }
    async fn rehearse(&self, write: &KubernetesWrite) -> Option<Result<(), Fault>> {
        self.inner.rehearse(write).await
    }
    async fn write(&self, permit: Permit, write: &KubernetesWrite) -> Result<Receipt, Fault> {
        Cluster::write(&*self.inner, permit, write).await
    }
    async fn value(&self, permit: Permit, secret: &ObjectRef, key: &str) -> Result<Typed, Fault> {
        self.inner.value(permit, secret, key).await
    }
    async fn shares(&self, permit: Permit, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault> {
        self.inner.shares(permit, secret, key_prefix).await
    }
}

/// What is said of the client-patcher whose login was refused, and how often its log was asked for.
async fn said(says: FaultKind, times: usize) -> (String, usize) {
    let world = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/47-client-patcher-failed/world.json");
    let recording = Arc::new(Recording::open(&world).expect("a recording"));
    let busy = Arc::new(Busy { inner: recording.clone(), says, times, asked: AtomicUsize::default() });
    let journal = Arc::new(MemoryJournal::default());
    let ports = Ports { cluster: busy.clone(), vault: recording.clone(), clock: recording, journal };
    let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
    let seen = engine.snapshots().wait_for(|snapshot| snapshot.is_examined()).await.expect("an engine that runs").clone();
    let cause = seen.diagnosis.causes.iter().find(|cause| cause.slug == "client-patcher-failed").expect("it is named");
    (cause.summary.clone(), busy.asked.load(Ordering::SeqCst))
}

#[tokio::test(start_paused = true)]
async fn a_log_that_could_not_be_had_for_a_moment_is_asked_for_again() {
    let told = "the login that it uses is not valid there";
    let (summary, asked) = said(FaultKind::Throttled, 0).await;
    assert!(summary.contains(told) && asked == 1, "{summary} {asked}");
    let (summary, asked) = said(FaultKind::Throttled, 3).await;
    assert!(summary.contains(told) && asked == 4, "{summary} {asked}");
    // A look that ends does not wait for ever, and what may not be read is not asked for twice.
    let (summary, asked) = said(FaultKind::Throttled, 1000).await;
    assert!(!summary.contains(told) && asked == 6, "{summary} {asked}");
    let (summary, asked) = said(FaultKind::Forbidden, 1000).await;
    assert!(!summary.contains(told) && asked == 1, "{summary} {asked}");
}
