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

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lab::Lab;
use sealwatch::diagnosis::{Certainty, Finding, RULES, Severity};
use sealwatch::engine::{Engine, Options, Ports, Snapshot};
use sealwatch::gateways::clock::SystemClock;
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::kubernetes::{ConnectOptions, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::ports::Scope;
use tokio::sync::watch;

/// Within which a cause must be named, and be gone once it is mended.
const SOON: Duration = Duration::from_secs(30);
/// How long a cause that is suspected may still become certain.
const SURER: Duration = Duration::from_secs(10);
/// So many are made at once: more keep the one worker of External Secrets busy.
const AT_ONCE: usize = 7;

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
    "auth-denied",
    "service-account-missing",
    "store-token-invalid",
    "auth-secret-missing",
    "store-never-validated",
    "path-missing",
    "version-deleted",
    HELD,
    "version-destroyed",
    "mount-missing",
    "kv-version-mismatch",
    "property-missing",
    "policy-denies",
    "placeholder-value",
    "value-behind",
    TOKEN,
];

/// The same cause as another one, of a reader that is held to an older version.
const HELD: &str = "held-version-deleted";

/// Two that write one key in turn, and each of them only a part of the Secret.
const MERGED: &str = "merged-from-two-places";

/// Of somebody who reads Vault with a token of their own.
const TOKEN: &str = "your-token-invalid";

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
    MERGED,
    "generator-missing",
    "generator-rotates",
    "refresh-has-no-effect",
    "store-invalid",
    "vault-dev-mode",
    "cluster-external-secret-failed",
    "client-patcher-failed",
    "bootstrap-failed",
    "bootstrap-required-key-missing",
];

/// Those that take their time: made beside the others. The lease that ends is Vault's, and the operator that ought to renew
/// it a stand-in.
const SLOW: &[&str] = &["sync-backing-off", "stuck-deleting", "lease-expired"];

/// Those that disturb others, one after the other: the causes that each fault of the lab has, and where they are named. Who
/// deploys in the version that is gone is a stand-in for Flux.
const ALONE: &[(&str, &[(&str, &str)])] = &[
    (
        "client-patcher-not-run",
        &[("client-patcher-not-run", "fault-client-patcher-not-run"), ("placeholder-value", "fault-client-patcher-not-run")],
    ),
    ("sync-stalled", &[("sync-stalled", "external-secrets")]),
    ("partly-sealed", &[("vault-partly-sealed", "ameide-dev")]),
    ("namespace-sealed", &[("vault-sealed", "fault-namespace-sealed")]),
    ("leader-sealed", &[("vault-no-active-node", "ameide-dev")]),
    ("quorum-lost", &[("vault-no-active-node", "ameide-dev")]),
    ("api-version-gone", &[("api-version-gone", "fault-api-version-gone")]),
    ("vault-uninitialised", &[("vault-uninitialised", "ameide-dev")]),
    ("sealed", &[("vault-sealed", "ameide-dev"), ("store-status-stale", "ameide-prod")]),
    ("vault-stopped", &[("vault-unreachable", "ameide-dev")]),
];

/// Whether a fault is to be made: all are, or those that `SEALWATCH_LAB_CAUSES` names.
fn is_wanted(fault: &str) -> bool {
    std::env::var("SEALWATCH_LAB_CAUSES").map_or(true, |some| some.split(',').any(|one| one == fault))
}

/// The rule that names a fault: most are called alike.
fn cause_of(fault: &'static str) -> &'static str {
    match fault {
        HELD => "version-deleted",
        MERGED => "target-two-writers",
        other => other,
    }
}

/// How long a fault must stand before it is one.
fn due(slug: &str) -> Duration {
    // A deletion may take five minutes.
    Duration::from_secs(if slug == "stuck-deleting" { 300 } else { 0 })
}

/// What became of one.
struct Line {
    slug: &'static str,
    named: Option<(Duration, Certainty)>,
    certain: Option<Duration>,
    gone: Option<Duration>,
    /// What else is blamed for the same thing, and ought not to be.
    beside: BTreeSet<&'static str>,
    /// What was said of it, and of what is blamed beside it, when it ought to have been named.
    words: String,
}

impl Line {
    fn is_well(&self) -> bool {
        self.named.is_some_and(|(time, _)| time <= SOON) && self.gone.is_some_and(|time| time <= SOON) && self.beside.is_empty()
    }

    fn print(&self, server: &str) {
        let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
        let told = |time: Option<Duration>| time.map_or_else(|| "-".to_owned(), seconds);
        let gone = self.gone.map_or_else(|| "NOT".to_owned(), seconds);
        let (named, how) = self.named.map_or_else(|| ("NOT".to_owned(), ""), |(time, sure)| (seconds(time), word(sure)));
        let beside: Vec<&str> = self.beside.iter().copied().collect();
        println!("{server:<10} {:<32} {named:>8} {how:<9} {:>8} {gone:>8}  {}", self.slug, told(self.certain), beside.join(" "));
        if !self.is_well() {
            println!("{}: {}", self.slug, self.words);
        }
    }
}

fn word(certainty: Certainty) -> &'static str {
    if certainty == Certainty::Certain { "certain" } else { "suspected" }
}

/// The sureness of what is said about a place.
fn said(snapshot: &Snapshot, slug: &str, place: &str) -> Option<Certainty> {
    let findings = &snapshot.diagnosis.findings;
    let here =
        findings.iter().filter(|finding| finding.subject.namespace.as_str() == place || finding.subject.name.as_str() == place);
    here.filter(|finding| finding.slug == slug || finding.cause().0 == slug).map(|finding| finding.certainty).max()
}

/// All that is said of a cause and of a place, with what it rests on: for a line that is not well.
fn told(snapshot: &Snapshot, slug: &str, place: &str) -> String {
    let of_it = |finding: &&Arc<Finding>| {
        finding.slug == slug || finding.cause().0 == slug || finding.subject.namespace.as_str() == place
    };
    let said = snapshot.diagnosis.findings.iter().filter(of_it).map(|finding| {
        format!("{} ({:?}) {}: {} {:?}", finding.slug, finding.certainty, finding.subject, finding.summary, finding.evidence)
    });
    said.collect::<Vec<_>>().join("; ")
}

/// What is blamed with certainty beside it for something that is broken there.
fn beside(snapshot: &Snapshot, slug: &str, place: &str) -> BTreeSet<&'static str> {
    let here = snapshot.diagnosis.findings.iter().filter(|finding| finding.subject.namespace.as_str() == place);
    let sure = here.filter(|finding| finding.certainty == Certainty::Certain && finding.severity == Severity::Error);
    sure.filter(|finding| finding.slug != slug && finding.cause().0 != slug).map(|finding| finding.slug).collect()
}

/// What is blamed in the world beside all faults.
fn wronged(snapshot: &Snapshot) -> BTreeSet<String> {
    let sure = snapshot.diagnosis.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let of_world = sure.filter(|finding| finding.subject.namespace.as_str().starts_with("ameide"));
    of_world.map(|finding| format!("{} {}", finding.slug, finding.subject)).collect()
}

/// What was said of a cause, since when: a fault may be named before the command that makes it is at its end.
#[derive(Clone, Default)]
struct Track(Arc<Mutex<Vec<Sighting>>>);

/// How sure a cause was at a time, if it was named.
type Sighting = (SystemTime, Option<Certainty>);

impl Track {
    /// Listens until it is dropped elsewhere; the handle ends it.
    fn listen(
        mut seen: watch::Receiver<Arc<Snapshot>>,
        slug: &'static str,
        place: String,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let track = Self::default();
        let mine = track.clone();
        let task = tokio::spawn(async move {
            loop {
                let now = said(&seen.borrow_and_update(), slug, &place);
                mine.hear(now);
                if seen.changed().await.is_err() {
                    return;
                }
            }
        });
        (track, task)
    }

    fn hear(&self, now: Option<Certainty>) {
        let mut all = self.0.lock().unwrap();
        if all.last().is_none_or(|(_, last)| *last != now) {
            all.push((SystemTime::now(), now));
        }
    }

    /// What is said now.
    fn now(&self) -> Option<Certainty> {
        self.0.lock().unwrap().last().and_then(|(_, said)| *said)
    }

    /// How long after a moment this was so first, if it was: at once where it was so already.
    fn first(&self, after: SystemTime, holds: impl Fn(Option<Certainty>) -> bool) -> Option<(Duration, Option<Certainty>)> {
        let all = self.0.lock().unwrap();
        let before = all.iter().rev().find(|(at, _)| *at <= after).filter(|(_, said)| holds(*said));
        if let Some((_, said)) = before {
            return Some((Duration::ZERO, *said));
        }
        let later = all.iter().find(|(at, said)| *at > after && holds(*said));
        later.map(|(at, said)| (at.duration_since(after).unwrap_or_default(), *said))
    }

    async fn until(&self, deadline: Instant, holds: impl Fn(Option<Certainty>) -> bool) -> bool {
        while !holds(self.now()) {
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        true
    }
}

/// Since when somebody who asks is answered differently, as the lab says; else the moment given.
fn since(output: &str, otherwise: SystemTime) -> SystemTime {
    let told = output.rsplit_once("seen since ").and_then(|(_, rest)| rest.trim().trim_end_matches('.').parse().ok());
    told.map_or(otherwise, |seconds: f64| UNIX_EPOCH + Duration::from_secs_f64(seconds))
}

/// The program as somebody has it before them.
struct Eyes {
    _engine: Engine,
    seen: watch::Receiver<Arc<Snapshot>>,
}

impl Eyes {
    /// `tries` allows logins in the stead of stores that fail; the token that Vault is read with stands in a file.
    async fn open(lab: &Lab, tries: bool, token: &str) -> Self {
        let kubeconfig = Some(PathBuf::from(lab.kubeconfig("admin")));
        let cluster = connect(&ConnectOptions { kubeconfig, ..ConnectOptions::default() }).expect("a kubeconfig");
        let token = std::fs::read_to_string(token).expect("a token");
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
        let engine = Engine::start(ports, Options { scope: Scope::Everywhere, try_logins: tries, ..Options::default() });
        let mut seen = engine.snapshots();
        seen.wait_for(|seen| seen.is_examined()).await.expect("an engine that runs");
        Self { _engine: engine, seen }
    }
}

/// Makes a fault, waits until its causes are named, mends it, waits until they are gone, and takes it away.
async fn one(
    lab: Arc<Lab>,
    fault: &'static str,
    causes: Vec<(&'static str, String)>,
    seen: watch::Receiver<Arc<Snapshot>>,
) -> Vec<Line> {
    let listen =
        |(slug, place): &(&'static str, String)| (*slug, place.clone(), Track::listen(seen.clone(), slug, place.clone()));
    let tracks: Vec<_> = causes.iter().map(listen).collect();
    let run = async |healed: Option<&'static [&'static str]>| {
        let (lab, begun) = (Arc::clone(&lab), SystemTime::now());
        let output = tokio::task::spawn_blocking(move || match healed {
            None => lab.fault(fault, &["--hold", "0"]),
            Some(options) => lab.heal(fault, options),
        });
        // Where a fault cannot be made the others still are.
        let output = output.await.unwrap_or_else(|error| {
            println!("{fault}: {error}");
            String::new()
        });
        since(&output, if healed.is_some() { SystemTime::now() } else { begun })
    };
    let made = run(None).await + due(fault);
    let wait = made.duration_since(SystemTime::now()).unwrap_or_default() + SOON;
    let deadline = Instant::now() + wait;
    let mut lines = Vec::new();
    for (slug, _, (track, _)) in &tracks {
        if track.until(deadline, |said| said.is_some()).await {
            let surer = Instant::now() + SURER;
            track.until(surer, |said| said == Some(Certainty::Certain)).await;
        }
        let named = track.first(made, |said| said.is_some());
        lines.push(Line {
            slug,
            named: named.and_then(|(time, said)| Some((time, said?))),
            certain: track.first(made, |said| said == Some(Certainty::Certain)).map(|(time, _)| time),
            gone: None,
            beside: BTreeSet::new(),
            words: String::new(),
        });
    }
    // Two causes of one fault are no rivals.
    for (line, (slug, place, _)) in lines.iter_mut().zip(&tracks) {
        let own = |rival: &&'static str| causes.iter().any(|(slug, _)| slug == rival);
        let rivals = || beside(&seen.borrow(), slug, place).into_iter().filter(|rival| !own(rival)).collect::<BTreeSet<_>>();
        if place.starts_with("fault-") {
            // What was made a moment ago may still wait for its first turn after its store's, and that is truly said of it.
            let deadline = Instant::now() + SURER;
            while !rivals().is_empty() && Instant::now() < deadline {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            line.beside = rivals();
        }
        line.words = told(&seen.borrow(), slug, place);
    }
    let has_own_world =
        !ALONE.iter().any(|(name, _)| *name == fault) || causes.iter().any(|(_, place)| place.starts_with("fault-"));
    let mended = run(Some(&["--keep"])).await;
    let deadline = Instant::now() + SOON;
    for (line, (slug, place, (track, _))) in lines.iter_mut().zip(&tracks) {
        track.until(deadline, |said| said.is_none()).await;
        line.gone = track.now().is_none().then(|| track.first(mended, |said| said.is_none())).flatten().map(|(time, _)| time);
        if line.gone.is_none() {
            line.words = format!("{}; and when it was mended: {}", line.words, told(&seen.borrow(), slug, place));
        }
    }
    for (_, _, (_, task)) in tracks {
        task.abort();
    }
    // Of a fault with a world of its own nothing stays.
    if has_own_world {
        run(Some(&[])).await;
    }
    for line in &lines {
        line.print(lab.text("/vault/kind"));
    }
    lines
}

async fn every_cause_of(name: &str, arguments: &[&str], slugs: &[&'static str], whole: bool) {
    let lab = Arc::new(Lab::up(name, arguments));
    let root = lab.text("/files/root_token").to_owned();
    let eyes = Eyes::open(&lab, true, &root).await;
    // Of somebody who may not make a login, and of somebody whose token will be revoked.
    let shy = Eyes::open(&lab, false, &root).await;
    lab.heal(TOKEN, &[]);
    let lasting = Path::new(&root).with_file_name("reader-token");
    let denied = Eyes::open(&lab, false, lasting.to_str().expect("a path in Unicode")).await;
    assert_eq!(wronged(&eyes.seen.borrow()), BTreeSet::new(), "the world is well before anything is done to it");
    println!("{:<10} {:<32} {:>8} {:<9} {:>8} {:>8}  beside it", "server", "cause", "named", "", "certain", "gone");
    let begun = Instant::now();
    let of = |slug: &'static str| {
        let (seen, place) = match slug {
            "auth-denied" => (&shy.seen, format!("fault-{slug}")),
            TOKEN => (&denied.seen, "ameide-dev".to_owned()),
            // A Vault without a Service has no namespace.
            "vault-dev-mode" => {
                (&eyes.seen, format!("{}.14:8200", lab.text("/vault/replicas/0/address").rsplit_once('.').expect("an address").0))
            }
            _ => (&eyes.seen, format!("fault-{slug}")),
        };
        one(Arc::clone(&lab), slug, vec![(cause_of(slug), place)], seen.clone())
    };
    let slow: Vec<_> =
        if whole { SLOW.iter().filter(|slug| is_wanted(slug)).map(|slug| tokio::spawn(of(slug))).collect() } else { Vec::new() };
    let mut lines = Vec::new();
    let slugs: Vec<&'static str> = slugs.iter().copied().filter(|slug| is_wanted(slug)).collect();
    for some in slugs.chunks(AT_ONCE) {
        lines.extend(futures::future::join_all(some.iter().map(|slug| of(slug))).await.into_iter().flatten());
    }
    drop((shy, denied));
    let wronged = wronged(&eyes.seen.borrow());
    if whole {
        for (fault, causes) in ALONE.iter().filter(|(fault, _)| is_wanted(fault)) {
            let causes = causes.iter().map(|(slug, place)| (*slug, (*place).to_owned())).collect();
            lines.extend(one(Arc::clone(&lab), fault, causes, eyes.seen.clone()).await);
        }
    }
    for task in slow {
        lines.extend(task.await.expect("it ends"));
    }
    drop(eyes);
    println!("{} causes in {:.0} s", lines.len(), begun.elapsed().as_secs_f64());
    let missed = lines.iter().filter(|line| !line.is_well());
    let missed: Vec<String> = missed.map(|line| format!("{} (beside it {:?}): {}", line.slug, line.beside, line.words)).collect();
    assert!(missed.is_empty(), "not named within {SOON:?}, not gone then, or something else is blamed: {}", missed.join("\n"));
    assert_eq!(wronged, BTreeSet::new(), "nothing beside the faults is blamed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: tests/lab/test"]
async fn every_cause_is_named_on_openbao() {
    let all: Vec<&'static str> = OF_VAULT.iter().chain(OF_KUBERNETES).copied().collect();
    let alone = ALONE.iter().flat_map(|(_, causes)| causes.iter().map(|(slug, _)| *slug));
    for slug in all.iter().copied().chain(alone).chain(SLOW.iter().copied()) {
        assert!(RULES.iter().any(|rule| rule.slug == cause_of(slug)), "{slug} has a rule");
    }
    every_cause_of("openbao", &[], &all, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs the lab: tests/lab/test"]
async fn every_cause_of_vault_is_named_on_hashicorps() {
    every_cause_of("hashicorp", &["--vault", "hashicorp"], OF_VAULT, false).await;
}
