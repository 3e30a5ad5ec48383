//! `sealwatch get` and `trace` over every recorded world and over the simulation: a list holds exactly what the world
//! holds, and its outputs are looked at (`INSTA_UPDATE=always cargo test --test get` takes new ones).

#![allow(clippy::expect_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sealwatch::diagnosis::chain::{Stage, chain};
use sealwatch::diagnosis::lookup::lookup;
use sealwatch::engine::{Command, Engine, Looks, Options, Policy, Ports, Snapshot};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::gateways::simulation::{Scenario, Simulation};
use sealwatch::model::{Health, Kind};
use sealwatch::report::get::{GetFormat, TableStyle, WHAT, What, find, folder_is_told, is_told, names_are_told};
use sealwatch::report::trace;
use serde_json::Value;

fn what(word: &str) -> &'static What {
    What::from_word(word).expect("something that can be listed")
}

fn worlds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let entries = fs::read_dir(folder).expect("the worlds").map(|entry| entry.expect("an entry").path().join("world.json"));
    let mut worlds: Vec<PathBuf> = entries.filter(|path| path.exists()).collect();
    worlds.sort();
    worlds
}

fn recording(world: &Path) -> Ports {
    let recording = Arc::new(Recording::open(world).expect("a recording"));
    Ports { cluster: recording.clone(), vault: recording.clone(), clock: recording, journal: Arc::new(MemoryJournal::default()) }
}

fn simulation(scenario: &str) -> Ports {
    let simulation = Simulation::start(&Scenario::named(scenario).expect("a scenario"), 1.0);
    Ports {
        cluster: simulation.cluster(),
        vault: simulation.vault(),
        clock: simulation.clock(),
        journal: Arc::new(MemoryJournal::default()),
    }
}

/// One look, until everything was heard of, every path asked for, and every finding made.
async fn look(ports: Ports) -> Arc<Snapshot> {
    let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
    let told = |snapshot: &Arc<Snapshot>| is_told(what("paths"), snapshot) && snapshot.is_examined();
    engine.snapshots().wait_for(told).await.expect("an engine that runs").clone()
}

fn written(what: &'static What, names: &[&str], format: GetFormat, snapshot: &Snapshot) -> String {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut out = Vec::new();
    let style = TableStyle { headers: true, colour: false };
    find(what, &names, snapshot).write(format, style, &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

/// A world as it stands in its file.
struct File(Value);

impl File {
    fn objects<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0["kubernetes"].as_array().expect("objects").iter().filter(move |object| object["kind"] == kind)
    }

    fn names(&self, kind: Kind) -> BTreeSet<String> {
        let name = |object: &Value| {
            let part = |key: &str| object["metadata"][key].as_str().unwrap_or_default().to_owned();
            format!("{kind}/{}/{}", part("namespace"), part("name"))
        };
        self.objects(kind.as_str()).map(name).collect()
    }

    /// The servers that stores and connections name.
    fn servers(&self) -> BTreeSet<String> {
        let stores = self.objects("SecretStore").chain(self.objects("ClusterSecretStore"));
        let stores = stores.filter_map(|store| store["spec"]["provider"]["vault"]["server"].as_str());
        let connections = self.objects("VaultConnection").filter_map(|connection| connection["spec"]["address"].as_str());
        stores.chain(connections).map(str::to_owned).collect()
    }

    /// Every key that an `ExternalSecret` or a `VaultStaticSecret` names.
    fn keys(&self) -> BTreeSet<String> {
        fn collect(value: &Value, keys: &mut BTreeSet<String>) {
            match value {
                Value::Object(fields) => {
                    for (name, field) in fields {
                        match (name.as_str(), field["key"].as_str()) {
                            ("remoteRef" | "extract", Some(key)) => drop(keys.insert(key.to_owned())),
                            _ => collect(field, keys),
                        }
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| collect(item, keys)),
                _ => {}
            }
        }
        let mut keys = BTreeSet::new();
        self.objects("ExternalSecret").for_each(|es| collect(&es["spec"], &mut keys));
        keys.extend(self.objects("VaultStaticSecret").filter_map(|one| one["spec"]["path"].as_str()).map(str::to_owned));
        keys
    }

    /// Pods whose specification names a Secret anywhere.
    fn consumers(&self) -> BTreeSet<String> {
        let uses = |pod: &&Value| {
            let text = pod["spec"].to_string();
            ["secretKeyRef", "secretRef", "secretName", "imagePullSecrets", "\"secret\":"].iter().any(|word| text.contains(word))
        };
        let name = |pod: &Value| pod["metadata"]["name"].as_str().expect("a name").to_owned();
        self.objects("Pod").filter(uses).map(name).collect()
    }
}

fn column(list: &str, key: &str) -> BTreeSet<String> {
    let list: Value = serde_json::from_str(list).expect("JSON");
    assert_eq!(list["schema"], "sealwatch/get/v1");
    let values = list["items"].as_array().expect("items").iter().flat_map(|item| match &item[key] {
        Value::Array(several) => several.clone(),
        one => vec![one.clone()],
    });
    values.map(|value| value.as_str().unwrap_or_else(|| panic!("{key} is {value}")).to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_recorded_world_is_listed_whole() {
    let worlds = worlds();
    assert!(worlds.len() >= 55, "{} worlds", worlds.len());
    for world in worlds {
        let file = File(serde_json::from_str(&fs::read_to_string(&world).expect("a world")).expect("JSON"));
        let snapshot = look(recording(&world)).await;
        let list = |word: &str| written(what(word), &[], GetFormat::Json, &snapshot);
        let at = world.display();
        for what in WHAT.iter() {
            // Each output holds each object, and none has a control character that a terminal would obey.
            let names = written(what, &[], GetFormat::Name, &snapshot);
            let wide = written(what, &[], GetFormat::Wide, &snapshot);
            let yaml = written(what, &[], GetFormat::Yaml, &snapshot);
            assert_eq!(column(&list(what.name), "object"), names.lines().map(str::to_owned).collect(), "{at}: {}", what.name);
            assert_eq!(wide.lines().count().saturating_sub(1), names.lines().count(), "{at}: {}", what.name);
            assert_eq!(yaml.matches("- object:").count(), names.lines().count(), "{at}: {}", what.name);
            assert!(!(wide + &yaml).contains(|c: char| c.is_control() && c != '\n'), "{at}: {}", what.name);
            // What is one kind of Kubernetes is exactly what the file holds of it.
            if let [kind] = what.kinds
                && !matches!(kind, Kind::Vault | Kind::VaultReplica | Kind::VaultPath)
                && what.name != "consumers"
            {
                assert_eq!(column(&list(what.name), "object"), file.names(*kind), "{at}: {}", what.name);
            }
        }
        let both = &file.names(Kind::SecretStore) | &file.names(Kind::ClusterSecretStore);
        assert_eq!(column(&list("stores"), "object"), both, "{at}");
        assert_eq!(column(&list("vaults"), "address"), file.servers(), "{at}");
        assert_eq!(column(&list("consumers"), "pods"), file.consumers(), "{at}");
        let paths = column(&list("paths"), "path");
        for path in &paths {
            assert!(file.keys().iter().any(|key| path.ends_with(key.as_str())), "{at}: nothing reads {path}");
        }
    }
}

/// The answer that was recorded to a request at the world's own address.
fn recorded<'a>(file: &'a File, request: &str) -> Option<&'a Value> {
    let answer = &file.0["vault"][request];
    (answer["status"] == 200).then(|| &answer["body"]["data"])
}

#[tokio::test(start_paused = true)]
async fn the_properties_and_the_neighbours_of_every_recorded_path_are_shown_to_who_looks() {
    let (mut counted, mut unreferenced) = (0, 0);
    for world in worlds() {
        let file = File(serde_json::from_str(&fs::read_to_string(&world).expect("a world")).expect("JSON"));
        let at = world.display();
        let engine = Engine::start(recording(&world), Options { policy: Policy::simulated(), ..Options::default() });
        let told = |snapshot: &Arc<Snapshot>| is_told(what("paths"), snapshot);
        let snapshot = engine.snapshots().wait_for(told).await.expect("an engine that runs").clone();
        let paths: Vec<_> = find(what("paths"), &[], &snapshot).objects().cloned().collect();
        let looks = Looks { seen: Vec::new(), opened: paths.clone() };
        engine.commands().send(Command::Look(looks)).await.expect("an engine that runs");
        let all =
            |snapshot: &Arc<Snapshot>| paths.iter().all(|path| names_are_told(snapshot, path) && folder_is_told(snapshot, path));
        let snapshot = engine.snapshots().wait_for(all).await.expect("an engine that runs").clone();
        let list: Value = serde_json::from_str(&written(what("paths"), &[], GetFormat::Json, &snapshot)).expect("JSON");
        let items = list["items"].as_array().expect("items");
        let referenced: BTreeSet<&str> =
            items.iter().filter(|item| item["referenced"] == true).filter_map(|item| item["path"].as_str()).collect();
        assert_eq!(referenced.len(), paths.len(), "{at}");
        for item in items {
            let path = item["path"].as_str().expect("a path");
            let (mount, key) = path.split_once('/').expect("a mount");
            if !referenced.contains(path) {
                unreferenced += 1;
                assert_eq!((item["state"].as_str(), item["readers"].as_i64()), (Some("unreferenced"), Some(0)), "{at}: {path}");
                continue;
            }
            let current = item["state"].as_str().is_some_and(|state| state.starts_with('v'));
            if let Some(subkeys) = recorded(&file, &format!("GET {mount}/subkeys/{key}")).filter(|_| current) {
                let known: BTreeSet<&str> = subkeys["subkeys"].as_object().expect("names").keys().map(String::as_str).collect();
                let shown: BTreeSet<&str> =
                    item["properties"].as_array().expect("names").iter().filter_map(Value::as_str).collect();
                assert_eq!(shown, known, "{at}: {path}");
                counted += 1;
            }
            let folder = key.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let names = recorded(&file, &format!("LIST {mount}/metadata/{folder}")).map(|data| &data["keys"]);
            for name in names.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
                let full = format!("{mount}/{folder}{name}");
                assert!(name.ends_with('/') || items.iter().any(|item| item["path"] == full), "{at}: {full} is not shown");
            }
        }
    }
    println!("{counted} paths with their properties, {unreferenced} unreferenced beside them");
    assert!(counted >= 60 && unreferenced >= 1, "{counted} {unreferenced}");
}

#[tokio::test(start_paused = true)]
async fn names_come_in_the_background_too_four_a_second() {
    let begun = tokio::time::Instant::now();
    let engine = Engine::start(simulation("healthy"), Options { policy: Policy::simulated(), ..Options::default() });
    let told = |snapshot: &Arc<Snapshot>| is_told(what("paths"), snapshot);
    let snapshot = engine.snapshots().wait_for(told).await.expect("an engine that runs").clone();
    let paths: Vec<_> = find(what("paths"), &[], &snapshot).objects().cloned().collect();
    let lacking = paths.iter().filter(|path| !names_are_told(&snapshot, path)).count();
    assert!(lacking >= 20 && begun.elapsed().as_secs() < 5, "{lacking} paths after {:?}", begun.elapsed());
    let all = |snapshot: &Arc<Snapshot>| paths.iter().all(|path| names_are_told(snapshot, path));
    engine.snapshots().wait_for(all).await.expect("an engine that runs");
    let seconds = begun.elapsed().as_secs();
    println!("{lacking} paths after {seconds} s");
    let (soonest, latest) = (lacking as u64 / 4, 5 + lacking as u64 / 4 + lacking as u64 / 30 + 15);
    assert!((soonest..=latest).contains(&seconds), "{lacking} paths after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn names_may_be_given_in_three_forms_and_a_slip_is_answered_with_what_is_like_it() {
    let snapshot = look(simulation("sealed")).await;
    let es = what("es");
    let one = "ExternalSecret/ameide-dev/backstage-client-sync\n";
    for name in ["ameide-dev/backstage-client-sync", "ExternalSecret/ameide-dev/backstage-client-sync"] {
        assert_eq!(written(es, &[name], GetFormat::Name, &snapshot), one);
    }
    assert_eq!(written(es, &["backstage-client-sync"], GetFormat::Name, &snapshot).lines().count(), 3, "one in each environment");
    let found = find(es, &["ameide-dev/backstage-cleint-sync".to_owned()], &snapshot);
    assert!(found.is_empty());
    let (_, like) = &found.missing[0];
    assert_eq!(like[0].to_string(), one.trim());
}

#[tokio::test(start_paused = true)]
async fn lists_of_the_sealed_simulation() {
    let snapshot = look(simulation("sealed")).await;
    for word in ["stores", "externalsecrets", "paths", "vaults", "replicas", "consumers"] {
        insta::assert_snapshot!(format!("sealed-{word}"), written(what(word), &[], GetFormat::Table, &snapshot));
    }
    insta::assert_snapshot!("sealed-stores-wide", written(what("stores"), &[], GetFormat::Wide, &snapshot));
    let names = ["ameide-dev/backstage-client-sync"];
    for (format, name) in [(GetFormat::Yaml, "yaml"), (GetFormat::Json, "json"), (GetFormat::Name, "name")] {
        insta::assert_snapshot!(format!("sealed-one-{name}"), written(what("es"), &names, format, &snapshot));
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_recorded_worlds() {
    for (world, word) in [
        ("05-raft-one-node-sealed", "replicas"),
        ("34-two-owners-one-target", "secrets"),
        ("45-pods-older-than-secret", "consumers"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/worlds/{world}/world.json"));
        let snapshot = look(recording(&path)).await;
        insta::assert_snapshot!(format!("{world}-{word}"), written(what(word), &[], GetFormat::Wide, &snapshot));
    }
}

/// The chain of an object by its name, as a tree.
fn traced(snapshot: &Snapshot, name: &str) -> String {
    let object = lookup(&snapshot.world, name, &[]).expect("an object");
    let chain = chain(&snapshot.world, &snapshot.diagnosis, &object, snapshot.now, 4);
    let mut out = Vec::new();
    trace::table(&chain, snapshot, false, &mut out).expect("written");
    String::from_utf8(out).expect("text")
}

#[tokio::test(start_paused = true)]
async fn a_chain_is_the_same_from_either_end_and_breaks_at_the_vault_that_is_sealed() {
    let snapshot = look(simulation("sealed")).await;
    for name in ["deploy/ameide-dev/langfuse-web", "es/ameide-dev/langfuse-secrets-sync", "path/secret/langfuse-public-key"] {
        let object = lookup(&snapshot.world, name, &[]).expect("an object");
        let chain = chain(&snapshot.world, &snapshot.diagnosis, &object, snapshot.now, usize::MAX);
        let has = |name: &str| chain.stations.iter().any(|station| station.object.to_string() == name);
        for station in [
            "Vault/ameide-dev/vault-core-dev",
            "SecretStore/ameide-dev/ameide-vault",
            "ExternalSecret/ameide-dev/langfuse-secrets-sync",
            "Secret/ameide-dev/langfuse-secrets",
            "Deployment/ameide-dev/langfuse-web",
        ] {
            assert!(has(station), "{name} leads to {station}");
        }
        let breaks: Vec<_> = chain.breaks().map(|station| (station.stage, station.object.to_string())).collect();
        assert_eq!(breaks, [(Stage::Vault, "Vault/ameide-dev/vault-core-dev".to_owned())], "{name}");
    }
    insta::assert_snapshot!("trace-sealed-deployment", traced(&snapshot, "deploy/ameide-dev/langfuse-web"));
    insta::assert_snapshot!("trace-sealed-missing-secret", traced(&snapshot, "secret/ameide-dev/agent-runtime-credentials"));
    insta::assert_snapshot!("trace-sealed-vault", traced(&snapshot, "vault/vault-core-dev"));
}

#[tokio::test(start_paused = true)]
async fn every_object_of_every_recorded_world_has_a_chain() {
    for world in worlds() {
        let snapshot = look(recording(&world)).await;
        for what in WHAT.iter() {
            for object in find(what, &[], &snapshot).objects() {
                let at = format!("{}: {object}", world.display());
                if !matches!(what.name, "stores" | "externalsecrets" | "paths" | "vaults" | "secrets" | "consumers" | "vso") {
                    continue;
                }
                assert_eq!(lookup(&snapshot.world, &object.to_string(), &[]).as_ref(), Ok(object), "{at}");
                let chain = chain(&snapshot.world, &snapshot.diagnosis, object, snapshot.now, usize::MAX);
                assert!(chain.stations.iter().any(|station| station.object == *object), "{at}");
                let shown = chain.lines();
                assert!(shown.len() >= chain.stations.len(), "{at}: {} of {} stations", shown.len(), chain.stations.len());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn chains_of_recorded_worlds_break_where_they_do() {
    for world in ["20-service-account-missing", "32-store-missing", "27-version-soft-deleted", "54-vso-sealed"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds").join(world);
        let truth: Value =
            serde_json::from_str(&fs::read_to_string(folder.join("truth.json")).expect("the truth")).expect("JSON");
        let mut certain = truth["certain"].as_array().expect("objects").iter().filter_map(|one| one["object"].as_str());
        let broken = certain.rfind(|object| !object.starts_with("Vault")).unwrap_or("VaultStaticSecret");
        let snapshot = look(recording(&folder.join("world.json"))).await;
        let name = match What::from_word(broken) {
            Some(kind) => find(kind, &[], &snapshot).objects().next().expect("one").to_string(),
            None => broken.to_owned(),
        };
        insta::assert_snapshot!(format!("trace-{world}"), traced(&snapshot, &name));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/45-pods-older-than-secret/world.json");
    insta::assert_snapshot!("trace-45-pods-older-than-secret", traced(&*look(recording(&path)).await, "Secret/web/web-db"));
}

#[tokio::test(start_paused = true)]
async fn a_job_that_fills_the_vault_stands_before_its_paths_and_breaks_nothing_that_is_there() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds/47-client-patcher-failed/world.json");
    let snapshot = look(recording(&path)).await;
    let object = lookup(&snapshot.world, "es/keycloak/sessions", &[]).expect("an object");
    let chain = chain(&snapshot.world, &snapshot.diagnosis, &object, snapshot.now, 4);
    let job = chain.stations.iter().find(|station| station.object.to_string() == "Job/keycloak/client-patcher").expect("the Job");
    assert_eq!((job.stage, job.state.health, job.state.word.as_ref()), (Stage::Bootstrap, Health::Warning, "failed"));
    assert!(job.from.iter().all(|from| chain.stations[*from].stage == Stage::Vault) && !job.from.is_empty());
    assert_eq!(chain.breaks().count(), 0);
    let tree = traced(&snapshot, "es/keycloak/sessions");
    assert_eq!(tree.matches("filled by Job client-patcher").count(), 1, "{tree}");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_one_is_answered_with_what_was_meant() {
    let snapshot = look(simulation("sealed")).await;
    let not = |name: &str| lookup(&snapshot.world, name, &[]).expect_err("not one");
    assert_eq!(not("deploy/langfuse-web").like.len(), 3, "one in each environment: which is meant?");
    assert_eq!(not("es/ameide-dev/langfuse-secret-sync").like[0].name.as_str(), "langfuse-secrets-sync");
    assert!(not("web").why.contains("KIND/NAME") && not("bread/web").why.contains("not a kind"));
}

#[tokio::test(start_paused = true)]
async fn what_was_made_a_moment_ago_is_not_broken_yet_and_is_when_its_time_is_over() {
    let text = "title = \"x\"\nextends = \"healthy\"\n
        [[external-secret]]\nnamespace = \"ameide-dev\"\nname = \"no-store\"\nstore = \"nowhere\"\nafter = \"94m50s\"
        data = { a = \"smtp-password#value\" }
        [[external-secret]]\nnamespace = \"ameide-dev\"\nname = \"no-turn\"\nstore = \"ameide-vault\"\nafter = \"95m\"
        data = { a = \"smtp-password#value\" }
        [[consumer]]\nnamespace = \"ameide-dev\"\nworkload = \"Deployment/new\"\nsecrets = { env = [\"no-store\"] }\nafter = \"94m50s\"
        [[happens]]\nat = \"94m59s\"\nwhat = \"stop-external-secrets\"
        [[happens]]\nat = \"96m\"\nwhat = \"start-external-secrets\"\n";
    let scenario = Scenario::parse("mine", text).expect("a scenario");
    let simulation = Simulation::start(&scenario, 1.0);
    let ports = Ports {
        cluster: simulation.cluster(),
        vault: simulation.vault(),
        clock: simulation.clock(),
        journal: Arc::new(MemoryJournal::default()),
    };
    let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
    let mut snapshots = engine.snapshots();
    let check = |snapshot: &Snapshot| {
        let mut out = Vec::new();
        sealwatch::report::check(sealwatch::report::Format::Table, snapshot, None, &mut out).expect("written");
        (String::from_utf8(out).expect("text"), sealwatch::report::verdict(snapshot))
    };
    let state = |snapshot: &Snapshot, word: &str, name: &str| {
        let list: Value = serde_json::from_str(&written(what(word), &[name], GetFormat::Json, snapshot)).expect("JSON");
        (list["items"][0]["health"].clone(), list["items"][0]["state"].clone())
    };

    let seen = snapshots.wait_for(|seen| is_told(what("paths"), seen) && seen.is_known()).await.expect("it runs").clone();
    let (said, verdict) = check(&seen);
    // What it says of itself is no start: that External Secrets was stopped is the cause of all the rest.
    assert!(said.contains("External Secrets does not run") && !said.contains("store-missing"), "{said}");
    assert!(said.contains("not yet: ExternalSecret/ameide-dev/no-store: its store: it was made 1"), "{said}");
    assert_eq!(verdict, "findings");
    assert_eq!(state(&seen, "es", "ameide-dev/no-store"), ("unknown".into(), "not yet".into()));
    assert_eq!(state(&seen, "es", "ameide-dev/no-turn"), ("unknown".into(), "not yet".into()));
    assert_eq!(state(&seen, "deployments", "ameide-dev/new"), ("unknown".into(), "starting".into()));
    let tree = traced(&seen, "deploy/ameide-dev/new");
    assert!(tree.contains("breaks at      nothing, as far as could be seen") && tree.contains("starting"), "{tree}");

    tokio::time::sleep(std::time::Duration::from_secs(150)).await;
    let missing = |seen: &Arc<Snapshot>| seen.diagnosis.causes.iter().any(|cause| cause.slug == "store-missing");
    let seen = snapshots.wait_for(missing).await.expect("it runs").clone();
    let (said, verdict) = check(&seen);
    assert!(said.contains("store-missing") && !said.contains("not yet:"), "{said}");
    assert_eq!(verdict, "findings");
    assert_eq!(state(&seen, "es", "ameide-dev/no-store").1, "failing");
    assert_eq!(state(&seen, "es", "ameide-dev/no-turn").1, "synced");
}
