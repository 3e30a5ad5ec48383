//! Which gateways stand behind the ports: a cluster, the simulation, or a recorded world; and under which
//! policy.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use super::args::Global;
use super::{Failure, config};
use crate::engine::{Options, Policy, Ports};
use crate::gateways::capture::Raw;
use crate::gateways::clock::SystemClock;
use crate::gateways::journal::{FileJournal, MemoryJournal};
use crate::gateways::kubernetes::{ConnectOptions, connect};
use crate::gateways::recorded::Recording;
use crate::gateways::simulation::{Scenario, Simulation};
use crate::gateways::vault::{VaultEnvironment, VaultGateway};
use crate::model::{Kind, Name, ObjectRef};
use crate::ports::{Cluster as _, Identity, Scope, Vault};

/// What a command runs on.
pub(super) struct Wired {
    /// The gateways.
    pub(super) ports: Ports,
    /// The objects of the cluster as they stand on the wire, for a capture.
    pub(super) raw: Arc<dyn Raw>,
    /// Scope, policy, writes.
    pub(super) options: Options,
    /// The theme by name, from the command line or the configuration.
    pub(super) theme: Option<String>,
}

/// Connects everything that the command line asks for. Nothing is sent to a cluster but one question for
/// its identity; a cluster that does not answer is shown as such, not refused.
pub(super) async fn wire(global: &Global) -> Result<Wired, Failure> {
    let config = config::read(global.config.as_deref())?;
    let theme = global.theme.clone().or_else(|| config.theme.clone());
    let (Behind { ports, raw, policy, write, insecure }, recorded_scope) = match (&global.simulate, &global.world) {
        (Some(name), _) => (simulated(name)?, Scope::Everywhere),
        (None, Some(file)) => recorded(file)?,
        (None, None) => (real(global, &config).await?, Scope::Everywhere),
    };
    let scope = if global.namespace.is_empty() { recorded_scope } else { scope(&global.namespace) };
    let as_stores = global.login_as_store.iter().map(|name| store(name)).collect();
    let options = Options {
        scope,
        policy,
        write: write || global.write,
        insecure,
        as_stores,
        try_logins: global.try_logins,
        ..Options::default()
    };
    Ok(Wired { ports, raw, options, theme })
}

/// `namespace/name` of a `SecretStore`, or the name of a `ClusterSecretStore`.
fn store(name: &str) -> ObjectRef {
    match name.split_once('/') {
        Some((namespace, name)) => ObjectRef::new(Kind::SecretStore, namespace, name),
        None => ObjectRef::new(Kind::ClusterSecretStore, "", name),
    }
}

/// What has to be done when nothing is asked any more: logins are ended. Says what could not be undone.
pub(super) async fn leave(vault: &dyn Vault) {
    for fault in vault.log_out().await {
        // If standard error is closed there is nobody to tell.
        let _ = writeln!(io::stderr().lock(), "sealwatch: {fault}");
    }
}

fn scope(namespaces: &[String]) -> Scope {
    let mut names: Vec<Name> = namespaces.iter().map(|name| Name::new(name)).collect();
    names.sort();
    names.dedup();
    Scope::Namespaces(names)
}

/// What stands behind a command.
struct Behind {
    ports: Ports,
    raw: Arc<dyn Raw>,
    policy: Policy,
    /// Whether writes are open from the start.
    write: bool,
    /// Whether Vaults are not verified.
    insecure: bool,
}

fn simulated(name: &str) -> Result<Behind, Failure> {
    let scenario = Scenario::named(name)
        .ok_or_else(|| Failure::usage(format!("There is no scenario “{name}”."), "`sealwatch demo --list` lists them."))?;
    let simulation = Simulation::start(&scenario, 1.0);
    let ports = Ports {
        cluster: simulation.cluster(),
        vault: simulation.vault(),
        clock: simulation.clock(),
        journal: Arc::new(MemoryJournal::default()),
    };
    Ok(Behind { ports, raw: simulation.raw(), policy: Policy::simulated(), write: true, insecure: false })
}

/// And what was looked at when it was recorded.
fn recorded(file: &Path) -> Result<(Behind, Scope), Failure> {
    let recording = Arc::new(Recording::open(file)?);
    let ports = Ports {
        cluster: recording.clone(),
        vault: recording.clone(),
        clock: recording.clone(),
        journal: Arc::new(MemoryJournal::default()),
    };
    let scope = recording.scope();
    Ok((Behind { ports, raw: recording, policy: Policy::recorded(), write: false, insecure: false }, scope))
}

async fn real(global: &Global, config: &crate::engine::Config) -> Result<Behind, Failure> {
    let options = ConnectOptions {
        kubeconfig: global.kubeconfig.clone(),
        context: global.context.clone(),
        impersonate: global.act_as.clone(),
    };
    let gateway = connect(&options)?;
    // A server that does not answer is still called by its name, and is not to be trusted any more for it.
    let identity = gateway.identity().await.unwrap_or_else(|_| Identity {
        context: gateway.context().clone(),
        server: gateway.server().clone(),
        insecure: gateway.insecure(),
        aim: gateway.aim().clone(),
        ..Identity::default()
    });
    let (policy, write) = config::policy(config, &identity);
    let mut environment = VaultEnvironment::read();
    environment.token_secret = config::token_secret_for(config, &identity);
    let vault = VaultGateway::new(environment, Some(gateway.clone()));
    let insecure = vault.insecure();
    let cluster = if identity.cluster_uid.is_empty() { &identity.server } else { &identity.cluster_uid };
    let ports = Ports {
        journal: Arc::new(FileJournal::new(cluster.as_str())),
        vault: Arc::new(vault),
        cluster: Arc::new(gateway.clone()),
        clock: Arc::new(SystemClock),
    };
    Ok(Behind { ports, raw: Arc::new(gateway), policy, write, insecure })
}
