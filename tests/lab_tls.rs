//! A real Vault with TLS, seen through the cluster: whose certificate is trusted, and what is said if it is not.
//! `tests/lab/test` runs this; the test starts a lab of its own.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that fails says why"
)]

#[path = "common/lab.rs"]
mod lab;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use lab::{Lab, wait_until};
use sealwatch::gateways::kubernetes::{ConnectOptions, KubernetesGateway, connect};
use sealwatch::gateways::vault::{VaultEnvironment, VaultGateway};
use sealwatch::model::vault::{Authority, Ca, ServerTls};
use sealwatch::model::{FaultKind, Inventory, Kind, Name, Names, VaultAddress};
use sealwatch::ports::{Cluster as _, ReplicaAddress, Scope, Vault as _};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(60);
const STORE: &str = "ameide-vault";

fn cluster(lab: &Lab, who: &str) -> KubernetesGateway {
    let kubeconfig = Some(PathBuf::from(lab.kubeconfig(who)));
    connect(&ConnectOptions { kubeconfig, ..ConnectOptions::default() }).unwrap()
}

/// What the stores of the cluster say of this server.
async fn told(cluster: &KubernetesGateway, server: &VaultAddress) -> ServerTls {
    let mut world = Inventory::default();
    let mut watch = cluster.watch(Kind::SecretStore, &Scope::Everywhere);
    while ServerTls::of(&world, server).authorities.len() < 3 {
        let change = tokio::time::timeout(SOON, watch.next()).await.expect("in time").expect("a change");
        world.apply(change, jiff::Timestamp::now());
    }
    ServerTls::of(&world, server)
}

/// A bundle of one CA, as a store has it.
fn bundle(file: &str) -> String {
    STANDARD.encode(std::fs::read(file).unwrap())
}

/// What the binary says as JSON.
fn says(lab: &Lab, arguments: &[&str]) -> Value {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{}", std::process::id()));
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealwatch"));
    for variable in ["BAO_ADDR", "VAULT_ADDR", "BAO_TOKEN", "VAULT_TOKEN", "BAO_CACERT", "VAULT_CACERT"] {
        command.env_remove(variable);
    }
    for variable in ["HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
        command.env(variable, &home);
    }
    let output = command.args(arguments).args(["-o", "json", "--kubeconfig", lab.kubeconfig("admin")]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for canary in lab.canaries() {
        assert!(!text.contains(&canary), "a value of the lab is said");
    }
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)))
}

/// What is changed in an object, as `kubectl patch --type merge` does.
async fn patch(client: &kube::Client, namespace: &str, kind: (&str, &str, &str), name: &str, change: Value) {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk(kind.0, kind.1, kind.2));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    api.patch(name, &PatchParams::default(), &Patch::Merge(change)).await.expect("patched");
}

/// Has every store name the CA in this file, each in its own way, and be checked at once.
async fn name_ca(lab: &Lab, client: &kube::Client, file: &str) {
    let namespace = |of: &str| lab.text(&format!("/namespaces/{of}")).to_owned();
    let pem = std::fs::read_to_string(file).unwrap();
    let store = ("external-secrets.io", "v1", "SecretStore");
    patch(client, &namespace("staging"), ("", "v1", "Secret"), "vault-ca", json!({"stringData": {"ca.crt": pem}})).await;
    patch(client, &namespace("prod"), ("", "v1", "ConfigMap"), "vault-ca", json!({"data": {"ca.crt": pem}})).await;
    let change = json!({"spec": {"provider": {"vault": {"caBundle": bundle(file)}}}});
    patch(client, &namespace("dev"), store, STORE, change).await;
    for of in ["dev", "staging", "prod"] {
        let now = jiff::Timestamp::now().as_millisecond().to_string();
        patch(client, &namespace(of), store, STORE, json!({"metadata": {"annotations": {"force-sync": now}}})).await;
    }
}

/// Waits until External Secrets says this of the stores.
async fn stores_are(client: &kube::Client, lab: &Lab, ready: &str) -> String {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("external-secrets.io", "v1", "SecretStore"));
    let mut last = String::new();
    let waited = wait_until("the stores to be told", SOON, async || {
        for of in ["dev", "staging", "prod"] {
            let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), lab.text(&format!("/namespaces/{of}")), &kind);
            let store = api.get(STORE).await.expect("a store");
            let field = |name: &str| store.data.pointer(&format!("/status/conditions/0/{name}")).and_then(Value::as_str);
            if field("status") != Some(ready) {
                return Err(format!("{of}: {:?}", store.data.pointer("/status/conditions")));
            }
            field("message").unwrap_or_default().clone_into(&mut last);
        }
        Ok(())
    });
    println!("the stores are {ready} after {:?}", waited.await);
    last
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn a_vault_with_tls_is_trusted_by_the_ca_of_its_stores_and_by_no_other() {
    let lab = Lab::up("tls", &["--tls"]);
    let server = VaultAddress::parse(lab.text("/vault/url")).unwrap();
    assert!(server.tls, "{server}");
    let replica = ReplicaAddress { server: server.clone(), pod: Name::new(lab.text("/vault/replicas/0/pod")) };
    let (admin, limited) = (cluster(&lab, "admin"), cluster(&lab, "limited"));

    let tls = told(&admin, &server).await;
    println!("{tls:?}");
    assert_eq!(tls.name, None);
    let ask = async |who: &KubernetesGateway, authorities: Vec<Authority>| {
        let vault = VaultGateway::new(VaultEnvironment::default(), Some(who.clone()));
        vault.trust(&server, &ServerTls { authorities, name: None });
        vault.status(&replica).await.map(|(seal, _)| seal.sealed)
    };
    let fault = ask(&admin, Vec::new()).await.unwrap_err();
    println!("{fault}");
    assert!(fault.kind == FaultKind::Tls && fault.message.as_str().ends_with("No store names a CA for it."), "{fault}");
    for authority in &tls.authorities {
        assert_eq!(ask(&admin, vec![authority.clone()]).await, Ok(false), "{authority:?}");
        let told = ask(&limited, vec![authority.clone()]).await;
        if let (Ca::Secret { .. }, Err(fault)) = (&authority.ca, &told) {
            println!("{fault}");
            assert!(
                fault.message.as_str().contains("Could not read the CA in Secret/ameide-staging/vault-ca (ca.crt)"),
                "{fault}"
            );
        } else if !matches!(authority.ca, Ca::Secret { .. }) {
            assert_eq!(told, Ok(false), "{authority:?}");
        }
    }
    assert_eq!(ask(&limited, tls.authorities.clone()).await, Ok(false), "one that can be read is enough");
    let stranger = Ca::bundle(&bundle(lab.text("/vault/strangers_ca")), &mut Names::default());
    let fault = ask(&admin, vec![Authority { ca: stranger, ..tls.authorities[0].clone() }]).await.unwrap_err();
    println!("{fault}");
    assert!(fault.kind == FaultKind::Tls && fault.message.as_str().contains("It is not the CA of SecretStore/"), "{fault}");

    let vaults = says(&lab, &["get", "vaults"]);
    assert_eq!((&vaults["items"][0]["open"], &vaults["items"][0]["replicas"]), (&json!(3), &json!(3)), "{vaults}");

    let client = lab.client().await;
    name_ca(&lab, &client, lab.text("/vault/strangers_ca")).await;
    let message = stores_are(&client, &lab, "False").await;
    println!("External Secrets: {message}");
    let check = says(&lab, &["check"]);
    let cause = &check["causes"][0];
    println!("{}", cause["summary"]);
    assert_eq!(cause["slug"], "vault-unreachable", "{check}");
    assert!(check.to_string().contains("is not trusted here"), "{check}");

    name_ca(&lab, &client, lab.text("/vault/ca")).await;
    stores_are(&client, &lab, "True").await;
    let check = says(&lab, &["check"]);
    let unreachable = |cause: &Value| cause["slug"] == "vault-unreachable";
    assert!(!check["causes"].as_array().expect("causes").iter().any(unreachable), "{check}");
}
