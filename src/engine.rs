//! The running program without a face: watches flow into the inventory, the inventory is diagnosed, the
//! result is published as a [`Snapshot`]; commands come in, and go out as writes through the one door.

pub mod config;
pub mod door;
pub mod gate;
mod login;
pub mod may;
pub mod past;
pub mod prober;
pub mod run;
pub mod snapshot;
mod world;

use std::collections::HashSet;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};

use crate::model::vault::Login;
use crate::model::{ObjectRef, Text, VaultAddress, VaultServer};
use crate::ports::{Clock, Cluster, Journal, Scope, Typed, Vault};
use crate::runbooks::Target;

pub use config::{Config, Policy};
pub use gate::Writes;
pub use login::LoginView;
pub use run::{RunState, RunView, StepState, StepView};
pub use snapshot::{Notice, Snapshot};

/// Everything that the engine reaches the outside through.
#[derive(Clone)]
pub struct Ports {
    /// The API server.
    pub cluster: Arc<dyn Cluster>,
    /// Every Vault.
    pub vault: Arc<dyn Vault>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The journal.
    pub journal: Arc<dyn Journal>,
}

/// How the engine is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What is looked at.
    pub scope: Scope,
    /// The policy for this context.
    pub policy: Policy,
    /// Whether writes are open from the start.
    pub write: bool,
    /// Whether certificates of Vaults are not verified, which is as bad as those of the API server.
    pub insecure: bool,
    /// Stores in whose stead to log in at their Vaults, as soon as these are open.
    pub as_stores: Vec<ObjectRef>,
    /// Whether one login may be made in the stead of every store that its Vault refuses, to learn why; what that gives is
    /// revoked at once.
    pub try_logins: bool,
    /// Which earlier run of the same runbook on the same target is taken up.
    pub resume: past::Resume,
}

/// What a face asks of the engine.
pub enum Command {
    /// Open writes, under break-glass with the context's name typed in full and a reason.
    OpenWrites {
        /// What was typed for the context's name.
        context: String,
        /// Why.
        reason: String,
    },
    /// Close them again.
    CloseWrites,
    /// Begin a runbook. The one that runs, if any, must be over or stopped.
    Start {
        /// Its name.
        runbook: &'static str,
        /// On what.
        target: Target,
    },
    /// The person's answer to what a step shows.
    Decide(Decision),
    /// Begin nothing new until resumed; what is in flight goes on.
    Pause(bool),
    /// End the run after what is in flight.
    Stop,
    /// Read this object's Vault paths again now, and poll the Vaults now.
    Refresh,
    /// A person looks at these paths.
    Look(Looks),
    /// Log in at a Vault.
    LogIn {
        /// Where.
        server: VaultAddress,
        /// How.
        login: Login,
        /// What was typed for it.
        typed: Option<Typed>,
    },
    /// End every login.
    LogOut,
}

/// The paths of Vaults that a person looks at. What they may want to know next is asked first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Looks {
    /// Paths in sight: they are read before others, and then the names of their properties are.
    pub seen: Vec<ObjectRef>,
    /// Paths that were opened: the folder that they stand in is listed too.
    pub opened: Vec<ObjectRef>,
}

impl Looks {
    /// Those of one server, by their full path.
    pub(crate) fn at(&self, server: &VaultServer) -> HashSet<Text> {
        self.seen.iter().chain(&self.opened).filter_map(|path| server.path_named(path)).collect()
    }
}

/// The answer to a preview.
pub enum Decision {
    /// Enter on a step that writes nothing, or `y`.
    Agree,
    /// The name that was asked for.
    Name(String),
    /// An unseal share.
    Share(Typed),
    /// Take the shares from the Secret that the step names, where the policy allows it.
    SharesFromSecret,
}

/// The handle of a running engine. Dropping it ends the engine.
pub struct Engine {
    commands: mpsc::Sender<Command>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    _tasks: tokio::task::JoinSet<()>,
}

impl Engine {
    /// Starts the engine on these ports. Returns at once; the first snapshot says that nothing is known yet.
    #[must_use]
    pub fn start(ports: Ports, options: Options) -> Self {
        world::start(ports, options)
    }

    /// The newest picture; changes are announced on the channel, and only the newest is kept.
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.snapshots.clone()
    }

    /// Where commands go.
    #[must_use]
    pub fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }
}

/// The objects that a runbook is offered for: the subject of a cause, or what is selected.
#[must_use]
pub fn target_of(subject: &ObjectRef) -> Target {
    match subject.kind {
        crate::model::Kind::Vault => Target::Vault(subject.clone()),
        _ => Target::Objects(vec![subject.clone()]),
    }
}
