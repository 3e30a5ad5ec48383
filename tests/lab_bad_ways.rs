//! The bad ways of runbooks, without a screen, on real servers: a wrong share, an object that is changed meanwhile, a
//! connection that is cut between request and reply, a controller that does nothing, a person who stops half-way, a
//! process that is killed in the middle and started again. Whatever happens, the journal is complete in the end, nothing is
//! done twice, and no value comes out anywhere. `tests/lab/test` runs this; one lab serves it all.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a test that fails says why; it uses a part of what the lab can"
)]

#[path = "common/child.rs"]
mod child;
#[path = "common/lab.rs"]
mod lab;
#[path = "common/wire.rs"]
mod wire;

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use child::{Home, Running};
use futures::stream::BoxStream;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams};
use lab::{Lab, wait_until};
use sealwatch::engine::run::RunResult;
use sealwatch::engine::{Command, Decision, Engine, Options, Policy, Ports, RunState, Snapshot};
use sealwatch::gateways::clock::SystemClock;
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::kubernetes::{ConnectOptions, KubernetesGateway, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::model::{Change, Controller, Fault, Kind, Name, ObjectRef, Text};
use sealwatch::ports::{Cluster, Identity, Permit, ReplicaPod, Scope, Typed};
use sealwatch::runbooks::{ClusterRight, Confirm, KubernetesWrite, Receipt, Target};
use serde_json::{Value, json};
use tokio::sync::watch;
use wire::{Mode, Wire};

const SOON: Duration = Duration::from_secs(30);
const A_MOMENT: Duration = Duration::from_millis(200);
/// How long an ExternalSecret may take once it is annotated (120 s), and a bit.
const PATIENCE: Duration = Duration::from_secs(170);
const DEV: &str = "ameide-dev";
const STORE: &str = "SecretStore/ameide-dev/ameide-vault";
const PATCHER: &str = "platform-keycloak-realm-client-patcher";
/// What stands in the environment of a Job: it goes from one life of it to the next, and nowhere else.
const LITERAL: &str = "canary-of-a-job-w8Rk2";

fn resource(group: &str, version: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind))
}

/// The lab, a client that looks from outside, and everything that was said.
struct Scene {
    lab: Lab,
    client: kube::Client,
}

impl Scene {
    fn all(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), DEV, &resource(group, "v1", kind))
    }

    fn external_secrets(&self) -> Api<DynamicObject> {
        self.all("external-secrets.io", "ExternalSecret")
    }

    fn jobs(&self) -> Api<DynamicObject> {
        self.all("batch", "Job")
    }

    /// An ExternalSecret that reads this path, where nothing stands.
    async fn make(&self, name: &str, path: &str) {
        let object = json!({
            "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": {"name": name, "namespace": DEV},
            "spec": {"refreshInterval": "1h", "secretStoreRef": {"kind": "SecretStore", "name": "ameide-vault"},
                "target": {"name": name}, "data": [{"secretKey": "value", "remoteRef": {"key": path, "property": "value"}}]},
        });
        let object: DynamicObject = serde_json::from_value(object).expect("an ExternalSecret");
        self.external_secrets().create(&PostParams::default(), &object).await.expect("made");
    }

    async fn get(&self, name: &str) -> Value {
        let found = self.external_secrets().get(name).await.expect("an ExternalSecret");
        serde_json::to_value(found).expect("JSON")
    }

    async fn is_ready(&self, name: &str, wanted: &str) -> Result<(), String> {
        let found = self.get(name).await;
        let status = found.pointer("/status/conditions/0/status").and_then(Value::as_str);
        if status == Some(wanted) { Ok(()) } else { Err(format!("{name}: {status:?}")) }
    }

    /// Starts `sealwatch runbook run` for the administrator.
    fn start(&self, home: &Home, arguments: &[&str]) -> Running {
        let kubeconfig = home.plug_in(self.lab.kubeconfig("admin"));
        Running::start(&self.lab, home, &kubeconfig, &[&["runbook", "run"], arguments, &["--write"]].concat())
    }

    fn assert_clean(&self, home: &Home) {
        self.lab.assert_unknown("a journal, a log, or the environment of a child", &home.everything());
        assert!(!home.everything().contains(LITERAL), "what stands in a Job came out");
        assert!(home.everything().contains("PATH="), "the plug-in ran, and noted its environment");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn bad_ways_end_as_they_should() {
    let lab = Lab::up("bad-ways", &[]);
    let client = lab.client().await;
    let scene = Scene { lab, client };
    for (name, path) in
        [("worse", "bad/none"), ("bad-1", "bad/one"), ("bad-2", "bad/one"), ("bad-3", "bad/two"), ("bad-4", "bad/two")]
    {
        scene.make(name, path).await;
    }
    let (bulk, idle) = (Home::new("bad-ways-bulk"), Home::new("bad-ways-idle"));
    killed_between_a_job_and_the_next(&scene, &bulk).await;
    for name in ["worse", "bad-1", "bad-2", "bad-3", "bad-4"] {
        wait_until("what has no path to fail", SOON, async || scene.is_ready(name, "False").await).await;
    }

    // From here on nothing happens, whatever is asked of External Secrets.
    scene.lab.fault("sync-stalled", &[]);
    scene.lab.write_path("bad/one", "one");
    let mut nothing = scene.start(&idle, &["refresh", "--target", "ExternalSecret/ameide-dev/worse", "--yes", "-o", "json"]);
    wrong_share(&scene);
    changed_meanwhile(&scene).await;
    cut_between_request_and_reply(&scene).await;
    let (code, out, err) = nothing.end(PATIENCE);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!((code, report["result"].as_str()), (Some(1), Some("unproved")), "{report} {err}");
    assert!(report.to_string().contains("annotated, but not synced within 120 s"), "{report}");

    killed_and_stopped(&scene, &bulk).await;
    let audited = scene.lab.audited();
    assert!(audited.contains(r#""requestObject":{"#), "writes are written down whole");
    scene.lab.assert_unknown("the audit log of the API server", &audited);
    scene.assert_clean(&bulk);
    scene.assert_clean(&idle);
}

/// A Job is deleted, and the process ends before it is made anew: its copy stands in the cluster, and the next process
/// makes it from that.
async fn killed_between_a_job_and_the_next(scene: &Scene, home: &Home) {
    let jobs = scene.jobs();
    let old = jobs.get(PATCHER).await.expect("the Job");
    // As its author would have made it: with a value in its environment, and somebody who holds it for a while.
    let mut with_literal = serde_json::to_value(&old).expect("JSON");
    with_literal["metadata"] = json!({"name": PATCHER, "namespace": DEV, "labels": with_literal["metadata"]["labels"], "finalizers": ["lab.sealwatch/hold"]});
    with_literal["spec"]["template"]["spec"]["containers"][0]["env"] = json!([{"name": "A", "value": LITERAL}]);
    with_literal["spec"]["template"]["metadata"]["labels"] = json!({"app": "client-patcher"});
    if let Some(spec) = with_literal["spec"].as_object_mut() {
        spec.remove("selector");
    }
    jobs.delete(PATCHER, &DeleteParams::background()).await.expect("deleted");
    let made: DynamicObject = serde_json::from_value(with_literal).expect("a Job");
    wait_until("the Job to be made with a value", SOON, async || jobs.create(&PostParams::default(), &made).await.map(drop))
        .await;
    wait_until("it to be complete", SOON, async || is_complete(&jobs).await).await;

    let target = format!("Job/{DEV}/{PATCHER}");
    let again = ["client-patcher", "--target", &target, "--confirm", PATCHER, "--yes", "-o", "json"];
    let mut run = scene.start(home, &again);
    let copy = format!("{PATCHER}-sealwatch-kept");
    wait_until("it to be deleted, with a copy beside it", SOON, async || {
        let job = jobs.get(PATCHER).await.map_err(|error| error.to_string())?;
        let kept = jobs.get(&copy).await.map_err(|error| error.to_string())?;
        assert_eq!(kept.data["spec"]["suspend"], true, "the copy never runs");
        if job.metadata.deletion_timestamp.is_some() { Ok(()) } else { Err("it is not deleted".to_owned()) }
    })
    .await;
    run.kill();
    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    jobs.patch(PATCHER, &PatchParams::default(), &free).await.expect("let go");
    wait_until("it to be gone", SOON, async || match jobs.get_opt(PATCHER).await {
        Ok(None) => Ok(()),
        other => Err(format!("{:?}", other.map(|found| found.is_some()))),
    })
    .await;

    let mut run = scene.start(home, &again);
    wait_until("it to be made anew", SOON, async || jobs.get(PATCHER).await.map(drop)).await;
    let (code, out, err) = run.end(2 * SOON);
    let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");
    assert!(err.contains("nobody heard what came of it") && err.contains("Taken up again"), "{err}");
    let new = jobs.get(PATCHER).await.expect("the new Job");
    assert_eq!(new.data.pointer("/spec/template/spec/containers/0/env/0/value"), Some(&json!(LITERAL)), "as it was");
    assert!(new.metadata.uid != old.metadata.uid && new.data["spec"]["suspend"] != true);
    wait_until("the copy to be gone", SOON, async || match jobs.get_opt(&copy).await {
        Ok(None) => Ok(()),
        _ => Err("it is there"),
    })
    .await;
    jobs.patch(PATCHER, &PatchParams::default(), &free).await.expect("let go");
}

async fn is_complete(jobs: &Api<DynamicObject>) -> Result<(), String> {
    let job = jobs.get(PATCHER).await.map_err(|error| error.to_string())?;
    if job.data.pointer("/status/completionTime").is_some() { Ok(()) } else { Err(job.data["status"].to_string()) }
}

/// One replica is sealed. A share that is wrong is said to be so, and opens nothing; the right ones open it.
fn wrong_share(scene: &Scene) {
    let pod = scene.lab.text("/vault/replicas/1/pod").to_owned();
    scene.lab.fault("vault-restarted", &["--pod", &pod]);
    let home = Home::new("bad-ways-share");
    let shares = scene.lab.shares();
    let wrong: String = shares[0].chars().rev().collect();
    let right = shares[..scene.lab.threshold()].join("\n");
    let last_wrong = [&shares[..scene.lab.threshold() - 1], &[wrong]].concat().join("\n");
    for (text, expected) in [(last_wrong, (Some(1), "cancelled")), (right, (Some(0), "proved"))] {
        let file = home.secret("shares", &text);
        let target = format!("Vault/{DEV}/vault-core-dev");
        let mut run = scene.start(&home, &["unseal", "--target", &target, "--share-file", &file, "--yes", "-o", "json"]);
        let (code, out, err) = run.end(2 * SOON);
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        assert_eq!((code, report["result"].as_str().unwrap_or_default()), expected, "{report} {err}");
    }
    scene.assert_clean(&home);
}

/// What somebody does just before a write arrives.
enum Meanwhile {
    /// The spec of an ExternalSecret becomes another.
    Spec(&'static str),
    /// An ExternalSecret is deleted and made anew.
    Anew(&'static str),
    /// The request arrives, and the connection is cut before the answer does.
    Cut(String),
}

/// The real gateway, with somebody beside it.
struct Beside {
    inner: KubernetesGateway,
    outside: Api<DynamicObject>,
    jobs: Api<DynamicObject>,
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
            Some(Meanwhile::Cut(prefix)) => {
                let before = starting_with(&self.jobs, &prefix).await;
                self.wire.set(Mode::Deaf);
                let arrived = async {
                    let begun = Instant::now();
                    while starting_with(&self.jobs, &prefix).await <= before {
                        assert!(begun.elapsed() < SOON, "the request does not arrive");
                        tokio::time::sleep(A_MOMENT).await;
                    }
                    self.wire.set(Mode::Cut);
                };
                let (done, ()) = tokio::join!(self.inner.write(permit, write), arrived);
                self.wire.set(Mode::Through);
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

async fn starting_with(jobs: &Api<DynamicObject>, prefix: &str) -> usize {
    let list = jobs.list(&ListParams::default()).await.expect("the Jobs");
    list.iter().filter(|job| job.metadata.name.as_deref().is_some_and(|name| name.starts_with(prefix))).count()
}

/// An engine over the real gateways, through a wire.
struct Console {
    engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    beside: Arc<Beside>,
    journal: Arc<MemoryJournal>,
}

impl Console {
    async fn open(scene: &Scene) -> Self {
        let address = scene.lab.text("/api_server").trim_start_matches("https://").to_owned() + ":443";
        let wire = Wire::to(&address).await;
        let text = std::fs::read_to_string(scene.lab.kubeconfig("admin")).expect("a kubeconfig");
        let direct = format!("server: {}", scene.lab.text("/api_server"));
        let text = text.replace(&direct, &format!("server: https://{}\n    tls-server-name: kubernetes", wire.address));
        let kubeconfig = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bad-ways-{}.kubeconfig", std::process::id()));
        std::fs::write(&kubeconfig, text).expect("written");
        let inner = connect(&ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() }).expect("a kubeconfig");
        let (outside, jobs) = (scene.external_secrets(), scene.jobs());
        let beside = Arc::new(Beside { inner: inner.clone(), outside, jobs, wire, meanwhile: Mutex::default() });
        let journal = Arc::new(MemoryJournal::default());
        let ports = Ports {
            vault: Arc::new(VaultGateway::new(VaultEnvironment::default(), Some(inner))),
            cluster: beside.clone(),
            clock: Arc::new(SystemClock),
            journal: journal.clone(),
        };
        let options = Options { policy: Policy::simulated(), write: true, ..Options::default() };
        let engine = Engine::start(ports, options);
        let mut console = Self { snapshots: engine.snapshots(), engine, beside, journal };
        console.until("everything to be seen", |seen| seen.is_examined() && !seen.is_blind()).await;
        console
    }

    async fn until(&mut self, what: &str, so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
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
    async fn run(&mut self, runbook: &'static str, target: ObjectRef, meanwhile: Meanwhile) -> Arc<Snapshot> {
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

    async fn stop(&mut self) {
        self.say(Command::Stop).await;
        self.until("the end", |seen| over(seen).is_some()).await;
    }
}

fn over(seen: &Snapshot) -> Option<RunResult> {
    match seen.run.as_ref()?.state {
        RunState::Over(result) => Some(result),
        _ => None,
    }
}

/// A spec that is another one than was shown, and an object of the same name that is another one: neither is written to.
async fn changed_meanwhile(scene: &Scene) {
    let mut console = Console::open(scene).await;
    let object = |name: &str| ObjectRef::new(Kind::ExternalSecret, DEV, name);
    let said = "was changed meanwhile; look again. Nothing was written to it.";

    let seen = console.run("stop-rotation", object("powerdns-api-key"), Meanwhile::Spec("powerdns-api-key")).await;
    let run = seen.run.as_ref().expect("a run");
    assert!(run.notice.as_ref().is_some_and(|notice| notice.contains(said)) && run.applied.is_empty(), "{run:#?}");
    assert_ne!(scene.get("powerdns-api-key").await["spec"]["refreshPolicy"], "CreatedOnce");
    let last = console.journal.entries().into_iter().rfind(|line| line.what == "result").expect("a result");
    assert!(last.note.contains("the object has been modified"), "{last:?}");
    console.stop().await;

    let seen = console.run("refresh", object("bad-4"), Meanwhile::Anew("bad-4")).await;
    let run = seen.run.as_ref().expect("a run");
    assert!(run.withdrawn == 1 && run.applied.is_empty(), "{run:#?}");
    let new = scene.get("bad-4").await;
    assert!(new["metadata"]["annotations"]["force-sync"].is_null(), "another object of that name was annotated: {new}");
    if over(&seen).is_none() {
        console.stop().await;
    }
}

/// The request to start a Job arrives, and the answer does not. The world decides: the Job is followed to its end, and
/// there is one, not two.
async fn cut_between_request_and_reply(scene: &Scene) {
    let name = "foundation-vault-bootstrap-vault-bootstrap";
    let before = starting_with(&scene.jobs(), name).await;
    let mut console = Console::open(scene).await;
    let target = ObjectRef::new(Kind::CronJob, DEV, name);
    let seen = console.run("vault-bootstrap", target, Meanwhile::Cut(name.to_owned())).await;
    assert_eq!(over(&seen), Some(RunResult::Proved), "{:#?}", seen.run);
    let run = seen.run.as_ref().expect("a run");
    assert!(run.applied.len() == 1 && run.applied[0].result.is_err(), "{run:#?}");
    let unknown = console.journal.entries().into_iter().any(|line| line.what == "result" && line.note.starts_with("unknown: "));
    assert!(unknown, "{:#?}", console.journal.entries());
    assert_eq!(starting_with(&scene.jobs(), name).await, before + 1);
}

/// A bulk that is killed, taken up by another process, and stopped by a person half-way; then all of it.
async fn killed_and_stopped(scene: &Scene, home: &Home) {
    let refresh = ["refresh", "--target", STORE, "--yes"];
    let results = |home: &Home| home.journal().matches(r#""what":"result""#).count();
    let before = results(home);
    let mut run = scene.start(home, &refresh);
    wait_until("two to be annotated", SOON, async || {
        let now = results(home) - before;
        if now >= 2 { Ok(()) } else { Err(now) }
    })
    .await;
    run.assert_argv_is_clean(&scene.lab);
    run.kill();
    let annotated = async || {
        let list = scene.external_secrets().list(&ListParams::default()).await.expect("the ExternalSecrets");
        let stamp = |object: &DynamicObject| object.metadata.annotations.as_ref()?.get("force-sync").cloned();
        list.iter().filter_map(|object| Some((object.metadata.name.clone()?, stamp(object)?))).collect::<Vec<_>>()
    };
    let first = annotated().await;

    let mut run = scene.start(home, &refresh);
    run.says("Taken up again: ", SOON);
    run.interrupt();
    run.says("stopping; what is in flight is awaited", SOON);
    assert_eq!(annotated().await, first, "nothing is annotated twice, and nothing more");
    scene.lab.heal("sync-stalled", &[]);
    let (code, out, err) = run.end(PATIENCE);
    assert!(code == Some(1) && out.contains(": cancelled"), "{code:?} {out}{err}");
    assert!(err.contains("Stopped: ") || out.contains("Stopped: "), "{out}{err}");
    let journal = home.journal();
    let count = |what: &str| journal.matches(&format!(r#""what":"{what}""#)).count();
    assert_eq!(count("intent"), count("result"), "each intent has a result");
    assert!(journal.lines().last().is_some_and(|line| line.contains(r#""what":"end""#) && line.contains("cancelled")));

    scene.lab.write_path("bad/two", "two");
    scene.lab.write_path("bad/none", "none");
    let mut run = scene.start(home, &refresh);
    let (code, out, err) = run.end(PATIENCE);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!err.contains("Taken up again"), "what a person stopped is over: {err}");
    for name in ["bad-1", "bad-2"] {
        let times = home
            .journal()
            .lines()
            .filter(|line| line.contains(r#""what":"intent""#) && line.contains(&format!("/{name}\"")))
            .count();
        assert_eq!(times, 1, "{name} was annotated once in all");
    }
}
