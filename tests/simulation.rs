//! The simulation through its ports, as the engine uses it, on tokio's paused clock.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use std::time::Duration;

use futures::StreamExt as _;
use sealwatch::gateways::simulation::{Scenario, Simulation};
use sealwatch::model::kinds::Object;
use sealwatch::model::{Change, Health, Inventory, Kind, Name, ObjectRef, Part, ReplicaRole, VaultAddress};
use sealwatch::ports::{Permit, ReplicaAddress, Scope, Typed};
use sealwatch::runbooks::{ClusterRight, KubernetesWrite, VaultWrite};

const SERVER: &str = "http://vault-core-dev.ameide-dev.svc.cluster.local:8200";

fn start(slug: &str, speed: f64) -> Simulation {
    Simulation::start(&Scenario::named(slug).expect("a scenario"), speed)
}

fn server() -> VaultAddress {
    VaultAddress::parse(SERVER).expect("a URL")
}

fn replica(index: usize) -> ReplicaAddress {
    ReplicaAddress { server: server(), pod: Name::new(&format!("vault-core-dev-{index}")) }
}

fn typed(text: &str) -> Typed {
    let mut typed = Typed::new();
    text.chars().for_each(|c| typed.push(c));
    typed
}

async fn unseal(simulation: &Simulation, index: usize, share: &str) -> Result<(bool, u32), String> {
    let write = VaultWrite::unseal(server(), ObjectRef::new(Kind::VaultReplica, "ameide-dev", replica(index).pod), 0);
    let receipt = simulation.vault().write(Permit::grant(), &write, Some(&typed(share))).await;
    receipt
        .map(|receipt| receipt.seal.map(|seal| (seal.sealed, seal.progress)).expect("a seal"))
        .map_err(|fault| fault.to_string())
}

fn shares(simulation: &Simulation) -> Vec<String> {
    simulation.paper_shares(&ObjectRef::new(Kind::Vault, "ameide-dev", "vault-core-dev"))
}

#[tokio::test(start_paused = true)]
async fn a_watch_lists_first_and_then_tells_what_changes() {
    let simulation = start("healthy", 1.0);
    let mut watch = simulation.cluster().watch(Kind::SecretStore, &Scope::Namespaces(vec![Name::new("ameide-dev")]));
    let Some(Change::Listed(Part { kind: Kind::SecretStore, .. }, objects, _)) = watch.next().await else {
        panic!("first the list")
    };
    assert_eq!(objects.iter().map(|object| object.object_ref().short()).collect::<Vec<_>>(), ["ameide-dev/ameide-vault"]);

    let object = ObjectRef::new(Kind::SecretStore, "ameide-dev", "ameide-vault");
    let write = KubernetesWrite::Annotate { object, key: "force-sync", value: "1".to_owned() };
    let receipt = simulation.cluster().write(Permit::grant(), &write).await.expect("it may");
    let Some(Change::Applied(Object::SecretStore(store))) = watch.next().await else { panic!("then the change") };
    assert_eq!(store.meta.resource_version, receipt.resource_version);
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_is_told_the_newest_state_and_not_a_backlog() {
    let simulation = start("healthy", 1.0);
    let mut watch = simulation.cluster().watch(Kind::ExternalSecret, &Scope::Everywhere);
    assert!(matches!(watch.next().await, Some(Change::Listed(..))));
    tokio::time::sleep(Duration::from_secs(6 * 3600)).await;
    let mut told = std::collections::BTreeMap::<ObjectRef, u32>::new();
    while let Ok(Some(change)) = tokio::time::timeout(Duration::from_millis(1), watch.next()).await {
        let Change::Applied(object) = change else { panic!("{change:?}") };
        *told.entry(object.object_ref()).or_default() += 1;
    }
    assert!(told.len() > 40, "six hours: nearly everything was read again");
    assert!(told.values().all(|times| *times == 1), "each once");
}

#[tokio::test(start_paused = true)]
async fn time_runs_as_fast_as_it_is_told() {
    let simulation = start("healthy", 60.0);
    let clock = simulation.clock();
    let (before, outside) = (clock.now(), tokio::time::Instant::now());
    clock.sleep(Duration::from_secs(600)).await;
    assert_eq!(outside.elapsed().as_secs(), 10);
    assert_eq!(clock.now().as_second() - before.as_second(), 600);
}

#[tokio::test(start_paused = true)]
async fn three_of_five_with_a_joining_replica() {
    let simulation = start("sealed-three-of-five", 1.0);
    let shares = shares(&simulation);
    assert_eq!(shares.len(), 5);
    for share in &shares[..2] {
        unseal(&simulation, 0, share).await.expect("200");
    }
    let wrong = "ab".repeat(33);
    let refusal = unseal(&simulation, 0, &wrong).await.expect_err("the last one fails");
    assert!(refusal.contains("400: ") && refusal.contains("message authentication failed"), "{refusal}");
    for index in 0..2 {
        for share in &shares[1..4] {
            unseal(&simulation, index, share).await.expect("200");
        }
    }
    let (seal, role) = simulation.vault().status(&replica(0)).await.expect("an answer");
    assert!(!seal.sealed && role == ReplicaRole::Leaderless, "an election takes a moment");
    tokio::time::sleep(Duration::from_secs(3)).await;
    for share in &shares[2..4] {
        unseal(&simulation, 2, share).await.expect("200");
    }
    assert_eq!(unseal(&simulation, 2, &shares[0]).await, Ok((true, 0)), "200, and still sealed: it joins");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (seal, role) = simulation.vault().status(&replica(2)).await.expect("an answer");
    assert!(!seal.sealed && matches!(role, ReplicaRole::Standby(_)), "it opened by itself");
}

#[tokio::test(start_paused = true)]
async fn the_safe_holds_the_shares_and_rights_are_there() {
    let simulation = start("sealed", 1.0);
    let cluster = simulation.cluster();
    let safe = ObjectRef::new(Kind::Secret, "ameide-dev", "vault-auto-credentials");
    let held = cluster.shares(Permit::grant(), &safe, "unseal-key").await.expect("it exists");
    assert_eq!(held.iter().map(Typed::reveal).collect::<Vec<_>>(), shares(&simulation));
    assert!(cluster.may(&ClusterRight::reach_pod(&Name::new("ameide-dev"))).await.expect("an answer"));
    let pods = cluster.replicas(&Name::new("ameide-dev"), &Name::new("vault-core-dev")).await.expect("three");
    assert!(pods.len() == 3 && pods.iter().all(|pod| pod.started.is_some()));
    let controller = cluster.controller().await.expect("an answer").expect("it runs");
    assert!(controller.works() && controller.release() == Some((0, 16)) && controller.concurrent == 1);
}

#[tokio::test(start_paused = true)]
async fn who_lacks_a_right_is_told_so_and_refused() {
    let text = "title = \"x\"\nextends = \"healthy\"\ndenied = [\"patch externalsecrets\"]\n";
    let simulation = Simulation::start(&Scenario::parse("mine", text).expect("a scenario"), 1.0);
    let object = ObjectRef::new(Kind::ExternalSecret, "ameide-dev", "ghcr-pull-sync");
    assert_eq!(simulation.cluster().may(&ClusterRight::on("patch", &object)).await, Ok(false));
    let write = KubernetesWrite::Annotate { object, key: "force-sync", value: "1".to_owned() };
    let fault = simulation.cluster().write(Permit::grant(), &write).await.expect_err("forbidden");
    assert_eq!(fault.kind, sealwatch::model::FaultKind::Forbidden);
}

/// The whole world as the engine gathers it.
async fn gather(simulation: &Simulation) -> Inventory {
    let mut world = Inventory::default();
    let now = simulation.clock().now();
    for kind in [Kind::SecretStore, Kind::ExternalSecret, Kind::Event, Kind::Secret, Kind::Pod] {
        let list = simulation.cluster().watch(kind, &Scope::Everywhere).next().await.expect("a list");
        world.apply(list, now);
    }
    world.settle();
    world
}

#[tokio::test(start_paused = true)]
async fn a_pod_starts_once_its_secret_exists() {
    let simulation = start("sealed", 1.0);
    let world = gather(&simulation).await;
    let waiting: Vec<_> = world.all::<sealwatch::model::kinds::Pod>().iter().filter(|pod| pod.wants_secret()).cloned().collect();
    assert_eq!(waiting.len(), 1);
    let (reason, message) = waiting[0].waiting.clone().expect("it waits");
    assert_eq!(
        (reason.as_str(), message.as_str()),
        ("CreateContainerConfigError", "secret \"agent-runtime-credentials\" not found")
    );

    let share = shares(&simulation).remove(0);
    for index in 0..3 {
        unseal(&simulation, index, &share).await.expect("200");
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    for (kind, name) in [(Kind::SecretStore, "ameide-vault"), (Kind::ExternalSecret, "agent-runtime-credentials-sync")] {
        let object = ObjectRef::new(kind, "ameide-dev", name);
        let write = KubernetesWrite::Annotate { object, key: "force-sync", value: "1".to_owned() };
        simulation.cluster().write(Permit::grant(), &write).await.expect("it may");
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    tokio::time::sleep(Duration::from_secs(20)).await;
    let world = gather(&simulation).await;
    assert!(world.all::<sealwatch::model::kinds::Pod>().iter().all(|pod| !pod.wants_secret()));
}

#[tokio::test(start_paused = true)]
async fn a_sealed_world_left_alone_after_the_unseal_heals_within_fourteen_minutes() {
    let simulation = start("sealed", 1.0);
    let share = shares(&simulation).remove(0);
    for index in 0..3 {
        unseal(&simulation, index, &share).await.expect("200");
    }
    let begun = tokio::time::Instant::now();
    loop {
        let world = gather(&simulation).await;
        let ill =
            world.all::<sealwatch::model::kinds::ExternalSecret>().iter().filter(|es| es.health() != Health::Healthy).count();
        if ill == 0 && world.stores().all(|store| store.health() == Health::Healthy) {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(2 * 420 + 60), "{ill} still fail");
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    println!("untouched: everything synced {} s after the unseal", begun.elapsed().as_secs());
    assert!(begun.elapsed() > Duration::from_secs(60));
}

/// Every kind, as the engine gathers it.
async fn gather_all(simulation: &Simulation) -> Inventory {
    let mut world = Inventory::default();
    for kind in sealwatch::model::kinds::all() {
        let told = simulation.cluster().watch(*kind, &Scope::Everywhere).next().await.expect("a word about each kind");
        world.apply(told, simulation.clock().now());
    }
    world.settle();
    world
}

#[tokio::test(start_paused = true)]
async fn neighbours_are_not_installed_and_kubernetes_is_there_whole() {
    use sealwatch::model::kinds::{
        Deployment, EndpointSlice, Namespace, Node, Service, ServiceAccount, StatefulSet, System, api,
    };
    let world = gather_all(&start("healthy", 1.0)).await;
    for (kind, source) in &world.sources {
        let system = api(*kind).expect("it is watched").system();
        let installed = matches!(system, System::Kubernetes | System::ExternalSecrets);
        assert!(source.absent.is_none() == installed && source.is_seen(), "{kind}: {source:?}");
    }
    assert!(world.lacks(System::VaultSecretsOperator) && !world.lacks(System::ExternalSecrets));
    assert_eq!(world.uninstalled(), None);
    for namespace in ["default", "kube-system", "external-secrets", "ameide-dev", "ameide-staging", "ameide-prod", "argocd"] {
        assert!(world.get::<Namespace>(&ObjectRef::new(Kind::Namespace, "", namespace)).is_some(), "{namespace}");
        assert!(
            world.get::<ServiceAccount>(&ObjectRef::new(Kind::ServiceAccount, namespace, "default")).is_some(),
            "{namespace}"
        );
    }
    for store in world.stores() {
        let account = ObjectRef::new(Kind::ServiceAccount, store.meta.namespace.clone(), "external-secrets");
        assert!(world.get::<ServiceAccount>(&account).is_some(), "{account}");
    }
    assert!(world.all::<Node>().iter().all(|node| node.ready.is_some()) && world.all::<Node>().len() == 3);
    let service = ObjectRef::new(Kind::Service, "ameide-dev", "vault-core-dev");
    assert!(world.get::<Service>(&service).is_some_and(|service| service.publishes_not_ready));
    let slice =
        world.get::<EndpointSlice>(&ObjectRef::new(Kind::EndpointSlice, "ameide-dev", "vault-core-dev")).expect("a slice");
    assert!(slice.service == service.name && slice.endpoints.len() == 3);
    assert!(slice.endpoints.iter().all(|endpoint| endpoint.serving && endpoint.pod.is_some()));
    // Every pod leads to a workload that counts it.
    for pod in world.all::<sealwatch::model::kinds::Pod>().iter() {
        let workload = pod.workload.clone().expect("a workload");
        let counted = match workload.kind {
            Kind::StatefulSet => world.get::<StatefulSet>(&workload).map(|one| &one.0),
            _ => world.get::<Deployment>(&workload).map(|one| &one.0),
        };
        assert!(counted.is_some_and(|one| one.ready == one.wanted && one.ready > 0), "{workload}: {counted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_is_deleted_comes_back_and_a_vault_in_it_is_sealed() {
    use sealwatch::model::kinds::{Deployment, EndpointSlice, Pod};
    let text = "title = \"x\"\nextends = \"healthy\"\nhappens = [
        {at = \"95m1s\", what = \"delete\", object = \"Pod/ameide-dev/vault-core-dev-1\"},
        {at = \"95m1s\", what = \"stop-external-secrets\"},
        {at = \"96m\", what = \"delete\", object = \"ServiceAccount/ameide-dev/external-secrets\"},
        {at = \"96m\", what = \"start-external-secrets\"},
    ]\n";
    let simulation = Simulation::start(&Scenario::parse("mine", text).expect("a scenario"), 1.0);
    let slice = |world: &Inventory| {
        let slice = ObjectRef::new(Kind::EndpointSlice, "ameide-dev", "vault-core-dev");
        let slice = world.get::<EndpointSlice>(&slice).expect("a slice").clone();
        slice.endpoints.iter().map(|endpoint| endpoint.serving).collect::<Vec<_>>()
    };
    let operator = |world: &Inventory| {
        let deployment = ObjectRef::new(Kind::Deployment, "external-secrets", "external-secrets");
        let pods = world.all::<Pod>().iter().filter(|pod| pod.meta.namespace.as_str() == "external-secrets").count();
        (world.get::<Deployment>(&deployment).map(|one| (one.0.ready, one.0.wanted)).expect("it is there"), pods)
    };
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let world = gather_all(&simulation).await;
    assert_eq!((slice(&world), operator(&world)), (vec![true, false, true], ((0, 0), 0)));
    tokio::time::sleep(Duration::from_secs(8)).await;
    let world = gather_all(&simulation).await;
    assert_eq!(slice(&world), [true, true, true]);
    let (seal, _) = simulation.vault().status(&replica(1)).await.expect("an answer");
    assert!(seal.sealed, "a new process is sealed");
    tokio::time::sleep(Duration::from_secs(70)).await;
    let world = gather_all(&simulation).await;
    assert_eq!(operator(&world), ((1, 1), 1));
    // It starts, checks every store, and cannot ask for a token of an account that is gone.
    let store = world.store(&ObjectRef::new(Kind::SecretStore, "ameide-dev", "ameide-vault")).expect("a store").clone();
    assert_eq!(store.health(), Health::Failing);
    let said = world.events_of(&store.store_ref()).last().expect("an event").message.to_string();
    assert!(said.ends_with("ServiceAccount \"external-secrets\" not found"), "{said}");
}
