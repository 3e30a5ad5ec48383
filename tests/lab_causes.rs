//! Every cause made for real, named by the engine over the real gateways, mended, and gone again. `tests/lab/test` runs
//! these; each starts a lab of its own. The table that is printed says how long naming took, and how sure it was.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test that fails says why; it uses a part of what the lab can"
)]

#[path = "common/lab.rs"]
mod lab;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::Lab;
use sealwatch::diagnosis::{Certainty, RULES};
use sealwatch::engine::{Engine, Options, Ports, Snapshot};
use sealwatch::gateways::clock::SystemClock;
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::kubernetes::{ConnectOptions, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::ports::Scope;
use tokio::sync::watch;

/// Within which a cause must be named, and be gone once it is mended.
const SOON: Duration = Duration::from_secs(30);

/// Causes that touch Vault or a login, and are made on both servers.
const OF_VAULT: &[&str] = &[
    "auth-mount-missing",
    "auth-not-configured",
    "auth-role-missing",
    "auth-service-account-not-bound",
    "auth-namespace-not-bound",
    "auth-audience-mismatch",
    "auth-issuer-mismatch",
    "auth-reviewer-invalid",
    "auth-reviewer-forbidden",
    "auth-host-unreachable",
    "auth-ca-mismatch",
    "auth-jwt-keys-stale",
    "auth-cidr-bound",
    "service-account-missing",
    "store-token-invalid",
    "auth-secret-missing",
    "path-missing",
    "version-deleted",
    "version-destroyed",
    "mount-missing",
    "kv-version-mismatch",
    "property-missing",
    "policy-denies",
    "placeholder-value",
    "value-behind",
];

/// The others.
const OF_KUBERNETES: &[&str] = &[
    "store-missing",
    "store-not-allowed",
    "template-error",
    "target-owned-by-externalsecret",
    "target-owned-by-controller",
    "target-immutable",
    "target-missing",
    "target-deleted-by-policy",
    "target-two-writers",
    "generator-missing",
    "generator-rotates",
    "cluster-external-secret-failed",
    "client-patcher-failed",
    "bootstrap-failed",
];

/// So many are made at once: more keep the one worker of External Secrets busy.
const AT_ONCE: usize = 7;

/// What became of one.
struct Line {
    slug: &'static str,
    named: Option<(Duration, Certainty)>,
    gone: Option<Duration>,
}

/// The sureness of what is said about the namespace of a cause.
fn said(snapshot: &Snapshot, slug: &str) -> Option<Certainty> {
    let place = format!("fault-{slug}");
    let findings = &snapshot.diagnosis.findings;
    let here =
        findings.iter().filter(|finding| finding.subject.namespace.as_str() == place || finding.subject.name.as_str() == place);
    here.filter(|finding| finding.slug == slug || finding.cause().0 == slug).map(|finding| finding.certainty).max()
}

fn open(lab: &Lab) -> (Engine, watch::Receiver<Arc<Snapshot>>) {
    let kubeconfig = Some(PathBuf::from(lab.kubeconfig("admin")));
    let cluster = connect(&ConnectOptions { kubeconfig, ..ConnectOptions::default() }).expect("a kubeconfig");
    let token = std::fs::read_to_string(lab.text("/files/root_token")).expect("the root token");
    let address = lab.text("/vault/url").to_owned();
    let environment = VaultEnvironment::of(|name| match name {
        "VAULT_ADDR" => Some(address.clone()),
        "VAULT_TOKEN" => Some(token.trim().to_owned()),
        _ => None,
    });
    let ports = Ports {
        vault: Arc::new(VaultGateway::new(environment, Some(cluster.clone()))),
        cluster: Arc::new(cluster),
        clock: Arc::new(SystemClock),
        journal: Arc::new(MemoryJournal::default()),
    };
    let engine = Engine::start(ports, Options { scope: Scope::Everywhere, try_logins: true, ..Options::default() });
    let snapshots = engine.snapshots();
    (engine, snapshots)
}

/// Makes some causes at once, waits until all are named, mends them, and waits until all are gone.
async fn wave(lab: &Arc<Lab>, slugs: &[&'static str], seen: &watch::Receiver<Arc<Snapshot>>) -> Vec<Line> {
    let each = slugs.iter().map(|slug| {
        let (lab, slug, mut seen) = (Arc::clone(lab), *slug, seen.clone());
        async move {
            let at_work = Arc::clone(&lab);
            tokio::task::spawn_blocking(move || at_work.fault(slug, &[])).await.expect("made");
            let made = Instant::now();
            let named = tokio::time::timeout(SOON, seen.wait_for(|seen| said(seen, slug).is_some())).await;
            let named = named.ok().and_then(|seen| Some((made.elapsed(), said(&*seen.ok()?, slug)?)));
            let at_work = Arc::clone(&lab);
            tokio::task::spawn_blocking(move || at_work.heal(slug)).await.expect("mended");
            let mended = Instant::now();
            // A replica that does not lead takes a new configuration only at its next look, up to 30 s later.
            let gone = tokio::time::timeout(3 * SOON, seen.wait_for(|seen| said(seen, slug).is_none())).await;
            Line { slug, named, gone: gone.is_ok().then(|| mended.elapsed()) }
        }
    });
    futures::future::join_all(each).await
}

async fn every_cause_of(name: &str, arguments: &[&str], slugs: &[&'static str]) {
    let lab = Arc::new(Lab::up(name, arguments));
    let (engine, mut seen) = open(&lab);
    seen.wait_for(|seen| seen.is_examined()).await.expect("an engine that runs");
    let mut lines = Vec::new();
    for some in slugs.chunks(AT_ONCE) {
        lines.extend(wave(&lab, some, &seen).await);
    }
    drop(engine);
    println!("{name}: {:<32} {:>9} {:>10} {:>9}", "cause", "named", "", "gone");
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    for line in &lines {
        let (named, sure) = line.named.map_or_else(
            || ("NOT".to_owned(), ""),
            |(time, certainty)| (seconds(time), if certainty == Certainty::Certain { "certain" } else { "suspected" }),
        );
        println!("{name}: {:<32} {named:>9} {sure:>10} {:>9}", line.slug, line.gone.map_or_else(|| "NOT".to_owned(), seconds));
    }
    let missed: Vec<&str> =
        lines.iter().filter(|line| line.named.is_none() || line.gone.is_none()).map(|line| line.slug).collect();
    assert!(missed.is_empty(), "not named within {SOON:?}, or not gone: {missed:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: tests/lab/test"]
async fn every_cause_is_named_on_openbao() {
    let all: Vec<&'static str> = OF_VAULT.iter().chain(OF_KUBERNETES).copied().collect();
    for slug in &all {
        assert!(RULES.iter().any(|rule| rule.slug == *slug), "{slug} has a rule");
    }
    every_cause_of("causes", &[], &all).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: tests/lab/test"]
async fn every_cause_of_vault_is_named_on_hashicorps() {
    every_cause_of("causes-hashicorp", &["--vault", "hashicorp"], OF_VAULT).await;
}
