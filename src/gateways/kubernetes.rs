//! The API server, through kube-rs' connection and our own small requests. Secret data is read in
//! `shares.rs` (unseal shares) and `authorities.rs` (a CA) alone: the one client rewrites every other read of Secrets
//! to metadata.

mod access;
mod account_token;
mod authorities;
mod channel;
mod connect;
mod controller;
mod exec;
mod faults;
mod identity;
mod kubeconfig;
mod lease;
mod lines;
mod login;
mod logs;
mod portforward;
mod raw;
mod replicas;
mod requests;
mod rest;
mod rights;
mod served;
mod shares;
mod transport;
mod watch;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use futures::stream::BoxStream;

use crate::model::{Change, Controller, Fault, FaultKind, Kind, Name, ObjectRef, Text};
use crate::ports::{Cluster, Identity, Permit, ReplicaPod, Scope, Typed};
use crate::runbooks::{Aim, ClusterRight, KubernetesWrite, Receipt};

pub(in crate::gateways) use authorities::authority;
pub use connect::{ConnectOptions, connect};
pub(in crate::gateways) use portforward::Trouble;

/// One cluster. A clone is the same connection.
#[derive(Clone)]
pub struct KubernetesGateway(Arc<Inner>);

struct Inner {
    client: kube::Client,
    clock: Arc<channel::ServerClock>,
    context: Text,
    server: Text,
    namespace: Text,
    insecure: bool,
    /// What `kubectl` must be told to do the same there.
    aim: Aim,
    served: served::Discovery,
    rights: rights::Rights,
    /// What was seen of the lease of External Secrets.
    lease: tokio::sync::Mutex<lease::Watched>,
    /// The way that everything goes; a test puts a function in its place.
    channel: Option<channel::Channel>,
    /// How many watches were put on a connection that they share.
    lanes: AtomicUsize,
}

impl KubernetesGateway {
    /// Name of the context in the kubeconfig.
    #[must_use]
    pub fn context(&self) -> &Text {
        &self.0.context
    }

    /// What `kubectl` must be told to do the same there.
    #[must_use]
    pub fn aim(&self) -> &Aim {
        &self.0.aim
    }

    /// The API server's address.
    #[must_use]
    pub fn server(&self) -> &Text {
        &self.0.server
    }

    /// The namespace that the context names, `default` if it names none.
    #[must_use]
    pub fn namespace(&self) -> &Text {
        &self.0.namespace
    }

    /// Whether the server's certificate is not verified: then nothing may be written.
    #[must_use]
    pub fn insecure(&self) -> bool {
        self.0.insecure
    }

    /// Who may be anybody gets no write, and no share or token to pass on.
    pub(in crate::gateways) fn refuse_if_insecure(&self, what: &str) -> Result<(), Fault> {
        if !self.insecure() {
            return Ok(());
        }
        let message = format!("The certificate of {} is not verified, so no {what} is sent to it.", self.0.server);
        Err(Fault::new(FaultKind::Tls, &message)
            .hinted("Put the server's CA in the kubeconfig and drop insecure-skip-tls-verify."))
    }
}

impl Inner {
    /// Whether many watches can share a connection.
    async fn shares_connections(&self) -> bool {
        match &self.channel {
            Some(channel) => channel.shares().await,
            None => false,
        }
    }

    /// The connection for one more watch in one namespace, if watches can share one.
    async fn next_lane(&self) -> Option<channel::Lane> {
        // Numbers come round again: watches come and go for weeks.
        const LANES: usize = 256;
        let shares = self.shares_connections().await;
        shares.then(|| channel::Lane(self.lanes.fetch_add(1, Ordering::Relaxed) / transport::STREAMS % LANES))
    }
}

#[async_trait]
impl Cluster for KubernetesGateway {
    async fn identity(&self) -> Result<Identity, Fault> {
        identity::identity(&self.0).await
    }

    fn watch(&self, kind: Kind, scope: &Scope) -> BoxStream<'static, Change> {
        watch::watch(self, kind, scope)
    }

    async fn replicas(&self, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault> {
        replicas::replicas(&self.0, namespace, service).await
    }

    async fn controller(&self) -> Result<Option<Controller>, Fault> {
        controller::controller(&self.0).await
    }

    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        access::may(&self.0, right).await
    }

    async fn write(&self, permit: Permit, write: &KubernetesWrite) -> Result<Receipt, Fault> {
        self.refuse_if_insecure("write")?;
        write::write(&self.0, write, permit.seen()).await
    }

    async fn rehearse(&self, write: &KubernetesWrite) -> Option<Result<(), Fault>> {
        Some(write::rehearse(&self.0, write).await)
    }

    async fn failures(&self, pod: &ObjectRef) -> Result<Vec<Text>, Fault> {
        logs::failures(&self.0, pod).await
    }

    async fn served(&self, version: &str) -> Result<Option<Vec<Text>>, Fault> {
        served::served(&self.0, version).await
    }

    async fn value(&self, _permit: Permit, secret: &ObjectRef, key: &str) -> Result<Typed, Fault> {
        self.refuse_if_insecure("request for a value")?;
        shares::value(&self.0, secret, key).await
    }

    async fn shares(&self, _permit: Permit, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault> {
        self.refuse_if_insecure("request for a share")?;
        shares::shares(&self.0, secret, key_prefix).await
    }
}

#[cfg(test)]
mod tests;
