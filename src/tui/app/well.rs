//! That nothing is broken, said plainly: what works in numbers, since when if it was broken before in this session, and
//! whether that is all there is or only what can be seen.

use jiff::Timestamp;

use super::board::Pane;
use super::model::Model;
use super::words::since;
use crate::diagnosis::Severity;
use crate::engine::Snapshot;

/// Whether something was broken in this session, and since when nothing is any more.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Recovery {
    broken: bool,
    since: Option<Timestamp>,
}

impl Recovery {
    /// Follows to the next picture. What is not heard of has not recovered: then it stays as it was.
    pub(super) fn follow(&mut self, snapshot: &Snapshot) {
        if snapshot.offline.is_some() || snapshot.world.vaults.values().any(|server| snapshot.is_unseen(server)) {
            return;
        }
        if is_broken(snapshot) {
            *self = Self { broken: true, since: None };
        } else if self.broken {
            *self = Self { broken: false, since: Some(snapshot.now) };
        }
    }
}

/// Whether anything says that it is broken, or an error was found; the worst cause is the first one.
pub(super) fn is_broken(snapshot: &Snapshot) -> bool {
    let error = || snapshot.diagnosis.causes.first().is_some_and(|cause| cause.severity == Severity::Error);
    snapshot.diagnosis.broken.total() > 0 || error()
}

impl Model {
    /// In a sentence that nothing is broken, with what works in numbers; `None` while something is.
    #[must_use]
    pub fn well(&self) -> Option<String> {
        if is_broken(&self.snapshot) {
            return None;
        }
        let head = match (self.sees_all(), self.board.index.causes.is_empty()) {
            (true, true) => "All well",
            (true, false) => "Nothing is broken",
            (false, true) => "Of what can be seen, all is well",
            (false, false) => "Of what can be seen, nothing is broken",
        };
        let since = self.recovery.since.map(|at| format!("since {}", since(at, self.now)));
        let facts: Vec<String> = [self.synced(), self.unsealed(), since].into_iter().flatten().collect();
        Some(if facts.is_empty() { format!("{head}.") } else { format!("{head}: {}", facts.join(", ")) })
    }

    /// Whether nothing that is judged is out of sight, or not asked yet: no kind, no Vault, no path.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        let snapshot = &self.snapshot;
        let unseen = || {
            let mut servers = snapshot.world.vaults.values();
            servers.any(|server| snapshot.is_unseen(server) || self.board.index.unread(server) > 0)
        };
        snapshot.is_examined() && self.blind().is_none() && snapshot.diagnosis.unknown.is_empty() && !unseen()
    }

    /// `18 of 18 ExternalSecrets synced`.
    fn synced(&self) -> Option<String> {
        let rows = self.board.index.rows(Pane::ExternalSecrets);
        match (rows.total, rows.synced) {
            (0, _) => None,
            (1, 1) => Some("1 ExternalSecret synced".to_owned()),
            (all, synced) => Some(format!("{synced} of {all} ExternalSecrets synced")),
        }
    }

    /// `Vault unsealed 3/3`.
    fn unsealed(&self) -> Option<String> {
        let servers = || self.snapshot.world.vaults.values();
        let (open, all) =
            servers().fold((0, 0), |(open, all), server| (open + server.open().count(), all + server.replicas.len()));
        match servers().count() {
            0 => None,
            _ if all == 0 => Some("no replica of Vault in sight".to_owned()),
            1 => Some(format!("Vault unsealed {open}/{all}")),
            n => Some(format!("{n} Vaults unsealed {open}/{all}")),
        }
    }
}
