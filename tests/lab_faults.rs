//! The engine over the real gateways, while servers stand still, end, come back, forget, and the network between is
//! cut: what is lost is said in time, and what is shown is right again by itself. `tests/lab/test` runs these; each
//! starts a lab of its own.

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
#[path = "common/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use lab::{Lab, wait_until};
use sealwatch::diagnosis::Unknown;
use sealwatch::engine::{Engine, Options, Ports, Snapshot};
use sealwatch::gateways::clock::SystemClock;
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::kubernetes::{ConnectOptions, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::model::kinds::{ExternalSecret, Pod, Secret, SecretStore, ServiceAccount, System, VaultStaticSecret, Watched};
use sealwatch::model::source::Reading;
use sealwatch::model::{Kind, Name, ObjectRef, Replica, kinds};
use sealwatch::ports::Scope;
use tokio::sync::watch;
use wire::{Mode, Wire};

const SOON: Duration = Duration::from_secs(30);
/// Within which a connection that is only half open must be found.
const HALF_OPEN: Duration = Duration::from_secs(60);

/// What the program sees.
struct Eyes {
    _engine: Engine,
    snapshots: watch::Receiver<Arc<Snapshot>>,
}

impl Eyes {
    async fn open(kubeconfig: PathBuf) -> Self {
        let mut eyes = Self::half_open(kubeconfig, Scope::Everywhere).await;
        eyes.until("everything to be seen", SOON, |seen| !seen.is_blind()).await;
        eyes
    }

    /// The same for who may not see everything.
    async fn half_open(kubeconfig: PathBuf, scope: Scope) -> Self {
        let cluster =
            connect(&ConnectOptions { kubeconfig: Some(kubeconfig), ..ConnectOptions::default() }).expect("a kubeconfig");
        let ports = Ports {
            vault: Arc::new(VaultGateway::new(VaultEnvironment::default(), Some(cluster.clone()))),
            cluster: Arc::new(cluster),
            clock: Arc::new(SystemClock),
            journal: Arc::new(MemoryJournal::default()),
        };
        let engine = Engine::start(ports, Options { scope, ..Options::default() });
        let mut eyes = Self { snapshots: engine.snapshots(), _engine: engine };
        eyes.until("everything to be asked", SOON, Snapshot::is_known).await;
        eyes
    }

    /// Waits until a picture satisfies this, and says how long that took.
    async fn until(&mut self, what: &str, within: Duration, satisfied: impl Fn(&Snapshot) -> bool) -> Duration {
        let begun = Instant::now();
        let found = tokio::time::timeout(within, self.snapshots.wait_for(|seen| satisfied(seen))).await;
        let seen = found.is_ok_and(|seen| seen.is_ok());
        assert!(seen, "not within {within:?}: {what}. What is missing: {:#?}", self.snapshots.borrow().diagnosis.unknown);
        begun.elapsed()
    }

    /// Waits until the program sees exactly what another client is told.
    async fn sees_all(&self, client: &kube::Client, within: Duration) -> Duration {
        wait_until("the world to be as the API server tells it", within, async || {
            let told = told(client).await;
            let seen = seen(&self.snapshots.borrow());
            if told == seen {
                return Ok(());
            }
            let differ = told.iter().filter(|(object, version)| seen.get(*object) != Some(version)).map(|(object, _)| object);
            let extra = seen.keys().filter(|object| !told.contains_key(*object));
            Err(format!("{:?}", differ.chain(extra).take(5).collect::<Vec<_>>()))
        })
        .await
    }

    fn replica(&self, pod: &str) -> Replica {
        let seen = self.snapshots.borrow();
        seen.world.vaults.values().find_map(|server| server.replicas.get(pod)).expect("a replica").clone()
    }
}

/// Every object of the kinds that matter, with its version.
type World = BTreeMap<String, u64>;

fn seen(snapshot: &Snapshot) -> World {
    fn of<K: Watched>(snapshot: &Snapshot, into: &mut World) {
        into.extend(
            snapshot.world.all::<K>().iter().map(|object| (object.object_ref().to_string(), object.meta().resource_version)),
        );
    }
    let mut world = World::new();
    of::<ExternalSecret>(snapshot, &mut world);
    of::<SecretStore>(snapshot, &mut world);
    of::<Secret>(snapshot, &mut world);
    of::<Pod>(snapshot, &mut world);
    world
}

async fn told(client: &kube::Client) -> World {
    let mut world = World::new();
    for (group, kind) in
        [("external-secrets.io", "ExternalSecret"), ("external-secrets.io", "SecretStore"), ("", "Secret"), ("", "Pod")]
    {
        let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource(group, kind));
        // Told with an error while the server starts; then nothing is the same.
        for object in api.list(&ListParams::default()).await.map(|list| list.items).unwrap_or_default() {
            let meta = object.metadata;
            let version = meta.resource_version.and_then(|version| version.parse().ok()).unwrap_or_default();
            world.insert(format!("{kind}/{}/{}", meta.namespace.unwrap_or_default(), meta.name.unwrap_or_default()), version);
        }
    }
    world
}

fn resource(group: &str, kind: &str) -> ApiResource {
    ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", kind))
}

/// Things that happen while nobody looks: an object changes, one comes, one goes.
async fn happen(client: &kube::Client, namespace: &str, mark: &str) {
    let stores: Api<DynamicObject> =
        Api::namespaced_with(client.clone(), namespace, &resource("external-secrets.io", "SecretStore"));
    let store = stores.list(&ListParams::default()).await.expect("stores").items.remove(0).metadata.name.expect("a name");
    let note = serde_json::json!({"metadata": {"annotations": {"lab.sealwatch/mark": mark}}});
    stores.patch(&store, &PatchParams::default(), &Patch::Merge(note)).await.expect("annotated");
    let secrets: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource("", "Secret"));
    let secret = |name: &str| {
        let value = serde_json::json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}});
        serde_json::from_value::<DynamicObject>(value).expect("a Secret")
    };
    secrets.create(&kube::api::PostParams::default(), &secret(&format!("came-{mark}"))).await.expect("created");
    secrets.create(&kube::api::PostParams::default(), &secret(&format!("went-{mark}"))).await.expect("created");
    secrets.delete(&format!("went-{mark}"), &kube::api::DeleteParams::default()).await.expect("deleted");
}

/// A kubeconfig of the lab that leads through a wire.
fn through(lab: &Lab, wire: &Wire, name: &str) -> PathBuf {
    let text = std::fs::read_to_string(lab.kubeconfig("admin")).expect("a kubeconfig");
    let direct = format!("server: {}", lab.text("/api_server"));
    assert!(text.contains(&direct), "the kubeconfig names the server");
    let text = text.replace(&direct, &format!("server: https://{}\n    tls-server-name: kubernetes", wire.address));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.kubeconfig", std::process::id()));
    std::fs::write(&path, text).expect("written");
    path
}

/// Tells etcd to forget everything up to now, as its operator does every five minutes.
async fn compact(lab: &Lab) {
    let etcd = lab.text("/api_server").replace("https://", "http://").trim_end_matches(".1").to_owned() + ".2:2379";
    let ask = |path: &'static str, body: String| {
        let request = format!("{etcd}{path}");
        async move {
            let output =
                std::process::Command::new("curl").args(["-sS", "-X", "POST", &request, "-d", &body]).output().expect("curl");
            String::from_utf8(output.stdout).expect("JSON")
        }
    };
    let status: serde_json::Value =
        serde_json::from_str(&ask("/v3/maintenance/status", "{}".to_owned()).await).expect("the status of etcd");
    let revision = status["header"]["revision"].as_str().expect("a revision");
    let said = ask("/v3/kv/compaction", format!(r#"{{"revision":"{revision}","physical":true}}"#)).await;
    assert!(!said.contains("error"), "{said}");
}

/// How often Secrets were listed by a streamed list of ours, as the audit log of the API server tells.
fn lists(lab: &Lab) -> usize {
    let audit = std::fs::read_to_string(lab.text("/files/audit_log")).expect("the audit log");
    audit.lines().filter(|line| line.contains("/api/v1/secrets?") && line.contains("timeoutSeconds=290")).count()
}

fn lost(snapshot: &Snapshot) -> bool {
    [Kind::ExternalSecret, Kind::SecretStore, Kind::Secret, Kind::Pod]
        .iter()
        .all(|kind| snapshot.world.sources.get(kind).is_some_and(|source| source.fault().is_some()))
}

/// All is seen; but paths, for which these eyes have no token.
fn whole(snapshot: &Snapshot) -> bool {
    let is_of_token = |one: &Unknown| one.needs.starts_with("No Vault token");
    !snapshot.is_blind() && snapshot.diagnosis.unknown.iter().all(is_of_token)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn the_api_server_is_cut_off_stands_still_forgets_and_ends() {
    let lab = Lab::up("api-faults", &[]);
    let client = lab.client().await;
    let address = lab.text("/api_server").trim_start_matches("https://").to_owned() + ":443";
    let wire = Wire::to(&address).await;
    let mut eyes = Eyes::open(through(&lab, &wire, "api-faults")).await;
    let dev = lab.text("/namespaces/dev").to_owned();
    let least = seen(&eyes.snapshots.borrow()).len();
    // From here on no picture may hold less than there was: a list after a gap is swapped in as one.
    let mut pictures = eyes.snapshots.clone();
    let watched = tokio::spawn(async move {
        while pictures.changed().await.is_ok() {
            let now = seen(&pictures.borrow_and_update()).len();
            assert!(now >= least, "a picture with {now} objects, of at least {least}");
        }
    });

    wire.set(Mode::Cut);
    println!("cut: said after {:.1?}", eyes.until("the cut to be said", SOON, lost).await);
    happen(&client, &dev, "cut").await;
    wire.set(Mode::Through);
    println!("cut: whole again after {:.1?}", eyes.until("all to be seen", SOON, whole).await);
    eyes.sees_all(&client, SOON).await;

    wire.set(Mode::Silent);
    println!("silent: said after {:.1?}", eyes.until("the silence to be said", HALF_OPEN, lost).await);
    happen(&client, &dev, "silent").await;
    wire.set(Mode::Through);
    println!("silent: whole again after {:.1?}", eyes.until("all to be seen", HALF_OPEN, whole).await);
    eyes.sees_all(&client, SOON).await;

    // What is asked for from where it was is not known any more.
    wire.set(Mode::Cut);
    eyes.until("the cut to be said", SOON, lost).await;
    happen(&client, &dev, "forgotten").await;
    let listed = lists(&lab);
    lab.fault("apiserver-stopped", &[]);
    compact(&lab).await;
    lab.heal("apiserver-stopped", &[]);
    wire.set(Mode::Through);
    println!("forgotten: whole again after {:.1?}", eyes.until("all to be seen", HALF_OPEN, whole).await);
    eyes.sees_all(&client, SOON).await;
    assert!(lists(&lab) > listed, "what is forgotten is listed anew");

    let stopped = Instant::now();
    lab.fault("apiserver-frozen", &[]);
    println!("still: said after {:.1?}", eyes.until("the standstill to be said", HALF_OPEN, lost).await);
    tokio::time::sleep(Duration::from_secs(50).saturating_sub(stopped.elapsed())).await;
    lab.heal("apiserver-frozen", &[]);
    println!("still: whole again after {:.1?}", eyes.until("all to be seen", HALF_OPEN, whole).await);
    eyes.sees_all(&client, SOON).await;

    lab.fault("apiserver-stopped", &[]);
    println!("ended: said after {:.1?}", eyes.until("the end to be said", SOON, lost).await);
    lab.heal("apiserver-stopped", &[]);
    println!("ended: whole again after {:.1?}", eyes.until("all to be seen", HALF_OPEN, whole).await);
    happen(&client, &dev, "ended").await;
    eyes.sees_all(&client, SOON).await;
    drop(eyes);
    watched.await.expect("no picture held less than there was");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn each_replica_of_a_vault_stands_still_ends_and_is_cut_off_alone() {
    let lab = Lab::up("vault-faults", &[]);
    let address = lab.text("/api_server").trim_start_matches("https://").to_owned() + ":443";
    let wire = Wire::to(&address).await;
    let mut eyes = Eyes::open(through(&lab, &wire, "vault-faults")).await;
    let pods: Vec<Name> =
        eyes.snapshots.borrow().world.vaults.values().flat_map(|server| server.replicas.keys().cloned()).collect();
    assert_eq!(pods.len(), 3);
    let replica = |snapshot: &Snapshot, pod: &Name| {
        snapshot.world.vaults.values().find_map(|server| server.replicas.get(pod)).expect("a replica").clone()
    };
    let all_open = |snapshot: &Snapshot| pods.iter().all(|pod| replica(snapshot, pod).is_open()) && whole(snapshot);

    for pod in &pods {
        lab.fault("vault-frozen", &["--pod", pod.as_str()]);
        let after = eyes.until("that it does not answer", SOON, |seen| replica(seen, pod).fault.is_some()).await;
        let silent = eyes.replica(pod.as_str());
        println!("{pod}: no answer is said after {after:.1?}: {}", silent.fault.as_ref().expect("a fault"));
        assert!(silent.answered < silent.since, "the last answer is older than the silence");
        let before: Vec<_> = pods.iter().map(|pod| eyes.replica(pod.as_str()).answered).collect();
        eyes.until("the others to go on", SOON, |seen| {
            pods.iter()
                .zip(&before)
                .filter(|(other, _)| *other != pod)
                .all(|(other, before)| replica(seen, other).answered > *before)
        })
        .await;
        lab.heal("vault-frozen", &[]);
        println!("{pod}: heard again after {:.1?}", eyes.until("all to be open", HALF_OPEN, all_open).await);
    }

    for pod in &pods {
        lab.fault("vault-stopped", &["--pod", pod.as_str()]);
        eyes.until("that nothing listens", SOON, |seen| replica(seen, pod).fault.is_some()).await;
        lab.fault("vault-restarted", &["--pod", pod.as_str()]);
        println!(
            "{pod}: sealed after {:.1?}",
            eyes.until("that it is sealed", SOON, |seen| replica(seen, pod).is_sealed()).await
        );
        lab.heal("vault-restarted", &[]);
        eyes.until("all to be open", HALF_OPEN, all_open).await;
    }

    // The port-forwards go over the same wire as everything else.
    wire.set(Mode::Cut);
    eyes.until("that none answers", SOON, |seen| pods.iter().all(|pod| replica(seen, pod).fault.is_some())).await;
    wire.set(Mode::Through);
    println!("cut: all open after {:.1?}", eyes.until("all to be open", HALF_OPEN, all_open).await);
    wire.set(Mode::Silent);
    println!(
        "silent: said after {:.1?}",
        eyes.until("that none answers", SOON, |seen| pods.iter().all(|pod| replica(seen, pod).fault.is_some())).await
    );
    wire.set(Mode::Through);
    println!("silent: all open after {:.1?}", eyes.until("all to be open", HALF_OPEN, all_open).await);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn rights_in_one_namespace_give_that_and_rights_that_come_and_go_are_seen() {
    let lab = Lab::up("rights", &[]);
    let client = lab.client().await;
    let (dev, staging) = (Name::new(lab.text("/namespaces/dev")), Name::new(lab.text("/namespaces/staging")));
    let tenant = || PathBuf::from(lab.kubeconfig("tenant"));
    let external_secrets = |seen: &Snapshot, namespace: &Name| {
        seen.world.all::<ExternalSecret>().iter().filter(|es| es.meta.namespace == *namespace).count()
    };

    // Everything is asked for, and the namespace of the context is what there is.
    let eyes = Eyes::half_open(tenant(), Scope::Everywhere).await;
    let seen = eyes.snapshots.borrow().clone();
    assert!(external_secrets(&seen, &dev) > 0 && seen.world.all::<ExternalSecret>().iter().all(|es| es.meta.namespace == dev));
    assert!(seen.is_blind(), "green is nothing that was not seen");
    let missing: Vec<&str> = seen.diagnosis.unknown.iter().map(|one| one.subject.as_str()).collect();
    assert!(
        missing.iter().any(|one| one.starts_with("every ExternalSecret, SecretStore") && one.ends_with("outside ameide-dev")),
        "{missing:?}"
    );
    assert!(missing.iter().any(|one| one.starts_with("every ClusterSecretStore") && one.contains("Secret")), "{missing:?}");
    drop(eyes);

    // Two namespaces are asked for, of which one may be read; then the other too; then not any more.
    let mut eyes = Eyes::half_open(tenant(), Scope::Namespaces(vec![dev.clone(), staging.clone()])).await;
    let faults = |seen: &Snapshot, namespace: &Name| {
        seen.world.sources.get(&Kind::ExternalSecret).is_some_and(|source| source.parts[namespace.as_str()].fault.is_some())
    };
    let seen = eyes.snapshots.borrow().clone();
    assert!(faults(&seen, &staging) && !faults(&seen, &dev) && external_secrets(&seen, &dev) > 0);
    let bindings: Api<DynamicObject> = Api::namespaced_with(
        client,
        staging.as_str(),
        &ApiResource::from_gvk(&GroupVersionKind::gvk("rbac.authorization.k8s.io", "v1", "RoleBinding")),
    );
    let binding = serde_json::json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "given-later"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "lab-look"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant"}],
    });
    let binding = serde_json::from_value(binding).expect("a RoleBinding");
    bindings.create(&kube::api::PostParams::default(), &binding).await.expect("created");
    let given =
        eyes.until("what was given", HALF_OPEN, |seen| !faults(seen, &staging) && external_secrets(seen, &staging) > 0).await;
    println!("a right that was given is found after {given:.1?}");
    bindings.delete("given-later", &kube::api::DeleteParams::default()).await.expect("deleted");
    let taken = eyes.until("that it was taken", HALF_OPEN, |seen| faults(seen, &staging)).await;
    println!("a right that was taken is told after {taken:.1?}");
}

/// The definition of a kind that the lab does not have: a `VaultStaticSecret`, as far as a name goes.
fn definition() -> DynamicObject {
    let version = serde_json::json!({
        "name": "v1beta1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}},
    });
    let definition = serde_json::json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "vaultstaticsecrets.secrets.hashicorp.com"},
        "spec": {
            "group": "secrets.hashicorp.com", "scope": "Namespaced", "versions": [version],
            "names": {"kind": "VaultStaticSecret", "plural": "vaultstaticsecrets", "singular": "vaultstaticsecret"},
        },
    });
    serde_json::from_value(definition).expect("a definition")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_kind_that_comes_is_watched_and_one_that_goes_is_absent_again() {
    let lab = Lab::up("kinds", &[]);
    let client = lab.client().await;
    let dev = lab.text("/namespaces/dev").to_owned();
    let mut eyes = Eyes::open(PathBuf::from(lab.kubeconfig("admin"))).await;
    let kept = |seen: &Snapshot| seen.world.all::<VaultStaticSecret>().len();
    let absent = |seen: &Snapshot| seen.world.sources[&Kind::VaultStaticSecret].absent.is_some();
    assert!(absent(&eyes.snapshots.borrow()) && eyes.snapshots.borrow().world.lacks(System::VaultSecretsOperator));
    let definitions: Api<DynamicObject> = Api::all_with(
        client.clone(),
        &ApiResource::from_gvk(&GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition")),
    );
    let kind = ApiResource {
        plural: "vaultstaticsecrets".to_owned(),
        ..ApiResource::from_gvk(&GroupVersionKind::gvk("secrets.hashicorp.com", "v1beta1", "VaultStaticSecret"))
    };
    let objects: Api<DynamicObject> = Api::namespaced_with(client.clone(), &dev, &kind);
    let object = |name: &str| {
        let spec = serde_json::json!({"mount": "secret", "path": "a", "destination": {"name": "b"}});
        DynamicObject::new(name, &kind).within(&dev).data(serde_json::json!({"spec": spec}))
    };
    // Twice: what was learnt the first time must not be believed for ever.
    for round in 1..=2 {
        definitions.create(&kube::api::PostParams::default(), &definition()).await.expect("created");
        wait_until("the API server to serve it", SOON, async || {
            objects.create(&kube::api::PostParams::default(), &object("early")).await.map(drop)
        })
        .await;
        let seen = eyes.until("the object of the new kind", HALF_OPEN, |seen| !absent(seen) && kept(seen) == 1).await;
        objects.create(&kube::api::PostParams::default(), &object("late")).await.expect("created");
        let late = eyes.until("the next one", SOON, |seen| kept(seen) == 2).await;
        assert!(!eyes.snapshots.borrow().is_blind());
        definitions
            .delete("vaultstaticsecrets.secrets.hashicorp.com", &kube::api::DeleteParams::default())
            .await
            .expect("deleted");
        let gone = eyes.until("that the kind is gone", HALF_OPEN, |seen| absent(seen) && kept(seen) == 0).await;
        println!("round {round}: found after {seen:.1?}, its next object after {late:.1?}, told gone after {gone:.1?}");
        wait_until("the definition to be gone", SOON, async || {
            match definitions.get_opt(&definition().metadata.name.unwrap()).await {
                Ok(None) => Ok(()),
                other => Err(format!("{:?}", other.map(|found| found.is_some()))),
            }
        })
        .await;
    }
    assert!(!eyes.snapshots.borrow().is_blind(), "that a neighbour is gone hides nothing");
}

/// The connections that this process has to an address.
fn connections(address: &str) -> usize {
    let (ip, port) = address.rsplit_once(':').expect("an address with its port");
    let octets: Vec<u8> = ip.split('.').map(|octet| octet.parse().expect("an octet")).collect();
    let port: u16 = port.parse().expect("a port");
    // As the kernel writes it: the address backwards.
    let remote = format!("{:02X}{:02X}{:02X}{:02X}:{port:04X}", octets[3], octets[2], octets[1], octets[0]);
    let mine: std::collections::HashSet<String> = std::fs::read_dir("/proc/self/fd")
        .expect("descriptors")
        .filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()?.to_str().map(str::to_owned))
        .collect();
    let table = std::fs::read_to_string("/proc/self/net/tcp").expect("a table");
    let established = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(2) == Some(&remote.as_str())
            && fields.get(3) == Some(&"01")
            && mine.contains(&format!("socket:[{}]", fields[9]))
    };
    table.lines().filter(established).count()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn rights_in_many_namespaces_take_few_connections() {
    const NAMESPACES: usize = 60;
    let lab = Lab::up("many", &[]);
    let client = lab.client().await;
    let role = |kind: &str, role: &str, name: &str| {
        serde_json::json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "tenant"}],
        })
    };
    let create = async |group: &str, kind: &str, namespace: Option<&str>, value: serde_json::Value| {
        let resource = resource(group, kind);
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        };
        let object = serde_json::from_value(value).expect("an object");
        api.create(&kube::api::PostParams::default(), &object).await.expect("created");
    };
    let rbac = "rbac.authorization.k8s.io";
    let namespaces = serde_json::json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "names-of-namespaces"},
        "rules": [{"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]}],
    });
    create(rbac, "ClusterRole", None, namespaces).await;
    create(rbac, "ClusterRoleBinding", None, role("ClusterRoleBinding", "names-of-namespaces", "names-of-namespaces")).await;
    for number in 0..NAMESPACES {
        let name = format!("many-{number:02}");
        let namespace = serde_json::json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        create("", "Namespace", None, namespace).await;
        create(rbac, "RoleBinding", Some(&name), role("RoleBinding", "lab-look", "given")).await;
    }
    let begun = Instant::now();
    let mut eyes = Eyes::half_open(PathBuf::from(lab.kubeconfig("tenant")), Scope::Everywhere).await;
    let whole = |seen: &Snapshot| {
        let source = &seen.world.sources[&Kind::ServiceAccount];
        source.parts.len() == NAMESPACES + 1 && source.parts.values().all(Reading::is_seen)
    };
    eyes.until("every namespace to be read", HALF_OPEN, whole).await;
    let took = begun.elapsed();
    let seen = eyes.snapshots.borrow().clone();
    let watches: usize = seen.world.sources.values().map(|source| source.parts.len()).sum();
    let address = lab.text("/api_server").trim_start_matches("https://").to_owned() + ":443";
    let taken = connections(&address);
    println!("{watches} watches in {} namespaces: {taken} connections, whole after {took:.1?}", NAMESPACES + 1);
    assert!(watches > 10 * NAMESPACES, "{watches}");
    // One for each kind that is watched everywhere, one for each 64 others, those of the Vault's pods, and some to spare.
    let few = watches / 64 + kinds::all().len() + 16;
    assert!(taken > 0 && taken < few, "{taken} of {few}");
    // What happens in the last of them is seen.
    let account = serde_json::json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "came-later"}});
    create("", "ServiceAccount", Some("many-59"), account).await;
    let later = ObjectRef::new(Kind::ServiceAccount, "many-59", "came-later");
    let heard = eyes.until("what came later", SOON, |seen| seen.world.get::<ServiceAccount>(&later).is_some()).await;
    println!("a change in the last namespace is seen after {heard:.1?}");
    // And after the watches were asked for anew.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let again = connections(&address);
    assert!(whole(&eyes.snapshots.borrow()) && again < few, "{again} of {few}");
}
