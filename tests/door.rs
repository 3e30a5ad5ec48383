//! The one door: nothing is written that the policy does not allow, that nobody agreed to, or that cannot be
//! journalled; and a part of the program that fails is said, not frozen. The engine runs on the simulation,
//! with a door handle in its ports that counts what passes.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use sealwatch::engine::config::PolicyName;
use sealwatch::engine::past::{self, Resume};
use sealwatch::engine::run::{RunResult, RunView};
use sealwatch::engine::{Command, Decision, Engine, Options, Policy, Ports, RunState, Snapshot};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::simulation::{Scenario, Simulation};
use sealwatch::model::{Change, Controller, Fault, FaultKind, Kind, Name, ObjectRef, Text};
use sealwatch::ports::{Cluster, Identity, Journal, JournalEntry, Permit, Remembered, ReplicaPod, Scope, Typed};
use sealwatch::report::run_json;
use sealwatch::runbooks::{ClusterRight, Confirm, KubernetesWrite, Receipt, Target, runbook};
use tokio::sync::watch;

const SOON: Duration = Duration::from_secs(60);

/// A cluster that counts the writes that pass through it.
struct Counted {
    inner: Arc<dyn Cluster>,
    writes: AtomicUsize,
    shares_read: AtomicUsize,
    /// Whether the question for the controller panics.
    broken: bool,
    /// What passed through.
    written: Mutex<Vec<KubernetesWrite>>,
    /// What a colleague does just before the next write arrives.
    meanwhile: Mutex<Option<KubernetesWrite>>,
    /// What becomes of the next writes: whether each is done, and what is said of it.
    lost: Mutex<Vec<(bool, FaultKind)>>,
}

#[async_trait]
impl Cluster for Counted {
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
        assert!(!self.broken, "the controller is too much");
        self.inner.controller().await
    }
    async fn failures(&self, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
        self.inner.failures(pod).await
    }
    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        self.inner.may(right).await
    }
    async fn rehearse(&self, write: &KubernetesWrite) -> Option<Result<(), Fault>> {
        self.inner.rehearse(write).await
    }
    async fn write(&self, permit: Permit, write: &KubernetesWrite) -> Result<Receipt, Fault> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let meanwhile = self.meanwhile.lock().expect("nobody panicked").take();
        if let Some(other) = meanwhile {
            self.inner.write(Permit::grant(), &other).await?;
        }
        let lost = self.lost.lock().expect("nobody panicked").pop();
        if let Some((is_done, said)) = lost {
            if is_done {
                self.inner.write(permit, write).await?;
            }
            return Err(Fault::new(said, "The connection was cut."));
        }
        let done = self.inner.write(permit, write).await;
        if done.is_ok() {
            self.written.lock().expect("nobody panicked").push(write.clone());
        }
        done
    }
    async fn value(&self, permit: Permit, secret: &ObjectRef, key: &str) -> Result<Typed, Fault> {
        self.inner.value(permit, secret, key).await
    }
    async fn shares(&self, permit: Permit, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault> {
        self.shares_read.fetch_add(1, Ordering::SeqCst);
        self.inner.shares(permit, secret, key_prefix).await
    }
}

/// A journal that can be full.
#[derive(Default)]
struct Disk {
    full: AtomicBool,
    lines: MemoryJournal,
}

impl Journal for Disk {
    fn append(&self, entry: &JournalEntry) -> Result<(), Fault> {
        if self.full.load(Ordering::SeqCst) {
            return Err(Fault::new(FaultKind::Local, "No space left on device."));
        }
        self.lines.append(entry)
    }
    fn history(&self) -> Vec<Remembered> {
        self.lines.history()
    }
}

struct Scene {
    engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    cluster: Arc<Counted>,
    journal: Arc<Disk>,
    share: String,
    ports: Ports,
}

impl Scene {
    /// The process ends, and another is started.
    fn again(&mut self, resume: Resume) {
        let options = Options { policy: Policy::simulated(), write: true, resume, ..Options::default() };
        self.engine = Engine::start(self.ports.clone(), options);
        self.snapshots = self.engine.snapshots();
    }

    fn annotated(&self) -> Vec<ObjectRef> {
        self.cluster.written.lock().expect("nobody panicked").iter().map(|write| write.object().clone()).collect()
    }

    fn new(policy: Policy, write: bool, broken: bool) -> Self {
        let simulation = Simulation::start(&Scenario::named("sealed").expect("a scenario"), 1.0);
        let share = simulation.paper_shares(&vault()).remove(0);
        let (writes, shares_read) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let (written, meanwhile, lost) = (Mutex::default(), Mutex::default(), Mutex::default());
        let cluster = Arc::new(Counted { inner: simulation.cluster(), writes, shares_read, broken, written, meanwhile, lost });
        let journal = Arc::new(Disk::default());
        let ports =
            Ports { cluster: cluster.clone(), vault: simulation.vault(), clock: simulation.clock(), journal: journal.clone() };
        let engine = Engine::start(ports.clone(), Options { scope: Scope::Everywhere, policy, write, ..Options::default() });
        Self { snapshots: engine.snapshots(), engine, cluster, journal, share, ports }
    }

    async fn say(&self, command: Command) {
        self.engine.commands().send(command).await.expect("the engine listens");
    }

    async fn until(&mut self, what: &str, so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let found = tokio::time::timeout(SOON, self.snapshots.wait_for(|snapshot| so(snapshot))).await;
        let Ok(found) = found else { panic!("never: {what}. Last: {:#?}", self.engine.snapshots().borrow().run) };
        found.expect("the engine lives").clone()
    }

    async fn start(&mut self) {
        self.until("the cause", |snapshot| snapshot.is_known() && !snapshot.diagnosis.causes.is_empty()).await;
        self.say(Command::Start { runbook: "recover", target: Target::Vault(vault()) }).await;
        self.until("the first question", |snapshot| asks(snapshot).is_some()).await;
    }

    /// Agrees to the check.
    async fn asked_for_a_share(&mut self) {
        self.start().await;
        self.say(Command::Decide(Decision::Agree)).await;
        self.until("the share to be asked for", |snapshot| matches!(asks(snapshot), Some(Confirm::Share { .. }))).await;
    }

    async fn give_share(&self) {
        let mut typed = Typed::new();
        self.share.chars().for_each(|c| typed.push(c));
        self.say(Command::Decide(Decision::Share(typed))).await;
    }

    /// Agrees to the check, and gives the share.
    async fn unseal(&mut self) {
        self.asked_for_a_share().await;
        self.give_share().await;
    }

    fn writes(&self) -> usize {
        self.cluster.writes.load(Ordering::SeqCst)
    }
}

fn vault() -> ObjectRef {
    ObjectRef::new(Kind::Vault, "ameide-dev", "vault-core-dev")
}

fn asks(snapshot: &Snapshot) -> Option<Confirm> {
    match &snapshot.run.as_ref()?.state {
        RunState::Asks(preview) => Some(preview.confirm.clone()),
        _ => None,
    }
}

fn notice(snapshot: &Snapshot) -> Option<String> {
    snapshot.run.as_ref()?.notice.clone()
}

fn break_glass() -> Policy {
    Policy { name: PolicyName::BreakGlass, configured: true, production: true, unseal: false, shares_secret: None }
}

#[tokio::test(start_paused = true)]
async fn with_writes_closed_a_run_is_walked_and_nothing_leaves() {
    let mut scene = Scene::new(break_glass(), false, false);
    scene.unseal().await;
    let snapshot = scene.until("a refusal", |snapshot| notice(snapshot).is_some()).await;
    assert!(notice(&snapshot).expect("a notice").contains("Writes are closed"));
    assert!(snapshot.world.vaults.values().all(|server| server.open().count() == 0), "it is still sealed");
    assert_eq!((scene.writes(), scene.journal.lines.entries().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn break_glass_asks_for_the_context_before_it_touches_many() {
    let mut scene = Scene::new(break_glass(), true, false);
    scene.unseal().await;
    scene.until("the stores", |snapshot| asks(snapshot) == Some(Confirm::Yes)).await;
    scene.say(Command::Decide(Decision::Agree)).await;
    // More than ten ExternalSecrets fail: a y does not do.
    let name = Confirm::TypeName("sealed".to_owned());
    scene.until("the context's name to be asked for", |snapshot| asks(snapshot) == Some(name.clone())).await;
    let stores = scene.writes();
    for answer in [Decision::Agree, Decision::Name("seal".to_owned())] {
        scene.say(Command::Decide(answer)).await;
        scene.until("a refusal", |snapshot| notice(snapshot).is_some_and(|said| said.contains("“sealed”"))).await;
    }
    assert_eq!(scene.writes(), stores, "nothing was written meanwhile");
    scene.say(Command::Decide(Decision::Name("sealed".to_owned()))).await;
    scene
        .until("the end", |snapshot| snapshot.run.as_ref().is_some_and(|run| run.state == RunState::Over(RunResult::Proved)))
        .await;
    assert!(scene.writes() > stores + 10);
}

#[tokio::test(start_paused = true)]
async fn break_glass_takes_shares_from_a_secret_only_for_the_contexts_name() {
    let mut scene = Scene::new(break_glass(), true, false);
    scene.asked_for_a_share().await;
    scene.say(Command::Decide(Decision::SharesFromSecret)).await;
    scene.until("a refusal", |snapshot| notice(snapshot).is_some()).await;
    assert_eq!(scene.cluster.shares_read.load(Ordering::SeqCst), 0, "the Secret was not read");
    scene.say(Command::Decide(Decision::Name("sealed".to_owned()))).await;
    scene.until("the stores", |snapshot| asks(snapshot) == Some(Confirm::Yes)).await;
    assert_eq!(scene.cluster.shares_read.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn writes_close_by_themselves_in_the_middle_of_a_run() {
    let mut scene = Scene::new(break_glass(), true, false);
    scene.asked_for_a_share().await;
    tokio::time::sleep(Duration::from_secs(31 * 60)).await;
    scene.until("writes to be closed", |snapshot| !snapshot.writes.open).await;
    scene.give_share().await;
    scene.until("a refusal", |snapshot| notice(snapshot).is_some_and(|said| said.contains("Writes are closed"))).await;
    assert!(scene.until("a run", |snapshot| snapshot.run.is_some()).await.run.as_ref().is_some_and(|run| run.applied.is_empty()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_journalled_is_not_done() {
    let mut scene = Scene::new(Policy::simulated(), true, false);
    scene.asked_for_a_share().await;
    scene.journal.full.store(true, Ordering::SeqCst);
    scene.say(Command::Decide(Decision::SharesFromSecret)).await;
    scene.until("a refusal", |snapshot| notice(snapshot).is_some_and(|said| said.contains("No space left on device."))).await;
    assert_eq!(scene.cluster.shares_read.load(Ordering::SeqCst), 0, "the safe stayed closed");
    scene.give_share().await;
    let over = |snapshot: &Snapshot| snapshot.run.as_ref().is_some_and(|run| run.is_over());
    let snapshot = scene.until("the end", over).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!(run.state, RunState::Over(RunResult::Refused));
    assert!(run.notice.as_deref().is_some_and(|said| said.contains("No space left on device.")), "{:?}", run.notice);
    assert!(run.applied.is_empty());
}

#[tokio::test(start_paused = true)]
async fn every_write_stands_in_the_journal_before_and_after() {
    let mut scene = Scene::new(Policy::simulated(), true, false);
    scene.unseal().await;
    scene.until("the stores", |snapshot| asks(snapshot) == Some(Confirm::Yes)).await;
    let lines: Vec<_> = scene.journal.lines.entries();
    let what: Vec<&str> = lines.iter().map(|line| line.what).collect();
    assert_eq!(what, ["open", "intent", "result", "intent", "result", "intent", "result"]);
    assert!(
        lines.iter().skip(1).all(|line| line.command.contains("bao operator unseal") && !line.command.contains(&scene.share))
    );
}

#[tokio::test(start_paused = true)]
async fn a_part_that_fails_is_said_and_the_rest_goes_on() {
    let mut scene = Scene::new(Policy::simulated(), true, true);
    let snapshot = scene.until("a notice", |snapshot| !snapshot.errors.is_empty()).await;
    assert!(snapshot.errors[0].text.starts_with("A part of sealwatch failed"), "{:?}", snapshot.errors);
    scene.until("the cause", |snapshot| snapshot.diagnosis.causes.iter().any(|cause| cause.slug == "vault-sealed")).await;
}

fn gitops(unseal: bool) -> Policy {
    Policy { name: PolicyName::Gitops, configured: true, production: false, unseal, shares_secret: None }
}

#[tokio::test(start_paused = true)]
async fn under_gitops_nothing_is_written_and_an_unseal_only_if_that_is_configured() {
    let over = |snapshot: &Snapshot| snapshot.run.as_ref().is_some_and(|run| run.is_over());
    let mut scene = Scene::new(gitops(false), true, false);
    scene.start().await;
    scene.say(Command::Decide(Decision::Agree)).await;
    let snapshot = scene.until("the end", over).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!(run.state, RunState::Over(RunResult::Refused));
    let said: Vec<&str> = run.steps.iter().filter_map(|step| Some(step.report.as_ref()?.summary.as_str())).collect();
    assert!(said.iter().any(|summary| summary.contains("`unseal = true`")), "{said:?}");
    assert!(run.applied.is_empty());
    assert_eq!((scene.writes(), scene.journal.lines.entries().len()), (0, 0));

    // Configured: the unseal is done, and what comes after it is not.
    let mut scene = Scene::new(gitops(true), false, false);
    scene.unseal().await;
    let snapshot = scene.until("the end", over).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!(run.state, RunState::Over(RunResult::Refused));
    assert!(run.applied.iter().any(|applied| applied.step == "unseal" && applied.result.is_ok()));
    assert_eq!(scene.writes(), 0, "nothing was written to the API server");
}

fn generator() -> ObjectRef {
    ObjectRef::new(Kind::ExternalSecret, "ameide-dev", "powerdns-api-key")
}

fn over(snapshot: &Snapshot) -> Option<RunResult> {
    match snapshot.run.as_ref()?.state {
        RunState::Over(result) => Some(result),
        _ => None,
    }
}

/// Stops the generator, while a colleague does this just before the write arrives; the run at its next question, or over.
async fn stopped_while(other: KubernetesWrite) -> (Scene, Arc<Snapshot>) {
    let mut scene = Scene::new(Policy::simulated(), true, false);
    scene.until("the cause", |snapshot| snapshot.is_known() && !snapshot.diagnosis.causes.is_empty()).await;
    scene.say(Command::Start { runbook: "stop-rotation", target: Target::Objects(vec![generator()]) }).await;
    let name = Confirm::TypeName("powerdns-api-key".to_owned());
    scene.until("the question", |snapshot| asks(snapshot) == Some(name.clone())).await;
    *scene.cluster.meanwhile.lock().expect("nobody panicked") = Some(other);
    scene.say(Command::Decide(Decision::Name("powerdns-api-key".to_owned()))).await;
    let withdrawn = |snapshot: &Snapshot| snapshot.run.as_ref().is_some_and(|run| run.withdrawn > 0);
    let snapshot = scene.until("the next", |snapshot| over(snapshot).is_some() || withdrawn(snapshot)).await;
    (scene, snapshot)
}

#[tokio::test(start_paused = true)]
async fn an_object_whose_spec_was_changed_meanwhile_is_not_written_to() {
    let store = ObjectRef::new(Kind::SecretStore, "ameide-dev", "ameide-vault");
    let other = KubernetesWrite::ReadVault {
        external_secret: generator(),
        store,
        remote: "a".to_owned(),
        property: "b".to_owned(),
        secret_key: "c".to_owned(),
        data_hash: Text::default(),
    };
    let (mut scene, snapshot) = stopped_while(other).await;
    let said = notice(&snapshot).unwrap_or_default();
    assert!(said.contains("was changed meanwhile; look again. Nothing was written to it."), "{said}");
    // It is asked again, what it finds now: it generates nothing any more.
    let snapshot = scene.until("the end", |snapshot| over(snapshot).is_some()).await;
    assert!(snapshot.run.as_ref().is_some_and(|run| run.applied.is_empty() && run.withdrawn == 1));
    assert_eq!((scene.writes(), scene.annotated().len()), (1, 0), "it was sent once, and refused");
    let lines = scene.journal.lines.entries();
    assert!(lines.last().is_some_and(|line| line.what == "result" && line.note.contains("has been modified")), "{lines:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_still_holds_if_only_the_status_moved() {
    let key = sealwatch::model::kinds::external_secret::FORCE_SYNC;
    let other = KubernetesWrite::Annotate { object: generator(), key, value: "1".to_owned() };
    let (mut scene, _) = stopped_while(other).await;
    let snapshot = scene.until("the end", |snapshot| over(snapshot).is_some()).await;
    let run = snapshot.run.as_ref().expect("a run");
    // The colleague's annotation made a new value: that is told, and the policy is set all the same.
    assert!(run.withdrawn == 0 && run.applied.len() == 1 && run.applied[0].result.is_ok(), "{run:#?}");
    assert_eq!(scene.writes(), 2, "refused once, and sent again with the new version");
}

/// What a script is told of each write, and of the step.
fn told(run: &RunView) -> Vec<String> {
    let mut out = Vec::new();
    run_json::write(run, "local", &sealwatch::runbooks::Aim::default(), &mut out).expect("written");
    let report: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
    let steps = report["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["result"].as_str().expect("a word").to_owned()).collect()
}

/// Stops the generator, while this becomes of the writes; how that ends.
async fn stopped_over(lost: &[(bool, FaultKind)]) -> (Scene, Arc<Snapshot>) {
    let mut scene = Scene::new(Policy::simulated(), true, false);
    scene.until("the cause", |snapshot| snapshot.is_known() && !snapshot.diagnosis.causes.is_empty()).await;
    *scene.cluster.lost.lock().expect("nobody panicked") = lost.iter().rev().copied().collect();
    scene.say(Command::Start { runbook: "stop-rotation", target: Target::Objects(vec![generator()]) }).await;
    scene.until("the question", |snapshot| asks(snapshot).is_some()).await;
    scene.say(Command::Decide(Decision::Name("powerdns-api-key".to_owned()))).await;
    let snapshot = scene.until("the end", |snapshot| over(snapshot).is_some()).await;
    (scene, snapshot)
}

#[tokio::test(start_paused = true)]
async fn of_a_write_without_an_answer_the_world_tells() {
    // It was done, and only the answer was lost.
    let (scene, snapshot) = stopped_over(&[(true, FaultKind::Unknown)]).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!((over(&snapshot), scene.writes(), &run.notice), (Some(RunResult::Proved), 1, &None), "{run:#?}");
    assert_eq!(told(run), ["proved", "proved"], "the write, and its step");

    // Its effect came late, after a try that did not even leave: it is done, and not done again.
    let (scene, snapshot) = stopped_over(&[(false, FaultKind::Unknown), (true, FaultKind::Tcp)]).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!((over(&snapshot), scene.writes()), (Some(RunResult::Proved), 2), "{run:#?}");

    // Nothing tells: that is not “failed”.
    let mut lost = vec![(false, FaultKind::Tcp); 10];
    lost[0] = (false, FaultKind::Unknown);
    let (scene, snapshot) = stopped_over(&lost).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!((over(&snapshot), scene.writes()), (Some(RunResult::Unknown), 6), "{run:#?}");
    assert_eq!(told(run), ["unknown", "failed", "failed", "failed", "failed", "failed", "failed"]);
    let left = &run.steps[0].report.as_ref().expect("a report").left;
    assert!(left[0].1.starts_with("no answer came, and no effect was seen"), "{left:?}");

    // Where each try was refused, all is known.
    let (_, snapshot) = stopped_over(&[(false, FaultKind::Tcp); 10]).await;
    assert_eq!(over(&snapshot), Some(RunResult::Failed));
}

/// The connection is cut after the write arrived, and what we see is older than that for a while: the next try is refused,
/// since the object was changed, by ourselves.
#[tokio::test(start_paused = true)]
async fn what_changed_by_the_write_without_an_answer_is_not_blamed_on_others() {
    let (scene, snapshot) = stopped_over(&[(false, FaultKind::Unknown), (true, FaultKind::Conflict)]).await;
    let run = snapshot.run.as_ref().expect("a run");
    assert_eq!((over(&snapshot), scene.writes()), (Some(RunResult::Proved), 2), "{run:#?}");
    assert_eq!((run.withdrawn, &run.notice), (0, &None), "{run:#?}");
}

#[tokio::test(start_paused = true)]
async fn another_process_takes_an_interrupted_run_up_and_does_nothing_twice() {
    let mut scene = Scene::new(Policy::simulated(), true, false);
    scene.unseal().await;
    for what in ["the stores", "the ExternalSecrets"] {
        scene.until(what, |snapshot| asks(snapshot) == Some(Confirm::Yes)).await;
        let (before, cluster) = (scene.writes(), scene.cluster.clone());
        scene.say(Command::Decide(Decision::Agree)).await;
        scene.until("a write", |_| cluster.writes.load(Ordering::SeqCst) > before).await;
    }
    // The process ends with some of them done.
    scene.again(Resume::Interrupted);
    let before = scene.annotated().len();
    scene.until("the world", |snapshot| snapshot.is_known() && !snapshot.diagnosis.causes.is_empty()).await;
    let begun = |scene: &Scene, resume| {
        let (history, recover) = (scene.journal.lines.history(), runbook("recover").expect("a runbook"));
        past::taken_up(&history, recover, None, resume, scene.journal.lines.entries()[0].at).map(|past| past.target)
    };
    assert_eq!(begun(&scene, Resume::Interrupted), Some(Target::Vault(vault())), "whoever names no target means that one");
    scene.say(Command::Start { runbook: "recover", target: Target::Vault(vault()) }).await;
    let snapshot = scene.until("the first question", |snapshot| asks(snapshot).is_some()).await;
    let said = snapshot.run.as_ref().and_then(|run| run.taken_up.clone()).unwrap_or_default();
    assert!(
        said.starts_with("Taken up again on Vault/ameide-dev/vault-core-dev: ") && said.contains(" done by the run of "),
        "{said}"
    );
    scene.say(Command::Decide(Decision::Agree)).await;
    // It asks for what is left, and for no share.
    scene.until("the rest, or the end", |snapshot| asks(snapshot) == Some(Confirm::Yes) || over(snapshot).is_some()).await;
    scene.say(Command::Decide(Decision::Agree)).await;
    let snapshot = scene.until("the end", |snapshot| over(snapshot).is_some()).await;
    assert_eq!(over(&snapshot), Some(RunResult::Proved));
    let mut all = scene.annotated();
    assert!(before >= 2 && all.len() > 4, "{before} of {all:?}");
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count, "nothing was annotated twice");
    let lines = scene.journal.lines.entries();
    assert!(lines.last().is_some_and(|line| line.what == "end" && line.note == "proved"), "{:#?}", lines.last());

    // What ended is not taken up again.
    assert_eq!(begun(&scene, Resume::Interrupted), None);
    scene.again(Resume::Last);
    scene.until("the world", Snapshot::is_known).await;
    scene.say(Command::Start { runbook: "recover", target: Target::Vault(vault()) }).await;
    let snapshot = scene.until("a run", |snapshot| snapshot.run.is_some()).await;
    assert_eq!(snapshot.run.as_ref().and_then(|run| run.taken_up.clone()), None);
}

/// Agrees to whatever is asked for `y` or Enter until the run is over.
async fn agrees_to_all(scene: &mut Scene) -> Arc<Snapshot> {
    let ended = |snapshot: &Snapshot| snapshot.run.as_ref().is_some_and(|run| run.is_over());
    let mut answers = 0;
    loop {
        let asked = |snapshot: &Snapshot| {
            ended(snapshot) || asks(snapshot).is_some() && snapshot.run.as_ref().is_some_and(|run| run.answers >= answers)
        };
        let snapshot = scene.until("a question, or the end", asked).await;
        if ended(&snapshot) {
            return snapshot;
        }
        answers = snapshot.run.as_ref().map_or(0, |run| run.answers) + 1;
        scene.say(Command::Decide(Decision::Agree)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn recover_without_a_target_takes_all_that_still_fails_once_the_vault_is_open() {
    use sealwatch::model::Health;
    use sealwatch::model::kinds::{ExternalSecret, Watched as _};
    use sealwatch::runbooks::recover;
    let mut scene = Scene::new(Policy::simulated(), true, false);
    scene.until("the cause", |snapshot| snapshot.is_known() && !snapshot.diagnosis.causes.is_empty()).await;
    // Somebody only unseals: what failed waits for its back-off.
    scene.say(Command::Start { runbook: "unseal", target: Target::Vault(vault()) }).await;
    scene.until("the share to be asked for", |snapshot| matches!(asks(snapshot), Some(Confirm::Share { .. }))).await;
    let sealed = scene.snapshots.borrow().world.clone();
    assert_eq!(recover::everything(&sealed), None, "what is behind a Vault that is closed waits for that");
    scene.give_share().await;
    let over = |snapshot: &Snapshot| snapshot.run.as_ref().is_some_and(|run| run.is_over());
    let open = scene.until("the end", over).await;
    assert_eq!(recover::everything(&open.world), Some(Target::Everything));
    let failing = |snapshot: &Snapshot| -> Vec<ObjectRef> {
        snapshot.world.failing::<ExternalSecret>().filter(|es| !es.rotates()).map(|es| es.object_ref()).collect()
    };
    let before = failing(&open);
    assert!(before.len() > 5, "{before:?}");
    let written = scene.annotated().len();
    scene.say(Command::Start { runbook: "recover", target: Target::Everything }).await;
    scene.until("the run", |snapshot| snapshot.run.as_ref().is_some_and(|run| run.runbook == "recover")).await;
    let healed = agrees_to_all(&mut scene).await;
    let run = healed.run.as_ref().expect("a run");
    assert_eq!((run.target.as_str(), &run.state), ("everything that fails", &RunState::Over(RunResult::Proved)));
    assert_eq!(failing(&healed), [], "no one is left to its back-off");
    let annotated = scene.annotated().split_off(written);
    for object in annotated.iter().filter(|object| object.kind == Kind::ExternalSecret) {
        let es = healed.world.get::<ExternalSecret>(object).expect("it is there");
        assert!(!es.rotates() && es.health() == Health::Healthy, "{object}");
    }
    // The pod that came in the middle of it could not start; it is named, and proved.
    let pods = run.steps.iter().find(|step| step.id == "pods").and_then(|step| step.report.clone()).expect("it was looked at");
    assert!(pods.summary.starts_with("1 pod could start again: ameide-dev/agent-runtime"), "{}", pods.summary);
}
