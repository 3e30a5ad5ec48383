//! The simulation behind the ports: the same questions and writes as to a real cluster and a real Vault.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;

use super::platform::{EXTERNAL_SECRETS, selects};
use super::shell::Shell;
use super::time::whole;
use super::vault::{Refusal, Server};
use super::world::World;
use crate::gateways::capture::tape;
use crate::gateways::vault::api::{Api, Question};
use crate::gateways::vault::classify::{FolderWise, classify, dead};
use crate::gateways::vault::client::Answer;
use crate::gateways::vault::cluster;
use crate::gateways::vault::login_checks::login_checks;
use crate::gateways::vault::neighbours::folder;
use crate::gateways::vault::subkeys::properties;
use crate::gateways::vault::whose::token;
use crate::model::vault::{Login, LoginChecks, ReplicaHealth, StoreLogin, Surroundings, Token, Told};
use crate::model::{Change, Controller, Fault, FaultKind, Kind, Name, ObjectRef, ReplicaRole, Seal, Text};
use crate::ports::{
    Classified, Clock, Cluster, Identity, MountFolder, MountPaths, Permit, ReplicaAddress, ReplicaPod, SIMULATION, Scope, Typed,
    Vault,
};
use crate::runbooks::{Aim, ClusterRight, KubernetesWrite, Receipt, VaultRight, VaultWrite};

/// The API server of the simulation.
pub(super) struct SimulatedCluster {
    pub(super) shell: Arc<Shell>,
    pub(super) scenario: String,
}

#[async_trait]
impl Cluster for SimulatedCluster {
    async fn identity(&self) -> Result<Identity, Fault> {
        Ok(Identity {
            context: Text::foreign(&self.scenario),
            server: Text::foreign(SIMULATION),
            user: Text::foreign("oncall"),
            cluster_uid: Text::foreign("51ea1a7c-0000-4000-a000-000000000004"),
            insecure: false,
            aim: Aim::context(Text::foreign(&self.scenario)),
        })
    }

    fn watch(&self, kind: Kind, scope: &Scope) -> BoxStream<'static, Change> {
        self.shell.watch(kind, scope.clone())
    }

    async fn replicas(&self, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault> {
        self.shell.with(|world| {
            let key = ObjectRef::new(Kind::Service, namespace.clone(), service.clone());
            let found = world
                .api
                .get(&key)
                .and_then(|object| object.service())
                .ok_or_else(|| Fault::new(FaultKind::NotFound, &format!("services \"{service}\" not found")))?;
            let behind = world
                .api
                .list(Kind::Pod)
                .filter(|(pod, object)| pod.namespace == *namespace && selects(&found.selector, &object.meta.labels));
            Ok(behind
                .filter_map(|(pod, object)| {
                    Some(ReplicaPod { name: pod.name.clone(), started: object.pod()?.started.map(whole) })
                })
                .collect())
        })
    }

    async fn controller(&self) -> Result<Option<Controller>, Fault> {
        Ok(self.shell.with(|world| controller(world)))
    }

    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault> {
        Ok(self.shell.with(|world| allows(world, right)))
    }

    async fn rehearse(&self, write: &KubernetesWrite) -> Option<Result<(), Fault>> {
        let known = self.shell.with(|world| world.api.get(write.object()).is_some());
        known.then_some(Ok(()))
    }

    async fn write(&self, permit: Permit, write: &KubernetesWrite) -> Result<Receipt, Fault> {
        self.shell.with(|world| {
            if let Some(right) = write.rights().iter().find(|right| !allows(world, right)) {
                let name = &write.object().name;
                let text = format!("{} \"{name}\" is forbidden: User \"oncall\" cannot {right}", right.resource);
                return Err(Fault::new(FaultKind::Forbidden, &text));
            }
            let version = world.write(write, permit.seen())?;
            Ok(Receipt { server_time: Some(whole(world.now)), resource_version: version, seal: None })
        })
    }

    /// The Jobs of the simulation do their work, and say nothing.
    async fn failures(&self, _: &ObjectRef) -> Result<Vec<Text>, Fault> {
        Ok(Vec::new())
    }

    async fn value(&self, _permit: Permit, secret: &ObjectRef, key: &str) -> Result<Typed, Fault> {
        self.shell.with(|world| {
            let found = world.api.get(secret).and_then(|object| object.secret());
            let value = found.and_then(|secret| secret.data.get(key)).map(|value| Typed::of_value(value));
            value.ok_or_else(|| Fault::new(FaultKind::NotFound, &format!("secrets \"{}\" has no key {key}", secret.name)))
        })
    }

    async fn shares(&self, _permit: Permit, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault> {
        self.shell.with(|world| {
            let found = world
                .api
                .get(secret)
                .and_then(|object| object.secret())
                .ok_or_else(|| Fault::new(FaultKind::NotFound, &format!("secrets \"{}\" not found", secret.name)))?;
            let shares = found.data.iter().filter(|(key, _)| key.starts_with(key_prefix));
            Ok(shares.map(|(_, share)| typed(share)).collect())
        })
    }
}

fn typed(share: &str) -> Typed {
    let mut typed = Typed::new();
    share.chars().for_each(|c| typed.push(c));
    typed
}

fn allows(world: &World, right: &ClusterRight) -> bool {
    !world.denied.contains(&format!("{} {}", right.verb, right.resource))
}

/// The Deployment of External Secrets and its lease, renewed every 2 s while it runs.
fn controller(world: &World) -> Option<Controller> {
    let key = ObjectRef::new(Kind::Deployment, EXTERNAL_SECRETS, EXTERNAL_SECRETS);
    let deployment = world.api.get(&key)?.workload()?;
    let renewed =
        world.operator.stopped.unwrap_or_else(|| Timestamp::from_second(world.now.as_second() / 2 * 2).unwrap_or(world.now));
    let pod = world.api.list(Kind::Pod).find(|(_, object)| object.meta.owner.as_ref() == Some(&deployment.owner));
    Some(Controller {
        version: Text::foreign(deployment.image.rsplit_once(':').map_or("", |(_, tag)| tag)),
        ready: u32::try_from(deployment.ready).unwrap_or(0),
        unready: None,
        concurrent: u32::try_from(world.operator.concurrent).unwrap_or(1),
        store_requeue: i64::try_from(world.operator.store_requeue.as_secs()).unwrap_or(300),
        leader: pod.map_or_else(Name::empty, |(pod, _)| pod.name.clone()),
        renewed: Some(renewed),
        lapsed: world.now.as_second() - renewed.as_second() > 30,
        seen: world.now,
        deployment: key,
    })
}

/// Every Vault of the simulation.
pub(super) struct SimulatedVault {
    pub(super) shell: Arc<Shell>,
}

impl SimulatedVault {
    /// Does something at one replica.
    fn at<T>(
        &self,
        replica: &ReplicaAddress,
        ask: impl FnOnce(&mut Server, usize, Timestamp) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.shell.with(|world| {
            let now = world.now;
            let unknown = || {
                let text = format!("dial tcp: lookup {} on 10.96.0.10:53: no such host", replica.server.host);
                Fault::new(FaultKind::Dns, &text)
            };
            let server = world.servers.iter_mut().find(|server| server.is_at(&replica.server)).ok_or_else(unknown)?;
            let index = server.replicas.iter().position(|known| known.pod == replica.pod.as_str()).ok_or_else(unknown)?;
            ask(server, index, now)
        })
    }
}

fn fault(refusal: &Refusal) -> Fault {
    let kind = match refusal.code {
        0 => FaultKind::Tcp,
        403 => FaultKind::Forbidden,
        404 => FaultKind::NotFound,
        503 => FaultKind::Sealed,
        500.. => FaultKind::Server,
        _ => FaultKind::Invalid,
    };
    Fault::new(kind, &format!("{}: {}", refusal.code, refusal.error))
}

/// One replica, to be asked over its API.
struct Simulated<'a> {
    vault: &'a SimulatedVault,
    replica: &'a ReplicaAddress,
}

#[async_trait]
impl Api for Simulated<'_> {
    async fn ask(&self, question: &Question) -> Result<Option<Answer>, Fault> {
        let answer = self.vault.at(self.replica, |server, index, now| Ok(Some(server.answer(index, question, now))));
        tape::note(question, &answer);
        answer
    }
}

#[async_trait]
impl Vault for SimulatedVault {
    async fn status(&self, replica: &ReplicaAddress) -> Result<(Seal, ReplicaRole), Fault> {
        self.at(replica, |server, index, _| {
            let seal = server.seal_status(index).map_err(|refusal| fault(&refusal))?;
            Ok((seal, server.role(index)))
        })
    }

    async fn health(&self, replica: &ReplicaAddress) -> Result<ReplicaHealth, Fault> {
        let answer = self.at(replica, |server, index, _| server.health(index).map_err(|refusal| fault(&refusal)))?;
        cluster::health(&answer, &replica.pod)
    }

    async fn surroundings(&self, replica: &ReplicaAddress, namespaces: &[Text]) -> Result<Surroundings, Fault> {
        cluster::surroundings(&Simulated { vault: self, replica }, &replica.pod, namespaces).await
    }

    async fn token(&self, replica: &ReplicaAddress) -> Result<Option<Token>, Fault> {
        let known = token(&Simulated { vault: self, replica }, &replica.pod).await?;
        let from = self.at(replica, |server, _, _| Ok(server.visited_by()))?;
        Ok(known.map(|known| Token { from, ..known }))
    }

    async fn log_in(&self, replica: &ReplicaAddress, login: &Login, typed: Option<&Typed>) -> Result<Option<Token>, Fault> {
        self.at(replica, |server, index, now| {
            let token = server.let_in(index, login, typed, now).map_err(|refusal| match (login, refusal.code) {
                (Login::Token, 403) => dead(),
                _ => fault(&refusal),
            })?;
            Ok(Some(token))
        })
    }

    async fn login_checks(&self, replica: &ReplicaAddress, login: &StoreLogin, attempt: bool) -> LoginChecks {
        let asked = Simulated { vault: self, replica };
        let mut checks = login_checks(&asked, Some(&asked), login, &replica.pod, self.shell.now()).await;
        if attempt {
            let account = (login.account.namespace.as_str(), login.account.name.as_str());
            let made = self.at(replica, |server, index, _| {
                Ok(server.login(index, login.mount.as_str(), login.role.as_str(), account).map(drop))
            });
            checks.login = match made {
                Ok(made) => Told::Said(made.err().map(|refusal| Text::foreign(&refusal.error))),
                Err(fault) => Told::Failed(fault),
            };
            // It logs every refusal that says too little, and refuses nothing so.
            checks.reason = Told::Absent;
        }
        checks
    }

    async fn log_out(&self) -> Vec<Fault> {
        self.shell.with(|world| world.servers.iter_mut().for_each(Server::let_out));
        Vec::new()
    }

    async fn classify(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Classified, Fault> {
        let now = self.shell.now();
        classify(&Simulated { vault: self, replica }, &replica.pod, paths, now, &FolderWise::default()).await
    }

    async fn properties(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Vec<Told<Arc<[Text]>>>, Fault> {
        properties(&Simulated { vault: self, replica }, &replica.pod, paths).await
    }

    async fn folder(&self, replica: &ReplicaAddress, at: &MountFolder) -> Result<Told<Arc<[Text]>>, Fault> {
        folder(&Simulated { vault: self, replica }, &replica.pod, at).await
    }

    async fn may(&self, right: &VaultRight) -> Result<bool, Fault> {
        self.at(&ReplicaAddress::of(&right.server, &right.replica), |server, _, _| Ok(server.may_change()))
    }

    async fn write(&self, _permit: Permit, write: &VaultWrite, typed: Option<&Typed>) -> Result<Receipt, Fault> {
        self.at(&ReplicaAddress::of(&write.server, &write.replica), |server, index, now| {
            let done = server.change(index, &write.change, typed.map(Typed::exact), now).map_err(|refusal| fault(&refusal))?;
            Ok(Receipt { server_time: Some(whole(now)), resource_version: 0, seal: done })
        })
    }
}

/// The time of the simulation.
pub(super) struct SimulatedClock {
    pub(super) shell: Arc<Shell>,
}

#[async_trait]
impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        self.shell.now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(self.shell.outside(time)).await;
    }
}
