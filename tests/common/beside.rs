//! The engine over the real gateways, with somebody beside it who changes things just before its writes arrive, or pulls
//! the cable just after.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures::stream::BoxStream;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use sealwatch::engine::run::RunResult;
use sealwatch::engine::{Command, Decision, Engine, Options, Policy, Ports, RunState, Snapshot};
use sealwatch::gateways::clock::SystemClock;
use sealwatch::gateways::kubernetes::{ConnectOptions, KubernetesGateway, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::model::{Change, Controller, Fault, Kind, Name, ObjectRef, Text};
use sealwatch::ports::{Cluster, Identity, Journal, Permit, ReplicaPod, Scope, Typed};
use sealwatch::runbooks::{ClusterRight, Confirm, KubernetesWrite, Receipt, Target};
use serde_json::json;
use tokio::sync::watch;

use crate::lab::Lab;
use crate::wire::{Mode, Wire};

const SOON: Duration = Duration::from_secs(30);
const A_MOMENT: Duration = Duration::from_millis(200);

/// What somebody does just before a write arrives.
pub(crate) enum Meanwhile {
    /// The spec of an ExternalSecret becomes another.
    Spec(&'static str),
    /// An ExternalSecret is deleted and made anew.
    Anew(&'static str),
    /// The request arrives at this ExternalSecret with a generator, and the connection is cut before the answer does: for a
    /// moment, or until it is mended.
    Cut { name: &'static str, stays: bool },
}

/// The real gateway, with somebody beside it.
struct Beside {
    inner: KubernetesGateway,
    outside: Api<DynamicObject>,
    wire: Wire,
    meanwhile: Mutex<Option<Meanwhile>>,
}

#[async_trait]
impl Cluster for Beside {
    async fn identity(&self) -> Result<Identity, Fault> {
        Cluster::identity(&self.inner).await
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
        self.inner.failures(pod).await
    }
    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        Cluster::may(&self.inner, right).await
    }
    async fn rehearse(&self, write: &KubernetesWrite) -> Option<Result<(), Fault>> {
        self.inner.rehearse(write).await
    }
    async fn write(&self, permit: Permit, write: &KubernetesWrite) -> Result<Receipt, Fault> {
        let meanwhile = self.meanwhile.lock().expect("nobody panicked").take();
        match meanwhile {
            None => {}
            Some(Meanwhile::Spec(name)) => {
                let patch = Patch::Merge(json!({"spec": {"refreshInterval": "2h"}}));
                self.outside.patch(name, &PatchParams::default(), &patch).await.expect("changed");
            }
            Some(Meanwhile::Anew(name)) => {
                let mut object = self.outside.get(name).await.expect("there");
                self.outside.delete(name, &DeleteParams::default()).await.expect("deleted");
                object.metadata = kube::api::ObjectMeta { name: Some(name.to_owned()), ..Default::default() };
                let begun = Instant::now();
                while self.outside.create(&PostParams::default(), &object).await.is_err() {
                    assert!(begun.elapsed() < SOON, "{name} cannot be made anew");
                    tokio::time::sleep(A_MOMENT).await;
                }
            }
            Some(Meanwhile::Cut { name, stays }) => {
                self.wire.set(Mode::Deaf);
                let arrived = async {
                    let begun = Instant::now();
                    while self.outside.get(name).await.expect("there").data["spec"]["refreshPolicy"] != "CreatedOnce" {
                        assert!(begun.elapsed() < SOON, "the request does not arrive");
                        tokio::time::sleep(A_MOMENT).await;
                    }
                    self.wire.set(Mode::Cut);
                };
                let (done, ()) = tokio::join!(self.inner.write(permit, write), arrived);
                if !stays {
                    self.wire.set(Mode::Through);
                }
                return done;
            }
        }
        self.inner.write(permit, write).await
    }
    async fn value(&self, permit: Permit, secret: &ObjectRef, key: &str) -> Result<Typed, Fault> {
        self.inner.value(permit, secret, key).await
    }
    async fn shares(&self, permit: Permit, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault> {
        self.inner.shares(permit, secret, key_prefix).await
    }
}

/// An engine over the real gateways, through a wire.
pub(crate) struct Console {
    engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    beside: Arc<Beside>,
}

impl Console {
    /// Opens it, with this journal.
    pub(crate) async fn open(lab: &Lab, outside: Api<DynamicObject>, journal: Arc<dyn Journal>) -> Self {
        let address = lab.text("/api_server").trim_start_matches("https://").to_owned() + ":443";
        let wire = Wire::to(&address).await;
        let text = std::fs::read_to_string(lab.kubeconfig("admin")).expect("a kubeconfig");
        let direct = format!("server: {}", lab.text("/api_server"));
        let text = text.replace(&direct, &format!("server: https://{}\n    tls-server-name: kubernetes", wire.address));
        let kubeconfig = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-ways-{}.kubeconfig", std::process::id()));
        std::fs::write(&kubeconfig, text).expect("written");
        let inner = connect(&ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() }).expect("a kubeconfig");
        let beside = Arc::new(Beside { inner: inner.clone(), outside, wire, meanwhile: Mutex::default() });
        let ports = Ports {
            vault: Arc::new(VaultGateway::new(VaultEnvironment::default(), Some(inner))),
            cluster: beside.clone(),
            clock: Arc::new(SystemClock),
            journal,
        };
        let options = Options { policy: Policy::simulated(), write: true, ..Options::default() };
        let engine = Engine::start(ports, options);
        let mut console = Self { snapshots: engine.snapshots(), engine, beside };
        console.until("everything to be seen", |seen| seen.is_examined() && !seen.is_blind()).await;
        console
    }

    pub(crate) async fn until(&mut self, what: &str, so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let found = tokio::time::timeout(2 * SOON, self.snapshots.wait_for(|seen| so(seen))).await;
        let Ok(Ok(found)) = found.map(|found| found.map(|seen| seen.clone())) else {
            panic!("never: {what}. Last: {:#?}", self.snapshots.borrow().run);
        };
        found
    }

    async fn say(&self, command: Command) {
        self.engine.commands().send(command).await.expect("the engine listens");
    }

    /// Runs a runbook until something was withdrawn, or it is over; agrees to everything until then.
    pub(crate) async fn run(&mut self, runbook: &'static str, target: ObjectRef, meanwhile: Meanwhile) -> Arc<Snapshot> {
        let earlier = self.snapshots.borrow().run.as_ref().map(|run| run.started);
        *self.beside.meanwhile.lock().expect("nobody panicked") = Some(meanwhile);
        self.say(Command::Start { runbook, target: Target::Objects(vec![target]) }).await;
        let mut heard = 0;
        loop {
            let next = self
                .until("the next question", |seen| {
                    seen.run.as_ref().is_some_and(|run| {
                        let asks = matches!(run.state, RunState::Asks(_)) && run.answers >= heard;
                        Some(run.started) != earlier && (asks || run.withdrawn > 0 || over(seen).is_some())
                    })
                })
                .await;
            let run = next.run.as_ref().expect("a run");
            let RunState::Asks(preview) = &run.state else { return next };
            if run.withdrawn > 0 {
                return next;
            }
            heard = run.answers + 1;
            self.say(Command::Decide(match &preview.confirm {
                Confirm::TypeName(name) => Decision::Name(name.clone()),
                _ => Decision::Agree,
            }))
            .await;
        }
    }

    pub(crate) async fn stop(&mut self) {
        self.say(Command::Stop).await;
        self.until("the end", |seen| over(seen).is_some()).await;
    }
}

pub(crate) fn over(seen: &Snapshot) -> Option<RunResult> {
    match seen.run.as_ref()?.state {
        RunState::Over(result) => Some(result),
        _ => None,
    }
}
