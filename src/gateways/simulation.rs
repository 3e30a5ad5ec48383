//! A whole cluster in memory: Kubernetes, Vault, External Secrets and the Vault Secrets Operator *run* here, and what a person sees is
//! what comes of it. No state is scripted; a scenario only says what there is and what happens.
//!
//! The pure half (`world.rs` and what it uses) knows no clock and no task. The thin half (`shell.rs`,
//! `ports.rs`) gives it tokio's time, which tests may pause, and puts it behind the ports.

mod act;
mod api;
mod build;
mod controllers;
mod kubelet;
mod object;
mod operator;
mod platform;
mod ports;
mod queue;
mod random;
mod recorder;
mod scenario;
mod shell;
mod time;
mod vault;
mod vso;
mod wire;
mod world;
mod writes;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use self::ports::{SimulatedClock, SimulatedCluster, SimulatedVault};
use self::shell::Shell;
use self::world::World;
use crate::gateways::capture::Raw;
use crate::model::{Fault, Kind, ObjectRef, Part};
use crate::ports::{Clock, Cluster, Vault};

pub use scenario::{Expected, Repair, Scenario, ScenarioError, Shares, Span};

/// A running simulation. It lives as long as it or one of its ports does.
#[derive(Clone)]
pub struct Simulation {
    shell: Arc<Shell>,
    scenario: String,
}

impl Simulation {
    /// Starts a scenario at the moment when its person looks; from there time runs this much faster than
    /// tokio's. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start(scenario: &Scenario, speed: f64) -> Self {
        Self { shell: Shell::start(World::of(scenario), speed), scenario: scenario.slug.clone() }
    }

    /// The API server.
    #[must_use]
    pub fn cluster(&self) -> Arc<dyn Cluster> {
        Arc::new(SimulatedCluster { shell: Arc::clone(&self.shell), scenario: self.scenario.clone() })
    }

    /// Every Vault.
    #[must_use]
    pub fn vault(&self) -> Arc<dyn Vault> {
        Arc::new(SimulatedVault { shell: Arc::clone(&self.shell) })
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SimulatedClock { shell: Arc::clone(&self.shell) })
    }

    /// Every object of a kind as the API server would send it now; for tests and for comparing with a lab.
    #[must_use]
    pub fn dump(&self, kind: Kind) -> Vec<serde_json::Value> {
        self.shell.with(|world| world.api.list(kind).map(|(key, object)| wire::json(key, object)).collect())
    }

    /// The objects as they stand on the wire, for a capture.
    #[must_use]
    pub fn raw(&self) -> Arc<dyn Raw> {
        Arc::new(self.clone())
    }

    /// The shares of the Vault behind a Service, or of one of its namespaces, as a person would have them on paper.
    #[must_use]
    pub fn paper_shares(&self, vault: &ObjectRef) -> Vec<String> {
        self.shell.with(|world| {
            let (service, space) = vault.name.as_str().split_once('/').unwrap_or((vault.name.as_str(), ""));
            let server =
                world.servers.iter().find(|server| server.namespace == vault.namespace.as_str() && server.service == service);
            let server = server.and_then(|server| if space.is_empty() { Some(server) } else { server.spaces.get(space) });
            server.map(|server| server.shares.clone()).unwrap_or_default()
        })
    }

    /// The root token of the Vault behind a Service, likewise.
    #[must_use]
    pub fn paper_token(&self, vault: &ObjectRef) -> String {
        self.shell.with(|world| {
            let is_it =
                |server: &&vault::Server| server.namespace == vault.namespace.as_str() && server.service == vault.name.as_str();
            world.servers.iter().find(is_it).map(|server| server.root_token.clone()).unwrap_or_default()
        })
    }
}

#[async_trait::async_trait]
impl Raw for Simulation {
    async fn raw(&self, part: &Part) -> Result<Vec<String>, Fault> {
        let here = |object: &serde_json::Value| {
            part.namespace.is_empty() || object["metadata"]["namespace"].as_str() == Some(part.namespace.as_str())
        };
        Ok(self.dump(part.kind).iter().filter(|object| here(object)).map(ToString::to_string).collect())
    }
}
