//! What a real OpenBao and a real HashiCorp Vault tell beside their seals: health, peers, raft, mounts, the seals of
//! namespaces. `tests/lab/test` runs these; each test starts a lab of its own.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

#[path = "common/lab.rs"]
mod lab;

use std::path::PathBuf;
use std::time::Duration;

use lab::{Lab, wait_until};
use sealwatch::gateways::kubernetes::{ConnectOptions, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::model::vault::{HealthWord, MountState, PathState, Told};
use sealwatch::model::{FaultKind, Kind, Name, ObjectRef, Text, VaultAddress};
use sealwatch::ports::{MountFolder, MountPaths, Permit, ReplicaAddress, Typed, Vault as _};
use sealwatch::runbooks::steps::unseal::is_wrong_share;
use sealwatch::runbooks::{Right, Space, VaultChange, VaultWrite};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);

/// A lab, and the gateway of a person who reaches its Vault through its API server.
struct Bench {
    lab: Lab,
    vault: VaultGateway,
    replicas: Vec<ReplicaAddress>,
}

impl Bench {
    async fn up(name: &str, kind: &str) -> Self {
        let servers = if kind == "openbao" { 3 } else { 1 };
        let (name, kind) = (name.to_owned(), kind.to_owned());
        let lab = tokio::task::spawn_blocking(move || Lab::up(&name, &["--vault", &kind])).await.unwrap();
        let vault = gateway(&lab, &root_token(&lab));
        let server = VaultAddress::parse(lab.text("/vault/url")).unwrap();
        let replicas = (0..servers)
            .map(|index| ReplicaAddress {
                server: server.clone(),
                pod: Name::new(lab.text(&format!("/vault/replicas/{index}/pod"))),
            })
            .collect();
        Self { lab, vault, replicas }
    }

    /// A request of the person with the root token straight to one replica; status and body.
    async fn ask(&self, index: usize, method: &str, path: &str, namespace: &str, body: &str) -> (u16, Value) {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let address = self.lab.text(&format!("/vault/replicas/{index}/address"));
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        let (length, token) = (body.len(), root_token(&self.lab));
        let request = format!(
            "{method} /v1/{path} HTTP/1.1\r\nhost: {address}\r\nx-vault-token: {token}\r\nx-vault-namespace: {namespace}\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        let body = body.split_once('{').map(|(_, rest)| format!("{{{rest}")).unwrap_or_default();
        (status, serde_json::Deserializer::from_str(&body).into_iter().next().and_then(Result::ok).unwrap_or_default())
    }
}

fn one_path(namespace: &str, key: &str) -> MountPaths {
    MountPaths {
        namespace: Text::foreign(namespace),
        mount: Text::foreign("secret"),
        kv: Name::new("v2"),
        keys: vec![key.to_owned()],
    }
}

fn typed(share: &str) -> Typed {
    let mut typed = Typed::new();
    share.chars().for_each(|c| typed.push(c));
    typed
}

fn root_token(lab: &Lab) -> String {
    std::fs::read_to_string(lab.text("/files/root_token")).unwrap().trim().to_owned()
}

fn gateway(lab: &Lab, token: &str) -> VaultGateway {
    let (address, token) = (lab.text("/vault/url").to_owned(), token.to_owned());
    let environment = VaultEnvironment::of(move |name| match name {
        "VAULT_TOKEN" => Some(token.clone()),
        "VAULT_ADDR" => Some(address.clone()),
        _ => None,
    });
    let kubeconfig = Some(PathBuf::from(lab.kubeconfig("limited")));
    VaultGateway::new(environment, Some(connect(&ConnectOptions { kubeconfig, ..ConnectOptions::default() }).unwrap()))
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn openbao_tells_its_health_its_peers_and_how_raft_judges_them() {
    let bench = Bench::up("around", "openbao").await;
    let mut words = Vec::new();
    let mut clusters = Vec::new();
    for replica in &bench.replicas {
        let health = bench.vault.health(replica).await.unwrap();
        println!("{}: {health:?}", replica.pod);
        words.push(health.says);
        clusters.push(health.cluster);
    }
    assert_eq!(words.iter().filter(|word| **word == HealthWord::Active).count(), 1);
    assert_eq!(words.iter().filter(|word| **word == HealthWord::Standby).count(), 2);
    clusters.dedup();
    assert!(clusters.len() == 1 && !clusters[0].is_empty(), "{clusters:?}");
    let leader = words.iter().position(|word| *word == HealthWord::Active).unwrap();

    // Every replica gives the same answer: a standby forwards the question. Raft needs some seconds after a join.
    for replica in &bench.replicas {
        wait_until("raft is well", SOON, async || {
            let around = bench.vault.surroundings(replica, &[]).await.unwrap();
            let raft = around.autopilot.said().expect("root may ask");
            if raft.healthy && raft.tolerance == 1 { Ok(()) } else { Err(format!("{raft:?}")) }
        })
        .await;
        let around = bench.vault.surroundings(replica, &[]).await.unwrap();
        println!("{around:?}");
        assert_eq!(around.peers.said().unwrap().iter().filter(|peer| peer.active).count(), 1);
        for known in &bench.replicas {
            let peer = around.peer(known.pod.as_str()).expect("a node has the name of its pod");
            assert_eq!(peer.echoed.is_none(), peer.active);
            let raft = around.raft(known.pod.as_str()).expect("and so has raft's");
            assert_eq!((raft.healthy, raft.status.as_str() == "leader"), (true, peer.active), "{raft:?}");
        }
        assert!(around.mounts.said().unwrap().contains(&(Text::foreign("secret"), MountState::Kv(2))));
    }

    // A token that may do nothing is told no, and its rights under the mounts are none.
    let (status, created) = bench.ask(leader, "POST", "auth/token/create", "", r#"{"policies":["default"],"ttl":"10m"}"#).await;
    assert_eq!(status, 200);
    let stranger = gateway(&bench.lab, created.pointer("/auth/client_token").and_then(Value::as_str).unwrap());
    let around = stranger.surroundings(&bench.replicas[leader], &[]).await.unwrap();
    println!("{around:?}");
    assert_eq!((&around.peers, &around.autopilot), (&Told::Denied, &Told::Denied));
    assert_eq!(around.mounts.said().map(|mounts| mounts.iter().filter(|(name, _)| name.as_str() == "secret").count()), Some(0));

    // One sealed: its health says so, and raft sees that it is not well. Two sealed: nobody can be asked.
    let others: Vec<usize> = (0..3).filter(|index| *index != leader).collect();
    assert_eq!(bench.ask(others[0], "PUT", "sys/seal", "", "").await.0, 204);
    assert_eq!(bench.vault.health(&bench.replicas[others[0]]).await.unwrap().says, HealthWord::Sealed);
    let ill = wait_until("raft sees that one is gone", Duration::from_secs(60), async || {
        let around = bench.vault.surroundings(&bench.replicas[leader], &[]).await.unwrap();
        let ill = around.raft(bench.replicas[others[0]].pod.as_str()).is_some_and(|raft| !raft.healthy);
        let whole = around.autopilot.said().is_some_and(|raft| raft.healthy);
        if ill && !whole { Ok(()) } else { Err(format!("{:?}", around.autopilot)) }
    })
    .await;
    println!("raft called the sealed node not well after {ill:?}");
    assert_eq!(bench.ask(others[1], "PUT", "sys/seal", "", "").await.0, 204);
    wait_until("nobody leads", SOON, async || {
        let around = bench.vault.surroundings(&bench.replicas[leader], &[]).await;
        match around.as_ref().map(|around| &around.peers) {
            Ok(Told::Failed(fault)) if fault.kind == FaultKind::Server => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    let health = bench.vault.health(&bench.replicas[leader]).await.unwrap();
    println!("without a quorum: {health:?}");
    assert_eq!((health.says, health.replication.as_str()), (HealthWord::Standby, "unknown"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_namespace_of_openbao_is_sealed_by_itself_and_hides_nothing_else() {
    let bench = Bench::up("namespaces", "openbao").await;
    let mut leader = 0;
    for (index, replica) in bench.replicas.iter().enumerate() {
        if bench.vault.health(replica).await.unwrap().says == HealthWord::Active {
            leader = index;
        }
    }
    let replica = &bench.replicas[leader];
    let seal = r#"{"seal":"seal \"shamir\" {\n shares = 3\n threshold = 2\n}"}"#;
    let (status, created) = bench.ask(leader, "POST", "sys/namespaces/team", "", seal).await;
    assert_eq!(status, 200, "{created}");
    let share = |n: usize| typed(created.pointer(&format!("/data/key_shares/{n}")).and_then(Value::as_str).expect("a share"));
    assert_eq!(bench.ask(leader, "POST", "sys/namespaces/plain", "", "{}").await.0, 200);
    let names: Vec<Text> = ["team", "plain", "none"].iter().map(|name| Text::foreign(name)).collect();
    let around = bench.vault.surroundings(replica, &names).await.unwrap();
    println!("{:?}", around.namespaces);
    let said = |index: usize| around.namespaces[index].1.said().cloned();
    assert!(said(0).is_some_and(|seal| seal.sealable && seal.sealed && (seal.threshold, seal.shares) == (2, 3)));
    assert!(said(1).is_some_and(|seal| !seal.sealable));
    assert!(matches!(around.namespaces[2].1, Told::Failed(_)));

    // What is in it does not answer; all else does.
    let fault = bench.vault.classify(replica, &one_path("team", "a")).await.unwrap_err();
    println!("{fault}");
    assert_eq!((fault.kind, fault.concerns_all()), (FaultKind::SealedNamespace, false));
    let known = bench.vault.classify(replica, &one_path("", "ghcr-token")).await.unwrap();
    assert!(matches!(known.paths[0].state, PathState::Present { .. }));

    // Its shares: one twice, what is none, a wrong one at the end, two good ones; the leader counts them, whoever is asked.
    let space = Space::of(&replica.server, &names[0]);
    let give = async |vault: &VaultGateway, at: usize, share: Option<&Typed>| {
        let pod = ObjectRef::new(Kind::VaultReplica, "ameide-dev", bench.replicas[at].pod.as_str());
        let change = match share {
            Some(_) => VaultChange::UnsealSpace { space: space.clone(), share: 0 },
            None => VaultChange::ResetSpace { space: space.clone() },
        };
        let write = VaultWrite::new(replica.server.clone(), pod, change);
        let done = vault.write(Permit::grant(), &write, share).await;
        done.map(|receipt| receipt.seal.map(|seal| (seal.sealed, seal.progress, seal.nonce.is_empty())).expect("a seal"))
    };
    let standby = (leader + 1) % 3;
    assert_eq!(give(&bench.vault, standby, Some(&share(0))).await.unwrap(), (true, 1, false));
    assert_eq!(give(&bench.vault, leader, Some(&share(0))).await.unwrap(), (true, 1, false), "given twice, counted once");
    let fault = give(&bench.vault, leader, Some(&typed("hello, world!"))).await.unwrap_err();
    assert!(is_wrong_share(fault.message.as_str()), "{fault}");
    let fault = give(&bench.vault, leader, Some(&typed(&"ab".repeat(33)))).await.unwrap_err();
    assert!(is_wrong_share(fault.message.as_str()), "{fault}");
    assert_eq!(give(&bench.vault, leader, Some(&share(1))).await.unwrap(), (true, 1, false), "those before were dropped");
    assert_eq!(give(&bench.vault, leader, None).await.unwrap(), (true, 0, true));

    // Who has no right is told so before, and refused.
    let right = VaultWrite::new(
        replica.server.clone(),
        ObjectRef::new(Kind::VaultReplica, "ameide-dev", replica.pod.as_str()),
        VaultChange::ResetSpace { space: space.clone() },
    );
    let Some(Right::Vault(right)) = right.rights().into_iter().next_back() else { panic!("a right at Vault") };
    assert!(bench.vault.may(&right).await.unwrap());
    let (_, made) = bench.ask(leader, "POST", "auth/token/create", "", r#"{"policies":["default"],"ttl":"10m"}"#).await;
    let stranger = gateway(&bench.lab, made.pointer("/auth/client_token").and_then(Value::as_str).unwrap());
    assert!(!stranger.may(&right).await.unwrap());
    assert_eq!(give(&stranger, leader, Some(&share(0))).await.unwrap_err().kind, FaultKind::Forbidden);

    give(&bench.vault, leader, Some(&share(2))).await.unwrap();
    assert_eq!(give(&bench.vault, leader, Some(&share(0))).await.unwrap(), (false, 0, true));
    let around = bench.vault.surroundings(replica, &names).await.unwrap();
    assert!(around.namespaces[0].1.said().is_some_and(|seal| seal.sealable && !seal.sealed));
    assert_eq!(bench.vault.classify(replica, &one_path("team", "a")).await.unwrap().paths[0].state, PathState::NoMount);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn hashicorps_vault_tells_what_it_has() {
    let bench = Bench::up("around-hc", "hashicorp").await;
    let replica = &bench.replicas[0];
    let health = bench.vault.health(replica).await.unwrap();
    println!("{health:?}");
    assert!(health.says == HealthWord::Active && !health.cluster.is_empty());
    let around = bench.vault.surroundings(replica, &[Text::foreign("team")]).await.unwrap();
    println!("{around:?}");
    assert_eq!(around.autopilot, Told::Absent, "it has no raft");
    assert!(around.mounts.said().unwrap().contains(&(Text::foreign("secret"), MountState::Kv(2))));
}

/// A value that must never be seen.
const CANARY: &str = "canary-value-of-a-property";

/// Names, neighbours, refusals and a rate limit, on either server.
async fn names_and_neighbours(bench: &Bench) {
    let mut leader = 0;
    for (index, replica) in bench.replicas.iter().enumerate() {
        if bench.vault.health(replica).await.unwrap().says == HealthWord::Active {
            leader = index;
        }
    }
    let replica = &bench.replicas[leader];
    let of = |mount: &str, kv: &str, keys: &[&str]| MountPaths {
        namespace: Text::default(),
        mount: Text::foreign(mount),
        kv: Name::new(kv),
        keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    };
    let body = format!(
        r#"{{"data":{{"plain":"{CANARY}","tls.crt":"{CANARY}","nested":{{"a":{{"b":"{CANARY}"}},"list":["{CANARY}"]}},"n":7}}}}"#
    );
    for key in ["near/one", "near/two", "near/below/three"] {
        assert_eq!(bench.ask(leader, "POST", &format!("secret/data/{key}"), "", &body).await.0, 200);
    }
    assert_eq!(bench.ask(leader, "DELETE", "secret/data/near/two", "", "").await.0, 204);
    let wanted = of("secret", "v2", &["near/one", "data/near/below/three", "near/two", "near/none"]);
    let told = bench.vault.properties(replica, &wanted).await.unwrap();
    println!("{told:?}");
    let names: Vec<Option<Vec<&str>>> =
        told.iter().map(|told| told.said().map(|names| names.iter().map(Text::as_str).collect())).collect();
    let all = Some(vec!["n", "nested.a.b", "nested.list", "plain", "tls.crt"]);
    assert_eq!(names, [all.clone(), all, None, None]);
    assert_eq!(told[2..], [Told::Absent, Told::Absent], "deleted, and never written");

    // Where the mount is of KV v1, the same request reads a value: the answer is thrown away.
    assert_eq!(bench.ask(leader, "POST", "sys/mounts/old", "", r#"{"type":"kv","options":{"version":"1"}}"#).await.0, 204);
    for value in [format!(r#"{{"p":"{CANARY}"}}"#), format!(r#"{{"subkeys":{{"p":"{CANARY}"}},"metadata":{{"version":1}}}}"#)] {
        assert_eq!(bench.ask(leader, "POST", "old/subkeys/app", "", &value).await.0, 204);
        let (status, answer) = bench.ask(leader, "GET", "old/subkeys/app", "", "").await;
        assert!(status == 200 && answer.to_string().contains(CANARY), "the request does read the value");
        let told = bench.vault.properties(replica, &of("old", "v2", &["app"])).await.unwrap();
        println!("{told:?}");
        assert!(matches!(told[0], Told::Failed(_)) && !format!("{told:?}").contains("canary"));
    }
    assert_eq!(bench.vault.properties(replica, &of("old", "v1", &["app"])).await.unwrap(), [Told::Absent]);

    let folder = |mount: &str, kv: &str, folder: &str| MountFolder {
        namespace: Text::default(),
        mount: Text::foreign(mount),
        kv: Name::new(kv),
        folder: folder.to_owned(),
    };
    let list = async |at: MountFolder| {
        let told = bench.vault.folder(replica, &at).await.unwrap();
        told.said().map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    assert_eq!(list(folder("secret", "v2", "near")).await, Some(["below/", "one", "two"].map(str::to_owned).to_vec()));
    assert_eq!(list(folder("old", "v1", "subkeys")).await, Some(vec!["app".to_owned()]));
    assert_eq!(list(folder("secret", "v2", "nowhere")).await, Some(Vec::new()));
    assert_eq!(list(folder("missing", "v2", "")).await, None);

    let (_, created) = bench.ask(leader, "POST", "auth/token/create", "", r#"{"policies":["default"],"ttl":"10m"}"#).await;
    let stranger = gateway(&bench.lab, created.pointer("/auth/client_token").and_then(Value::as_str).unwrap());
    let told = stranger.properties(replica, &of("secret", "v2", &["near/one"])).await.unwrap();
    assert_eq!(told, [Told::Denied]);
    assert_eq!(stranger.folder(replica, &folder("secret", "v2", "near")).await.unwrap(), Told::Denied);

    // A rate limit is kept to: nothing is lost by it, it only takes longer.
    let quota = r#"{"path":"secret","rate":3,"interval":"1s"}"#;
    assert_eq!(bench.ask(leader, "POST", "sys/quotas/rate-limit/slow", "", quota).await.0, 204);
    let started = std::time::Instant::now();
    let told = bench.vault.properties(replica, &of("secret", "v2", &["near/one"; 8])).await.unwrap();
    println!("8 paths at 3 a second: {:?}", started.elapsed());
    assert!(told.iter().all(|told| told.said().is_some()), "{told:?}");
    assert!(started.elapsed() > Duration::from_secs(1));
    assert_eq!(bench.ask(leader, "DELETE", "sys/quotas/rate-limit/slow", "", "").await.0, 204);
}

/// The real binary on the lab: names and neighbours in JSON, and no value.
fn listed(bench: &Bench) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(["get", "paths", "-o", "json", "--properties", "--neighbours", "--timeout", "60s"])
        .env("KUBECONFIG", bench.lab.kubeconfig("admin"))
        .env("VAULT_ADDR", bench.lab.text("/vault/url"))
        .env("VAULT_TOKEN", root_token(&bench.lab))
        .output()
        .expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let list: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{text}"));
    let items = list["items"].as_array().expect("items");
    let of_lab = |item: &&Value| {
        bench.lab.text("/vault/url").contains(item["object"].as_str().and_then(|o| o.split('/').nth(1)).unwrap_or("-"))
    };
    let here: Vec<&Value> = items.iter().filter(of_lab).collect();
    let present = here.iter().filter(|item| item["state"].as_str().is_some_and(|state| state.starts_with('v')));
    let (mut told, mut lack) = (0, Vec::new());
    for item in present {
        match item["properties"].as_array() {
            Some(names) if !names.is_empty() => told += 1,
            _ => lack.push(item["path"].clone()),
        }
    }
    let beside = here.iter().filter(|item| item["referenced"] == false).count();
    println!("{} paths, {told} with their properties, {beside} unreferenced", here.len());
    assert!(told > 5 && lack.is_empty(), "{lack:?}: {text}");
    for canary in bench.lab.canaries() {
        assert!(!text.contains(&canary), "a value came out");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn openbao_tells_names_and_neighbours_and_no_value() {
    let bench = Bench::up("names", "openbao").await;
    names_and_neighbours(&bench).await;
    tokio::task::block_in_place(|| listed(&bench));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn hashicorps_vault_tells_names_and_neighbours_and_no_value() {
    let bench = Bench::up("names-hc", "hashicorp").await;
    names_and_neighbours(&bench).await;
    tokio::task::block_in_place(|| listed(&bench));
}
