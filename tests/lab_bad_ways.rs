//! The bad ways of runbooks, without a screen, on real servers; one lab serves them all, and `tests/lab/test` runs this:
//!
//! - a share is wrong: it is said, it opens nothing, and the right one, typed unseen in a terminal, opens it;
//! - a right is missing, at the API server or at Vault: refused (4), before anything is written;
//! - an object is changed, or another one of its name made, after it was shown: it is not written to;
//! - the connection is cut between request and reply: the world tells what came of it, at once or when the next process
//!   looks, and until then the answer is “unknown” (3); it is written once;
//! - External Secrets is scaled to 0, so that nothing happens: unproved (1), and it says why;
//! - a process is killed between the deletion of a Job and its next life, or in the middle of a bulk: the next one takes
//!   it up, and does nothing twice;
//! - a person stops half-way (SIGINT): what is in flight is awaited, each intent has its result, and it ends cancelled (1).
//!
//! Whatever happens, no value of a Secret or of Vault comes out: not in what is said, drawn, logged or journalled, not in
//! arguments or in the environment of children, not in what the API server writes down. What Argo CD reverts is shown in
//! `lab_gitops.rs`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    dead_code,
    reason = "a test that fails says why; it uses a part of what the lab can"
)]

#[path = "common/beside.rs"]
mod beside;
#[path = "common/child.rs"]
mod child;
#[path = "common/home.rs"]
mod home;
#[path = "common/lab.rs"]
mod lab;
#[path = "common/pty.rs"]
mod pty;
#[path = "common/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use beside::{Console, Meanwhile, over};
use child::Running;
use home::Home;
use kube::api::{Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams, PostParams};
use lab::{Lab, wait_until};
use sealwatch::engine::run::RunResult;
use sealwatch::gateways::journal::{FileJournal, MemoryJournal};
use sealwatch::model::{Kind, ObjectRef};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(30);
/// How long an ExternalSecret may take once it is annotated (120 s), and a bit.
const PATIENCE: Duration = Duration::from_secs(170);
const DEV: &str = "ameide-dev";
const STORE: &str = "SecretStore/ameide-dev/ameide-vault";
const VAULT: &str = "Vault/ameide-dev/vault-core-dev";
const PATCHER: &str = "platform-keycloak-realm-client-patcher";
/// The ExternalSecret with a generator that the lab has, and one more.
const GENERATOR: &str = "powerdns-api-key";
const ANOTHER: &str = "bad-generator";
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
        let data = json!([{"secretKey": "value", "remoteRef": {"key": path, "property": "value"}}]);
        let store = json!({"kind": "SecretStore", "name": "ameide-vault"});
        self.make_with(name, json!({"refreshInterval": "1h", "secretStoreRef": store, "data": data})).await;
    }

    async fn make_with(&self, name: &str, mut spec: Value) {
        spec["target"] = json!({"name": name});
        let metadata = json!({"name": name, "namespace": DEV});
        let object =
            json!({"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": metadata, "spec": spec});
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

    /// Starts `sealwatch runbook run`.
    fn start(&self, home: &Home, who: &str, arguments: &[&str]) -> Running {
        let kubeconfig = home.plug_in(self.lab.kubeconfig(who));
        Running::start(&self.lab, home, &kubeconfig, &[&["runbook", "run"], arguments, &["--write"]].concat())
    }

    /// Runs it to its end; its exit code, its report, what it said.
    fn run(&self, home: &Home, who: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
        Self::report(&mut self.start(home, who, &[arguments, &["-o", "json"]].concat()))
    }

    fn report(run: &mut Running) -> (Option<i32>, Value, String) {
        let (code, out, err) = run.end(PATIENCE);
        (code, serde_json::from_str(&out).unwrap_or(Value::Null), err)
    }

    /// How often the API server was asked for this by sealwatch, and took it.
    fn taken(&self, verb: &str, path: &str) -> usize {
        let audited = self.lab.audited();
        let lines = audited.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let mine = |line: &Value| {
            let uri = line["requestURI"].as_str().unwrap_or_default();
            line["verb"] == verb && uri.split('?').next().is_some_and(|uri| uri.ends_with(path)) && !uri.contains("dryRun")
        };
        lines.filter(mine).filter(|line| line["responseStatus"]["code"].as_i64().is_some_and(|code| code < 300)).count()
    }

    fn assert_clean(&self, home: &Home) {
        let all = home.everything();
        self.lab.assert_unknown("a journal, a log, arguments, the environment of a child, or what was said", &all);
        assert!(!all.contains(LITERAL), "what stands in a Job came out");
        assert!(all.contains("KUBERNETES_EXEC_INFO="), "the plug-in ran, and noted its environment");
        home.assert_was_watched();
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
    let generator = scene.get(GENERATOR).await["spec"]["dataFrom"].clone();
    scene.make_with(ANOTHER, json!({"refreshInterval": "1h", "dataFrom": generator})).await;
    let bulk = Home::with_token_in_variable("bad-ways-bulk", "local", &scene.lab);
    let idle = Home::new("bad-ways-idle", "local", &scene.lab);
    killed_between_a_job_and_the_next(&scene, &bulk).await;
    for name in ["worse", "bad-1", "bad-2", "bad-3", "bad-4"] {
        wait_until("what has no path to fail", SOON, async || scene.is_ready(name, "False").await).await;
    }
    for name in [GENERATOR, ANOTHER] {
        wait_until("what generates to be there", SOON, async || scene.is_ready(name, "True").await).await;
    }
    wrong_share(&scene);

    // From here on nothing happens, whatever is asked of External Secrets.
    scene.lab.fault("external-secrets-stopped", &[]);
    scene.lab.write_path("bad/one", "one");
    let worse = ["refresh", "--target", "ExternalSecret/ameide-dev/worse", "--yes", "-o", "json"];
    let mut nothing = scene.start(&idle, "admin", &worse);
    no_right(&scene);
    changed_meanwhile(&scene).await;
    cut_for_a_moment(&scene).await;
    cut_until_the_next_process(&scene).await;
    let (code, report, err) = Scene::report(&mut nothing);
    assert_eq!((code, report["result"].as_str()), (Some(1), Some("unproved")), "{report} {err}");
    let said = "annotated, but not synced within 120 s; External Secrets (external-secrets/external-secrets) is scaled to 0";
    assert!(report.to_string().contains(said), "{report}");

    killed_and_stopped(&scene, &bulk).await;
    let audited = scene.lab.audited();
    assert!(audited.contains(r#""requestObject":{"#), "writes are written down whole");
    let whole = std::fs::read_to_string(scene.lab.text("/files/audit_log")).expect("the audit log");
    assert!(whole.len() > audited.len(), "others are in it too");
    scene.lab.assert_unknown("the audit log of the API server", &whole);
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
    let mut run = scene.start(home, "admin", &again);
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

    let mut run = scene.start(home, "admin", &again);
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

/// One replica is sealed. A share that is wrong is said to be so, and opens nothing; the right ones, typed unseen at a
/// terminal, open it.
fn wrong_share(scene: &Scene) {
    let pod = scene.lab.text("/vault/replicas/1/pod").to_owned();
    scene.lab.fault("vault-restarted", &["--pod", &pod]);
    let home = Home::new("bad-ways-share", "local", &scene.lab);
    let shares = scene.lab.shares();
    let (right, last) = (&shares[..scene.lab.threshold()], scene.lab.threshold() - 1);
    // As somebody types it who takes one letter for another.
    let wrong = format!("{}{}", if shares[0].starts_with('A') { 'B' } else { 'A' }, &shares[0][1..]);
    let file = home.secret("shares", &[&right[..last], std::slice::from_ref(&wrong)].concat().join("\n"));
    let (code, report, err) = scene.run(&home, "admin", &["unseal", "--target", VAULT, "--share-file", &file, "--yes"]);
    assert_eq!((code, report["result"].as_str()), (Some(1), Some("cancelled")), "{report} {err}");
    assert!(err.contains("do not open this Vault") && !err.contains(&wrong), "{err}");

    let kubeconfig = home.plug_in(scene.lab.kubeconfig("admin"));
    let variables = home.variables(&scene.lab, &kubeconfig);
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut console = pty::Console::start(&["--write"], &variables, (160, 50));
    // The header is faster than the causes, and r is about what is selected.
    console.wait_for("CAUSE 1", SOON);
    console.wait_for("Some replicas of Vault are sealed", SOON);
    console.type_keys("r");
    console.wait_for("Enter starts", SOON);
    console.type_keys("\r");
    for share in right {
        console.wait_for("Type a share", SOON);
        console.type_keys(share);
        console.wait_for("•••", SOON);
        console.type_keys("\r");
    }
    console.wait_for("and wait until each is validated", SOON);
    // Half-way is enough. What else it shows of that: the commands, and then the run again.
    for (keys, shown) in [("s", "over: cancelled"), ("@", "operator unseal"), ("\u{1b}", "3 of 3 open")] {
        console.type_keys(keys);
        console.wait_for(shown, SOON);
    }
    console.type_keys("q");
    assert_eq!(console.exit_code(SOON), 0);
    let drawn = String::from_utf8_lossy(&console.bytes.lock().expect("the bytes")).into_owned();
    assert!(drawn.contains("•••"));
    scene.lab.assert_unknown("what was drawn", &drawn);
    scene.assert_clean(&home);
}

/// Who may not is told so, by the exit code and by name, and nothing leaves.
fn no_right(scene: &Scene) {
    let home = Home::new("bad-ways-no-right", "local", &scene.lab);
    let job = format!("Job/{DEV}/{PATCHER}");
    let cron_job = format!("CronJob/{DEV}/foundation-vault-bootstrap-vault-bootstrap");
    let generator = format!("ExternalSecret/{DEV}/{GENERATOR}");
    let worse = format!("ExternalSecret/{DEV}/worse");
    let value = home.secret("value", "canary-that-nobody-may-write");
    let weak = scene.lab.weak_token();
    // A path that is new takes `create`: who may only update what is there may not write it.
    let updates = scene.lab.token("updater", r#"path "secret/*" { capabilities = ["read", "list", "update"] }"#);
    let blind = scene.lab.token("blind", r#"path "secret/nothing" { capabilities = ["read"] }"#);
    let cases: [(&str, &[&str], &str); 5] = [
        ("viewer", &["refresh", "--target", STORE], "patch secretstores in ameide-dev"),
        ("viewer", &["recover", "--target", VAULT], "patch secretstores in ameide-dev"),
        ("viewer", &["stop-rotation", "--target", &generator], "patch externalsecrets in ameide-dev"),
        ("limited", &["client-patcher", "--target", &job, "--confirm", PATCHER], "delete jobs in ameide-dev"),
        ("limited", &["vault-bootstrap", "--target", &cron_job], "create jobs in ameide-dev"),
    ];
    let valued: &[&str] = &["write-value", "--target", &worse, "--value-file", &value, "--confirm", "secret/bad/none"];
    let moving: &[&str] = &["move-to-vault", "--target", &generator, "--confirm", GENERATOR];
    let at_vault = [
        (&weak, valued, "create secret/data/bad/none"),
        (&updates, valued, "create secret/data/bad/none"),
        (&blind, valued, "read secret/metadata/bad/none"),
        (&weak, moving, "create secret/data/ameide-dev/powerdns-api-key"),
    ];
    let cases = cases.map(|(who, arguments, right)| (who, None, arguments, right));
    let at_vault = at_vault.map(|(token, arguments, right)| ("admin", Some(token), arguments, right));
    for (who, token, arguments, right) in cases.into_iter().chain(at_vault) {
        if let Some(token) = token {
            home.secret("token", token);
        }
        let (code, report, err) = scene.run(&home, who, &[arguments, &["--yes"]].concat());
        assert_eq!((code, report["result"].as_str()), (Some(4), Some("refused")), "{who} {arguments:?}: {report} {err}");
        assert!(report.to_string().contains(right), "{who} {arguments:?}: {report}");
    }
    let journal = home.journal();
    assert!(journal.contains(r#""what":"open""#) && !journal.contains(r#""what":"intent""#), "something left: {journal}");
    let audited = scene.lab.audited();
    // A question for a right is no write, and neither is a way to a pod.
    for who in ["viewer", "limited"] {
        let by = format!(r#""username":"{who}""#);
        let wrote = |line: &&str| {
            ["patch", "update", "create", "delete"].iter().any(|verb| line.contains(&format!(r#""verb":"{verb}""#)))
                && !line.contains("selfsubject")
                && !line.contains("portforward")
        };
        assert!(audited.lines().any(|line| line.contains(&by)), "{who} asked");
        assert_eq!(audited.lines().filter(|line| line.contains(&by)).find(wrote), None, "{who} wrote");
    }
    for secret in ["canary-that-nobody-may-write", &weak, &updates, &blind] {
        assert!(!home.everything().contains(secret), "the value or the token came out");
    }
    scene.assert_clean(&home);
}

/// A spec that is another one than was shown, and an object of the same name that is another one: neither is written to.
async fn changed_meanwhile(scene: &Scene) {
    let journal = Arc::new(MemoryJournal::default());
    let mut console = Console::open(&scene.lab, scene.external_secrets(), journal.clone()).await;
    let object = |name: &str| ObjectRef::new(Kind::ExternalSecret, DEV, name);
    let said = "was changed meanwhile; look again. Nothing was written to it.";

    let seen = console.run("stop-rotation", object(GENERATOR), Meanwhile::Spec(GENERATOR)).await;
    let run = seen.run.as_ref().expect("a run");
    assert!(run.notice.as_ref().is_some_and(|notice| notice.contains(said)) && run.applied.is_empty(), "{run:#?}");
    assert_ne!(scene.get(GENERATOR).await["spec"]["refreshPolicy"], "CreatedOnce");
    let last = journal.entries().into_iter().rfind(|line| line.what == "result").expect("a result");
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

/// The request to stop a generator arrives, the answer does not, and the network is back at once: the world shows that it
/// is done, and nobody is blamed for a change that was our own.
async fn cut_for_a_moment(scene: &Scene) {
    let journal = Arc::new(MemoryJournal::default());
    let mut console = Console::open(&scene.lab, scene.external_secrets(), journal.clone()).await;
    let target = ObjectRef::new(Kind::ExternalSecret, DEV, ANOTHER);
    let seen = console.run("stop-rotation", target, Meanwhile::Cut { name: ANOTHER, stays: false }).await;
    let run = seen.run.as_ref().expect("a run");
    assert_eq!((over(&seen), run.withdrawn, &run.notice), (Some(RunResult::Proved), 0, &None), "{run:#?}");
    assert!(run.applied[0].is_unanswered(), "{run:#?}");
    assert!(journal.entries().iter().any(|line| line.what == "result" && line.note.starts_with("unknown: ")));
    assert_eq!(scene.taken("patch", &format!("externalsecrets/{ANOTHER}")), 1, "it is written once");
}

/// The same, and the network does not come back: nobody knows, and that is what is said. The next process sees that it is
/// done, and does nothing.
async fn cut_until_the_next_process(scene: &Scene) {
    let home = Home::new("bad-ways-cut", "local", &scene.lab);
    let namespaces: Api<DynamicObject> = Api::all_with(scene.client.clone(), &resource("", "v1", "Namespace"));
    let uid = namespaces.get("kube-system").await.expect("a namespace").metadata.uid.expect("a uid");
    let target = ObjectRef::new(Kind::ExternalSecret, DEV, GENERATOR);
    {
        let journal = Arc::new(FileJournal::under(&home.state(), &uid));
        let mut console = Console::open(&scene.lab, scene.external_secrets(), journal).await;
        let seen = console.run("stop-rotation", target.clone(), Meanwhile::Cut { name: GENERATOR, stays: true }).await;
        let run = seen.run.as_ref().expect("a run");
        assert_eq!(over(&seen), Some(RunResult::Unknown), "{run:#?}");
        assert!(format!("{run:?}").contains("no answer came, and no effect was seen"), "{run:#?}");
    }
    let journal = home.journal();
    assert!(journal.contains(r#""note":"unknown: "#) && journal.lines().last().is_some_and(|line| line.contains("unknown")));

    let target = target.to_string();
    let again = ["stop-rotation", "--target", &target, "--confirm", GENERATOR];
    let (code, report, err) = scene.run(&home, "admin", &again);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");
    assert!(report.to_string().contains("None of them makes a new value by itself."), "{report}");
    let (code, report, err) = scene.run(&home, "admin", &[&again[..], &["--resume"]].concat());
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");
    assert!(
        err.contains("Taken up again on ExternalSecret/") && report.to_string().contains("CreatedOnce, and its Secret"),
        "{report} {err}"
    );
    assert_eq!(scene.taken("patch", &format!("externalsecrets/{GENERATOR}")), 1, "it is written once in all");
    scene.assert_clean(&home);
}

/// A bulk that is killed, taken up by another process, and stopped by a person half-way; then all of it.
async fn killed_and_stopped(scene: &Scene, home: &Home) {
    let recover = ["recover", "--target", VAULT, "--yes"];
    let results = |home: &Home| home.journal().matches(r#""what":"result""#).count();
    let before = results(home);
    let mut run = scene.start(home, "admin", &recover);
    wait_until("two to be annotated", SOON, async || {
        let now = results(home) - before;
        if now >= 2 { Ok(()) } else { Err(now) }
    })
    .await;
    run.kill();
    let annotated = async || {
        let list = scene.external_secrets().list(&ListParams::default()).await.expect("the ExternalSecrets");
        let stamp = |object: &DynamicObject| object.metadata.annotations.as_ref()?.get("force-sync").cloned();
        list.iter().filter_map(|object| Some((object.metadata.name.clone()?, stamp(object)?))).collect::<Vec<_>>()
    };
    let first = annotated().await;

    let mut run = scene.start(home, "admin", &recover);
    run.says("Taken up again on ", SOON);
    run.interrupt();
    run.says("stopping; what is in flight is awaited", SOON);
    assert_eq!(annotated().await, first, "nothing is annotated twice, and nothing more");
    scene.lab.heal("external-secrets-stopped", &[]);
    let (code, out, err) = run.end(PATIENCE);
    assert!(code == Some(1) && out.contains(": cancelled"), "{code:?} {out}{err}");
    assert!(err.contains("Stopped: ") || out.contains("Stopped: "), "{out}{err}");
    let journal = home.journal();
    let count = |what: &str| journal.matches(&format!(r#""what":"{what}""#)).count();
    assert_eq!(count("intent"), count("result"), "each intent has a result");
    assert!(journal.lines().last().is_some_and(|line| line.contains(r#""what":"end""#) && line.contains("cancelled")));

    scene.lab.write_path("bad/two", "two");
    scene.lab.write_path("bad/none", "none");
    let mut run = scene.start(home, "admin", &recover);
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
