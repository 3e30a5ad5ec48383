//! One picture of everything, immutable and cheap to pass on: what the faces draw.

use std::sync::Arc;

use jiff::Timestamp;

use super::config::Policy;
use super::gate::Writes;
use super::login::LoginView;
use super::run::RunView;
use crate::diagnosis::Diagnosis;
use crate::diagnosis::server::ServerState;
use crate::model::vault::{StoreLogin, Told};
use crate::model::{Fault, Inventory, Kind, Source, VaultServer, kinds};
use crate::ports::{Identity, Scope};

/// The state of the program at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Timestamp,
    /// Who asks, and whom.
    pub identity: Identity,
    /// Why the API server cannot be reached, if it cannot.
    pub offline: Option<Fault>,
    /// What is looked at.
    pub scope: Scope,
    /// The world.
    pub world: Arc<Inventory>,
    /// What is wrong with it. May be of an older revision of the world for a few milliseconds.
    pub diagnosis: Arc<Diagnosis>,
    /// The revision of the world that was diagnosed.
    pub diagnosed: u64,
    /// The revision at which everything was heard of for the first time, once it was.
    pub told_at: Option<u64>,
    /// The revision at which everything was asked once that a finding may rest on, see [`Self::is_asked`].
    pub asked_at: Option<u64>,
    /// Whether one may write.
    pub writes: Writes,
    /// The runbook that runs, or ran last.
    pub run: Option<Arc<RunView>>,
    /// What came of the last login.
    pub login: Option<Arc<LoginView>>,
    /// What went wrong, newest last; bounded.
    pub errors: Arc<Vec<Notice>>,
}

/// Something that a person should know of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// When it was last so.
    pub at: Timestamp,
    /// How often in a row.
    pub count: u32,
    /// A sentence, with a hint.
    pub text: String,
}

impl Snapshot {
    /// Before anything is known.
    #[must_use]
    pub fn empty(now: Timestamp, scope: Scope, policy: Policy) -> Self {
        Self {
            now,
            identity: Identity::default(),
            offline: None,
            scope,
            world: Arc::default(),
            diagnosis: Arc::default(),
            diagnosed: 0,
            told_at: None,
            asked_at: None,
            writes: Writes::closed(policy),
            run: None,
            login: None,
            errors: Arc::default(),
        }
    }

    /// When the API server was last heard of.
    #[must_use]
    pub fn kubernetes_seen(&self) -> Option<Timestamp> {
        self.world.sources.values().filter_map(Source::heard).max()
    }

    /// The kind that was not heard of for the longest time, and since when, if that is so many seconds more than
    /// for the API server as a whole. Of a kind that is not served nobody is expected to hear.
    #[must_use]
    pub fn longest_silent(&self, seconds: i64) -> Option<(Kind, Timestamp)> {
        let served = self.world.sources.iter().filter(|(_, source)| source.absent.is_none());
        let parts = served.flat_map(|(kind, source)| source.parts.values().map(move |part| (*kind, part)));
        let heard = parts.filter_map(|(kind, part)| Some((part.heard?, kind)));
        let (at, kind) = heard.min()?;
        (self.kubernetes_seen()?.as_second() - at.as_second() > seconds).then_some((kind, at))
    }

    /// Whether everything was heard of once, and that is diagnosed; before that, that nothing is found means
    /// nothing. Not the newest: on a busy cluster the diagnosis is always a moment behind.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.offline.is_some() || self.told_at.is_some_and(|revision| self.diagnosed >= revision)
    }

    /// Whether everything that a finding may rest on was asked once and looked at since, or cannot be.
    #[must_use]
    pub fn is_examined(&self) -> bool {
        self.offline.is_some() || self.asked_at.is_some_and(|revision| self.diagnosed >= revision)
    }

    /// Whether everything that a finding may rest on was asked once, or cannot be: beyond what the cluster tells, the
    /// paths of every Vault, the logins that it refuses, and what failed runs said.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        let versions = || self.world.doubted_versions().iter().all(|version| self.world.served.contains_key(version));
        self.told_at.is_some()
            && self.paths_are_told()
            && self.logins_are_told()
            && self.spaces_are_told()
            && self.world.unread_logs().is_empty()
            && versions()
    }

    /// Whether every Vault in whose namespaces stores stand was asked how these are, or cannot be.
    fn spaces_are_told(&self) -> bool {
        let asked = |server: &VaultServer| server.open().next().is_none() || server.around != Told::NotAsked;
        let mut within =
            self.world.stores().filter(|store| store.vault.as_ref().is_some_and(|vault| !vault.namespace.is_empty()));
        within.all(|store| self.world.vault_of(store).is_none_or(|server| asked(server)))
    }

    /// Whether every login that fails was asked about, or cannot be.
    fn logins_are_told(&self) -> bool {
        let asked =
            |server: &VaultServer, login: &StoreLogin| server.logins.contains_key(&(login.store.clone(), login.account.clone()));
        self.world.vaults.values().all(|server| {
            server.open().next().is_none() || self.world.failing_logins(server).iter().all(|login| asked(server, login))
        })
    }

    /// Whether every path was asked for, or cannot be.
    #[must_use]
    pub fn paths_are_told(&self) -> bool {
        let all = |server: &VaultServer| server.paths.values().all(|path| path.asked.is_some());
        let told = |server: &Arc<VaultServer>| server.unreadable.is_some() || server.open().next().is_none() || all(server);
        self.world.vaults.values().all(told)
    }

    /// Whether everything was heard of once.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let heard = |kind: &Kind| self.world.sources.get(kind).is_some_and(Source::is_told);
        let met = !self.identity.context.is_empty();
        kinds::all().iter().all(heard) && self.world.is_settled() && self.unasked().next().is_none() && met
    }

    /// Whether a kind in scope or all of a Vault could not be asked: then finding nothing means nothing. A kind that
    /// the cluster does not serve is no such kind, unless neither of the operators is installed; nor is one that
    /// nothing is judged by.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        let seen = |kind: &Kind| self.world.sources.get(kind).is_some_and(Source::is_seen);
        let judged = |kind: &Kind| kinds::api(*kind).is_none_or(|api| !api.is_beside());
        let unheard = |kind: &Kind| !seen(kind) && judged(kind) && self.world.is_in_scope(*kind);
        let uninstalled = self.world.uninstalled().is_some();
        self.offline.is_some()
            || uninstalled
            || kinds::all().iter().any(unheard)
            || self.world.vaults.values().any(|server| self.is_unseen(server))
    }

    /// Whether no replica of a Vault could be asked and nothing is judged of it: nobody may, or it may be starting.
    #[must_use]
    pub fn is_unseen(&self, server: &VaultServer) -> bool {
        match ServerState::of(server) {
            ServerState::Unknown => true,
            ServerState::Unreachable => self.diagnosis.starting.has(&server.subject()),
            _ => false,
        }
    }

    /// Whether there is nothing at all to look at: no store, no `ExternalSecret`, nothing of the other
    /// operator. A misspelt namespace looks so.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let of_the_other_operator = self.world.all::<kinds::VaultStaticSecret>().is_empty()
            && self.world.all::<kinds::VaultDynamicSecret>().is_empty()
            && self.world.all::<kinds::VaultPKISecret>().is_empty();
        self.world.stores().next().is_none() && self.world.all::<kinds::ExternalSecret>().is_empty() && of_the_other_operator
    }

    /// The Vaults that have not told their state yet, and may still.
    pub fn unasked(&self) -> impl Iterator<Item = &VaultServer> {
        let servers = self.world.vaults.values().map(AsRef::as_ref);
        servers.filter(|server: &&VaultServer| !server.is_asked())
    }

    /// Whether the first lists of the kinds that matter are complete.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        [Kind::ExternalSecret, Kind::SecretStore]
            .into_iter()
            .all(|kind| self.world.sources.get(&kind).is_some_and(Source::is_told))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Change, FaultKind};

    fn at(second: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + jiff::SignedDuration::from_secs(second)
    }

    #[test]
    fn a_list_that_is_late_is_named_and_one_that_is_not_served_is_not() {
        let mut world = Inventory::default();
        let gone = Fault::new(FaultKind::Absent, "The server has no kustomizations.");
        world.apply(Change::Absent(Kind::Kustomization.into(), gone), at(0));
        world.apply(Change::Listed(Kind::SecretStore.into(), Vec::new(), Vec::new()), at(10));
        world.apply(Change::Listed(Kind::ExternalSecret.into(), Vec::new(), Vec::new()), at(50));
        let mut snapshot = Snapshot::empty(at(60), Scope::Everywhere, Policy::simulated());
        snapshot.world = Arc::new(world.clone());
        assert_eq!(snapshot.longest_silent(45), None);
        world.apply(Change::Heard(Kind::ExternalSecret.into()), at(60));
        snapshot.world = Arc::new(world);
        assert_eq!(snapshot.longest_silent(45), Some((Kind::SecretStore, at(10))));
    }
}
