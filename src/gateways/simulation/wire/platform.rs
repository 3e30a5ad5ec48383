//! What Kubernetes itself keeps, as the API server sends it.

use serde_json::{Value, json};

use super::{pod_spec, set, stamp};
use crate::gateways::simulation::object::Meta;
use crate::gateways::simulation::platform::{HASH, Node, Service, Slice, Workload};
use crate::model::Kind;

/// A Deployment, a `StatefulSet` or a Job. Its controller has always seen the newest spec: it hears at once.
pub(super) fn workload(kind: Kind, workload: &Workload, meta: &Meta) -> Value {
    let template = json!({
        "metadata": { "labels": workload.labels },
        "spec": pod_spec(&workload.image, &workload.secrets),
    });
    if kind == Kind::Job {
        return json!({
            "spec": { "backoffLimit": 6, "completions": workload.wanted, "parallelism": workload.wanted, "template": template },
            "status": set(json!({ "startTime": stamp(meta.created), "active": workload.pods, "ready": workload.ready })),
        });
    }
    let selector: serde_json::Map<String, Value> =
        workload.labels.iter().filter(|(key, _)| *key != HASH).map(|(key, value)| (key.clone(), json!(value))).collect();
    json!({
        "spec": { "replicas": workload.wanted, "selector": { "matchLabels": selector }, "template": template },
        "status": set(json!({
            "observedGeneration": meta.generation,
            "replicas": workload.pods,
            "updatedReplicas": workload.pods,
            "readyReplicas": (workload.ready > 0).then_some(workload.ready),
        })),
    })
}

pub(super) fn service(service: &Service) -> Value {
    json!({ "spec": set(json!({
        "type": "ClusterIP",
        "clusterIP": service.headless.then_some("None"),
        "selector": service.selector,
        "publishNotReadyAddresses": service.publishes_not_ready.then_some(true),
        "ports": [{ "name": "http", "protocol": "TCP", "port": service.port, "targetPort": service.port }],
    })) })
}

pub(super) fn slice(slice: &Slice) -> Value {
    let endpoint = |endpoint: &super::super::platform::Endpoint| {
        json!({
            "addresses": [],
            "conditions": { "ready": endpoint.ready, "serving": endpoint.serving, "terminating": false },
            "targetRef": { "kind": "Pod", "name": endpoint.pod },
        })
    };
    json!({ "addressType": "IPv4", "endpoints": slice.endpoints.iter().map(endpoint).collect::<Vec<_>>() })
}

pub(super) fn node(node: &Node) -> Value {
    json!({
        "spec": {},
        "status": {
            "nodeInfo": { "kubeletVersion": node.version },
            "conditions": [{ "type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status" }],
        },
    })
}
