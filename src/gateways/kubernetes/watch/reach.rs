//! Where a kind is watched: everywhere, in the namespaces that the person named, or, where everywhere is refused, in
//! those that may be read. What may be read is asked again now and then: rights come and go.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use super::{End, Reader, Watcher};
use crate::gateways::kubernetes::KubernetesGateway;
use crate::gateways::kubernetes::rights::{Readable, may_watch};
use crate::model::{Change, Fault, Name, Part};
use crate::ports::Scope;

/// How often one looks whether more may be read, or less.
const REVIEW: Duration = Duration::from_secs(30);
/// How long a right that was there must be gone to be believed gone: a server that has just started refuses
/// everybody until it has read its roles.
pub(super) const BELIEVED: Duration = Duration::from_secs(15);

/// Watches a kind within a scope; ends when nobody listens any more.
pub(super) async fn run(
    reader: Reader,
    gateway: KubernetesGateway,
    scope: Scope,
    sender: mpsc::Sender<Change>,
) -> Result<(), End> {
    let mut parts = Parts::new(reader, gateway.clone(), sender.clone());
    match scope {
        Scope::Namespaces(namespaces) if reader.api.namespaced => {
            parts.narrow(namespaces, None).await?;
            while parts.tasks.join_next().await.is_some() {}
            Err(End::Closed)
        }
        _ => loop {
            let mut everywhere = Watcher::new(reader, gateway.clone(), reader.kind.into(), sender.clone());
            everywhere.yields = reader.api.namespaced;
            everywhere.run().await?;
            parts.follow().await?;
        },
    }
}

/// One watch for each namespace.
struct Parts {
    reader: Reader,
    gateway: KubernetesGateway,
    sender: mpsc::Sender<Change>,
    running: BTreeMap<Name, AbortHandle>,
    tasks: JoinSet<()>,
    told: Option<(Vec<Name>, Option<Fault>)>,
}

impl Parts {
    fn new(reader: Reader, gateway: KubernetesGateway, sender: mpsc::Sender<Change>) -> Self {
        Self { reader, gateway, sender, running: BTreeMap::new(), tasks: JoinSet::new(), told: None }
    }

    /// Watches what may be read until everything may be. Whether it may is a question of its own for each kind: it is
    /// asked where the rules, which are asked for once for all kinds, do not say no already.
    async fn follow(&mut self) -> Result<(), End> {
        let inner = self.gateway.0.clone();
        loop {
            let mut found = inner.rights.readable(&inner, &self.reader.api).await;
            if let (Ok(readable), Some((told, _))) = (&found, &self.told)
                && told.iter().any(|namespace| !readable.namespaces.contains(namespace))
            {
                tokio::time::sleep(BELIEVED).await;
                found = inner.rights.readable(&inner, &self.reader.api).await;
            }
            // At first it was just refused everywhere.
            if self.told.is_some()
                && found.as_ref().map_or(true, |readable| readable.in_all)
                && may_watch(&inner, &self.reader.api, &Name::empty()).await.unwrap_or(false)
            {
                self.tasks.abort_all();
                self.running.clear();
                self.told = None;
                return Ok(());
            }
            match found {
                Ok(Readable { namespaces, why, .. }) => self.narrow(namespaces, Some(why)).await?,
                // The watches that go on say themselves what is wrong.
                Err(_) if self.told.is_some() => {}
                Err(fault) => {
                    self.sender.send(Change::Lost(self.reader.kind.into(), fault)).await.map_err(|_| End::Closed)?;
                }
            }
            tokio::time::sleep(REVIEW).await;
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
        self.sender.send(Change::Narrowed(self.reader.kind, namespaces.clone(), why)).await.map_err(|_| End::Closed)?;
        for namespace in namespaces {
            self.running.entry(namespace).or_insert_with_key(|namespace| {
                let part = Part { kind: self.reader.kind, namespace: namespace.clone() };
                let mut watcher = Watcher::new(self.reader, self.gateway.clone(), part, self.sender.clone());
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
