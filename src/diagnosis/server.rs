//! What state a Vault as a whole is in. Shared by the rules about Vault: each of them names one state.

use jiff::Timestamp;

use super::Case;
use super::finding::{Finding, Severity, Source};
use crate::model::kinds::SecretStore;
use crate::model::vault::{ReplicaRole, VaultServer};
use crate::model::{Fault, FaultKind, Health, Inventory, ObjectRef, Status};

/// The state of one server, from the answers of its replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerState {
    /// Nothing was asked yet, or not enough was answered to say.
    Unknown,
    /// It serves.
    Open,
    /// It serves, and some of its replicas are sealed.
    PartlySealed,
    /// Every replica is sealed.
    Sealed,
    /// Some replica is open, and none leads.
    NoActiveNode,
    /// `operator init` was never run.
    Uninitialised,
    /// No replica answers.
    Unreachable,
}

impl ServerState {
    /// The state of this server.
    #[must_use]
    pub fn of(server: &VaultServer) -> Self {
        let replicas = server.replicas.len();
        let (sealed, open) = (server.sealed().count(), server.open().count());
        let failing = server.replicas.values().filter(|r| r.fault.is_some()).count();
        let is_denied = |fault: &Fault| matches!(fault.kind, FaultKind::Forbidden | FaultKind::Unauthorized);
        let denied = server.replicas.values().filter(|r| r.fault.as_ref().is_some_and(is_denied)).count();
        let uninitialised =
            server.replicas.values().filter(|r| r.fault.is_none() && r.seal.as_ref().is_some_and(|s| !s.initialized)).count();
        let leads = server.open().any(|(_, r)| r.leads());
        let too_few = open < server.quorum();
        let leaderless = server.open().any(|(_, r)| r.role == ReplicaRole::Leaderless);
        // A standby that was left goes on naming its last leader, for ever (OpenBao 2.7.2).
        let left = server.open().all(|(_, r)| matches!(r.role, ReplicaRole::Standby(_)));
        if replicas == 0 && server.listed {
            // Nothing stands behind its Service.
            Self::Unreachable
        } else if replicas == 0 || sealed + open + failing + uninitialised < replicas {
            Self::Unknown
        } else if failing == replicas && denied == replicas {
            // We may not reach it: that says nothing about it.
            Self::Unknown
        } else if failing == replicas {
            Self::Unreachable
        } else if uninitialised > 0 && sealed + open == 0 {
            Self::Uninitialised
        } else if open == 0 && sealed > 0 {
            Self::Sealed
        } else if !leads && (too_few && (leaderless || left) || server.is_unled()) {
            // Either no open replica knows a leader, or the one that leads does not answer or is sealed, and too few are left
            // to elect another: standbys that say “standby” are not enough. Where enough of them do, one that does not answer
            // us may lead; and if all answer they may be electing, for a while.
            Self::NoActiveNode
        } else if sealed > 0 {
            Self::PartlySealed
        } else {
            Self::Open
        }
    }

    /// The rule that names this state, if something is wrong.
    #[must_use]
    pub const fn slug(self) -> Option<&'static str> {
        match self {
            Self::Unknown | Self::Open => None,
            Self::PartlySealed => Some("vault-partly-sealed"),
            Self::Sealed => Some("vault-sealed"),
            Self::NoActiveNode => Some("vault-no-active-node"),
            Self::Uninitialised => Some("vault-uninitialised"),
            Self::Unreachable => Some("vault-unreachable"),
        }
    }

    /// Whether nothing can be read through this server now.
    #[must_use]
    pub const fn is_down(self) -> bool {
        matches!(self, Self::Sealed | Self::NoActiveNode | Self::Uninitialised | Self::Unreachable)
    }
}

/// The last failure that External Secrets itself reports about this server, from a store that fails: the
/// store, the text, the time. It is the view from inside the cluster.
#[must_use]
pub fn operators_word(world: &Inventory, server: &VaultServer) -> Option<(ObjectRef, String, Option<Timestamp>)> {
    let subject = server.subject();
    let failing = world.stores_of(&subject).filter(|store| store.health() == Health::Failing);
    let stores: Vec<ObjectRef> = failing.map(SecretStore::store_ref).collect();
    stores.into_iter().find_map(|store| {
        let events = world.events_of(&store);
        let (text, at) = events.last().filter(|event| event.warning).map(|event| (event.message.to_string(), event.last))?;
        Some((store, text, at))
    })
}

/// Since when the state of a server holds. What was so at the first sighting began earlier: at the last
/// restart of a replica, if nothing was read through the server since; else when its stores and readers
/// began to fail. A replica tells neither, and if these do not either, it is not known.
#[must_use]
pub fn since(case: &Case<'_>, server: &VaultServer) -> Option<Timestamp> {
    let closed = || server.replicas.values().filter(|replica| !replica.is_open());
    let seen = closed().filter_map(|replica| replica.since).max();
    if !closed().any(|replica| replica.since_before) {
        return seen;
    }
    let subject = server.subject();
    let last_read = case.last_read(&subject);
    let restarted = closed().filter_map(|replica| replica.started).max().filter(|at| last_read.is_some_and(|read| *at > read));
    let said = case.world.stores_of(&subject).filter_map(|store| store.ready.as_ref());
    let of_stores = said.filter(|ready| ready.status == Status::False).filter_map(|ready| ready.since);
    // What failed while the server still served failed of another cause.
    let of_stores = of_stores.filter(|at| last_read.is_none_or(|read| *at >= read));
    let failed = of_stores.chain(case.first_failure(&subject, last_read)).min();
    // What began after it was seen so did not begin it.
    restarted.or(failed).filter(|at| seen.is_none_or(|seen| *at < seen))
}

/// Adds the sealed replicas of a server under its cause.
pub fn replicas_under(slug: &'static str, server: &VaultServer, found: &mut Vec<Finding>) {
    for (pod, replica) in server.sealed() {
        let Some(seal) = &replica.seal else { continue };
        let summary = match seal.threshold {
            1 => "This replica is sealed; it needs 1 share.".to_owned(),
            all => format!("This replica is sealed; it was given {} of the {all} shares it needs.", seal.progress),
        };
        found.push(
            Finding::certain(slug, Severity::Error, server.replica_ref(pod), summary)
                .under(slug, server.subject())
                .since(replica.changed())
                .seen(
                    Source::Vault,
                    format!("GET sys/seal-status: sealed=true, progress={} of {}", seal.progress, seal.threshold),
                    replica.answered,
                ),
        );
    }
}

/// The status as Kubernetes writes it.
#[must_use]
pub const fn said(status: Status) -> &'static str {
    match status {
        Status::True => "True",
        Status::False => "False",
        Status::Unknown => "Unknown",
    }
}
