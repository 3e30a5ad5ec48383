//! What stands beside External Secrets, in one world written by hand from the types of each project: every kind is
//! read, listed and linked, and who deploys an object is told.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::StreamExt as _;
use sealwatch::gateways::recorded::Recording;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{ExternalSecret, Role, SecretStore, System, VaultStaticSecret};
use sealwatch::model::{Inventory, Kind, ObjectRef, kinds};
use sealwatch::ports::{Clock as _, Cluster as _, Scope};
use serde_json::{Value, json};

fn object(api: &str, kind: &str, place: &str, spec: &Value, status: &Value) -> Value {
    let (namespace, name) = place.split_once('/').expect("namespace/name");
    let mut metadata = json!({ "name": name, "uid": format!("uid-{kind}-{name}"), "resourceVersion": "7", "generation": 1 });
    if !namespace.is_empty() {
        metadata["namespace"] = json!(namespace);
    }
    json!({ "apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec, "status": status })
}

fn ready() -> Value {
    json!({ "conditions": [{ "type": "Ready", "status": "True", "reason": "Fine", "message": "fine" }] })
}

/// A shop and its secrets, as External Secrets has them.
fn own() -> Vec<Value> {
    const GENERATORS: &str = "generators.external-secrets.io/v1alpha1";
    let ready = ready();
    let none = json!({});
    let vault = json!({ "server": "https://vault.vault.svc:8200", "path": "secret", "version": "v2",
        "auth": { "tokenSecretRef": { "name": "vault-token", "key": "token" } } });
    let mut deployed = object(
        "external-secrets.io/v1",
        "ExternalSecret",
        "shop/db",
        &json!({ "secretStoreRef": { "name": "vault" }, "data": [{ "secretKey": "a", "remoteRef": { "key": "shop/db" } }],
            "dataFrom": [{ "sourceRef": { "generatorRef": { "kind": "ClusterGenerator", "name": "wide" } } },
                { "sourceRef": { "generatorRef": { "kind": "UUID", "name": "gone" } } }] }),
        &ready,
    );
    deployed["metadata"]["annotations"] =
        json!({ "argocd.argoproj.io/tracking-id": "shop:external-secrets.io/ExternalSecret:shop/db" });
    let mut labelled =
        object("external-secrets.io/v1", "ExternalSecret", "shop/web", &json!({ "secretStoreRef": { "name": "vault" } }), &ready);
    labelled["metadata"]["labels"] =
        json!({ "helm.toolkit.fluxcd.io/name": "web", "helm.toolkit.fluxcd.io/namespace": "flux-system" });
    vec![
        object("external-secrets.io/v1", "SecretStore", "shop/vault", &json!({ "provider": { "vault": vault } }), &ready),
        deployed,
        labelled,
        object(
            "external-secrets.io/v1alpha1",
            "PushSecret",
            "shop/push",
            &json!({ "secretStoreRefs": [{ "name": "vault" }], "selector": { "secret": { "name": "db" } },
                "data": [{ "match": { "secretKey": "a", "remoteRef": { "remoteKey": "copy/db" } } }] }),
            &ready,
        ),
        object(GENERATORS, "Password", "shop/password", &json!({ "length": 32, "noUpper": false }), &none),
        object(
            GENERATORS,
            "ClusterGenerator",
            "/wide",
            &json!({ "kind": "VaultDynamicSecret", "generator": { "vaultDynamicSecretSpec": {
                "path": "database/creds/app", "provider": { "server": "https://other.vault.svc:8200" } } } }),
            &none,
        ),
        object(GENERATORS, "VaultDynamicSecret", "shop/db", &json!({ "path": "database/creds/app", "provider": vault }), &none),
        object(GENERATORS, "Webhook", "shop/hook", &json!({ "url": "https://x", "headers": { "a": "b" } }), &none),
        object(
            GENERATORS,
            "BeyondtrustWorkloadCredentialsDynamicSecret",
            "shop/bt",
            &json!({ "provider": { "server": { "apiUrl": "x" } } }),
            &none,
        ),
        object(
            GENERATORS,
            "GeneratorState",
            "shop/gen-externalsecret-db-x",
            &json!({ "garbageCollectionDeadline": "2026-11-25T00:02:00Z", "state": { "token": "canary" },
                "resource": { "kind": "Grafana", "metadata": { "name": "board" } } }),
            &none,
        ),
    ]
}

/// Those that stand beside it.
fn beside() -> Vec<Value> {
    let none = json!({});
    let ready = ready();
    vec![
        object(
            "secrets.hashicorp.com/v1beta1",
            "VaultDynamicSecret",
            "shop/db",
            &json!({ "mount": "db", "path": "creds/app" }),
            &none,
        ),
        object(
            "secrets.hashicorp.com/v1beta1",
            "VaultConnection",
            "shop/third",
            &json!({ "address": "https://third.vault.svc:8200" }),
            &ready,
        ),
        object(
            "secrets.hashicorp.com/v1beta1",
            "VaultAuth",
            "shop/app",
            &json!({ "vaultConnectionRef": "third", "method": "kubernetes" }),
            &ready,
        ),
        object(
            "secrets.hashicorp.com/v1beta1",
            "VaultStaticSecret",
            "shop/config",
            &json!({ "vaultAuthRef": "app", "mount": "kv", "path": "shop/config", "type": "kv-v2", "destination": { "name": "config" } }),
            &ready,
        ),
        object(
            "bitnami.com/v1alpha1",
            "SealedSecret",
            "shop/pull",
            &json!({ "encryptedData": { ".dockerconfigjson": "canary" } }),
            &json!({ "observedGeneration": 1, "conditions": [{ "type": "Synced", "status": "False", "message": "no key" }] }),
        ),
        object(
            "cert-manager.io/v1",
            "Issuer",
            "shop/mesh",
            &json!({ "vault": { "server": "https://fourth.vault.svc:8200", "path": "pki/sign/mesh",
            "auth": { "tokenSecretRef": { "name": "db", "key": "token" } } } }),
            &ready,
        ),
        object("cert-manager.io/v1", "ClusterIssuer", "/letsencrypt", &json!({ "acme": { "server": "https://acme" } }), &ready),
        object(
            "argoproj.io/v1alpha1",
            "Application",
            "argocd/shop",
            &json!({ "destination": { "name": "in-cluster" }, "syncPolicy": { "automated": { "selfHeal": true } } }),
            &json!({ "sync": { "status": "Synced" }, "health": { "status": "Healthy" }, "resources": [
                { "group": "external-secrets.io", "kind": "SecretStore", "namespace": "shop", "name": "vault" }] }),
        ),
        object("app.k8s.io/v1beta1", "Application", "shop/not-argo", &none, &none),
        object(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            "flux-system/apps",
            &json!({ "prune": true, "postBuild": { "substituteFrom": [{ "kind": "Secret", "name": "vars" }] } }),
            &json!({ "inventory": { "entries": [{ "id": "shop_pull_bitnami.com_SealedSecret", "v": "v1alpha1" }] } }),
        ),
        object(
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            "flux-system/web",
            &json!({ "suspend": true, "valuesFrom": [{ "kind": "Secret", "name": "values" }] }),
            &ready,
        ),
        object(
            "infra.contrib.fluxcd.io/v1alpha2",
            "Terraform",
            "shop/infra",
            &json!({ "varsFrom": [{ "kind": "Secret", "name": "db" }], "backendConfigsFrom": [{ "kind": "Secret", "name": "backend" }],
                "writeOutputsToSecret": { "name": "outputs" } }),
            &ready,
        ),
    ]
}

async fn world() -> (Inventory, String) {
    // Tests run beside each other, and each has its own.
    static WORLDS: AtomicUsize = AtomicUsize::new(0);
    let number = WORLDS.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("sealwatch-neighbours-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("shop.json");
    let objects = [own(), beside()].concat();
    let world = json!({ "now": "2026-11-25T00:00:00Z", "kubernetes": objects });
    std::fs::write(&file, world.to_string()).expect("a file");
    let recording = Recording::open(&file).expect("a world");
    std::fs::remove_dir_all(&folder).expect("gone");
    let (mut world, mut said) = (Inventory::default(), String::new());
    for kind in kinds::all() {
        let listed = recording.watch(*kind, &Scope::Everywhere).next().await.expect("a list");
        let Change::Listed(_, objects, odd) = &listed else { panic!("a recording lists at once") };
        assert_eq!(*odd, [], "{kind}");
        write!(said, "{objects:?}").expect("a text");
        world.apply(listed, recording.now());
    }
    world.settle();
    (world, said)
}

fn at(kind: Kind, namespace: &str, name: &str) -> ObjectRef {
    ObjectRef::new(kind, namespace, name)
}

#[tokio::test]
async fn each_kind_is_read_from_its_own_group_and_nothing_secret_is_kept() {
    let (world, said) = world().await;
    assert!(!said.contains("canary"), "what is sealed or generated is not kept");
    let beside = |kind: &Kind| kinds::api(*kind).is_some_and(|api| api.system() == System::Neighbour);
    for kind in kinds::all().iter().copied().filter(beside) {
        let one = [at(kind, "shop", ""), at(kind, "argocd", ""), at(kind, "flux-system", ""), at(kind, "", "")];
        let names = ["pull", "mesh", "letsencrypt", "shop", "apps", "web", "infra"];
        let here = |place: &ObjectRef| names.iter().filter(|name| world.has(&at(kind, place.namespace.as_str(), name))).count();
        assert_eq!(one.iter().map(here).sum::<usize>(), 1, "one {kind}, and none of another group");
    }
    let generators: BTreeSet<String> = world.generators().map(|(object, _)| object.to_string()).collect();
    assert_eq!(generators.len(), 5, "{generators:?}");
    assert!(world.generator(&at(Kind::VaultDynamicSecretGenerator, "shop", "db")).is_some_and(|one| one.vault.is_some()));
}

#[tokio::test]
async fn the_links_lead_from_either_end() {
    let (world, _) = world().await;
    let from = |object: ObjectRef, role| world.pointing_at(&object, role).map(ToString::to_string).collect::<BTreeSet<_>>();
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(
        from(at(Kind::Secret, "shop", "db"), Role::Consumes),
        set(&["PushSecret/shop/push", "Issuer/shop/mesh", "Terraform/shop/infra"])
    );
    assert_eq!(from(at(Kind::Secret, "shop", "outputs"), Role::Writes), set(&["Terraform/shop/infra"]));
    assert_eq!(from(at(Kind::Secret, "shop", "pull"), Role::Writes), set(&["SealedSecret/shop/pull"]));
    assert_eq!(from(at(Kind::Secret, "flux-system", "values"), Role::Consumes), set(&["HelmRelease/flux-system/web"]));
    assert_eq!(from(at(Kind::SecretStore, "shop", "vault"), Role::PushesThrough), set(&["PushSecret/shop/push"]));
    assert_eq!(from(at(Kind::ClusterGenerator, "", "wide"), Role::Generates), set(&["ExternalSecret/shop/db"]));
    assert_eq!(from(at(Kind::Grafana, "shop", "board"), Role::MadeBy), set(&["GeneratorState/shop/gen-externalsecret-db-x"]));
    assert_eq!(from(at(Kind::SealedSecret, "shop", "pull"), Role::Manages), set(&["Kustomization/flux-system/apps"]));
}

#[tokio::test]
async fn every_vault_that_anybody_names_is_known_and_every_path_that_is_read() {
    let (world, _) = world().await;
    let servers: BTreeSet<String> = world.vaults.keys().map(ToString::to_string).collect();
    let named = ["fourth", "other", "third", "vault"].map(|name| format!("https://{name}.vault.svc:8200"));
    assert_eq!(servers, named.into_iter().collect());
    let paths: BTreeSet<(String, usize)> = world
        .vaults
        .values()
        .flat_map(|server| server.paths.iter().map(|(path, facts)| (path.to_string(), facts.readers)))
        .collect();
    assert_eq!(paths, [("kv/shop/config".to_owned(), 1), ("secret/shop/db".to_owned(), 1)].into_iter().collect());
    let config = world.get::<VaultStaticSecret>(&at(Kind::VaultStaticSecret, "shop", "config")).expect("it");
    assert_eq!(
        world.static_path(config).map(|(address, ..)| address.to_string()).as_deref(),
        Some("https://third.vault.svc:8200")
    );
}

#[tokio::test]
async fn who_deploys_is_told_by_the_list_first_and_by_marks_where_there_is_none() {
    let (world, _) = world().await;
    let manager = |name: &str| {
        let object = at(Kind::ExternalSecret, "shop", name);
        let es = world.get::<ExternalSecret>(&object).expect("it");
        world.manager_of(&object, &es.meta).map(|manager| manager.to_string())
    };
    // The mark names no namespace: that is found by the name.
    assert_eq!(manager("db").as_deref(), Some("Application/argocd/shop"));
    assert_eq!(manager("web").as_deref(), Some("HelmRelease/flux-system/web"));
    let object = at(Kind::SecretStore, "shop", "vault");
    let store = world.get::<SecretStore>(&object).expect("it");
    let listed = world.manager_of(&object, &store.meta).map(|manager| manager.to_string());
    assert_eq!(listed.as_deref(), Some("Application/argocd/shop"));
}
