//! Every Vault and OpenBao, replica by replica, over connections of our own: `vaultrs` cannot reach a pod,
//! cannot parse the health of OpenBao >= 2.6, follows redirects with the token, and prints bodies.
//!
//! A server with an in-cluster name is reached through a port-forward to each pod, with the store's host as
//! the TLS name; any other directly.

pub(super) mod api;
mod attempt;
pub(super) mod classify;
pub(super) mod client;
pub(super) mod cluster;
mod connection;
mod endpoints;
mod environment;
mod faults;
pub(super) mod kept;
mod lanes;
mod login;
pub(super) mod login_checks;
pub(super) mod neighbours;
mod reads;
mod secret;
mod sessions;
pub(super) mod subkeys;
mod tls;
mod values;
pub(super) mod whose;
mod wire;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rustify::endpoint::Endpoint;

use super::clock;
use super::kubernetes::KubernetesGateway;
use crate::model::vault::{
    Login, LoginChecks, ReplicaHealth, ReplicaRole, Seal, ServerTls, StoreLogin, Surroundings, Token, Told,
};
use crate::model::{Fault, FaultKind, ObjectRef, Text, VaultAddress};
use crate::ports::{Classified, MountFolder, MountPaths, Permit, ReplicaAddress, Typed, Vault};
use crate::runbooks::{Receipt, VaultChange, VaultRight, VaultWrite};
use classify::FolderWise;
use client::{Answer, Call};
use connection::{Line, Route, Way};
use endpoints::{AskHealth, AskLeader, ResetUnseal, SealStatus, Unseal};
pub use environment::VaultEnvironment;
use lanes::Lanes;
pub use secret::TokenSecret;
use sessions::Sessions;
use tls::StoreWord;

/// How long a question may take; the engine asks every second.
const QUESTION: Duration = Duration::from_secs(3);
/// How long a write may take: the last share of a raft replica waits for its leader.
const WRITE: Duration = Duration::from_secs(10);

/// Every Vault. A clone shares the connections.
#[derive(Clone)]
pub struct VaultGateway(Arc<Inner>);

struct Inner {
    environment: VaultEnvironment,
    cluster: Option<KubernetesGateway>,
    tls: tls::Trust,
    sessions: Sessions,
    secret_token: secret::Read,
    lines: Mutex<HashMap<ReplicaAddress, Arc<Line>>>,
    /// Reads of paths have connections of their own: a slow one must not hold a question for the seal.
    lanes: Mutex<HashMap<ReplicaAddress, Arc<Lanes>>>,
    folders: Mutex<HashMap<VaultAddress, Arc<FolderWise>>>,
}

impl VaultGateway {
    /// Vaults as the environment says, reached through this cluster where they live in it.
    #[must_use]
    pub fn new(environment: VaultEnvironment, cluster: Option<KubernetesGateway>) -> Self {
        let tls = tls::Trust::new(environment.ca_file.clone(), environment.skip_verify);
        Self(Arc::new(Inner {
            environment,
            cluster,
            tls,
            sessions: Sessions::default(),
            secret_token: secret::Read::default(),
            lines: Mutex::default(),
            lanes: Mutex::default(),
            folders: Mutex::default(),
        }))
    }

    /// Whether certificates of Vaults are not verified: a red banner, and no writes.
    #[must_use]
    pub fn insecure(&self) -> bool {
        self.0.environment.skip_verify
    }
}

#[async_trait]
impl Vault for VaultGateway {
    fn trust(&self, server: &VaultAddress, tls: &ServerTls) {
        self.0.tls.tell(server, tls);
    }

    async fn status(&self, replica: &ReplicaAddress) -> Result<(Seal, ReplicaRole), Fault> {
        let inner = &self.0;
        let seal = inner.ask(replica, &SealStatus, Call::question(QUESTION)).await?;
        let seal = endpoints::seal(&seal.success(&replica.pod)?, &replica.pod)?;
        if seal.sealed || !seal.initialized {
            return Ok((seal, ReplicaRole::Unknown));
        }
        let leader = inner.ask(replica, &AskLeader, Call::question(QUESTION)).await?;
        let role = match leader.success(&replica.pod) {
            Ok(body) => endpoints::role(&body),
            // It was sealed between the two questions.
            Err(fault) if fault.kind == FaultKind::Sealed => ReplicaRole::Unknown,
            Err(fault) => return Err(fault),
        };
        Ok((seal, role))
    }

    async fn health(&self, replica: &ReplicaAddress) -> Result<ReplicaHealth, Fault> {
        cluster::health(&self.0.ask(replica, &AskHealth, Call::question(QUESTION)).await?, &replica.pod)
    }

    async fn surroundings(&self, replica: &ReplicaAddress, namespaces: &[Text]) -> Result<Surroundings, Fault> {
        cluster::surroundings(&self.0.reads(replica).await?, &replica.pod, namespaces).await
    }

    async fn token(&self, replica: &ReplicaAddress) -> Result<Option<Token>, Fault> {
        self.0.token(replica).await
    }

    async fn log_in(&self, replica: &ReplicaAddress, login: &Login, typed: Option<&Typed>) -> Result<Option<Token>, Fault> {
        self.0.log_in(replica, login, typed).await
    }

    async fn login_checks(&self, replica: &ReplicaAddress, login: &StoreLogin, attempt: bool) -> LoginChecks {
        self.0.login_checks(replica, login, attempt).await
    }

    async fn log_out(&self) -> Vec<Fault> {
        self.0.log_out().await
    }

    async fn classify(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Classified, Fault> {
        let folders = of(&self.0.folders, &replica.server);
        classify::classify(&self.0.reads(replica).await?, &replica.pod, paths, clock::now(), &folders).await
    }

    async fn properties(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Vec<Told<Arc<[Text]>>>, Fault> {
        subkeys::properties(&self.0.reads(replica).await?, &replica.pod, paths).await
    }

    async fn folder(&self, replica: &ReplicaAddress, folder: &MountFolder) -> Result<Told<Arc<[Text]>>, Fault> {
        neighbours::folder(&self.0.reads(replica).await?, &replica.pod, folder).await
    }

    async fn may(&self, right: &VaultRight) -> Result<bool, Fault> {
        let replica = ReplicaAddress::of(&right.server, &right.replica);
        self.0.reads(&replica).await?.may(right).await
    }

    async fn write(&self, _permit: Permit, write: &VaultWrite, typed: Option<&Typed>) -> Result<Receipt, Fault> {
        let inner = &self.0;
        let replica = ReplicaAddress::of(&write.server, &write.replica);
        inner.may_write(&replica)?;
        let typed = typed.filter(|typed| !typed.is_empty()).ok_or_else(|| nothing_typed(write.object()));
        let answer = match &write.change {
            VaultChange::Unseal { .. } => inner.ask(&replica, &Unseal(typed?.reveal()), Call::write(WRITE)).await?,
            VaultChange::ResetUnseal => inner.ask(&replica, &ResetUnseal, Call::write(WRITE)).await?,
            VaultChange::UnsealSpace { space, .. } => inner.reads(&replica).await?.give_share(space, Some(typed?)).await?,
            VaultChange::ResetSpace { space } => inner.reads(&replica).await?.give_share(space, None).await?,
            VaultChange::Undelete { path, version } => inner.reads(&replica).await?.undelete(path, *version).await?,
            VaultChange::Configure { method } => inner.reads(&replica).await?.configure(method).await?,
            VaultChange::Bind { method, role, accounts, namespaces } => {
                inner.reads(&replica).await?.bind(method, role.as_str(), accounts, namespaces).await?
            }
            VaultChange::WriteValue { path, property, version } | VaultChange::MoveValue { path, property, version, .. } => {
                inner.reads(&replica).await?.write_value(path, property, *version, typed?).await?
            }
        };
        let body = answer.success(&replica.pod)?;
        let seal = match &write.change {
            VaultChange::Unseal { .. } | VaultChange::ResetUnseal => Some(endpoints::seal(&body, &replica.pod)?),
            VaultChange::UnsealSpace { .. } | VaultChange::ResetSpace { .. } => Some(endpoints::space_seal(&body, &replica.pod)?),
            _ => None,
        };
        Ok(Receipt { server_time: answer.date, resource_version: 0, seal })
    }
}

fn nothing_typed(object: &ObjectRef) -> Fault {
    Fault::new(FaultKind::Local, &format!("There is nothing to give to {}: what was typed was wiped.", object.name))
        .hinted("Give it again.")
}

impl Inner {
    /// One request to one replica, over its kept connection.
    async fn ask<E: Endpoint>(&self, replica: &ReplicaAddress, endpoint: &E, call: Call<'_>) -> Result<Answer, Fault> {
        let line = of(&self.lines, replica);
        let route = self.route(replica)?;
        client::ask(&line, self.way(&replica.server, &route, None), endpoint, call).await
    }

    fn way<'a>(&'a self, server: &'a VaultAddress, route: &'a Route, word: Option<&'a StoreWord>) -> Way<'a> {
        // Without a cluster everything goes to the one address of the environment.
        let its = self.cluster.is_none() || self.environment.is_for(server);
        let name = self.environment.server_name.as_deref().filter(|_| its);
        Way { route, trust: &self.tls, server, name, word, cluster: self.cluster.as_ref() }
    }

    /// How a replica is reached. `VAULT_ADDR` or `BAO_ADDR` stands in for an in-cluster name only when
    /// there is no cluster to go through: it is one address, and cannot tell replicas apart.
    fn route(&self, replica: &ReplicaAddress) -> Result<Route, Fault> {
        let server = &replica.server;
        let Some((namespace, service)) = server.service() else { return Ok(Route::direct(server)) };
        match (&self.cluster, &self.environment.address) {
            (Some(cluster), _) => Ok(Route::Forward {
                cluster: cluster.clone(),
                namespace,
                service,
                pod: replica.pod.clone(),
                port: server.port,
                name: server.host.as_str().to_owned(),
                tls: server.tls,
            }),
            (None, Some(address)) => Ok(Route::direct(address)),
            (None, None) => {
                Err(Fault::new(FaultKind::Dns, &format!("{server} is a name inside a cluster, and no cluster is connected."))
                    .hinted(
                        "Choose the context of that cluster, or set BAO_ADDR or VAULT_ADDR to an address that works from here.",
                    ))
            }
        }
    }

    fn may_write(&self, replica: &ReplicaAddress) -> Result<(), Fault> {
        if self.environment.skip_verify {
            return Err(Fault::new(
                FaultKind::Tls,
                "VAULT_SKIP_VERIFY is set: certificates are not verified, so nothing is written to a Vault.",
            )
            .hinted("Set BAO_CACERT or VAULT_CACERT to the CA's file instead."));
        }
        self.may_carry_secrets(replica, "share")
    }

    /// Secrets go over TLS, through the API server, or to this machine; never in clear over a network.
    fn may_carry_secrets(&self, replica: &ReplicaAddress, what: &str) -> Result<(), Fault> {
        let address = match self.route(replica)? {
            Route::Forward { cluster, .. } => return cluster.refuse_if_insecure(what),
            Route::Direct { address } => address,
        };
        if address.tls || is_loopback(&address) {
            return Ok(());
        }
        let message = format!("{address} is plain http on a network, so no {what} is sent to it.");
        Err(Fault::new(FaultKind::Tls, &message)
            .hinted("Use its https address, or a name inside the cluster, which is reached through the API server."))
    }
}

/// What is kept for a server or replica, made at its first use.
fn of<K: Clone + Eq + Hash, V: Default>(kept: &Mutex<HashMap<K, Arc<V>>>, key: &K) -> Arc<V> {
    Arc::clone(kept.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
}

fn is_loopback(address: &VaultAddress) -> bool {
    let host = address.host.as_str().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests;
