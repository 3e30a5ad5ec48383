//! A scrubbed recording of a world, for `--world` and `open`: what the engine is told is told on, and noted. The file is
//! the JSON that `recorded.rs` reads. It holds of each object the fields that its kind reads, of each answer of a Vault
//! what is read of it, and no value, no token and no key.

pub(in crate::gateways) mod kept;
mod objects;
pub(in crate::gateways) mod tape;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use self::tape::Tape;
use super::recorded::told::{WireController, WireOdd, WireReplica, WireSource};
use super::vault::api::Question;
use super::vault::login_checks::attempt;
use crate::model::vault::{
    HealthWord, Login, LoginChecks, ReplicaHealth, ReplicaRole, Seal, ServerTls, StoreLogin, Surroundings, Token, Told,
};
use crate::model::{Change, Controller, Fault, FaultKind, Inventory, Kind, Name, ObjectRef, Part, Text, VaultAddress};
use crate::ports::{
    Classified, Cluster, Identity, MountFolder, MountPaths, Permit, ReplicaAddress, ReplicaPod, Scope, Typed, Vault,
};
use crate::runbooks::{ClusterRight, KubernetesWrite, Receipt, VaultRight, VaultWrite};

/// Who can show objects as they stand on the wire.
#[async_trait]
pub trait Raw: Send + Sync {
    /// Every object of a part, as JSON. Of Secrets the metadata alone is looked at.
    async fn raw(&self, part: &Part) -> Result<Vec<String>, Fault>;
}

/// A capture that is being made.
pub struct Capture {
    raw: Arc<dyn Raw>,
    tape: Tape,
}

/// A world as a file.
pub struct Captured {
    /// The file.
    pub text: String,
    /// How many objects are in it.
    pub objects: usize,
    /// How many answers of Vaults.
    pub answers: usize,
}

/// The ports of somebody who looks, told on and noted.
struct Noting<P: ?Sized> {
    port: Arc<P>,
    tape: Tape,
}

impl Capture {
    /// Begins one: through the ports that it gives the engine has to look.
    #[must_use]
    pub fn begin(
        raw: Arc<dyn Raw>,
        cluster: Arc<dyn Cluster>,
        vault: Arc<dyn Vault>,
    ) -> (Self, Arc<dyn Cluster>, Arc<dyn Vault>) {
        let tape = Tape::default();
        let cluster = Noting { port: cluster, tape: tape.clone() };
        let vault = Noting { port: vault, tape: tape.clone() };
        (Self { raw, tape }, Arc::new(cluster), Arc::new(vault))
    }

    /// The world that was looked at so far, as a file.
    ///
    /// # Errors
    /// Objects that were seen a moment ago cannot be read again.
    pub async fn end(&self, world: &Inventory, scope: &Scope, now: Timestamp) -> Result<Captured, Fault> {
        let mut kubernetes = Vec::new();
        let is_in_scope = |object: &Value| {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or_default();
            scope.holds(&Name::new(namespace))
        };
        for (kind, source) in world.sources.iter().filter(|(_, source)| source.absent.is_none()) {
            for namespace in source.parts.iter().filter(|(_, part)| part.is_seen()).map(|(namespace, _)| namespace) {
                let raw = self.raw.raw(&Part { kind: *kind, namespace: namespace.clone() }).await?;
                // What cannot be read is told of the world below.
                kubernetes.extend(raw.iter().filter_map(|raw| objects::object(*kind, raw).ok()).filter(is_in_scope));
            }
        }
        let namespaces = match scope {
            Scope::Everywhere => Vec::new(),
            Scope::Namespaces(names) => names.iter().map(|name| Text::foreign(name.as_str())).collect(),
        };
        let read = world.sources.iter().filter_map(|(kind, source)| Some((kind.as_str(), WireSource::of(source)?))).collect();
        let noted = self.tape.noted();
        let home = home(noted.answers.keys().map(|(replica, _)| &replica.server));
        let vault: BTreeMap<String, &Value> = noted
            .answers
            .iter()
            .map(|((replica, request), answer)| (format!("{request}{}", place(replica, home.as_ref())), answer))
            .collect();
        let file = File {
            now,
            vault_addr: home.map(|home| home.to_string()),
            namespaces,
            read,
            odd: world.unreadable.iter().map(|(object, why)| WireOdd::of(object, why)).collect(),
            controller: noted.controller.as_ref(),
            replicas: &noted.replicas,
            logs: &noted.logs,
            served: &noted.served,
        };
        let text = file.text(&kubernetes, &vault);
        Ok(Captured { text, objects: kubernetes.len(), answers: vault.len() })
    }
}

/// The server that most was asked of: its answers have the short keys.
fn home<'a>(asked: impl Iterator<Item = &'a VaultAddress>) -> Option<VaultAddress> {
    let mut counts: BTreeMap<&VaultAddress, usize> = BTreeMap::new();
    asked.for_each(|server| *counts.entry(server).or_default() += 1);
    counts.into_iter().max_by_key(|(_, count)| *count).map(|(server, _)| server.clone())
}

/// Where an answer was given, as the end of its key.
fn place(replica: &ReplicaAddress, home: Option<&VaultAddress>) -> String {
    let at = if Some(&replica.server) == home { String::new() } else { format!(" @addr/{}", replica.server.host_port()) };
    if replica.pod.as_str() == replica.server.host_port() { at } else { format!("{at} @pod/{}", replica.pod) }
}

/// What stands in the file beside objects and answers.
#[derive(Serialize)]
struct File<'a> {
    now: Timestamp,
    #[serde(rename = "vaultAddr", skip_serializing_if = "Option::is_none")]
    vault_addr: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    namespaces: Vec<Text>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    read: BTreeMap<&'static str, WireSource>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    odd: Vec<WireOdd>,
    #[serde(skip_serializing_if = "Option::is_none")]
    controller: Option<&'a WireController>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    replicas: &'a BTreeMap<String, Vec<WireReplica>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    logs: &'a BTreeMap<String, Vec<String>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    served: &'a BTreeMap<String, Option<Vec<Text>>>,
}

impl File<'_> {
    /// One object and one answer a line, so that two captures can be compared.
    fn text(&self, kubernetes: &[Value], vault: &BTreeMap<String, &Value>) -> String {
        let beside = json!(self);
        let beside: Vec<String> =
            beside.as_object().into_iter().flatten().map(|(key, value)| format!("{}: {value}", json!(key))).collect();
        let objects: Vec<String> = kubernetes.iter().map(|object| format!("  {object}")).collect();
        let answers: Vec<String> = vault.iter().map(|(key, answer)| format!("  {}: {answer}", json!(key))).collect();
        format!(
            "{{\n {},\n \"kubernetes\": [\n{}\n ],\n \"vault\": {{\n{}\n }}\n}}\n",
            beside.join(",\n "),
            objects.join(",\n"),
            answers.join(",\n")
        )
    }
}

fn unchangeable() -> Fault {
    Fault::new(FaultKind::Forbidden, "A capture is made: nothing is changed by it.")
}

#[async_trait]
impl Cluster for Noting<dyn Cluster> {
    async fn identity(&self) -> Result<Identity, Fault> {
        self.port.identity().await
    }

    fn watch(&self, kind: Kind, scope: &Scope) -> BoxStream<'static, Change> {
        self.port.watch(kind, scope)
    }

    async fn replicas(&self, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault> {
        let replicas = self.port.replicas(namespace, service).await;
        if let Ok(pods) = &replicas {
            let pods = pods.iter().map(WireReplica::of).collect();
            self.tape.noted().replicas.insert(format!("{namespace}/{service}"), pods);
        }
        replicas
    }

    async fn controller(&self) -> Result<Option<Controller>, Fault> {
        let controller = self.port.controller().await;
        if let Ok(Some(controller)) = &controller {
            self.tape.noted().controller = Some(WireController::of(controller));
        }
        controller
    }

    async fn failures(&self, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
        let lines = self.port.failures(pod).await;
        if let Ok(lines) = &lines {
            let said = lines.iter().map(ToString::to_string).collect();
            self.tape.noted().logs.insert(format!("{}/{}/-", pod.namespace, pod.name), said);
        }
        lines
    }

    async fn served(&self, version: &str) -> Result<Option<Vec<Text>>, Fault> {
        let kinds = self.port.served(version).await?;
        self.tape.noted().served.insert(version.to_owned(), kinds.clone());
        Ok(kinds)
    }

    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        self.port.may(right).await
    }

    async fn rehearse(&self, _: &KubernetesWrite) -> Option<Result<(), Fault>> {
        None
    }

    async fn write(&self, _: Permit, _: &KubernetesWrite) -> Result<Receipt, Fault> {
        Err(unchangeable())
    }

    async fn value(&self, _: Permit, _: &ObjectRef, _: &str) -> Result<Typed, Fault> {
        Err(unchangeable())
    }

    async fn shares(&self, _: Permit, _: &ObjectRef, _: &str) -> Result<Vec<Typed>, Fault> {
        Err(unchangeable())
    }
}

#[async_trait]
impl Vault for Noting<dyn Vault> {
    fn trust(&self, server: &VaultAddress, tls: &ServerTls) {
        self.port.trust(server, tls);
    }

    async fn status(&self, replica: &ReplicaAddress) -> Result<(Seal, ReplicaRole), Fault> {
        let status = self.port.status(replica).await;
        match &status {
            Ok((seal, role)) => {
                self.tape.put(replica, "GET sys/seal-status", 200, seal_status(seal));
                self.tape.put(replica, "GET sys/leader", 200, leader(role));
            }
            Err(fault) => self.tape.put_fault(replica, "GET sys/seal-status", fault),
        }
        status
    }

    async fn health(&self, replica: &ReplicaAddress) -> Result<ReplicaHealth, Fault> {
        let health = self.port.health(replica).await;
        if let Ok(health) = &health
            && let Some(status) = [200, 429, 472, 473, 474, 501, 503, 530]
                .into_iter()
                .find(|code| HealthWord::of_status(*code) == Some(health.says))
        {
            let body = json!({"cluster_id": health.cluster, "replication_performance_mode": health.replication});
            self.tape.put(replica, "GET sys/health", status, body);
        }
        health
    }

    async fn surroundings(&self, replica: &ReplicaAddress, namespaces: &[Text]) -> Result<Surroundings, Fault> {
        self.tape.at(replica, self.port.surroundings(replica, namespaces)).await
    }

    async fn token(&self, replica: &ReplicaAddress) -> Result<Option<Token>, Fault> {
        self.tape.at(replica, self.port.token(replica)).await
    }

    async fn classify(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Classified, Fault> {
        self.tape.at(replica, self.port.classify(replica, paths)).await
    }

    async fn properties(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Vec<Told<Arc<[Text]>>>, Fault> {
        self.tape.at(replica, self.port.properties(replica, paths)).await
    }

    async fn folder(&self, replica: &ReplicaAddress, folder: &MountFolder) -> Result<Told<Arc<[Text]>>, Fault> {
        self.tape.at(replica, self.port.folder(replica, folder)).await
    }

    async fn log_in(&self, replica: &ReplicaAddress, login: &Login, typed: Option<&Typed>) -> Result<Option<Token>, Fault> {
        self.port.log_in(replica, login, typed).await
    }

    async fn login_checks(&self, replica: &ReplicaAddress, login: &StoreLogin, attempts: bool) -> LoginChecks {
        let checks = self.tape.at(replica, self.port.login_checks(replica, login, attempts)).await;
        note_attempt(&self.tape, replica, login, &checks);
        checks
    }

    async fn log_out(&self) -> Vec<Fault> {
        self.port.log_out().await
    }

    async fn may(&self, right: &VaultRight) -> Result<bool, Fault> {
        self.port.may(right).await
    }

    async fn write(&self, _: Permit, _: &VaultWrite, _: Option<&Typed>) -> Result<Receipt, Fault> {
        Err(unchangeable())
    }
}

/// Notes what came of a real login, and the reason that the log of the Vault gave for it.
fn note_attempt(tape: &Tape, replica: &ReplicaAddress, login: &StoreLogin, checks: &LoginChecks) {
    let token = format!("<TokenRequest {}/{}>", login.account.namespace, login.account.name);
    let path = format!("auth/{}/login", login.mount.as_str().trim_matches('/'));
    let request = Question::post(login.namespace.as_str(), path, attempt(login, &token)).noted();
    match &checks.login {
        Told::Said(None) => tape.put(replica, request.clone(), 200, json!({})),
        Told::Said(Some(words)) => tape.put(replica, request.clone(), 403, json!({"errors": [words]})),
        Told::Failed(fault) => tape.put_fault(replica, request.clone(), fault),
        Told::NotAsked | Told::Denied | Told::Absent => return,
    }
    let told = request.replacen("POST", "MONITOR", 1);
    match &checks.reason {
        Told::Said(reason) => tape.put(replica, told, 200, json!({"err": reason})),
        Told::Denied => tape.put(replica, told, 403, json!({})),
        Told::Failed(fault) => tape.put_fault(replica, told, fault),
        Told::NotAsked | Told::Absent => {}
    }
}

fn seal_status(seal: &Seal) -> Value {
    json!({
        "type": seal.kind, "initialized": seal.initialized, "sealed": seal.sealed, "t": seal.threshold, "n": seal.shares,
        "progress": seal.progress, "recovery_seal": seal.recovery, "version": seal.version, "storage_type": seal.storage,
    })
}

fn leader(role: &ReplicaRole) -> Value {
    match role {
        ReplicaRole::Unknown | ReplicaRole::Single => json!({"ha_enabled": false}),
        ReplicaRole::Active(at) => json!({
            "ha_enabled": true, "is_self": true, "leader_address": at.api, "leader_cluster_address": at.cluster,
        }),
        ReplicaRole::Standby(at) => json!({
            "ha_enabled": true, "leader_address": at.api, "leader_cluster_address": at.cluster,
        }),
        ReplicaRole::Leaderless => json!({"ha_enabled": true}),
    }
}
