//! The real gateways against the real lab. `SEALWATCH_LAB_JSON` names the `lab.json` of a running lab:
//!
//! `SEALWATCH_LAB_JSON=… cargo test --test lab_gateways -- --ignored --nocapture --test-threads=1`

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

#[path = "common/running.rs"]
mod running;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::stream::BoxStream;
use running::Lab;
use sealwatch::gateways::kubernetes::KubernetesGateway;
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::model::kinds::{Object, System, Watched as _, all, api};
use sealwatch::model::vault::{May, MountState, PathState, ReplicaRole};
use sealwatch::model::{Change, FaultKind, Kind, Name, ObjectRef, Text, VaultAddress};
use sealwatch::ports::{Cluster as _, MountPaths, Permit, ReplicaAddress, Scope, Typed, Vault as _};
use sealwatch::runbooks::{ClusterRight, KubernetesWrite, VaultWrite};
use serde_json::Value;

/// How often a question is asked to measure it.
const MORE: u32 = 50;
const LONGEST: Duration = Duration::from_secs(20);

impl Lab {
    fn replicas(&self) -> Vec<ReplicaAddress> {
        let pods = self.0.pointer("/vault/replicas").and_then(Value::as_array).unwrap();
        pods.iter().map(|pod| ReplicaAddress { server: self.server(), pod: Name::new(pod["pod"].as_str().unwrap()) }).collect()
    }

    /// Every value that must never be seen.
    fn canaries(&self) -> Vec<String> {
        let mut found = Vec::new();
        for file in ["canaries", "shares"] {
            let text = std::fs::read(self.text(&format!("/files/{file}"))).unwrap();
            strings(&serde_json::from_slice(&text).unwrap(), &mut found);
        }
        found.push(std::fs::read_to_string(self.text("/files/root_token")).unwrap().trim().to_owned());
        found.retain(|text| text.len() >= 12);
        assert!(!found.is_empty());
        found
    }
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(map) => map.values().for_each(|item| strings(item, into)),
        _ => {}
    }
}

/// The first change of a watch that says more than where it looks.
async fn first(cluster: &KubernetesGateway, kind: Kind, scope: &Scope) -> Change {
    first_of(&mut cluster.watch(kind, scope)).await
}

/// What a watch says first; a list that comes in pieces, as one.
async fn first_of(watch: &mut BoxStream<'static, Change>) -> Change {
    let mut listed = Vec::new();
    loop {
        match tokio::time::timeout(LONGEST, watch.next()).await.expect("in time").expect("a change") {
            Change::Narrowed(_, _, None) => {}
            Change::Listing(_, objects) => listed.extend(objects),
            Change::Complete(part) => return Change::Listed(part, listed, Vec::new()),
            other => return other,
        }
    }
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn it_says_who_asks_and_whom() {
    let lab = Lab::read();
    let identity = lab.cluster("admin").identity().await.unwrap();
    println!("{identity:?}");
    assert_eq!(identity.server.as_str(), lab.text("/api_server"));
    assert_eq!(identity.context.as_str(), lab.text("/context"));
    assert!(!identity.user.is_empty() && identity.cluster_uid.as_str().len() == 36 && !identity.insecure);
    assert_eq!(lab.cluster("limited").identity().await.unwrap().user.as_str(), "limited");
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn every_kind_is_listed_and_no_secret_has_data() {
    let lab = Lab::read();
    let cluster = lab.cluster("admin");
    let mut counts = BTreeMap::new();
    let mut absent = Vec::new();
    let mut said = String::new();
    for kind in all().iter().copied() {
        let started = Instant::now();
        match first(&cluster, kind, &Scope::Everywhere).await {
            Change::Listed(listed, objects, odd) => {
                assert_eq!((listed, odd), (kind.into(), Vec::new()));
                println!("{kind}: {} in {:?}", objects.len(), started.elapsed());
                write!(said, "{objects:?}").unwrap();
                counts.insert(kind, objects.len());
            }
            Change::Absent(part, fault) => {
                println!("{kind}: {fault}");
                assert_eq!((part, fault.kind), (kind.into(), FaultKind::Absent));
                absent.push(kind);
            }
            other => panic!("{kind}: {other:?}"),
        }
    }
    // The lab serves no neighbour, and External Secrets 0.16.2 lacks the newest generators.
    let newer = [
        Kind::SSHKey,
        Kind::MFA,
        Kind::GitlabDeployToken,
        Kind::CloudsmithAccessToken,
        Kind::BeyondtrustWorkloadCredentialsDynamicSecret,
    ];
    let neighbours = |kind: &Kind| {
        let system = api(*kind).map(|api| api.system());
        matches!(system, Some(System::VaultSecretsOperator | System::Neighbour)) || newer.contains(kind)
    };
    assert_eq!(absent, all().iter().copied().filter(neighbours).collect::<Vec<_>>(), "what the lab does not serve, and no more");
    for kind in [Kind::ExternalSecret, Kind::SecretStore, Kind::Secret, Kind::Pod] {
        assert!(counts[&kind] > 0, "{kind}");
    }
    for canary in lab.canaries() {
        assert!(!said.contains(&canary), "a value of a Secret came through a watch");
    }
    let one = Scope::Namespaces(vec![Name::new(lab.text("/namespaces/dev"))]);
    match first(&cluster, Kind::Secret, &one).await {
        Change::Listed(_, objects, _) => {
            assert!(!objects.is_empty() && objects.len() < counts[&Kind::Secret]);
            assert!(objects.iter().all(|object| object.object_ref().namespace.as_str() == lab.text("/namespaces/dev")));
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn who_may_not_read_secrets_is_told_so() {
    let lab = Lab::read();
    match first(&lab.cluster("limited"), Kind::Secret, &Scope::Everywhere).await {
        Change::Narrowed(Kind::Secret, namespaces, Some(fault)) => {
            println!("{fault}");
            assert_eq!((fault.kind, namespaces), (FaultKind::Forbidden, Vec::new()));
        }
        other => panic!("{other:?}"),
    }
    let limited = lab.cluster("limited");
    let secret = ObjectRef::new(Kind::Secret, lab.text("/namespaces/dev"), "vault-auto-credentials");
    let fault = limited.shares(Permit::grant(), &secret, "unseal-key").await.map(|shares| shares.len()).unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::Forbidden);
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_write_is_seen_by_the_watch_and_has_the_servers_time() {
    let lab = Lab::read();
    let cluster = lab.cluster("admin");
    let mut watch = cluster.watch(Kind::ExternalSecret, &Scope::Everywhere);
    let Change::Listed(_, objects, _) = first_of(&mut watch).await else { panic!("no list") };
    let before = objects
        .iter()
        .find_map(|object| match object {
            Object::ExternalSecret(es) if !es.rotates() && es.meta.namespace.as_str() == lab.text("/namespaces/dev") => {
                Some(es.clone())
            }
            _ => None,
        })
        .expect("an ExternalSecret");
    let write =
        KubernetesWrite::Annotate { object: before.object_ref(), key: "sealwatch-test", value: std::process::id().to_string() };
    let receipt = cluster.write(Permit::grant(), &write).await.unwrap();
    println!("{receipt:?}");
    assert!(receipt.resource_version > before.meta.resource_version && receipt.server_time.is_some());
    let seen = tokio::time::timeout(LONGEST, async {
        loop {
            if let Some(Change::Applied(Object::ExternalSecret(es))) = watch.next().await
                && es.object_ref() == before.object_ref()
                && es.meta.resource_version >= receipt.resource_version
            {
                return;
            }
        }
    });
    seen.await.expect("the watch shows the write");
    let missing = KubernetesWrite::Annotate {
        object: ObjectRef::new(Kind::ExternalSecret, "default", "nowhere"),
        key: "x",
        value: String::new(),
    };
    let fault = cluster.write(Permit::grant(), &missing).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::NotFound);
    let fault = lab.cluster("viewer").write(Permit::grant(), &write).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::Forbidden);
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn rights_the_controller_and_the_pods_are_found() {
    let lab = Lab::read();
    let (admin, limited, viewer) = (lab.cluster("admin"), lab.cluster("limited"), lab.cluster("viewer"));
    let dev = Name::new(lab.text("/namespaces/dev"));
    let reach = ClusterRight::reach_pod(&dev);
    let answers = [admin.may(&reach).await, limited.may(&reach).await, viewer.may(&reach).await].map(Result::unwrap);
    assert_eq!(answers, [true, true, false]);
    let secrets = ClusterRight { verb: "list", group: "", resource: "secrets", namespace: Name::empty() };
    assert!(!limited.may(&secrets).await.unwrap());

    let controller = admin.controller().await.unwrap().expect("a controller");
    println!("{controller:?} works: {}", controller.works());
    assert_eq!(controller.version.as_str().trim_start_matches('v'), lab.text("/external_secrets/version"));
    assert!(controller.works() && !controller.leader.is_empty());

    let (namespace, service) = lab.server().service().unwrap();
    let pods = limited.replicas(&namespace, &service).await.unwrap();
    println!("{pods:?}");
    let expected: Vec<Name> = lab.replicas().into_iter().map(|replica| replica.pod).collect();
    assert_eq!(pods.iter().map(|pod| pod.name.clone()).collect::<Vec<_>>(), expected);
    assert!(pods.iter().all(|pod| pod.started.is_some()));
    let fault = admin.replicas(&namespace, &Name::new("nowhere")).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::NotFound);
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn each_replica_answers_through_the_api_server() {
    let lab = Lab::read();
    let vault = VaultGateway::new(VaultEnvironment::default(), Some(lab.cluster("limited")));
    let mut roles = Vec::new();
    for replica in lab.replicas() {
        let started = Instant::now();
        let (seal, role) = vault.status(&replica).await.unwrap();
        let dial = started.elapsed();
        let started = Instant::now();
        for _ in 0..MORE {
            vault.status(&replica).await.unwrap();
        }
        println!("{}: {role:?}, first status {dial:?}, then {:?} each; {seal:?}", replica.pod, started.elapsed() / MORE);
        assert!(seal.initialized);
        roles.push((seal.sealed, role));
    }
    if roles.iter().all(|(sealed, _)| !sealed) && roles.len() > 1 {
        assert_eq!(roles.iter().filter(|(_, role)| matches!(role, ReplicaRole::Active(_))).count(), 1);
        assert_eq!(roles.iter().filter(|(_, role)| matches!(role, ReplicaRole::Standby(_))).count(), roles.len() - 1);
    }
    let viewer = VaultGateway::new(VaultEnvironment::default(), Some(lab.cluster("viewer")));
    let fault = viewer.status(&lab.replicas()[0]).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::Forbidden);
    let nowhere = ReplicaAddress { pod: Name::new("vault-core-dev-9"), ..lab.replicas()[0].clone() };
    let fault = vault.status(&nowhere).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::NotFound);
    let closed = ReplicaAddress { server: VaultAddress { port: 8201, ..lab.server() }, ..lab.replicas()[0].clone() };
    let fault = vault.status(&closed).await.unwrap_err();
    println!("{fault}");
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn paths_are_known_by_their_metadata_alone() {
    let lab = Lab::read();
    let token = std::fs::read_to_string(lab.text("/files/root_token")).unwrap();
    let address = lab.text("/vault/url").to_owned();
    let environment = |token: Option<String>| {
        let address = address.clone();
        VaultEnvironment::of(move |name| match name {
            "VAULT_TOKEN" => token.clone(),
            "VAULT_ADDR" => Some(address.clone()),
            _ => None,
        })
    };
    let vault = VaultGateway::new(environment(Some(token)), Some(lab.cluster("admin")));
    let replica = &lab.replicas()[0];
    let of = |mount: &str, kv: &str, keys: &[&str]| MountPaths {
        namespace: Text::default(),
        mount: Text::foreign(mount),
        kv: Name::new(kv),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    let known = vault.classify(replica, &of("secret", "v2", &["ghcr-token", "never/written"])).await.unwrap();
    println!("{known:?}");
    assert_eq!((known.mount, known.paths[0].value), (MountState::Kv(2), May::Yes));
    assert!(matches!(known.paths[0].state, PathState::Present { version: 1.., written: Some(_) }));
    assert_eq!(known.paths[1].state, PathState::Missing);
    let token = vault.token(replica).await.unwrap().expect("it may look at itself");
    assert_eq!((token.name.as_str(), token.expires), ("root", None));
    let state = async |paths: MountPaths| vault.classify(replica, &paths).await.unwrap().paths.remove(0).state;
    assert_eq!(state(of("nowhere", "v2", &["x"])).await, PathState::NoMount);
    assert_eq!(state(of("secret", "v1", &["ghcr-token"])).await, PathState::OtherVersion(2));
    let one = of("secret", "v2", &["ghcr-token"]);
    for (token, kind) in [(None, FaultKind::NoToken), (Some("s.nonsense".to_owned()), FaultKind::Unauthorized)] {
        let stranger = VaultGateway::new(environment(token), Some(lab.cluster("admin")));
        let fault = stranger.classify(replica, &one).await.unwrap_err();
        println!("{fault}");
        assert_eq!(fault.kind, kind);
    }
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn some_hundred_paths_cost_as_many_requests_as_the_server_makes_necessary() {
    let lab = Lab::read();
    let token = std::fs::read_to_string(lab.text("/files/root_token")).unwrap();
    let (address, secret) = (lab.text("/vault/url").to_owned(), token.clone());
    let variable = move |name: &str| match name {
        "VAULT_TOKEN" => Some(secret.clone()),
        "VAULT_ADDR" => Some(address.clone()),
        _ => None,
    };
    let vault = VaultGateway::new(VaultEnvironment::of(variable), Some(lab.cluster("admin")));
    let mut leader = None;
    for (index, replica) in lab.replicas().iter().enumerate() {
        if matches!(vault.status(replica).await.unwrap().1, ReplicaRole::Active(_) | ReplicaRole::Single) {
            leader = Some((lab.text(&format!("/vault/replicas/{index}/address")).to_owned(), replica.clone()));
        }
    }
    let (at, replica) = leader.expect("a leader");
    let keys: Vec<String> = (0..400).map(|n| format!("counted/folder-{}/path-{:02}", n % 10, n / 10)).collect();
    let (there, missing) = keys.split_at(390);
    for key in there {
        let answer = ask(&at, token.trim(), "POST", &format!("secret/data/{key}"), r#"{"data":{"k":"v"}}"#).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    for key in &there[..10] {
        let answer = ask(&at, token.trim(), "DELETE", &format!("secret/data/{key}"), "").await;
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
    let wanted =
        MountPaths { namespace: Text::default(), mount: Text::foreign("secret"), kv: Name::new("v2"), keys: keys.clone() };
    let started = Instant::now();
    let known = vault.classify(&replica, &wanted).await.unwrap();
    println!("{} paths in 10 folders: {} requests, {:?}", keys.len(), known.requests, started.elapsed());
    let count = |wanted: fn(&PathState) -> bool| known.paths.iter().filter(|facts| wanted(&facts.state)).count();
    assert_eq!(count(|state| matches!(state, PathState::Present { version: 1, written: Some(_) })), 380);
    assert_eq!(count(|state| matches!(state, PathState::Deleted { version: 1, at: Some(_) })), 10);
    assert_eq!(count(|state| *state == PathState::Missing), missing.len());
    let most = if lab.text("/vault/kind") == "openbao" { 1 + 2 + 10 } else { 1 + 2 + 10 + 400 };
    assert!(known.requests <= most, "{} requests", known.requests);
    assert!(vault.classify(&replica, &wanted).await.unwrap().requests <= most);
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn shares_come_out_of_their_secret_and_nowhere_else() {
    let lab = Lab::read();
    let secret = ObjectRef::new(Kind::Secret, lab.text("/namespaces/dev"), "vault-auto-credentials");
    let shares = lab.cluster("admin").shares(Permit::grant(), &secret, "unseal-key").await.unwrap();
    assert!(!shares.is_empty() && shares.iter().all(|share| share.len() >= 44));
    let fault = lab.cluster("admin").shares(Permit::grant(), &secret, "nothing").await.map(|shares| shares.len()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFound);
}

/// One request of a person with this token; the whole answer.
async fn ask(address: &str, token: &str, method: &str, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{method} /v1/{path} HTTP/1.1\r\nhost: {address}\r\nx-vault-token: {token}\r\ncontent-length: {length}\r\n\
         connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// Seals the one server behind this address, as a person with a root token would.
async fn seal(address: &str, token: &str) {
    let answer = ask(address, token, "PUT", "sys/seal", "").await;
    assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
}

fn typed(text: &str) -> Typed {
    let mut typed = Typed::new();
    text.chars().for_each(|c| typed.push(c));
    typed
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_wrong_share_is_said_reset_and_the_right_ones_open_the_replica() {
    let lab = Lab::read();
    let cluster = lab.cluster("admin");
    let secret = ObjectRef::new(Kind::Secret, lab.text("/namespaces/dev"), "vault-auto-credentials");
    let in_secret = cluster.shares(Permit::grant(), &secret, "unseal-key").await.unwrap();
    let threshold = usize::try_from(lab.0["vault"]["threshold"].as_u64().unwrap()).unwrap();
    let kept: Value = serde_json::from_slice(&std::fs::read(lab.text("/files/shares")).unwrap()).unwrap();
    let mut found = Vec::new();
    strings(&kept, &mut found);
    let shares: Vec<&String> = found.iter().filter(|text| text.len() >= 44).collect();
    println!("{} shares in the Secret, {} in the file, {threshold} needed", in_secret.len(), shares.len());

    let vault = VaultGateway::new(VaultEnvironment::default(), Some(cluster));
    let replica = &lab.replicas()[0];
    let token = std::fs::read_to_string(lab.text("/files/root_token")).unwrap();
    seal(lab.text("/vault/replicas/0/address"), token.trim()).await;
    let (sealed, _) = vault.status(replica).await.unwrap();
    assert!(sealed.sealed);

    let object = ObjectRef::new(Kind::VaultReplica, lab.text("/namespaces/dev"), replica.pod.clone());
    let unseal = |share| VaultWrite::unseal(lab.server(), object.clone(), share);
    for (n, share) in shares.iter().take(threshold - 1).enumerate() {
        let receipt = vault.write(Permit::grant(), &unseal(n), Some(&typed(share))).await.unwrap();
        assert_eq!(receipt.seal.unwrap().progress as usize, n + 1);
    }
    let wrong: String = shares[threshold - 1]
        .chars()
        .enumerate()
        .map(|(n, c)| if n == 9 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    let fault = vault.write(Permit::grant(), &unseal(9), Some(&typed(&wrong))).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::Invalid);
    assert!(fault.message.as_str().contains("message authentication failed") && !fault.to_string().contains(&wrong));
    let reset = VaultWrite::reset(lab.server(), object.clone());
    assert_eq!(vault.write(Permit::grant(), &reset, None).await.unwrap().seal.unwrap().progress, 0);
    let fault = vault.write(Permit::grant(), &unseal(0), Some(&typed("not a share!"))).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::Invalid);

    for (n, share) in shares.iter().take(threshold).enumerate() {
        let receipt = vault.write(Permit::grant(), &unseal(n), Some(&typed(share))).await.unwrap();
        println!("{:?} {:?}", receipt.server_time, receipt.seal);
    }
    let opened = tokio::time::timeout(LONGEST, async {
        // If it led, the others elect a new leader, and until then it belongs nowhere.
        while !matches!(
            vault.status(replica).await.unwrap().1,
            ReplicaRole::Active(_) | ReplicaRole::Standby(_) | ReplicaRole::Single
        ) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    opened.await.expect("the replica opens and finds its place");
    let fault = vault.write(Permit::grant(), &reset, None).await.unwrap_err();
    println!("{fault}");
}

/// Makes or undoes a fault by the lab's own command.
fn lab(verb: &str, fault: &str, name: &str) {
    let command = std::process::Command::new("tests/lab/lab").args([verb, fault, "--name", name]).output().unwrap();
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_server_that_stops_and_comes_back_is_lost_once_and_found_again() {
    let lab_file = Lab::read();
    let name = lab_file.text("/name").to_owned();
    let cluster = lab_file.cluster("admin");
    let vault = VaultGateway::new(VaultEnvironment::default(), Some(cluster.clone()));
    let replica = lab_file.replicas()[0].clone();
    vault.status(&replica).await.unwrap();
    let mut watch = cluster.watch(Kind::ExternalSecret, &Scope::Everywhere);
    assert!(matches!(first_of(&mut watch).await, Change::Listed(..)));

    let stopping = name.clone();
    tokio::task::spawn_blocking(move || lab("fault", "apiserver-stopped", &stopping)).await.unwrap();
    let started = Instant::now();
    let fault = cluster.identity().await.unwrap_err();
    println!("{fault} ({:?})", started.elapsed());
    assert_eq!(fault.kind, FaultKind::Tcp);
    println!("{}", vault.status(&replica).await.unwrap_err());
    let healing = name.clone();
    tokio::task::spawn_blocking(move || lab("heal", "apiserver-stopped", &healing)).await.unwrap();
    let mut said = Vec::new();
    let back = tokio::time::timeout(Duration::from_secs(60), async {
        loop {
            match watch.next().await.unwrap() {
                Change::Lost(_, fault) => said.push(fault.to_string()),
                Change::Heard(_) | Change::Listed(..) if !said.is_empty() => return,
                _ => {}
            }
        }
    });
    back.await.expect("the watch comes back");
    println!("{said:#?}");
    // Once for each thing that was wrong (refused, then starting), not once for each attempt.
    let mut different = said.clone();
    different.dedup();
    assert_eq!(said, different);
    // A server that just started asks for a second's patience, and nothing is asked of it meanwhile.
    let back = Instant::now();
    while let Err(fault) = vault.status(&replica).await {
        assert!(fault.kind == FaultKind::Throttled && back.elapsed() < LONGEST, "{fault}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    tokio::task::spawn_blocking({
        let name = name.clone();
        move || lab("fault", "vault-stopped", &name)
    })
    .await
    .unwrap();
    let fault = vault.status(&replica).await.unwrap_err();
    println!("{:?}: {fault}", fault.kind);
    assert!(matches!(fault.kind, FaultKind::Tcp | FaultKind::NotFound), "{fault}");
    tokio::task::spawn_blocking(move || lab("heal", "vault-stopped", &name)).await.unwrap();
    vault.status(&replica).await.unwrap();
}
