//! Logins against a real Vault: as a user, and as a store does; renewed, made again, and revoked in the end.
//! `SEALWATCH_LAB_JSON` names the `lab.json` of a running lab, as for `lab_gateways.rs`.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that fails says why"
)]

#[path = "common/running.rs"]
mod running;

use std::time::Duration;

use futures::StreamExt as _;
use running::Lab;
use sealwatch::gateways::vault::{TokenSecret, VaultEnvironment, VaultGateway};
use sealwatch::model::vault::{Login, May, ReplicaRole, StoreLogin, Token, TokenSource};
use sealwatch::model::{FaultKind, Inventory, Kind, Name, ObjectRef, Text, VaultAddress};
use sealwatch::ports::{Cluster as _, MountPaths, ReplicaAddress, Scope, Typed, Vault as _};
use serde_json::Value;

const SOON: Duration = Duration::from_secs(30);
const PASSWORD: &str = "CANARY-password-of-alice";

impl Lab {
    fn vault(&self, who: &str) -> VaultGateway {
        VaultGateway::new(VaultEnvironment::default(), Some(self.cluster(who)))
    }

    /// The replica that leads, and where the lab itself reaches it.
    async fn leader(&self) -> (ReplicaAddress, String) {
        let server = self.server();
        let vault = self.vault("admin");
        for replica in self.0["vault"]["replicas"].as_array().unwrap() {
            let address = ReplicaAddress { server: server.clone(), pod: Name::new(replica["pod"].as_str().unwrap()) };
            if matches!(vault.status(&address).await.unwrap().1, ReplicaRole::Active(_) | ReplicaRole::Single) {
                return (address, replica["address"].as_str().unwrap().to_owned());
            }
        }
        panic!("nobody leads")
    }

    /// How the store of `ameide-dev` logs in.
    async fn store_login(&self) -> StoreLogin {
        let mut world = Inventory::default();
        let mut watch = self.cluster("admin").watch(Kind::SecretStore, &Scope::Everywhere);
        let store = ObjectRef::new(Kind::SecretStore, self.text("/namespaces/dev"), "ameide-vault");
        while world.store(&store).is_none() {
            let change = tokio::time::timeout(SOON, watch.next()).await.expect("in time").expect("a change");
            world.apply(change, jiff::Timestamp::now());
        }
        StoreLogin::of(world.store(&store).unwrap(), None).unwrap()
    }

    /// One request with the root token that succeeds; the body of the answer.
    async fn root(&self, at: &str, method: &str, path: &str, body: &str) -> String {
        let answer = self.asked(at, method, path, body).await;
        assert!(answer.starts_with("HTTP/1.1 20"), "{method} {path}: {answer}");
        answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned())
    }

    /// The same, whatever is answered: all of it.
    async fn asked(&self, at: &str, method: &str, path: &str, body: &str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let token = std::fs::read_to_string(self.text("/files/root_token")).unwrap();
        let mut stream = tokio::net::TcpStream::connect(at).await.unwrap();
        let head = format!(
            "{method} /v1/{path} HTTP/1.1\r\nhost: {at}\r\nx-vault-token: {}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            token.trim(),
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    /// The display names of all tokens that live.
    async fn living(&self, at: &str) -> Vec<String> {
        let accessors = self.root(at, "LIST", "auth/token/accessors", "").await;
        let accessors: Value = serde_json::from_str(accessors.trim()).unwrap_or_else(|_| unchunked(&accessors));
        let mut names = Vec::new();
        for accessor in accessors["data"]["keys"].as_array().expect("accessors") {
            let body = format!(r#"{{"accessor":{accessor}}}"#);
            // It may have ended in between.
            names.push(self.asked(at, "POST", "auth/token/lookup-accessor", &body).await);
        }
        names
    }
}

/// A body that came in chunks.
fn unchunked(body: &str) -> Value {
    let plain: String = body.split("\r\n").skip(1).step_by(2).collect();
    serde_json::from_str(&plain).unwrap_or_else(|error| panic!("{error}: {body}"))
}

fn typed(text: &str) -> Typed {
    let mut typed = Typed::new();
    text.chars().for_each(|c| typed.push(c));
    typed
}

fn ghcr() -> MountPaths {
    MountPaths {
        namespace: Text::default(),
        mount: Text::foreign("secret"),
        kv: Name::new("v2"),
        keys: vec!["ghcr-token".to_owned()],
    }
}

async fn whose(vault: &VaultGateway, replica: &ReplicaAddress) -> Token {
    vault.token(replica).await.unwrap().expect("it may look at itself")
}

/// Looks at a token until it ends later than this one did, which is said at the latest when this one would have
/// ended: a replica that does not lead tells of a renewal a moment after it.
async fn once_renewed(vault: &VaultGateway, replica: &ReplicaAddress, token: &Token) -> Token {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Once it has ended unrenewed, it may not look at itself any more, and this fails.
        let now = whose(vault, replica).await;
        if now.expires > token.expires {
            return now;
        }
    }
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_user_logs_in_is_renewed_and_is_gone_afterwards() {
    let lab = Lab::read();
    let (replica, at) = lab.leader().await;
    lab.root(&at, "POST", "sys/auth/people", r#"{"type":"userpass"}"#).await;
    let user =
        format!(r#"{{"password":"{PASSWORD}","token_policies":"external-secrets","token_ttl":"6s","token_max_ttl":"60s"}}"#);
    lab.root(&at, "POST", "auth/people/users/alice", &user).await;

    let vault = lab.vault("limited");
    let fault = vault.token(&replica).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NoToken, "{fault}");
    let login = Login::parse("people/alice");
    let fault = vault.log_in(&replica, &login, Some(&typed("not the password"))).await.unwrap_err();
    println!("{fault}");
    assert!(fault.message.as_str().contains("invalid username or password"), "{fault}");
    let token = vault.log_in(&replica, &login, Some(&typed(PASSWORD))).await.unwrap().expect("it may look at itself");
    println!("{token:?}");
    assert_eq!((token.name.as_str(), &token.from), ("people-alice", &TokenSource::User));
    assert_eq!(vault.classify(&replica, &ghcr()).await.unwrap().paths[0].value, May::Yes);
    let renewed = once_renewed(&vault, &replica, &token).await;
    println!("{:?} then {:?}", token.expires, renewed.expires);
    once_renewed(&vault, &replica, &renewed).await;
    assert!(lab.living(&at).await.iter().any(|said| said.contains("people-alice")));
    assert_eq!(vault.log_out().await, Vec::new());
    assert!(!lab.living(&at).await.iter().any(|said| said.contains("people-alice")), "it is revoked");
    assert_eq!(vault.token(&replica).await.unwrap_err().kind, FaultKind::NoToken);
    lab.root(&at, "DELETE", "sys/auth/people", "").await;
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn who_logs_in_as_a_store_sees_what_the_operator_sees() {
    let lab = Lab::read();
    let (replica, at) = lab.leader().await;
    let login = lab.store_login().await;
    let fault = lab.vault("limited").log_in(&replica, &Login::Store(login.clone()), None).await.unwrap_err();
    println!("{fault}");
    assert_eq!(fault.kind, FaultKind::Forbidden);
    assert!(fault.message.as_str().contains("get a token of ServiceAccount/ameide-dev/external-secrets"), "{fault}");

    let vault = lab.vault("admin");
    let token = vault.log_in(&replica, &Login::Store(login.clone()), None).await.unwrap().expect("it may look at itself");
    println!("{token:?}");
    let policies: Vec<&str> = token.policies.iter().map(Text::as_str).collect();
    assert_eq!(
        (policies.as_slice(), &token.from),
        (&["default", "external-secrets"][..], &TokenSource::Store(login.store.clone()))
    );
    let known = vault.classify(&replica, &ghcr()).await.unwrap();
    assert_eq!((known.paths[0].value, known.paths[0].metadata), (May::Yes, May::Yes));
    let other = ReplicaAddress { server: VaultAddress { port: 8201, ..replica.server.clone() }, ..replica.clone() };
    assert_eq!(vault.token(&other).await.unwrap_err().kind, FaultKind::NoToken, "it is for that Vault only");

    // One that cannot be renewed for long is made again.
    let role = r#"{"bound_service_account_names":["external-secrets"],"bound_service_account_namespaces":["ameide-dev"],
        "token_policies":["external-secrets"],"token_ttl":"4s","token_max_ttl":"5s"}"#;
    lab.root(&at, "POST", "auth/kubernetes/role/short", role).await;
    let short = StoreLogin { role: Text::foreign("short"), ..login.clone() };
    let first = vault.log_in(&replica, &Login::Store(short), None).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_secs(6)).await;
    let second = whose(&vault, &replica).await;
    println!("{:?} then {:?}", first.expires, second.expires);
    assert!(second.expires > first.expires, "the login was made again");
    assert_eq!(vault.log_out().await, Vec::new());

    for (login, words) in [
        (StoreLogin { role: Text::foreign("nobody"), ..login.clone() }, "invalid role name"),
        (StoreLogin { mount: Text::foreign("elsewhere"), ..login.clone() }, "permission denied"),
        (
            StoreLogin { account: ObjectRef::new(Kind::ServiceAccount, "ameide-dev", "default"), ..login.clone() },
            "not authorized",
        ),
        (StoreLogin { account: ObjectRef::new(Kind::ServiceAccount, "ameide-dev", "nobody"), ..login.clone() }, "not found"),
    ] {
        let fault = vault.log_in(&replica, &Login::Store(login), None).await.unwrap_err();
        println!("{fault}");
        assert!(fault.message.as_str().contains(words), "{fault}");
    }
}

#[tokio::test]
#[ignore = "needs the lab: tests/lab/test"]
async fn the_token_in_a_secret_is_for_the_vault_beside_it() {
    let lab = Lab::read();
    let (replica, _) = lab.leader().await;
    let secret = |namespace: &str, key: &str| {
        let secret = ObjectRef::new(Kind::Secret, namespace, "vault-auto-credentials");
        let token_secret = Some(TokenSecret { secret, key: Name::new(key) });
        let mut environment = VaultEnvironment::of(|_| None);
        environment.token_secret = token_secret;
        VaultGateway::new(environment, Some(lab.cluster("admin")))
    };
    let token = whose(&secret(lab.text("/namespaces/dev"), "root-token"), &replica).await;
    assert_eq!((token.name.as_str(), token.from.to_string().as_str()), ("root", "Secret/ameide-dev/vault-auto-credentials"));
    for (vault, words) in [
        (secret(lab.text("/namespaces/dev"), "no-such-key"), "holds no token under"),
        (secret(lab.text("/namespaces/prod"), "root-token"), "No Vault token"),
    ] {
        let fault = vault.token(&replica).await.unwrap_err();
        println!("{fault}");
        assert!(fault.message.as_str().contains(words), "{fault}");
    }
}
