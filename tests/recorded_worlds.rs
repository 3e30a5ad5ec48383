//! Worlds recorded from real servers, each with its true cause: every cause that a rule of ours knows is
//! named, and nothing healthy is blamed. A cause without a rule yet is listed in `WITHOUT_A_RULE`, so that
//! the list can only shrink.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;
use sealwatch::diagnosis::{Certainty, Diagnosis, Finding, RULES, Severity};
use sealwatch::engine::{Engine, Options, Policy, Ports, Snapshot};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::model::inventory::Change;
use sealwatch::model::{Kind, kinds};
use sealwatch::ports::{Cluster as _, Scope};
use serde_json::Value;

/// Causes in the recorded worlds that no rule names yet.
const WITHOUT_A_RULE: &[&str] = &["consumer-stale", "mirror-behind", "sealedsecret-name-taken", "vso-flag-stale"];

/// Worlds whose objects belong to the Vault Secrets Operator, which is not watched yet.
const OTHER_OPERATORS: &[&str] = &["54-vso-sealed", "55-vso-synced-false-after-recovery"];

#[derive(serde::Deserialize)]
struct Truth {
    certain: Vec<Certain>,
    healthy: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Certain {
    object: String,
    cause: String,
}

fn worlds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let entries = fs::read_dir(folder).expect("the worlds").map(|entry| entry.expect("an entry").path());
    let mut worlds: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    worlds.sort();
    worlds
}

/// One look, as `sealwatch check --world` looks: everything that the recording can be asked was asked.
async fn look(world: &Path) -> Arc<Snapshot> {
    seen(Recording::open(world).expect("a recording")).await
}

async fn seen(recording: Recording) -> Arc<Snapshot> {
    let recording = Arc::new(recording);
    let journal = Arc::new(MemoryJournal::default());
    let ports = Ports { cluster: recording.clone(), vault: recording.clone(), clock: recording, journal };
    let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
    engine.snapshots().wait_for(|snapshot| snapshot.is_examined()).await.expect("an engine that runs").clone()
}

/// What a diagnosis says of an object: the slugs of its findings, and of the causes that these stand under.
fn said(diagnosis: &Diagnosis) -> BTreeSet<(String, &'static str)> {
    let direct = diagnosis.findings.iter().map(|finding| (finding.subject.to_string(), finding.slug));
    let under = diagnosis.findings.iter().map(|finding| (finding.subject.to_string(), finding.cause().0));
    direct.chain(under).collect()
}

#[tokio::test(start_paused = true)]
async fn every_true_cause_that_has_a_rule_is_named_and_nothing_healthy_is_blamed() {
    let mut faults = Vec::new();
    let mut named = 0;
    for folder in worlds() {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let truth: Truth =
            serde_json::from_str(&fs::read_to_string(folder.join("truth.json")).expect("a truth")).expect("a truth");
        let snapshot = look(&folder.join("world.json")).await;
        let diagnosis = &snapshot.diagnosis;
        let said = said(diagnosis);
        for Certain { object, cause } in &truth.certain {
            // Sealed replicas without a quorum stand under the missing leader.
            let accepted: &[&str] =
                if cause == "vault-partly-sealed" { &["vault-partly-sealed", "vault-no-active-node"] } else { &[cause] };
            if !RULES.iter().any(|rule| rule.slug == cause) {
                assert!(WITHOUT_A_RULE.contains(&cause.as_str()), "{name}: no rule names {cause}");
                continue;
            }
            named += 1;
            if !OTHER_OPERATORS.contains(&name.as_str())
                && !accepted.iter().any(|slug| said.iter().any(|(o, s)| o == object && s == slug))
            {
                faults.push(format!("{name}: {object} does not stand under {cause}"));
            }
        }
        for finding in diagnosis.findings.iter() {
            let subject = finding.subject.to_string();
            if finding.severity >= Severity::Warning && truth.healthy.contains(&subject) {
                faults.push(format!("{name}: {} blames {subject}, which is healthy", finding.slug));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(named >= 20, "the worlds were really looked at: {named}");
}

/// Certain findings that are more than worth knowing, each with the cause that it stands under. Vaults and paths are
/// left out: they are roots, and the truth names what is broken by them.
fn certain(diagnosis: &Diagnosis) -> BTreeSet<(String, &'static str, &'static str)> {
    let sure = |finding: &&Finding| finding.certainty == Certainty::Certain && finding.severity >= Severity::Warning;
    let named = |finding: &&Finding| !matches!(finding.subject.kind, Kind::Vault | Kind::VaultPath);
    let all = diagnosis.findings.iter().map(AsRef::as_ref).filter(sure).filter(named);
    all.map(|finding| (finding.subject.to_string(), finding.slug, finding.cause().0)).collect()
}

/// The replica that a Vault outside the cluster has stands for the Vault; a sealed one without a quorum stands under the
/// missing leader.
fn is_meant(truth: &Truth, (object, slug, cause): &(String, &'static str, &'static str)) -> bool {
    truth.certain.iter().any(|one| {
        let leaderless = one.cause == "vault-partly-sealed" && *cause == "vault-no-active-node";
        one.object == *object && (one.cause == *slug || one.cause == *cause || leaderless)
    })
}

fn truth_of(folder: &Path) -> Truth {
    serde_json::from_str(&fs::read_to_string(folder.join("truth.json")).expect("a truth")).expect("a truth")
}

#[tokio::test(start_paused = true)]
async fn what_is_certain_is_true_and_nothing_else_is() {
    let mut faults = Vec::new();
    for folder in worlds() {
        let (truth, snapshot) = (truth_of(&folder), look(&folder.join("world.json")).await);
        let wrong = certain(&snapshot.diagnosis).into_iter().filter(|finding| !is_meant(&truth, finding));
        faults.extend(wrong.map(|finding| format!("{}: {finding:?}", folder.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A world with something taken away, or told in other words.
struct Mutated {
    how: String,
    world: Value,
}

fn without_events(world: &Value) -> Mutated {
    let mut world = world.clone();
    world["kubernetes"].as_array_mut().expect("objects").retain(|object| object["kind"] != "Event");
    Mutated { how: "without events".to_owned(), world }
}

fn without_answers(world: &Value) -> Vec<Mutated> {
    let answers: Vec<String> = world["vault"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
    let without = |key: &String| {
        let mut world = world.clone();
        world["vault"].as_object_mut().expect("answers").remove(key);
        Mutated { how: format!("without {key}"), world }
    };
    answers.iter().map(without).collect()
}

/// As External Secrets 0.16.2 tells it, which the lab runs: a store whose client cannot be made says so without the cause,
/// as newer ones do; one whose check fails has the whole error in its condition (external-secrets#5247), and events with
/// the same reason. What cannot be checked is `Valid` (#5070).
fn of_an_older_operator(world: &Value) -> Mutated {
    let mut world = world.clone();
    let objects = world["kubernetes"].as_array_mut().expect("objects");
    let told: Vec<(Value, Value)> = objects
        .iter()
        .filter(|object| object["kind"] == "Event" && object["type"] == "Warning")
        .map(|event| (event["involvedObject"].clone(), event["message"].clone()))
        .collect();
    let mut failing = BTreeSet::new();
    for store in objects.iter_mut().filter(|object| is_store(&object["kind"])) {
        let (name, namespace, kind) = (&store["metadata"]["name"], &store["metadata"]["namespace"], &store["kind"]);
        let about = |object: &Value| object["name"] == *name && object["namespace"] == *namespace && object["kind"] == *kind;
        let cause = told.iter().rev().find(|(object, _)| about(object)).and_then(|(_, text)| text.as_str().map(str::to_owned));
        let place = format!("{kind} {namespace} {name}");
        for condition in store["status"]["conditions"].as_array_mut().into_iter().flatten() {
            match (condition["reason"].as_str(), condition["message"].as_str(), &cause) {
                (_, Some("unable to validate store"), Some(cause)) => {
                    condition["reason"] = "ValidationFailed".into();
                    condition["message"] = format!("unable to validate store: {cause}").into();
                    failing.insert(place.clone());
                }
                (Some("ValidationUnknown"), ..) => {
                    condition["reason"] = "Valid".into();
                    condition["message"] = "store validated".into();
                }
                _ => {}
            }
        }
    }
    for event in objects.iter_mut().filter(|object| object["kind"] == "Event" && object["type"] == "Warning") {
        let about = &event["involvedObject"];
        if failing.contains(&format!("{} {} {}", about["kind"], about["namespace"], about["name"])) {
            event["reason"] = "ValidationFailed".into();
        }
    }
    Mutated { how: "of an older operator".to_owned(), world }
}

/// The same after the events of stores are over: the cause stands in the condition alone, if it does.
fn of_an_older_operator_an_hour_ago(world: &Value) -> Mutated {
    let Mutated { how, mut world } = of_an_older_operator(world);
    let objects = world["kubernetes"].as_array_mut().expect("objects");
    objects.retain(|object| object["kind"] != "Event" || !is_store(&object["involvedObject"]["kind"]));
    Mutated { how: format!("{how}, an hour ago"), world }
}

fn is_store(kind: &Value) -> bool {
    matches!(kind.as_str(), Some("SecretStore" | "ClusterSecretStore"))
}

/// Every namespace is called otherwise wherever its name stands, every object is another, and all stand in another order.
fn renamed(world: &Value) -> Value {
    let objects = world["kubernetes"].as_array().expect("objects");
    let namespaces: BTreeSet<&str> = objects.iter().filter_map(|object| object["metadata"]["namespace"].as_str()).collect();
    let mut text = world.to_string();
    for name in namespaces.into_iter().filter(|name| !["default", "kube-system"].contains(name)) {
        text = with_name(&text, name);
    }
    let mut world: Value = serde_json::from_str(&text).expect("a world");
    let objects = world["kubernetes"].as_array_mut().expect("objects");
    objects.reverse();
    for (number, object) in objects.iter_mut().enumerate() {
        object["metadata"]["uid"] = format!("00000000-0000-4000-8000-{number:012}").into();
    }
    world
}

/// The text with another name, where it is a word and not the name of a field.
fn with_name(text: &str, name: &str) -> String {
    let is_part = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let (bytes, mut out, mut from) = (text.as_bytes(), String::new(), 0);
    for (at, _) in text.match_indices(name) {
        let (before, after) = (at.checked_sub(1).map(|at| bytes[at]), bytes.get(at + name.len()).copied());
        let is_field = before == Some(b'"') && text.get(at + name.len()..).unwrap_or_default().starts_with("\":");
        out.push_str(text.get(from..at).unwrap_or_default());
        from = at + name.len();
        out.push_str(name);
        if !is_part(before) && !is_part(after) && !is_field {
            out.push_str("-other");
        }
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[tokio::test(start_paused = true)]
async fn what_is_certain_stays_true_when_something_cannot_be_seen() {
    let mut faults = Vec::new();
    for folder in worlds() {
        let truth = truth_of(&folder);
        let world: Value = serde_json::from_str(&fs::read_to_string(folder.join("world.json")).expect("a world")).expect("JSON");
        let told_otherwise = [without_events(&world), of_an_older_operator(&world), of_an_older_operator_an_hour_ago(&world)];
        let mutated = without_answers(&world).into_iter().chain(told_otherwise);
        for Mutated { how, world } in mutated {
            let snapshot = seen(Recording::read("mutated", &world.to_string()).expect("a recording")).await;
            let wrong = certain(&snapshot.diagnosis).into_iter().filter(|finding| !is_meant(&truth, finding));
            faults.extend(wrong.map(|finding| format!("{} {how}: {finding:?}", folder.display())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn names_uids_and_order_do_not_matter() {
    let mut faults = Vec::new();
    for folder in worlds() {
        let world: Value = serde_json::from_str(&fs::read_to_string(folder.join("world.json")).expect("a world")).expect("JSON");
        let counts = |snapshot: &Arc<Snapshot>| {
            let mut slugs: Vec<&str> = certain(&snapshot.diagnosis).into_iter().map(|(_, slug, _)| slug).collect();
            slugs.sort_unstable();
            slugs
        };
        let before = counts(&seen(Recording::read("world", &world.to_string()).expect("a recording")).await);
        let after = counts(&seen(Recording::read("other", &renamed(&world).to_string()).expect("a recording")).await);
        if before != after {
            faults.push(format!("{}: {before:?} became {after:?}", folder.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Kinds that stand in recorded worlds and are not watched, on purpose.
const SKIPPED: &[(&str, &str)] = &[
    ("ReplicaSet", "a pod tells its Deployment by the hash that it carries"),
    ("ClusterRoleBinding", "rights are asked for, not worked out"),
    ("SubjectAccessReview", "an answer, not an object"),
    ("TokenReview", "an answer, not an object"),
];

#[tokio::test]
async fn every_object_of_every_world_is_read_or_of_a_kind_that_is_skipped_on_purpose() {
    #[derive(serde::Deserialize)]
    struct World {
        kubernetes: Vec<Object>,
    }
    #[derive(serde::Deserialize)]
    struct Object {
        kind: String,
        metadata: Metadata,
    }
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Metadata {
        namespace: String,
        name: String,
    }
    let mut kinds_seen = BTreeSet::new();
    for folder in worlds() {
        for file in ["world.json", "world-before.json"].map(|file| folder.join(file)).into_iter().filter(|file| file.exists()) {
            let recording = Recording::open(&file).expect("a recording");
            let mut read = BTreeSet::new();
            for kind in kinds::all() {
                let (objects, odd) = match recording.watch(*kind, &Scope::Everywhere).next().await {
                    Some(Change::Listed(_, objects, odd)) => (objects, odd),
                    // The cluster did not serve it.
                    Some(Change::Absent(..)) => continue,
                    _ => panic!("a recording lists every kind at once"),
                };
                assert_eq!(odd, [], "{}", file.display());
                read.extend(objects.iter().map(|object| object.object_ref().to_string()));
            }
            let world: World = serde_json::from_str(&fs::read_to_string(&file).expect("a world")).expect("a world");
            let known = world.kubernetes.into_iter().filter(|object| !SKIPPED.iter().any(|(kind, _)| *kind == object.kind));
            let mut standing = BTreeSet::new();
            for Object { kind, metadata } in known {
                standing.insert(format!("{kind}/{}/{}", metadata.namespace, metadata.name));
                kinds_seen.insert(kind);
            }
            assert_eq!(read, standing, "{}", file.display());
        }
    }
    assert!(kinds_seen.len() >= 18, "the worlds hold many kinds: {kinds_seen:?}");
}

#[test]
fn every_rule_has_a_recorded_world() {
    let caused: BTreeSet<String> =
        worlds().iter().flat_map(|folder| truth_of(folder).certain).map(|Certain { cause, .. }| cause).collect();
    let without: Vec<&str> = RULES.iter().map(|rule| rule.slug).filter(|slug| !caused.contains(*slug)).collect();
    assert!(without.is_empty(), "capture one: {without:?}");
}

#[test]
fn the_list_of_causes_without_a_rule_only_shrinks() {
    let stale: Vec<_> = WITHOUT_A_RULE.iter().filter(|slug| RULES.iter().any(|rule| rule.slug == **slug)).collect();
    assert!(stale.is_empty(), "these have a rule now, take them off the list: {stale:?}");
}
