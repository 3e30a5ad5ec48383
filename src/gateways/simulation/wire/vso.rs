//! What the Vault Secrets Operator reads and says, as the API server sends it (fixtures 53 to 55).

use serde_json::{Value, json};

use super::{set, stamp};
use crate::gateways::simulation::object::{Meta, Secret};
use crate::gateways::simulation::vso::{Auth, Beat, Connection, Kept};

/// It says Ready whatever its Vault does: only `seal-status` is asked, and once.
pub(super) fn connection(connection: &Connection, meta: &Meta) -> Value {
    json!({
        "spec": { "address": connection.url, "skipTLSVerify": false },
        "status": { "valid": true, "conditions": [ready("VaultConnectionReady", meta)] },
    })
}

/// It says Ready whether its role exists or not: only its references are checked.
pub(super) fn auth(auth: &Auth, meta: &Meta) -> Value {
    json!({
        "spec": {
            "vaultConnectionRef": auth.connection,
            "method": "kubernetes",
            "mount": auth.mount,
            "kubernetes": { "role": auth.role, "serviceAccount": auth.account, "tokenExpirationSeconds": 600 },
        },
        "status": { "valid": true, "conditions": [ready("VaultAuthReady", meta)] },
    })
}

fn ready(message: &str, meta: &Meta) -> Value {
    json!({
        "type": "Ready", "status": "True", "reason": "Ready", "message": message,
        "observedGeneration": meta.generation, "lastTransitionTime": stamp(meta.created),
    })
}

/// A `VaultStaticSecret`, or a `VaultDynamicSecret`: that has no version of an engine, and a lease.
pub(super) fn kept(kept: &Kept, meta: &Meta, issued: bool) -> Value {
    let restarts: Vec<Value> = kept.restarts.iter().map(|(kind, name)| json!({ "kind": kind.as_str(), "name": name })).collect();
    let condition = |name: &str, reason: &str, beat: &Beat| {
        json!({
            "type": name, "status": if beat.status { "True" } else { "False" }, "reason": reason, "message": beat.message,
            "observedGeneration": meta.generation, "lastTransitionTime": stamp(beat.at),
        })
    };
    let mut conditions: Vec<Value> = kept.synced.iter().map(|synced| condition("SecretSynced", "Synced", synced)).collect();
    if let Some(healthy) = &kept.healthy {
        conditions.push(condition("Healthy", if healthy.status { "Healthy" } else { "Unhealthy" }, healthy));
        conditions.push(condition("Ready", "Ready", healthy));
    }
    let lease = kept.lease.as_ref();
    json!({
        "spec": set(json!({
            "vaultAuthRef": kept.auth,
            "mount": kept.mount,
            "path": kept.path,
            "type": (!issued).then_some("kv-v2"),
            "hmacSecretData": (!issued).then_some(true),
            "refreshAfter": kept.refresh_after.as_ref().map(|after| after.0.as_str()),
            "destination": { "name": kept.destination, "create": true, "overwrite": false, "transformation": {} },
            "rolloutRestartTargets": (!restarts.is_empty()).then_some(restarts),
        })),
        "status": set(json!({
            "conditions": (!conditions.is_empty()).then_some(conditions),
            "lastGeneration": kept.last_generation,
            "secretMAC": (!kept.mac.is_empty()).then_some(&kept.mac),
            "lastRenewalTime": lease.map(|lease| lease.renewed.as_second()),
            "secretLease": lease.map(|lease| {
                json!({ "id": lease.id, "duration": lease.lasts, "renewable": true, "requestID": meta.uid })
            }),
        })),
    })
}

/// Who wrote the data of a Secret, if it was this operator.
pub(super) fn managed(secret: &Secret) -> Option<Value> {
    let keys: serde_json::Map<String, Value> = secret.data.keys().map(|key| (format!("f:{key}"), json!({}))).collect();
    Some(json!([{
        "manager": "vso", "operation": "Update", "apiVersion": "v1", "time": stamp(secret.kept?),
        "fieldsType": "FieldsV1", "fieldsV1": { "f:data": keys },
    }]))
}
