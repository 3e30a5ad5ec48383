//! What a stand-in for Argo CD needs: its kind, an Application, and what stands in its “Git”. Argo CD itself is no program
//! that runs in the lab.

use std::time::Duration;

use serde_json::{Value, json};

/// The Application that deploys what tests change.
pub(crate) const APP: &str = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/shop";
/// Server-side apply.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";
const SOON: Duration = Duration::from_secs(30);

/// Where an ExternalSecret is.
pub(crate) fn external_secret(namespace: &str, name: &str) -> String {
    format!("/apis/external-secrets.io/v1/namespaces/{namespace}/externalsecrets/{name}")
}

/// The ExternalSecret `app` with a generator as it stands in “Git”, with or without the field that says when it is refreshed.
pub(crate) fn generated(namespace: &str, sets_policy: bool) -> Value {
    let generator = json!({ "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "password" });
    let mut spec = json!({ "refreshInterval": "1h", "target": { "name": "app" },
        "dataFrom": [{ "sourceRef": { "generatorRef": generator } }] });
    if sets_policy {
        spec["refreshPolicy"] = json!("Periodic");
    }
    let tracking = format!("shop:external-secrets.io/ExternalSecret:{namespace}/app");
    json!({ "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": { "name": "app", "namespace": namespace, "annotations": { "argocd.argoproj.io/tracking-id": tracking } },
        "spec": spec })
}

/// One request to the API server; `None` if it says no.
pub(crate) async fn ask(client: &kube::Client, method: &str, path: &str, media: &str, body: &Value) -> Option<Value> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let request = http::Request::builder().method(method).uri(path).header("content-type", media).body(body).expect("a request");
    client.request(request).await.ok()
}

pub(crate) async fn get(client: &kube::Client, path: &str) -> Value {
    ask(client, "GET", path, "application/json", &Value::Null).await.unwrap_or(Value::Null)
}

/// Waits until something is so.
pub(crate) async fn soon(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    super::lab::wait_until(what, SOON, async || if holds().await { Ok(()) } else { Err("not yet") }).await;
}

/// Makes the kind, the namespace and the Application `shop`, which deploys into this namespace.
pub(crate) async fn deploy_argo(client: &kube::Client, into: &str) {
    let schema = json!({ "openAPIV3Schema": { "type": "object", "x-kubernetes-preserve-unknown-fields": true } });
    let definition = json!({ "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "applications.argoproj.io" },
        "spec": { "group": "argoproj.io", "scope": "Namespaced", "names": { "kind": "Application", "plural": "applications" },
            "versions": [{ "name": "v1alpha1", "served": true, "storage": true, "schema": schema }] } });
    let place = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/applications.argoproj.io?fieldManager=lab";
    ask(client, "PATCH", place, APPLY, &definition).await.expect("the kind is taken");
    let namespace = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "argocd" } });
    ask(client, "PATCH", "/api/v1/namespaces/argocd?fieldManager=lab", APPLY, &namespace).await.expect("a namespace");
    let app = json!({ "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": { "name": "shop", "namespace": "argocd" },
        "spec": { "source": { "repoURL": "https://bot:canary-in-a-url@git.example/shop.git", "path": "overlays/dev" },
            "destination": { "server": "https://kubernetes.default.svc", "namespace": into },
            "syncPolicy": { "automated": { "selfHeal": true, "prune": true } } },
        "status": { "sync": { "status": "Synced" }, "health": { "status": "Healthy" } } });
    let place = format!("{APP}?fieldManager=lab");
    soon("the Application is taken", async || ask(client, "PATCH", &place, APPLY, &app).await.is_some()).await;
}
