//! Where a kind is watched: everywhere, in the namespaces that the person named, or, where everywhere is refused, in
//! those that may be read. What may be read is asked again now and then: rights come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::{End, Watcher};
use crate::gateways::kubernetes::KubernetesGateway;
use crate::gateways::kubernetes::rights::may_watch;
use crate::model::kinds::Watched;
use crate::model::{Change, Fault, Name, Part};
use crate::ports::Scope;

/// How often one looks whether more may be read, or less.
const REVIEW: Duration = Duration::from_secs(30);
/// How long a right that was there must be gone to be believed gone: a server that has just started refuses
/// everybody until it has read its roles.
pub(super) const BELIEVED: Duration = Duration::from_secs(15);

/// Watches a kind within a scope; ends when nobody listens any more.
pub(super) async fn run<K: Watched>(gateway: KubernetesGateway, scope: Scope, sender: mpsc::Sender<Change>) -> Result<(), End> {
    let mut parts = Parts::<K>::new(gateway.clone(), sender.clone());
    match scope {
        Scope::Namespaces(namespaces) if K::API.namespaced => {
            parts.narrow(namespaces, None).await?;
            while parts.tasks.join_next().await.is_some() {}
            Err(End::Closed)
        }
        _ => loop {
            let mut everywhere = Watcher::<K>::new(gateway.clone(), K::KIND.into(), sender.clone());
            everywhere.yields = K::API.namespaced;
            everywhere.run().await?;
            parts.follow().await?;
        },
    }
}

/// One watch for each namespace.
struct Parts<K> {
    gateway: KubernetesGateway,
    sender: mpsc::Sender<Change>,
    running: BTreeMap<Name, AbortHandle>,
    tasks: JoinSet<()>,
    told: Option<(Vec<Name>, Option<Fault>)>,
    kind: std::marker::PhantomData<K>,
}

impl<K: Watched> Parts<K> {
    fn new(gateway: KubernetesGateway, sender: mpsc::Sender<Change>) -> Self {
        Self { gateway, sender, running: BTreeMap::new(), tasks: JoinSet::new(), told: None, kind: std::marker::PhantomData }
    }

    /// Watches what may be read until everything may be.
    async fn follow(&mut self) -> Result<(), End> {
        let inner = self.gateway.0.clone();
        loop {
            let mut found = inner.rights.readable(&inner, &K::API).await;
            if let (Ok((namespaces, _)), Some((told, _))) = (&found, &self.told)
                && told.iter().any(|namespace| !namespaces.contains(namespace))
            {
                tokio::time::sleep(BELIEVED).await;
                found = inner.rights.readable(&inner, &K::API).await;
            }
            match found {
                Ok((namespaces, why)) => self.narrow(namespaces, Some(why)).await?,
                // The watches that go on say themselves what is wrong.
                Err(_) if self.told.is_some() => {}
                Err(fault) => {
                    self.sender.send(Change::Lost(K::KIND.into(), fault)).await.map_err(|_| End::Closed)?;
                }
            }
            tokio::time::sleep(REVIEW).await;
            if may_watch(&inner, &K::API, &Name::empty()).await.unwrap_or(false) {
                self.tasks.abort_all();
                self.running.clear();
                self.told = None;
                return Ok(());
            }
        }
    }

    /// Watches these namespaces and no others.
    async fn narrow(&mut self, namespaces: Vec<Name>, why: Option<Fault>) -> Result<(), End> {
        let now = Some((namespaces, why));
        if self.told == now {
            return Ok(());
        }
        self.told = now;
        let Some((namespaces, why)) = self.told.clone() else { return Ok(()) };
        self.running.retain(|namespace, watcher| {
            let keep = namespaces.contains(namespace);
            if !keep {
                watcher.abort();
            }
            keep
        });
        self.sender.send(Change::Narrowed(K::KIND, namespaces.clone(), why)).await.map_err(|_| End::Closed)?;
        for namespace in namespaces {
            self.running.entry(namespace).or_insert_with_key(|namespace| {
                let part = Part { kind: K::KIND, namespace: namespace.clone() };
                let mut watcher = Watcher::<K>::new(self.gateway.clone(), part, self.sender.clone());
                self.tasks.spawn(async move {
                    let _ = watcher.run().await;
                })
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
