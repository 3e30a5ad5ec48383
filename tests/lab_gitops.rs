//! What Argo CD reverts, on a real API server: Argo CD itself is no program that runs here, so a stand-in applies what
//! stands in its “Git” by server-side apply again and again while the Application heals itself, as Argo CD does. A change
//! is left out and shown for Git, stays where Git does not set the field, and stays while self-heal is held; another
//! process gives that back. And the client-patcher: a second stand-in answers an `operation` as Argo CD does, by making the
//! hook anew; a third applies a Job again and again as Flux does. `tests/lab/test` runs this.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test that fails says why; it uses a part of what the lab can"
)]

#[path = "common/argo.rs"]
mod argo;
#[path = "common/home.rs"]
mod home;
#[path = "common/lab.rs"]
mod lab;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use argo::{APP, APPLY, ask, deploy_argo, get, soon};
use home::Home;
use lab::Lab;
use serde_json::{Value, json};

const NAMESPACE: &str = "fault-generator-rotates";

fn external_secret() -> String {
    argo::external_secret(NAMESPACE, "app")
}

/// Applies what stands in Git while the Application heals itself.
async fn heal(client: kube::Client, sets_policy: Arc<AtomicBool>) {
    loop {
        if get(&client, APP).await.pointer("/spec/syncPolicy/automated/selfHeal") == Some(&json!(true)) {
            let manifest = argo::generated(NAMESPACE, sets_policy.load(Ordering::SeqCst));
            let place = format!("{}?fieldManager=argocd-controller&force=true", external_secret());
            ask(&client, "PATCH", &place, APPLY, &manifest).await.expect("Argo CD may apply");
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Runs a runbook; its exit code, its report, what it said.
fn run(home: &Home, lab: &Lab, who: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
    let (code, out, said) = home.sealwatch(lab, who, &[&["runbook", "run"], arguments, &["-o", "json"]].concat());
    assert!(!out.contains("canary-in-a-url"), "what one logs in with came out: {out}");
    (code, serde_json::from_str(&out).unwrap_or(Value::String(out)), said)
}

/// What stands in the report for Git, as one text.
fn for_git(report: &Value) -> String {
    let steps = report["steps"].as_array().expect("steps");
    let all = steps.iter().filter_map(|step| step["git"].as_array()).flatten();
    all.map(|one| format!("{}\n{}\n", one["place"], one["snippets"])).collect::<Vec<_>>().concat()
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn a_live_change_under_argo_cd_is_shown_for_git_or_held() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let lab = Lab::up("gitops", &[]);
    lab.fault("generator-rotates", &[]);
    let client = runtime.block_on(lab.client());
    runtime.block_on(deploy_argo(&client, NAMESPACE));
    let sets_policy = Arc::new(AtomicBool::new(true));
    let stand_in = runtime.spawn(heal(client.clone(), sets_policy.clone()));
    let policy_of =
        || runtime.block_on(get(&client, &external_secret())).pointer("/spec/refreshPolicy").cloned().unwrap_or_default();
    let until = |what: &str, policy: &Value| {
        runtime.block_on(soon(what, async || {
            get(&client, &external_secret()).await.pointer("/spec/refreshPolicy").cloned().unwrap_or_default() == *policy
        }));
    };
    let stays = |policy: &str| {
        std::thread::sleep(Duration::from_secs(3));
        assert_eq!(policy_of(), policy, "it stays");
    };
    runtime.block_on(soon("Argo CD applied it", async || {
        let es = get(&client, &external_secret()).await;
        es["metadata"]["managedFields"].to_string().contains("argocd-controller")
    }));
    let (local, gitops) = (Home::new("gitops-test", "local", &lab), Home::new("gitops-test", "gitops", &lab));
    let target = format!("ExternalSecret/{NAMESPACE}/app");
    let stop = ["stop-rotation", "--target", &target, "--confirm", "app", "--write"];

    // Under gitops nothing is written, and the change is shown with its place.
    let (code, report, said) = run(&gitops, &lab, "admin", &stop);
    assert_eq!((code, report["result"].as_str()), (Some(4), Some("refused")), "{report} {said}");
    let text = for_git(&report);
    assert!(text.contains("folder overlays/dev of https://git.example/shop.git (Application/argocd/shop)"), "{text}");
    assert!(text.contains("refreshPolicy: CreatedOnce"), "{text}");
    assert_eq!(policy_of(), "Periodic");

    // Git sets the field: the live change is left out, with the same change for Git, and with the offer to hold.
    let (_, report, said) = run(&local, &lab, "admin", &stop);
    assert!(for_git(&report).contains("refreshPolicy: CreatedOnce"), "{report} {said}");
    assert_eq!(policy_of(), "Periodic", "{report}");
    let moving = ["move-to-vault", "--target", &target, "--confirm", "app", "--write"];
    let (code, report, said) = run(&local, &lab, "admin", &moving);
    assert!(code == Some(1) && report.to_string().contains("hold-self-heal --target Application/argocd/shop"), "{report} {said}");

    // Held, it stays; who may not see what reverts it is told.
    let hold = ["hold-self-heal", "--target", &target, "--confirm", "shop", "--write"];
    let (code, report, said) = run(&local, &lab, "viewer", &hold);
    let unseen = "it cannot be seen, and so not be held from here";
    assert!(code == Some(1) && report.to_string().contains(unseen), "{code:?} {report} {said}");
    let (code, report, said) = run(&local, &lab, "admin", &[&hold[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0), "{report} {said}");
    let shown = report.as_str().unwrap_or_default();
    assert!(shown.contains("server    would take it: Application/argocd/shop") && shown.contains("selfHeal: false"), "{report}");
    let (code, report, said) = run(&local, &lab, "admin", &hold);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {said}");
    let (code, report, said) = run(&local, &lab, "admin", &stop);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {said}");
    stays("CreatedOnce");

    // Another process gives it back, and Argo CD does what it does.
    let back = ["hold-self-heal", "--target", "Application/argocd/shop", "--confirm", "shop", "--write"];
    let (code, report, said) = run(&local, &lab, "admin", &back);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {said}");
    until("Argo CD reverts it", &json!("Periodic"));
    assert!(runtime.block_on(get(&client, APP)).pointer("/metadata/annotations").is_none(), "our note is gone");

    // Git does not set the field any more: nothing is held, and the live change stays.
    sets_policy.store(false, Ordering::SeqCst);
    until("Argo CD takes the field out", &Value::Null);
    let (code, report, said) = run(&local, &lab, "admin", &stop);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {said}");
    stays("CreatedOnce");
    stand_in.abort();
    lab.heal("generator-rotates", &[]);
}

const DEV: &str = "ameide-dev";
const PATCHER: &str = "platform-keycloak-realm-client-patcher";
const JOB: &str = "/apis/batch/v1/namespaces/ameide-dev/jobs/platform-keycloak-realm-client-patcher";
const JOBS: &str = "/apis/batch/v1/namespaces/ameide-dev/jobs";

/// The Job as it stands in "Git": without what its life added to it.
fn in_git(job: &Value, labels: &Value, annotations: &Value) -> Value {
    let mut template = job["spec"]["template"].clone();
    if let Some(labels) = template.pointer_mut("/metadata/labels").and_then(Value::as_object_mut) {
        labels.retain(|key, _| !key.ends_with("controller-uid") && !key.ends_with("job-name"));
    }
    json!({ "apiVersion": "batch/v1", "kind": "Job",
        "metadata": { "name": PATCHER, "namespace": DEV, "labels": labels, "annotations": annotations },
        "spec": { "backoffLimit": 1, "template": template } })
}

async fn delete_job(client: &kube::Client) {
    let options = json!({ "propagationPolicy": "Background" });
    ask(client, "DELETE", JOB, "application/json", &options).await;
    while !get(client, JOB).await.is_null() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn is_complete(client: &kube::Client) -> bool {
    get(client, JOB).await.pointer("/status/succeeded") == Some(&json!(1))
}

/// Answers an operation as Argo CD does: the hook of before is deleted (`BeforeHookCreation`), the new one is made from Git,
/// and when that has ended so has the operation.
async fn answer(client: kube::Client, git: Value) {
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let asked = get(&client, APP).await["operation"].clone();
        if asked.is_null() {
            continue;
        }
        let place = format!("{APP}?fieldManager=argocd-controller");
        let running = json!({ "status": { "operationState": { "phase": "Running", "operation": asked } } });
        ask(&client, "PATCH", &place, "application/merge-patch+json", &running).await.expect("taken");
        // Only a sync with hooks runs hooks.
        let with_hooks = asked.pointer("/sync/syncStrategy/hook").is_some() && asked.pointer("/sync/resources").is_none();
        if with_hooks {
            delete_job(&client).await;
            ask(&client, "POST", JOBS, "application/json", &git).await.expect("made");
            while !is_complete(&client).await {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
        let finished = jiff::Timestamp::now().round(jiff::Unit::Second).expect("a second").to_string();
        let over = json!({ "operation": null, "status": { "operationState": { "phase": "Succeeded", "finishedAt": finished } } });
        ask(&client, "PATCH", &place, "application/merge-patch+json", &over).await.expect("taken");
    }
}

/// Applies the Job again and again as Flux does: one that is there and as in Git is left alone, one that is gone is made.
async fn reconcile(client: kube::Client, git: Value) {
    loop {
        let place = format!("{JOB}?fieldManager=kustomize-controller&force=true");
        // While the old one is being deleted the API server may say no: the next time, then.
        ask(&client, "PATCH", &place, APPLY, &git).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn a_client_patcher_is_run_again_by_argo_cd_and_beside_flux() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let lab = Lab::up("gitops-jobs", &[]);
    let client = runtime.block_on(lab.client());
    runtime.block_on(deploy_argo(&client, NAMESPACE));
    let home = Home::new("gitops-jobs", "local", &lab);
    let found = runtime.block_on(get(&client, JOB));
    let labels = found["metadata"]["labels"].clone();
    let uid = || runtime.block_on(get(&client, JOB))["metadata"]["uid"].clone();
    let target = format!("Job/{DEV}/{PATCHER}");

    // A hook of Argo CD: a sync runs it, and the name that is asked for is that of the Application.
    let tracking = format!("shop:batch/Job:{DEV}/{PATCHER}");
    let hook = json!({ "argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/tracking-id": tracking });
    let git = in_git(&found, &labels, &hook);
    runtime.block_on(async {
        delete_job(&client).await;
        ask(&client, "POST", JOBS, "application/json", &git).await.expect("made");
        soon("the hook is complete", async || is_complete(&client).await).await;
    });
    let before = uid();
    let stand_in = runtime.spawn(answer(client.clone(), git));
    let (code, report, said) =
        run(&home, &lab, "admin", &["client-patcher", "--target", &target, "--confirm", "shop", "--write", "--yes"]);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {said}");
    assert!(report.to_string().contains("made anew by argocd/shop"), "{report}");
    assert_ne!(uid(), before, "it was made anew");
    runtime.block_on(soon("Argo CD is done with it", async || get(&client, APP).await["operation"].is_null()));
    stand_in.abort();

    // Nobody answers, because another sync is under way: that is said, and nothing is written.
    let syncing = json!({ "status": { "operationState": { "phase": "Running" } } });
    let place = format!("{APP}?fieldManager=lab");
    runtime.block_on(ask(&client, "PATCH", &place, "application/merge-patch+json", &syncing)).expect("taken");
    let (code, report, said) =
        run(&home, &lab, "admin", &["client-patcher", "--target", &target, "--confirm", "shop", "--write", "--yes"]);
    assert!(code == Some(1) && report.to_string().contains("is being synced now"), "{code:?} {report} {said}");
    assert!(runtime.block_on(get(&client, APP))["operation"].is_null(), "nothing was asked for");

    // Flux: it would not run it again, so it is made anew from its own spec, while Flux applies it all the time.
    let flux = json!({ "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system",
        "app.kubernetes.io/name": "client-patcher" });
    runtime.block_on(delete_job(&client));
    let stand_in = runtime.spawn(reconcile(client.clone(), in_git(&found, &flux, &json!({}))));
    runtime.block_on(soon("Flux made it", async || is_complete(&client).await));
    let before = uid();
    let (code, report, said) =
        run(&home, &lab, "admin", &["client-patcher", "--target", &target, "--confirm", PATCHER, "--write", "--yes"]);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {said}");
    assert_ne!(uid(), before, "it was made anew");
    runtime.block_on(soon("Flux takes the new one for its own", async || is_complete(&client).await));
    stand_in.abort();
}
