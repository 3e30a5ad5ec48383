//! What the engine asks of the outside, as traits; no client's type stands in a signature. Real gateways,
//! the simulation and recorded worlds implement the same.
//!
//! Every mutating method takes a [`Permit`] by value. Only `engine/door.rs` grants one, after the person
//! agreed and the policy allows it; `tests/architecture.rs` looks.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream::BoxStream;
use jiff::Timestamp;
use zeroize::Zeroize;

use crate::model::vault::{
    Login, LoginChecks, MountState, PathFacts, ReplicaHealth, ReplicaRole, Seal, ServerTls, StoreLogin, Surroundings, Token, Told,
};
use crate::model::{Change, Controller, Fault, FaultKind, Kind, Name, ObjectRef, Text, Uid, VaultAddress};
use crate::runbooks::{Aim, ClusterRight, KubernetesWrite, Operation, Receipt, Target, VaultRight, VaultWrite};

/// Leave for one write. It cannot be cloned: one agreement, one write.
#[derive(Debug)]
pub struct Permit(Option<Seen>);

impl Permit {
    /// Grants leave. Called in `engine/door.rs` alone.
    #[must_use]
    pub const fn grant() -> Self {
        Self(None)
    }

    /// Grants leave for an object as it was seen: one that is another by now must not be written to
    /// ([`crate::model::FaultKind::Conflict`]).
    #[must_use]
    pub const fn grant_on(seen: Option<Seen>) -> Self {
        Self(seen)
    }

    /// What must still be so.
    #[must_use]
    pub const fn seen(&self) -> Option<&Seen> {
        self.0.as_ref()
    }
}

/// An object as it was seen: the precondition of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// This life of it: one that was deleted and made again is another.
    pub uid: Uid,
    /// This version, where every change counts.
    pub version: Option<u64>,
}

/// Text that a person typed unseen, such as an unseal share. It is wiped when dropped, cannot be printed,
/// copied or compared, and only a gateway may open it.
#[derive(Default)]
pub struct Typed(String);

impl Typed {
    /// The longest input that is taken, in characters; a share has 44 or 64, a batch token some hundred.
    pub const LONGEST: usize = 2048;

    /// The longest value that is taken from a file or a pipe, in bytes: no Secret holds more.
    pub const LONGEST_VALUE: usize = 1024 * 1024;

    /// A value that was not typed but read, lines and all.
    #[must_use]
    pub fn of_value(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Nothing typed yet, with room for everything, so that no copy stays behind on growth.
    #[must_use]
    pub fn new() -> Self {
        Self(String::with_capacity(Self::LONGEST * 4))
    }

    /// One more character; control characters and what is too long are dropped.
    pub fn push(&mut self, c: char) {
        if !c.is_control() && self.0.chars().count() < Self::LONGEST {
            self.0.push(c);
        }
    }

    /// The last character goes.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// Everything goes.
    pub fn wipe(&mut self) {
        self.0.zeroize();
    }

    /// How many characters, for the dots on the screen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.chars().count()
    }

    /// Whether nothing was typed.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was read, white space and all. For gateways only.
    #[must_use]
    pub fn exact(&self) -> &str {
        &self.0
    }

    /// What was typed. For gateways only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.trim()
    }
}

impl Drop for Typed {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Which part of the cluster is looked at.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub enum Scope {
    /// Every namespace, or as many of them as may be read.
    #[default]
    Everywhere,
    /// These namespaces.
    Namespaces(Vec<Name>),
}

impl Scope {
    /// Whether what stands in this namespace is looked at; what stands in none always is.
    #[must_use]
    pub fn holds(&self, namespace: &Name) -> bool {
        match self {
            Self::Everywhere => true,
            Self::Namespaces(namespaces) => namespace.is_empty() || namespaces.contains(namespace),
        }
    }

    /// How a sentence about it ends: ` in namespaces a, b`; empty for everywhere.
    #[must_use]
    pub fn place(&self) -> String {
        let Self::Namespaces(namespaces) = self else { return String::new() };
        let names: Vec<&str> = namespaces.iter().map(Name::as_str).collect();
        format!(" in namespace{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", "))
    }
}

/// The address of the API server of a simulation.
pub const SIMULATION: &str = "simulation";

/// Who asks, and whom.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Context of the kubeconfig, or the scenario's name.
    pub context: Text,
    /// The API server's address.
    pub server: Text,
    /// The user, as the API server sees it; empty if it does not say.
    pub user: Text,
    /// Uid of the namespace `kube-system`: it names the cluster. Empty if it may not be read.
    pub cluster_uid: Text,
    /// Whether the server's certificate is not verified: a red banner, and no writes.
    pub insecure: bool,
    /// What `kubectl` must be told to do the same there.
    pub aim: Aim,
}

/// The pods behind a Vault's Service, and where they listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaPod {
    /// The pod.
    pub name: Name,
    /// When it started.
    pub started: Option<Timestamp>,
}

/// One replica to talk to: the address that the stores use (for the TLS name), and the pod behind it; the
/// pod's name is the address itself for a server outside the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaAddress {
    /// The server.
    pub server: VaultAddress,
    /// The pod.
    pub pod: Name,
}

impl ReplicaAddress {
    /// The replica that a write names.
    #[must_use]
    pub fn of(server: &VaultAddress, replica: &ObjectRef) -> Self {
        Self { server: server.clone(), pod: replica.name.clone() }
    }
}

/// Paths of one mount that are asked for together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPaths {
    /// The namespace that the store names; empty if it names none.
    pub namespace: Text,
    /// The mount.
    pub mount: Text,
    /// The KV version that the store expects, `v1` or `v2`.
    pub kv: Name,
    /// The paths, relative to the mount. Those of one folder stand together: it may be asked for as one.
    pub keys: Vec<String>,
}

/// A folder of one mount.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MountFolder {
    /// The namespace that the store names; empty if it names none.
    pub namespace: Text,
    /// The mount.
    pub mount: Text,
    /// The KV version that the store expects, `v1` or `v2`.
    pub kv: Name,
    /// The folder, relative to the mount; empty for the mount itself.
    pub folder: String,
}

/// What is known of [`MountPaths`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classified {
    /// The mount.
    pub mount: MountState,
    /// The paths, in the order in which they were asked for.
    pub paths: Vec<PathFacts>,
    /// How many requests it took.
    pub requests: usize,
}

/// The Kubernetes API server.
#[async_trait]
pub trait Cluster: Send + Sync {
    /// Who asks, and whom. Fails only if the server cannot be reached at all.
    async fn identity(&self) -> Result<Identity, Fault>;

    /// Watches a kind for ever: first what there is ([`Change::Listed`]; a long list in pieces, as
    /// [`Change::Listing`] until [`Change::Complete`]), then single changes; reconnects by itself and says
    /// [`Change::Lost`] in between. Ends only when dropped.
    fn watch(&self, kind: Kind, scope: &Scope) -> BoxStream<'static, Change>;

    /// The pods behind a Service, ready or not.
    async fn replicas(&self, namespace: &Name, service: &Name) -> Result<Vec<ReplicaPod>, Fault>;

    /// The External Secrets controller; `None` if there is none.
    async fn controller(&self) -> Result<Option<Controller>, Fault>;

    /// The last lines of a pod's log that tell of a failure; no others.
    async fn failures(&self, pod: &ObjectRef) -> Result<Vec<Text>, Fault>;

    /// The kinds that the server serves in a group and version (`external-secrets.io/v1beta1`); nothing where it does not
    /// serve that version.
    async fn served(&self, version: &str) -> Result<Option<Vec<Text>>, Fault> {
        let _ = version;
        Err(Fault::new(FaultKind::Absent, "Nobody tells here what is served."))
    }

    /// Whether the identity holds a right (`SelfSubjectAccessReview`).
    async fn may(&self, right: &ClusterRight) -> Result<bool, Fault>;

    /// Has the server say whether it would take a write, and do nothing (`dryRun=All`); `None` where that cannot be asked.
    async fn rehearse(&self, write: &KubernetesWrite) -> Option<Result<(), Fault>>;

    /// Does a write.
    async fn write(&self, permit: Permit, write: &KubernetesWrite) -> Result<Receipt, Fault>;

    /// The value under this key of a Secret, to be written to a Vault. Takes a permit although it reads: it takes a value
    /// out of a safe.
    async fn value(&self, permit: Permit, secret: &ObjectRef, key: &str) -> Result<Typed, Fault>;

    /// The unseal shares in a Secret: the values of every key that begins with this prefix, in key order.
    /// Takes a permit although it reads: it takes keys out of a safe.
    async fn shares(&self, permit: Permit, secret: &ObjectRef, key_prefix: &str) -> Result<Vec<Typed>, Fault>;
}

/// Every Vault and OpenBao.
#[async_trait]
pub trait Vault: Send + Sync {
    /// What the cluster says of a server's certificate. It is told before the server is asked anything, and again
    /// when it says something else. Where there is no TLS, there is nothing to do.
    fn trust(&self, _server: &VaultAddress, _tls: &ServerTls) {}

    /// Seal and role of one replica (`sys/seal-status`, `sys/leader`); needs no token.
    async fn status(&self, replica: &ReplicaAddress) -> Result<(Seal, ReplicaRole), Fault>;

    /// What one replica says of its health (`sys/health`); needs no token.
    async fn health(&self, replica: &ReplicaAddress) -> Result<ReplicaHealth, Fault>;

    /// What a Vault tells of its cluster, and of the seals of these namespaces. Needs a token. A fault is one that
    /// concerns every question; what the token may not ask is said to be denied.
    async fn surroundings(&self, replica: &ReplicaAddress, namespaces: &[Text]) -> Result<Surroundings, Fault>;

    /// Whose token reads there, and for how long; `None` if nobody knows it. Needs a token.
    async fn token(&self, replica: &ReplicaAddress) -> Result<Option<Token>, Fault>;

    /// What is known of paths of one mount, without their values. Needs a token. A fault is one that concerns
    /// every path: no token, a dead one, no answer; any other is the state of the path that met it.
    async fn classify(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Classified, Fault>;

    /// The names of the properties of paths that exist, nested ones with dots, in the order of the paths; never a
    /// value. Needs a token, and a right of its own (`subkeys`, KV v2 only). A fault is one that concerns every path.
    async fn properties(&self, replica: &ReplicaAddress, paths: &MountPaths) -> Result<Vec<Told<Arc<[Text]>>>, Fault>;

    /// The names in a folder, folders with a slash at their end. Needs a token. A fault is one that concerns every path.
    async fn folder(&self, replica: &ReplicaAddress, folder: &MountFolder) -> Result<Told<Arc<[Text]>>, Fault>;

    /// Logs in: from then on this token reads that server and no other, in place of any that was there before. What
    /// is typed is the token, or the password. Says whose token it is, if anybody knows. It takes no permit: nothing
    /// that is watched changes, and what a token may is up to Vault.
    async fn log_in(&self, replica: &ReplicaAddress, login: &Login, typed: Option<&Typed>) -> Result<Option<Token>, Fault>;

    /// How a login of a store stands, step by step: without a token where none is needed, with the one that reads the
    /// paths where there is one. `attempt` makes a real login too, with a token of the store's service account; what it
    /// gets is revoked at once. The person must have asked for that.
    async fn login_checks(&self, replica: &ReplicaAddress, login: &StoreLogin, attempt: bool) -> LoginChecks;

    /// Ends every login, and revokes the tokens that one got. Says which could not be revoked, and why.
    async fn log_out(&self) -> Vec<Fault>;

    /// Whether the token holds a right (`sys/capabilities-self`).
    async fn may(&self, right: &VaultRight) -> Result<bool, Fault>;

    /// Does a write. An unseal takes the share that it names, and what writes a value takes that value.
    async fn write(&self, permit: Permit, write: &VaultWrite, typed: Option<&Typed>) -> Result<Receipt, Fault>;
}

/// The time; a simulation may let it run faster.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Waits.
    async fn sleep(&self, time: std::time::Duration);
}

/// The clipboard. It is offered names, commands and status lines, never a value.
pub trait Clipboard: Send + Sync {
    /// Puts text there.
    ///
    /// # Errors
    /// There is none, or it refuses.
    fn copy(&self, text: &str) -> Result<(), Fault>;
}

/// The journal of what was done. If it cannot be written, nothing is done.
pub trait Journal: Send + Sync {
    /// Appends one line and waits until it is on disk.
    ///
    /// # Errors
    /// It cannot be written.
    fn append(&self, entry: &JournalEntry) -> Result<(), Fault>;

    /// The lines that stand in it, oldest first; the newest some thousand are enough. Empty if there are none, if they
    /// cannot be read, or if another process writes to it now.
    fn history(&self) -> Vec<Remembered> {
        Vec::new()
    }
}

/// Why a write has no answer whose process is gone.
pub const LOST: &str = "The process that wrote it ended before an answer came.";

/// What a line of the journal tells of a run, so that any process can take it up. It holds no value either.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RunLine {
    /// When the run began; within one journal this names it.
    pub began: Timestamp,
    /// The process that runs it.
    pub process: u32,
    /// On what it runs.
    pub target: Target,
    /// What is written, in an intent and its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<Operation>,
    /// What came back, in a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Result<Receipt, Fault>>,
}

/// A line of the journal that was read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Remembered {
    /// When.
    pub at: Timestamp,
    /// `open`, `intent`, `result`, `end`, `close`, `login`.
    pub what: String,
    /// Who.
    pub user: Text,
    /// Where.
    pub context: Text,
    /// Runbook and step.
    pub step: Text,
    /// On what.
    pub object: Text,
    /// The command.
    pub command: Text,
    /// What came of it.
    pub note: Text,
    /// Of which run it is.
    #[serde(default)]
    pub run: Option<RunLine>,
}

impl Remembered {
    /// The writes that were announced and of which no result stands in the journal, oldest first.
    #[must_use]
    pub fn unanswered(history: &[Self]) -> Vec<Self> {
        let mut open: Vec<&Self> = Vec::new();
        for line in history {
            let same =
                |intent: &&Self| (&intent.step, &intent.object, &intent.command) == (&line.step, &line.object, &line.command);
            match line.what.as_str() {
                "intent" => open.push(line),
                "result" => {
                    if let Some(at) = open.iter().position(same) {
                        open.remove(at);
                    }
                }
                _ => {}
            }
        }
        open.into_iter().cloned().collect()
    }
}

/// One line of the journal. It holds names and times, never a value.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JournalEntry {
    /// When.
    pub at: Timestamp,
    /// `open`, `intent`, `result`, `end`, `close`, `login`.
    pub what: &'static str,
    /// Who.
    pub user: Text,
    /// Where.
    pub context: Text,
    /// Runbook and step; empty for opening and closing.
    pub step: String,
    /// On what.
    pub object: String,
    /// The command that does the same.
    pub command: String,
    /// What came of it, or why writes were opened.
    pub note: String,
    /// Of which run it is, if it is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<RunLine>,
}

#[cfg(test)]
mod tests {
    use super::Typed;

    #[test]
    fn typed_text_is_bounded_and_can_be_wiped() {
        let mut typed = Typed::new();
        "ab\u{1b}c".chars().for_each(|c| typed.push(c));
        typed.pop();
        assert_eq!((typed.reveal(), typed.len()), ("ab", 2));
        (0..3000).for_each(|_| typed.push('x'));
        assert_eq!(typed.len(), Typed::LONGEST);
        typed.wipe();
        assert!(typed.is_empty());
    }
}
