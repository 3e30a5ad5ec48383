//! The transport against a loopback server that says what a Vault, a proxy or a broken one would say.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::model::{Kind, Name, PathState, Text};

mod login;

const SEALED: &str = r#"{"type":"shamir","initialized":true,"sealed":true,"t":2,"n":3,"progress":1,"nonce":"x","version":"2.7.2","storage_type":"raft"}"#;
const OPEN: &str = r#"{"type":"shamir","initialized":true,"sealed":false,"t":2,"n":3,"progress":0,"nonce":"","version":"2.7.2","storage_type":"raft"}"#;

/// A server: what it was asked, how often it was connected to, and the replica that stands for it.
struct Server {
    asked: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
    replica: ReplicaAddress,
}

fn json(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ndate: Wed, 25 Nov 2026 01:02:03 GMT\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Answers each request by its head and body; `None` hangs up, an empty text never answers.
async fn server(answer: impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server {
        asked: Arc::default(),
        connections: Arc::default(),
        replica: ReplicaAddress { server: VaultAddress::parse(&url).unwrap(), pod: Name::new("vault-0") },
    };
    let (asked, connections, answer) = (Arc::clone(&server.asked), Arc::clone(&server.connections), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, Arc::clone(&asked), Arc::clone(&answer)));
        }
    });
    server
}

async fn serve(
    mut stream: TcpStream,
    asked: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str, usize) -> Option<String> + Send + Sync + 'static>,
) {
    while let Some(request) = request(&mut stream).await {
        let count = {
            let mut asked = asked.lock().unwrap();
            asked.push(request.clone());
            asked.len()
        };
        match answer(&request, count) {
            None => return,
            Some(text) if text.is_empty() => std::future::pending::<()>().await,
            Some(text) => {
                if stream.write_all(text.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let whole = String::from_utf8_lossy(&text).into_owned();
        if let Some((head, body)) = whole.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
            if body.len() >= length {
                return Some(whole);
            }
        }
        let mut some = [0; 4096];
        let count = stream.read(&mut some).await.ok().filter(|count| *count > 0)?;
        text.extend_from_slice(some.get(..count)?);
    }
}

fn gateway() -> VaultGateway {
    VaultGateway::new(VaultEnvironment::of(|name| (name == "VAULT_TOKEN").then(|| "s.canary-token".to_owned())), None)
}

/// A gateway whose token is for this server.
fn gateway_for(server: &VaultAddress) -> VaultGateway {
    let address = server.to_string();
    let variable = move |name: &str| match name {
        "VAULT_TOKEN" => Some("s.canary-token".to_owned()),
        "VAULT_ADDR" => Some(address.clone()),
        _ => None,
    };
    VaultGateway::new(VaultEnvironment::of(variable), None)
}

fn unseal(server: &Server) -> VaultWrite {
    let replica = ObjectRef::new(Kind::VaultReplica, "", "vault-0");
    VaultWrite::unseal(server.replica.server.clone(), replica, 0)
}

fn share() -> Typed {
    let mut share = Typed::new();
    "canary-share".chars().for_each(|c| share.push(c));
    share
}

async fn given(server: &Server) -> Result<Receipt, Fault> {
    let result = gateway().write(Permit::grant(), &unseal(server), Some(&share())).await;
    if let Err(fault) = &result {
        assert!(!format!("{fault:?}").contains("canary"), "{fault:?}");
    }
    result
}

#[tokio::test]
async fn a_status_is_two_questions_over_one_connection_without_a_token() {
    let server = server(|request, _| {
        Some(if request.starts_with("GET /v1/sys/leader ") {
            json("200 OK", r#"{"ha_enabled":true,"is_self":true,"leader_address":"https://vault-0"}"#)
        } else {
            json("200 OK", OPEN)
        })
    })
    .await;
    let vault = gateway();
    for _ in 0..3 {
        let (seal, role) = vault.status(&server.replica).await.unwrap();
        assert_eq!((seal.sealed, role.as_str()), (false, "active"));
    }
    let asked = server.asked.lock().unwrap();
    assert_eq!((asked.len(), server.connections.load(Ordering::Relaxed)), (6, 1));
    assert!(asked[0].starts_with("GET /v1/sys/seal-status HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].contains(&format!("host: {}", server.replica.server.host_port())), "{}", asked[0]);
    assert!(!asked.iter().any(|request| request.contains("token")));
}

#[tokio::test]
async fn a_sealed_replica_is_not_asked_who_leads() {
    let server = server(|_, _| Some(json("200 OK", SEALED))).await;
    let (seal, role) = gateway().status(&server.replica).await.unwrap();
    assert_eq!((seal.sealed, seal.progress, role), (true, 1, ReplicaRole::Unknown));
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_share_goes_out_once_and_the_answer_is_the_new_seal() {
    let server = server(|_, _| Some(json("200 OK", SEALED))).await;
    let receipt = given(&server).await.unwrap();
    assert_eq!(receipt.server_time.map(|at| at.to_string()).as_deref(), Some("2026-11-25T01:02:03Z"));
    assert_eq!(receipt.seal.unwrap().progress, 1);
    let asked = server.asked.lock().unwrap();
    assert!(asked[0].starts_with("PUT /v1/sys/unseal HTTP/1.1\r\n"), "{}", asked[0]);
    assert!(asked[0].ends_with("\r\n\r\n{\"key\":\"canary-share\"}"), "{}", asked[0]);
}

#[tokio::test]
async fn refusals_have_their_kinds_and_the_words_that_runbooks_know() {
    let wrong = r#"{"errors":["unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message authentication failed"]}"#;
    for (status, body, kind, words) in [
        ("400 Bad Request", wrong, FaultKind::Invalid, "message authentication failed"),
        ("500 Internal Server Error", wrong, FaultKind::Invalid, "message authentication failed"),
        ("400 Bad Request", r#"{"errors":["Vault is not initialized"]}"#, FaultKind::Invalid, "not initialized"),
        ("503 Service Unavailable", r#"{"errors":["Vault is sealed"]}"#, FaultKind::Sealed, "sealed"),
        ("429 Too Many Requests", r#"{"errors":[]}"#, FaultKind::Throttled, "status 429"),
        ("403 Forbidden", r#"{"errors":["permission denied"]}"#, FaultKind::Forbidden, "permission denied"),
    ] {
        let server = server(move |_, _| Some(json(status, body))).await;
        let fault = given(&server).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.message.as_str().contains(words), "{fault}");
    }
}

#[tokio::test]
async fn redirects_pages_and_floods_are_not_vault() {
    let redirect =
        "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://elsewhere/v1/sys/seal-status\r\ncontent-length: 0\r\n\r\n"
            .to_owned();
    let page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>".to_owned();
    let announced = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99999999\r\n\r\n".to_owned();
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, " ".repeat(1 << 20));
    let flood = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n{chunk}{chunk}{chunk}{chunk}{chunk}"
    );
    let garbage = "SSH-2.0-OpenSSH_9.9\r\n".to_owned();
    for (answer, words) in [
        (redirect, "redirects (307)"),
        (page, "not Vault's (200)"),
        (announced, "more than 4194304 bytes"),
        (flood, "more than 4194304 bytes"),
        (garbage, "does not speak HTTP"),
        (json("200 OK", r#"{"hello":"world"}"#), "not a seal status"),
    ] {
        let server = server(move |_, _| Some(answer.clone())).await;
        let fault = gateway().status(&server.replica).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Http, "{fault}");
        assert!(fault.message.as_str().contains(words), "{fault}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_costs_the_deadline_and_no_more() {
    let server = server(|_, count| if count == 1 { Some(String::new()) } else { Some(json("200 OK", SEALED)) }).await;
    let vault = gateway();
    let started = Instant::now();
    let fault =
        vault.0.ask(&server.replica, &SealStatus, Call::question(Duration::from_millis(200))).await.map(|_| ()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Timeout, "{fault}");
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(vault.status(&server.replica).await.is_ok(), "the next question has a connection of its own");
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_write_without_an_answer_is_unknown_and_is_not_sent_again() {
    let hangs = server(|_, _| Some(String::new())).await;
    let call = Call::write(Duration::from_millis(200));
    let fault = gateway().0.ask(&hangs.replica, &ResetUnseal, call).await.map(|_| ()).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown, "{fault}");

    let cuts = server(|_, _| None).await;
    let fault = given(&cuts).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unknown, "{fault}");
    assert_eq!(cuts.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_connection_that_grew_old_is_made_anew() {
    // The server hangs up after each answer, without saying so.
    let server = server(|_, count| if count % 2 == 1 { Some(json("200 OK", SEALED)) } else { None }).await;
    let vault = gateway();
    for _ in 0..3 {
        vault.status(&server.replica).await.unwrap();
    }
    assert!(server.connections.load(Ordering::Relaxed) >= 3);
}

#[tokio::test]
async fn a_kept_connection_that_died_silently_is_given_up_after_a_second() {
    let server = server(|_, count| if count == 2 { Some(String::new()) } else { Some(json("200 OK", SEALED)) }).await;
    let vault = gateway();
    vault.status(&server.replica).await.unwrap();
    vault.status(&server.replica).await.unwrap();
    assert_eq!((server.connections.load(Ordering::Relaxed), server.asked.lock().unwrap().len()), (2, 3));
}

#[tokio::test]
async fn a_write_has_a_connection_of_its_own() {
    let server = server(|_, _| Some(json("200 OK", SEALED))).await;
    let vault = gateway();
    vault.status(&server.replica).await.unwrap();
    vault.write(Permit::grant(), &unseal(&server), Some(&share())).await.unwrap();
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
    vault.status(&server.replica).await.unwrap();
    assert_eq!(server.connections.load(Ordering::Relaxed), 2, "which later questions use");
}

#[tokio::test]
async fn what_cannot_be_reached_is_named_by_its_layer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let at = |url: &str| ReplicaAddress { server: VaultAddress::parse(url).unwrap(), pod: Name::new("vault") };
    let fault = gateway().status(&at(&url)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tcp, "{fault}");
    assert!(fault.message.as_str().contains("refuses connections"), "{fault}");
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        let _ = stream.read(&mut [0; 64]).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
    });
    let fault = gateway().status(&at(&url)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    let fault = gateway().status(&at("http://vault.vault.svc:8200")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Dns, "{fault}");
}

fn url_of(server: &Server) -> String {
    server.replica.server.to_string()
}

#[tokio::test]
async fn the_token_goes_with_paths_only_and_never_in_clear_over_a_network() {
    let server = server(|_, _| Some(json("404 Not Found", r#"{"errors":[]}"#))).await;
    let paths = |key: &str| MountPaths {
        namespace: Text::foreign("team/a"),
        mount: Text::foreign("secret"),
        kv: Name::new("v2"),
        keys: vec![key.to_owned()],
    };
    let classified = gateway_for(&server.replica.server).classify(&server.replica, &paths("app/../x y/ä")).await.unwrap();
    assert_eq!(classified.paths[0].state, PathState::Missing);
    {
        let asked = server.asked.lock().unwrap();
        assert!(asked.last().unwrap().starts_with("GET /v1/secret/metadata/app/x%20y/%C3%A4 HTTP/1.1\r\n"), "{asked:?}");
        for request in asked.iter() {
            assert!(request.contains("x-vault-token: s.canary-token"), "{request}");
            assert!(request.contains("x-vault-namespace: team/a"), "{request}");
        }
    }
    let network =
        ReplicaAddress { server: VaultAddress::parse("http://vault.example.com:8200").unwrap(), ..server.replica.clone() };
    let fault = gateway_for(&network.server).classify(&network, &paths("x")).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    let write = VaultWrite::reset(network.server, ObjectRef::new(Kind::VaultReplica, "", "v"));
    assert_eq!(gateway().write(Permit::grant(), &write, None).await.unwrap_err().kind, FaultKind::Tls);
}

#[tokio::test]
async fn unverified_certificates_are_for_reading_only() {
    let server = server(|_, _| Some(json("200 OK", SEALED))).await;
    let vault = VaultGateway::new(VaultEnvironment::of(|name| (name == "BAO_SKIP_VERIFY").then(|| "1".to_owned())), None);
    assert!(vault.insecure() && vault.status(&server.replica).await.is_ok());
    let fault = vault.write(Permit::grant(), &unseal(&server), Some(&share())).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Tls, "{fault}");
    assert_eq!(server.asked.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn vault_addr_stands_in_where_no_cluster_is_connected() {
    let server = server(|_, _| Some(json("200 OK", SEALED))).await;
    let url = url_of(&server);
    let vault = VaultGateway::new(VaultEnvironment::of(move |name| (name == "VAULT_ADDR").then(|| url.clone())), None);
    let inside =
        ReplicaAddress { server: VaultAddress::parse("https://vault.vault.svc:8200").unwrap(), pod: Name::new("vault-0") };
    assert!(vault.status(&inside).await.unwrap().0.sealed);
}

#[tokio::test]
async fn a_rate_limit_is_waited_for_as_long_as_it_says_and_then_asked_again() {
    let server = server(|_, count| {
        Some(if count == 1 {
            json("429 Too Many Requests\r\nretry-after: 0", r#"{"errors":["rate limit quota exceeded"]}"#)
        } else {
            json("200 OK", r#"{"data":{"path":"secret/","type":"kv","options":{"version":"1"}}}"#)
        })
    })
    .await;
    let paths = MountPaths {
        namespace: Text::default(),
        mount: Text::foreign("secret"),
        kv: Name::new("v2"),
        keys: vec!["a".to_owned()],
    };
    let classified = gateway_for(&server.replica.server).classify(&server.replica, &paths).await.unwrap();
    assert_eq!(classified.paths[0].state, PathState::OtherVersion(1));
    assert_eq!(server.asked.lock().unwrap().len(), 2);
}
