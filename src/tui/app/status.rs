//! One line on where it stands, for the chat; and what the console can say when nothing is broken.

use super::model::Model;
use super::well::is_broken;
use super::words::{counted, some};
use crate::diagnosis::Severity;
use crate::diagnosis::state::of_server;
use crate::engine::{RunState, StepState};
use crate::model::kinds::{ClusterSecretStore, ExternalSecret, SecretStore};
use crate::model::{Clock, Kind, Source};
use crate::runbooks::ItemState;

impl Model {
    /// `02:47:12Z prod-weu: Vault vault/vault open 3/3, 2 of 300 ExternalSecrets fail, …`
    #[must_use]
    pub fn status_line(&self) -> String {
        let world = &self.snapshot.world;
        let mut parts = Vec::new();
        for server in world.vaults.values() {
            let open = server.open().count();
            parts.push(format!(
                "Vault {} {} ({open}/{} open)",
                server.subject().short(),
                of_server(server).word,
                server.replicas.len()
            ));
        }
        let failing = world.failing::<ExternalSecret>().count();
        parts.push(format!("{failing} of {} fail", counted(world.all::<ExternalSecret>().len(), "ExternalSecret")));
        if let Some(run) = &self.snapshot.run {
            let at = super::run::current(run);
            let proved =
                run.steps.get(at).map_or(0, |step| step.items.iter().filter(|item| item.state == ItemState::Proved).count());
            let all = run.steps.get(at).map_or(0, |step| step.items.len());
            let progress = if all > 0 { format!(", {proved}/{all} proved") } else { String::new() };
            parts.push(match &run.state {
                RunState::Over(result) => format!("{} {}", run.runbook, result.as_str()),
                _ => format!("{} at step {} of {} ({}){progress}", run.runbook, at + 1, run.steps.len(), run.steps[at].id),
            });
        }
        let causes = &self.snapshot.diagnosis.causes;
        // The worst stands first. Where only something to look at is left, that is not why anything was broken.
        if let Some(cause) = causes.first() {
            let what = match cause.severity {
                Severity::Error => "cause",
                _ if is_broken(&self.snapshot) => "no cause found; to look at",
                _ if self.sees_all() => "nothing is broken; to look at",
                _ => "nothing in sight is broken; to look at",
            };
            parts.push(format!("{what}: {} {}", cause.slug, cause.subject.short()));
        }
        let context = &self.snapshot.identity.context;
        format!("{} {context}: {}", Clock(self.now), parts.join(", "))
    }

    /// What the board looked at, in counts.
    #[must_use]
    pub fn looked_at(&self) -> String {
        let world = &self.snapshot.world;
        let replicas: usize = world.vaults.values().map(|server| server.replicas.len()).sum();
        let paths: usize = world.vaults.values().map(|server| server.paths.len()).sum();
        let parts: Vec<String> = [
            Some(counted(world.all::<SecretStore>().len() + world.all::<ClusterSecretStore>().len(), "store")),
            Some(counted(world.all::<ExternalSecret>().len(), "ExternalSecret")),
            some(replicas, "Vault replica"),
            some(paths, "path"),
        ]
        .into_iter()
        .flatten()
        .collect();
        parts.join(", ")
    }

    /// What nobody looked at: a green board says so.
    #[must_use]
    pub fn not_checked(&self) -> Vec<String> {
        let world = &self.snapshot.world;
        // What the banner says already is not said again.
        let said = self.blind().unwrap_or_default();
        let unknown = self.snapshot.diagnosis.unknown.iter().filter(|one| !said.contains(&one.needs));
        let mut gaps: Vec<String> = unknown.map(|one| format!("{}: {}", one.subject, one.needs)).collect();
        for server in world.vaults.values() {
            let unasked = self.board.index.unread(server);
            if unasked > 0 {
                let why = server.unreadable.as_ref().map_or_else(|| "not asked yet".to_owned(), ToString::to_string);
                gaps.push(format!("{} of {}: {why}", counted(unasked, "path"), server.subject().short()));
            }
        }
        if !world.is_complete(Kind::Secret) {
            gaps.push("whether the Secrets exist".to_owned());
        }
        gaps.push(
            "whether values are right; whether pods run with the newest; logins since the last check of a store (5 min)"
                .to_owned(),
        );
        gaps
    }

    /// Why what is shown may be old, if so: a sentence.
    #[must_use]
    pub fn blind(&self) -> Option<String> {
        let snapshot = &self.snapshot;
        let seen = snapshot.kubernetes_seen();
        let age = seen.map_or_else(
            || "Nothing was heard from it yet.".to_owned(),
            |at| format!("What is shown is as of {}.", super::words::since(at, self.now)),
        );
        if let Some(fault) = &snapshot.offline {
            return Some(format!("The API server cannot be reached: {fault} {age}"));
        }
        let lost = [Kind::ExternalSecret, Kind::SecretStore]
            .into_iter()
            .find_map(|kind| snapshot.world.sources.get(&kind)?.fault().map(|fault| (kind, fault)))
            .or_else(|| snapshot.world.uninstalled().map(|fault| (Kind::ExternalSecret, fault)));
        lost.map(|(kind, fault)| {
            format!("{kind}s cannot be read: {fault} {}", if seen.is_some() { age } else { String::new() }).trim().to_owned()
        })
    }

    /// Which lists are still coming, in words; empty once all are there.
    #[must_use]
    pub fn listing(&self) -> Vec<String> {
        let waits = |kind: &Kind| !self.snapshot.world.sources.get(kind).is_some_and(Source::is_told);
        [Kind::ExternalSecret, Kind::SecretStore, Kind::ClusterSecretStore, Kind::Secret, Kind::Pod, Kind::Event]
            .iter()
            .filter(|kind| waits(kind))
            .map(|kind| format!("{kind}s"))
            .collect()
    }

    /// The run in one line for the header, while it goes on.
    #[must_use]
    pub fn run_line(&self) -> Option<String> {
        let run = self.snapshot.run.as_ref()?;
        let at = super::run::current(run);
        let step = run.steps.get(at)?;
        let doing = match &run.state {
            RunState::Over(_) => return None,
            RunState::Asks(_) => "asks you (r)".to_owned(),
            RunState::Paused => "paused (r)".to_owned(),
            RunState::Running { waiting } => waiting.clone().unwrap_or_else(|| "works".to_owned()),
        };
        let state = if step.state == StepState::Next { "next" } else { step.id };
        Some(format!("{} {}/{} {state}: {doing}", run.runbook.to_uppercase(), at + 1, run.steps.len()))
    }
}
