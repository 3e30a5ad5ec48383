//! What it tells of its cluster: health, the nodes that its leader has heard of, raft's judgement. As OpenBao 2.7.2
//! answers (facts/vault.md, section 1): a sealed replica is not heard of, and without a leader nobody can be asked.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Refusal, Server};
use crate::gateways::vault::client::Answer;
use crate::model::ReplicaRole;

impl Server {
    /// `GET sys/health`.
    pub(in super::super) fn health(&self, index: usize) -> Result<Answer, Refusal> {
        let seal = self.seal_status(index)?;
        let role = self.role(index);
        let status = match role {
            _ if seal.sealed => 503,
            ReplicaRole::Active(_) | ReplicaRole::Single => 200,
            _ => 429,
        };
        let led = matches!(role, ReplicaRole::Active(_) | ReplicaRole::Standby(_));
        let mut body = json!({
            "initialized": true, "sealed": seal.sealed, "standby": status != 200,
            "replication_performance_mode": if led { "primary" } else { "unknown" }, "version": self.version,
        });
        // A sealed replica does not know which cluster it belongs to.
        if !seal.sealed {
            body["cluster_id"] = json!(self.cluster);
        }
        Ok(Answer::of(status, body.to_string().into_bytes()))
    }

    /// `GET sys/ha-status`, at the leader or forwarded to it.
    pub(super) fn ha_status(&self, now: Timestamp) -> Value {
        let heard = now.checked_sub(SignedDuration::from_millis(400)).unwrap_or(now);
        let open = self.replicas.iter().enumerate().filter(|(_, replica)| !replica.sealed);
        let nodes = open.map(|(index, replica)| {
            let leads = self.leader == Some(index);
            json!({
                "hostname": replica.pod, "api_address": self.address_of(&replica.pod, 8200), "active_node": leads,
                "cluster_address": self.address_of(&replica.pod, 8201),
                "last_echo": if leads { Value::Null } else { json!(heard) }, "version": self.version,
            })
        });
        json!({ "nodes": nodes.collect::<Vec<_>>() })
    }

    /// `GET sys/storage/raft/autopilot/state`. A sealed node stays a voter, and is not well.
    pub(super) fn autopilot(&self) -> Value {
        let open = self.replicas.iter().filter(|replica| !replica.sealed).count();
        let name = |index: usize| self.replicas.get(index).map(|replica| replica.pod.as_str());
        let joined = self.replicas.iter().enumerate().filter(|(_, replica)| !replica.joining);
        let servers = joined.map(|(index, replica)| {
            let leads = self.leader == Some(index);
            let said = json!({
                "id": replica.pod, "name": replica.pod, "address": format!("{}.{}-internal:8201", replica.pod, self.service),
                "status": match replica.demoted { _ if leads => "leader", true => "non-voter", false => "voter" }, "healthy": !replica.sealed, "last_index": 1000,
                "last_contact": if leads { "0s" } else { "412ms" },
            });
            (replica.pod.clone(), said)
        });
        json!({
            "healthy": open == self.replicas.len(), "leader": self.leader.and_then(name),
            "failure_tolerance": open.saturating_sub(self.replicas.len() / 2 + 1),
            "servers": servers.collect::<serde_json::Map<_, _>>(),
        })
    }

    pub(super) fn address_of(&self, pod: &str, port: u16) -> String {
        format!("http://{pod}.{}-internal:{port}", self.service)
    }
}
