//! What is captured of a world tells the same as the world, and holds no secret.

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use sealwatch::engine::{Engine, Options, Policy, Ports, Snapshot};
use sealwatch::gateways::capture::{Capture, Raw};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::gateways::simulation::{Scenario, Simulation};
use sealwatch::model::{Kind, ObjectRef};
use sealwatch::ports::{Clock, Cluster, Scope, Vault};
use serde_json::{Value, json};

/// What stands behind the ports.
struct Behind {
    cluster: Arc<dyn Cluster>,
    vault: Arc<dyn Vault>,
    clock: Arc<dyn Clock>,
    raw: Arc<dyn Raw>,
    scope: Scope,
}

impl Behind {
    fn simulation(simulation: &Simulation) -> Self {
        Self {
            cluster: simulation.cluster(),
            vault: simulation.vault(),
            clock: simulation.clock(),
            raw: simulation.raw(),
            scope: Scope::Everywhere,
        }
    }

    fn recording(text: &str) -> Self {
        let recording = Recording::read("world", text).expect("a recording");
        let (scope, recording) = (recording.scope(), Arc::new(recording));
        Self { cluster: recording.clone(), vault: recording.clone(), clock: recording.clone(), raw: recording, scope }
    }

    async fn look(self, try_logins: bool) -> Arc<Snapshot> {
        let Self { cluster, vault, clock, scope, .. } = self;
        let ports = Ports { cluster, vault, clock, journal: Arc::new(MemoryJournal::default()) };
        let options = Options { policy: Policy::simulated(), scope, try_logins, ..Options::default() };
        let engine = Engine::start(ports, options);
        engine.snapshots().wait_for(|snapshot| snapshot.is_examined()).await.expect("an engine that runs").clone()
    }

    /// What is seen, and a capture of it.
    async fn capture(self, try_logins: bool) -> (Arc<Snapshot>, String) {
        let Self { cluster, vault, clock, raw, scope } = self;
        let (capture, cluster, vault) = Capture::begin(raw.clone(), cluster, vault);
        let live = Self { cluster, vault, clock: clock.clone(), raw, scope: scope.clone() }.look(try_logins).await;
        let captured = capture.end(&live.world, &scope, clock.now()).await.expect("captured");
        assert_eq!(captured.text.lines().filter(|line| line.starts_with("  {")).count(), captured.objects);
        (live, captured.text)
    }
}

/// Everything that a report says of a world, but for when it was said.
fn told(snapshot: &Snapshot) -> BTreeSet<String> {
    let findings = snapshot.diagnosis.findings.iter().map(|finding| {
        format!("{} {} {:?} {:?} under {:?}", finding.slug, finding.subject, finding.certainty, finding.severity, finding.cause())
    });
    let unknown = snapshot.diagnosis.unknown.iter().map(|unknown| format!("{}: {}", unknown.subject, unknown.needs));
    findings.chain(unknown).collect()
}

fn worlds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let entries = fs::read_dir(folder).expect("the worlds").map(|entry| entry.expect("an entry").path());
    let mut worlds: Vec<PathBuf> = entries.map(|path| path.join("world.json")).filter(|path| path.is_file()).collect();
    worlds.sort();
    worlds
}

#[tokio::test(start_paused = true)]
async fn a_capture_of_a_simulation_tells_the_same_and_holds_no_share_and_no_token() {
    let vault = ObjectRef::new(Kind::Vault, "ameide-dev", "vault-core-dev");
    for scenario in Scenario::all() {
        for try_logins in [false, true] {
            let simulation = Simulation::start(&scenario, 1.0);
            let (live, text) = Behind::simulation(&simulation).capture(try_logins).await;
            let read = Behind::recording(&text).look(false).await;
            assert_eq!(told(&live), told(&read), "{}", scenario.slug);
            let canaries = simulation.paper_shares(&vault).into_iter().chain([simulation.paper_token(&vault)]);
            for canary in canaries.filter(|canary| !canary.is_empty()) {
                assert!(!text.contains(&canary), "{}: it holds {canary}", scenario.slug);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_capture_of_some_namespaces_holds_no_others_and_tells_the_same() {
    let simulation = Simulation::start(&Scenario::named("sealed").expect("a scenario"), 1.0);
    let scope = Scope::Namespaces(vec!["ameide-staging".into()]);
    let (live, text) = Behind { scope, ..Behind::simulation(&simulation) }.capture(false).await;
    assert!(!live.diagnosis.findings.is_empty());
    let file: Value = serde_json::from_str(&text).expect("JSON");
    let places = file["kubernetes"].as_array().expect("objects").iter().map(|object| &object["metadata"]["namespace"]);
    let others: Vec<_> = places.filter(|place| !place.is_null() && *place != "ameide-staging").collect();
    assert!(others.is_empty(), "{others:?}");
    assert_eq!(told(&live), told(&*Behind::recording(&text).look(false).await));
}

#[tokio::test(start_paused = true)]
async fn a_capture_of_a_recording_tells_the_same_and_so_does_a_capture_of_that() {
    let mut faults = Vec::new();
    for world in worlds() {
        let text = fs::read_to_string(&world).expect("a world");
        let (live, text) = Behind::recording(&text).capture(true).await;
        let (read, again) = Behind::recording(&text).capture(true).await;
        if told(&live) != told(&read) {
            let (live, read) = (told(&live), told(&read));
            let lost: Vec<_> = live.difference(&read).collect();
            let new: Vec<_> = read.difference(&live).collect();
            faults.push(format!("{}: lost {lost:#?}, new {new:#?}", world.display()));
        }
        if again != text {
            faults.push(format!("{}: a capture of the capture is another", world.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Puts a canary wherever a cluster or a Vault may hold something that is nobody's business.
fn poisoned(world: &mut Value) {
    for object in world["kubernetes"].as_array_mut().expect("objects") {
        object["metadata"]["annotations"]["kubectl.kubernetes.io/last-applied-configuration"] = "{\"data\":\"canary\"}".into();
        object["metadata"]["annotations"]["note"] = "canary".into();
        object["canary"] = "canary".into();
        match object["kind"].as_str() {
            Some("Secret") => {
                object["data"] = json!({"key": "Y2FuYXJ5", "other": "canary"});
                object["stringData"] = json!({"key": "canary"});
            }
            Some("ConfigMap") => object["data"] = json!({"key": "canary"}),
            Some("Pod") => {
                let container = &mut object["spec"]["containers"][0];
                container["env"] = json!([{"name": "PASSWORD", "value": "canary"}, {"name": "URL", "value": "https://a:canary@b"},
                    {"name": "BAO_ADDR", "value": "https://a:canary@vault.vault.svc:8200"}]);
                container["args"] = json!(["--password=canary"]);
            }
            Some("SecretStore" | "ClusterSecretStore") => {
                object["spec"]["provider"]["vault"]["auth"]["userPass"] = json!({"path": "canary"});
                object["spec"]["provider"]["vault"]["headers"] = json!({"x": "canary"});
            }
            _ => {}
        }
    }
    for answer in world["vault"].as_object_mut().into_iter().flatten().map(|(_, answer)| answer) {
        answer["body"]["auth"] = json!({"client_token": "canary"});
        answer["body"]["request_id"] = "canary".into();
        if answer["body"]["data"].is_object() {
            answer["body"]["data"]["id"] = "canary".into();
            answer["body"]["data"]["custom_metadata"] = json!({"canary": "canary"});
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_canary_gets_into_a_capture() {
    for world in worlds() {
        let mut value: Value = serde_json::from_str(&fs::read_to_string(&world).expect("a world")).expect("JSON");
        poisoned(&mut value);
        let (_, text) = Behind::recording(&value.to_string()).capture(true).await;
        for canary in ["canary", "Y2FuYXJ5"] {
            let line = text.lines().find(|line| line.contains(canary));
            assert_eq!(line, None, "{}", world.display());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_seen_is_not_seen_in_the_capture_either() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/24-policy-denies-path/world.json"));
    let mut world: Value = serde_json::from_str(&text.expect("a world")).expect("JSON");
    let fault = |kind: &str| json!({"kind": kind, "message": "You may not.", "hint": "Ask for it."});
    world["read"] = json!({
        "Secret": {"refused": fault("Forbidden")},
        "Pod": {"parts": {"": fault("Forbidden")}},
        "Application": {"absent": fault("Absent")},
        "Event": {"parts": {"fleet": null}, "refused": fault("Forbidden")},
    });
    world["odd"] = json!([{"object": "Deployment/a/b", "why": "a field is not a map"}]);
    let address = world["vaultAddr"].as_str().expect("an address").to_owned();
    assert!(!address.is_empty());
    world["vault"]["TOKEN"] = json!({"status": 0, "body": fault("Unauthorized")});
    let (live, text) = Behind::recording(&world.to_string()).capture(false).await;
    assert_eq!(live.diagnosis.unknown.len(), 3, "{:?}", live.diagnosis.unknown);
    assert!(live.diagnosis.findings.iter().any(|finding| finding.slug == "your-token-invalid"));
    assert_eq!(told(&live), told(&*Behind::recording(&text).look(false).await));
}

fn sealwatch(arguments: &[&str]) -> Output {
    let state = env!("CARGO_TARGET_TMPDIR");
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    command.args(arguments).env("XDG_STATE_HOME", state).env("XDG_CONFIG_HOME", state).output().expect("the binary starts")
}

/// The pairs of slug and subject in a report.
fn found(report: &[u8]) -> BTreeSet<String> {
    let report: Value = serde_json::from_slice(report).expect("a report");
    let pair = |finding: &Value| format!("{} {}", finding["slug"], finding["subject"]);
    report["findings"].as_array().expect("findings").iter().map(pair).collect()
}

#[test]
fn the_command_writes_for_its_owner_alone_and_overwrites_nothing_unasked() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("captures-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("sealed.json");
    let path = file.to_str().expect("Unicode");
    let first = sealwatch(&["capture", path, "--simulate", "sealed"]);
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    let said = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(said.starts_with("Wrote ") && !said.contains("Found "), "{said}");
    let again = sealwatch(&["capture", path, "--simulate", "sealed"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("--force"));
    assert!(sealwatch(&["capture", path, "--simulate", "sealed", "--force"]).status.success());
    assert_eq!(fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "nothing is left beside it");
    let (live, read) = (["check", "-o", "json", "--simulate", "sealed"], ["check", "-o", "json", "--world", path]);
    let (live, read) = (sealwatch(&live), sealwatch(&read));
    assert_eq!(live.status.code(), read.status.code());
    assert_eq!(found(&live.stdout), found(&read.stdout));
    let nowhere = sealwatch(&["capture", folder.join("no/where.json").to_str().expect("Unicode"), "--simulate", "sealed"]);
    assert_eq!(nowhere.status.code(), Some(3));
    let both = sealwatch(&["open", path, "--simulate", "sealed"]);
    assert_eq!(both.status.code(), Some(2));
    fs::remove_dir_all(&folder).expect("removed");
}
