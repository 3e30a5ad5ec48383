//! Objects leave the simulation as the JSON that an API server would send, and are read by the same code
//! as the real ones: what the program sees here is what it would see there.

mod platform;
mod vso;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::object::{
    Body, ClusterExternal, Creation, Event, External, Login, Meta, Object, Pod, Ready, Refresh, Secret, Store, Use,
};
use super::time::whole;
use crate::gateways::odd;
use crate::model::kinds::{self, Visitor, Watched};
use crate::model::{Kind, Names, ObjectRef};

/// The object as the API server sends it; the values of a Secret stay behind.
pub(super) fn json(key: &ObjectRef, object: &Object) -> Value {
    let mut value = match &object.body {
        Body::Store(store) => store_json(store),
        Body::External(external) => json!({ "spec": external_spec(external), "status": external_status(external) }),
        Body::ClusterExternal(cluster) => cluster_json(key, cluster),
        Body::Secret(secret) => secret_json(secret),
        Body::Pod(pod) => pod_json(key, pod),
        Body::Event(event) => event_json(event),
        Body::Workload(workload) => platform::workload(key.kind, workload, &object.meta),
        Body::Service(service) => platform::service(service),
        Body::Slice(slice) => platform::slice(slice),
        Body::Node(node) => platform::node(node),
        Body::Connection(connection) => vso::connection(connection, &object.meta),
        Body::Auth(auth) => vso::auth(auth, &object.meta),
        Body::Kept(kept) => vso::kept(kept, &object.meta, key.kind == Kind::VaultDynamicSecret),
        Body::Plain => json!({}),
    };
    if let Value::Object(map) = &mut value {
        map.insert("apiVersion".to_owned(), json!(api_version(key.kind)));
        map.insert("kind".to_owned(), json!(key.kind.as_str()));
        let mut metadata = meta_json(key, &object.meta);
        if let Some(fields) = object.secret().and_then(vso::managed) {
            metadata["managedFields"] = fields;
        }
        map.insert("metadata".to_owned(), metadata);
    }
    value
}

/// Group and version as an object carries them.
fn api_version(kind: Kind) -> String {
    let Some(api) = kinds::api(kind) else { return String::new() };
    let version = api.versions.first().copied().unwrap_or_default();
    if api.group.is_empty() { version.to_owned() } else { format!("{}/{version}", api.group) }
}

/// Reads that JSON as the real gateway does.
pub(super) fn read(key: &ObjectRef, object: &Object, names: &mut Names) -> Option<kinds::Object> {
    struct Reader<'a> {
        kind: Kind,
        json: String,
        names: &'a mut Names,
        read: Option<kinds::Object>,
    }
    impl Visitor for Reader<'_> {
        fn visit<K: Watched>(&mut self) {
            if K::KIND == self.kind {
                self.read = odd::read::<K>(&self.json, self.names).ok();
            }
        }
    }
    let mut reader = Reader { kind: key.kind, json: json(key, object).to_string(), names, read: None };
    kinds::visit(&mut reader);
    reader.read
}

fn stamp(at: Timestamp) -> Value {
    json!(whole(at).to_string())
}

/// A map without the keys whose value is null: the API server leaves out what is not set.
fn set(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(map.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>()),
        other => other,
    }
}

fn meta_json(key: &ObjectRef, meta: &Meta) -> Value {
    let owner = meta.owner.as_ref().map(|[version, kind, name, uid]| {
        // The Vault Secrets Operator owns without controlling.
        let controls = (!version.starts_with("secrets.hashicorp.com/")).then_some(true);
        json!([set(json!({
            "apiVersion": version, "kind": kind, "name": name, "uid": uid, "controller": controls, "blockOwnerDeletion": controls,
        }))])
    });
    set(json!({
        "name": key.name.as_str(),
        "namespace": (!key.namespace.is_empty()).then(|| key.namespace.as_str()),
        "uid": meta.uid,
        "resourceVersion": meta.version.to_string(),
        "generation": (key.kind != Kind::Secret && key.kind != Kind::Event).then_some(meta.generation),
        "creationTimestamp": stamp(meta.created),
        "labels": (!meta.labels.is_empty()).then_some(&meta.labels),
        "annotations": (!meta.annotations.is_empty()).then_some(&meta.annotations),
        "ownerReferences": owner,
    }))
}

fn conditions(ready: Option<&Ready>) -> Option<Value> {
    ready.map(|ready| {
        json!([{
            "type": "Ready",
            "status": if ready.status { "True" } else { "False" },
            "reason": ready.reason,
            "message": ready.message,
            "lastTransitionTime": stamp(ready.since),
        }])
    })
}

fn store_json(store: &Store) -> Value {
    let auth = match &store.login {
        Login::Kubernetes { mount, role, account, namespace } => json!({ "kubernetes": {
            "mountPath": mount,
            "role": role,
            "serviceAccountRef": set(json!({ "name": account, "namespace": namespace })),
        } }),
        Login::Token { secret, key } => json!({ "tokenSecretRef": { "name": secret, "key": key } }),
    };
    json!({
        "spec": set(json!({
            "provider": { "vault": set(json!({
                "server": store.url,
                "path": store.mount,
                "namespace": (!store.space.is_empty()).then_some(&store.space),
                "version": store.version,
                "auth": auth,
            })) },
            "refreshInterval": (store.interval > 0).then_some(store.interval),
        })),
        "status": set(json!({
            "capabilities": store.capable.then_some("ReadWrite"),
            "conditions": conditions(store.ready.as_ref()),
        })),
    })
}

fn external_spec(external: &External) -> Value {
    let data: Vec<Value> = external
        .data
        .iter()
        .map(|remote| {
            json!({
                "secretKey": remote.secret_key,
                "remoteRef": set(json!({
                    "key": remote.key,
                    "property": (!remote.property.is_empty()).then_some(&remote.property),
                    "conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None",
                })),
            })
        })
        .collect();
    let generator = external.generator.as_ref().map(|name| {
        let source = json!({ "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": name });
        json!([{ "sourceRef": { "generatorRef": source } }])
    });
    set(json!({
        "secretStoreRef": external.store.as_ref().map(|(kind, name)| json!({ "kind": kind.as_str(), "name": name })),
        "refreshInterval": external.interval.0,
        "refreshPolicy": match external.refresh {
            Refresh::Periodic => None,
            Refresh::OnChange => Some("OnChange"),
            Refresh::CreatedOnce => Some("CreatedOnce"),
        },
        "target": set(json!({
            "name": external.target,
            "creationPolicy": match external.creation {
                Creation::Owner => "Owner",
                Creation::Orphan => "Orphan",
                Creation::Merge => "Merge",
            },
            "deletionPolicy": if external.delete_with_source { "Delete" } else { "Retain" },
            "template": external.template.as_ref().map(|kind| json!({ "type": kind, "engineVersion": "v2", "mergePolicy": "Replace" })),
        })),
        "data": (!data.is_empty()).then_some(data),
        "dataFrom": generator,
    }))
}

fn external_status(external: &External) -> Value {
    let mut status = set(json!({
        "binding": { "name": if external.bound { external.target.as_str() } else { "" } },
        "syncedResourceVersion": (!external.synced.is_empty()).then_some(&external.synced),
        "conditions": conditions(external.ready.as_ref()),
    }));
    // The one field that is written although it is null: as long as nothing was ever synced.
    if let Value::Object(map) = &mut status {
        map.insert("refreshTime".to_owned(), external.refreshed.map_or(Value::Null, stamp));
    }
    status
}

fn cluster_json(key: &ObjectRef, cluster: &ClusterExternal) -> Value {
    let failed: Vec<Value> = cluster
        .failed
        .iter()
        .map(|namespace| json!({ "namespace": namespace, "reason": "external secret already exists in namespace" }))
        .collect();
    let condition = if failed.is_empty() {
        json!([{ "type": "Ready", "status": "True" }])
    } else {
        json!([{ "type": "Ready", "status": "False", "message": "one or more namespaces failed" }])
    };
    json!({
        "spec": { "namespaces": cluster.namespaces, "externalSecretSpec": external_spec(&cluster.spec) },
        "status": {
            "conditions": condition,
            "externalSecretName": key.name.as_str(),
            "failedNamespaces": failed,
            "provisionedNamespaces": cluster.namespaces.iter().filter(|n| !cluster.failed.contains(n)).collect::<Vec<_>>(),
        },
    })
}

fn secret_json(secret: &Secret) -> Value {
    let keys: Map<String, Value> = secret.data.keys().map(|key| (key.clone(), json!(""))).collect();
    json!({ "type": secret.kind, "data": keys })
}

fn pod_json(key: &ObjectRef, pod: &Pod) -> Value {
    let state = match (&pod.waiting, pod.running) {
        (Some((reason, message)), _) => {
            json!({ "waiting": set(json!({ "reason": reason, "message": (!message.is_empty()).then_some(message) })) })
        }
        (None, Some(at)) => json!({ "running": { "startedAt": stamp(at) } }),
        (None, None) => json!({ "waiting": { "reason": "ContainerCreating" } }),
    };
    let mut spec = pod_spec(&pod.image, &pod.secrets);
    if let Value::Object(spec) = &mut spec {
        spec.insert("hostname".to_owned(), json!(key.name.as_str()));
    }
    json!({
        "spec": spec,
        "status": set(json!({
            "phase": pod.phase,
            "startTime": pod.started.map(stamp),
            "conditions": [{ "type": "Ready", "status": if pod.ready { "True" } else { "False" } }],
            "containerStatuses": [{ "name": CONTAINER, "ready": pod.ready, "restartCount": 0, "image": pod.image, "state": state }],
        })),
    })
}

/// The one container of every pod.
const CONTAINER: &str = "main";

/// The spec of a pod, or of the template that it comes from.
fn pod_spec(image: &str, secrets: &[(Use, String)]) -> Value {
    let (mut env, mut env_from, mut volumes, mut pulls) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (usage, secret) in secrets {
        match usage {
            Use::Env => env.push(json!({
                "name": secret.to_uppercase().replace('-', "_"),
                "valueFrom": { "secretKeyRef": { "name": secret, "key": "value" } },
            })),
            Use::EnvFrom => env_from.push(json!({ "secretRef": { "name": secret } })),
            Use::Volume => volumes.push(json!({ "name": secret, "secret": { "secretName": secret } })),
            Use::ImagePull => pulls.push(json!({ "name": secret })),
        }
    }
    json!({
        "containers": [{ "name": CONTAINER, "image": image, "env": env, "envFrom": env_from }],
        "volumes": volumes,
        "imagePullSecrets": pulls,
    })
}

fn event_json(event: &Event) -> Value {
    json!({
        "involvedObject": set(json!({
            "kind": event.about.kind.as_str(),
            "namespace": (!event.about.namespace.is_empty()).then(|| event.about.namespace.as_str()),
            "name": event.about.name.as_str(),
            "uid": event.about_uid,
        })),
        "type": if event.warning { "Warning" } else { "Normal" },
        "reason": event.reason,
        "message": event.message,
        "source": { "component": event.component },
        "firstTimestamp": stamp(event.first),
        "lastTimestamp": stamp(event.last),
        "count": event.count,
    })
}
