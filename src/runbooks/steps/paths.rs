//! What the Job that fills the Vault left there: is every path there now that something reads? Nothing is written, and no
//! value is read: Vault is asked for the paths' metadata anyway.

use std::collections::BTreeSet;

use super::{bootstrap, counted};
use crate::diagnosis::state::of_path;
use crate::model::vault::{SecretPath, VaultServer};
use crate::model::{Inventory, Name, ObjectRef};
use crate::runbooks::{Next, Outcome, Progress, StepDef, StepReport, Target};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "paths",
    explanation: "Looks whether every path that something reads is in the Vault now. Writes nothing.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |_, _, _| Vec::new(),
};

/// How long the Vault has to tell of its paths anew, in seconds: thousands are asked for each half minute.
const PATIENCE: i64 = 60;

fn next(_: &Target, world: &Inventory, progress: &Progress) -> Next {
    let since = progress.entered_at(STEP.id);
    let paths: Vec<(ObjectRef, &SecretPath)> = filled(world, progress).into_iter().flat_map(read).collect();
    let is_old = |path: &SecretPath| path.asked.is_none_or(|asked| asked < since);
    let old = paths.iter().filter(|(_, path)| is_old(path)).count();
    if old > 0 && progress.now.as_second() - since.as_second() < PATIENCE {
        return Next::Wait { what: format!("Vault to tell of {}", counted(old, "path")), until: progress.in_seconds(1) };
    }
    // An answer that one may not see it, or that the question failed, tells nothing.
    let (told, untold): (Vec<_>, Vec<_>) = paths.into_iter().partition(|(_, path)| !is_old(path) && path.facts.state.is_told());
    Next::Done(report(&told, untold.len()))
}

fn report(told: &[(ObjectRef, &SecretPath)], untold: usize) -> StepReport {
    if told.is_empty() && untold == 0 {
        return StepReport::new(Outcome::Nothing, "Nothing is known to read from the Vault.");
    }
    let lacking = told.iter().filter(|(_, path)| path.facts.state.is_trouble());
    let left: Vec<(ObjectRef, String)> = lacking
        .map(|(object, path)| (object.clone(), format!("{}; {} it", of_path(&path.facts.state).word, reads(path.readers))))
        .collect();
    let all = counted(told.len() + untold, "path");
    let (outcome, summary) = match (left.len(), untold) {
        (0, 0) => (Outcome::Proved, format!("Every one of {all} that something reads is there.")),
        (0, _) => (Outcome::Nothing, format!("Vault does not tell how {untold} of {all} stand that something reads.")),
        (n, 0) => (Outcome::Unproved, format!("{n} of {all} that something reads cannot be had.")),
        (n, _) => {
            (Outcome::Unproved, format!("{n} of {all} that something reads cannot be had; of {untold} Vault does not tell."))
        }
    };
    StepReport { outcome, summary, left }
}

fn reads(readers: usize) -> String {
    if readers == 1 { "1 object reads".to_owned() } else { format!("{readers} objects read") }
}

/// The Vaults that the Job fills: those in its own namespace, or if there is none, all.
fn filled<'a>(world: &'a Inventory, progress: &Progress) -> Vec<&'a VaultServer> {
    let namespaces: BTreeSet<&Name> =
        progress.of_step(bootstrap::STEP.id).map(|applied| &applied.operation.object().namespace).collect();
    let is_beside =
        |server: &&VaultServer| server.address.service().is_some_and(|(namespace, _)| namespaces.contains(&namespace));
    let all = || world.vaults.values().map(AsRef::as_ref);
    let beside: Vec<&VaultServer> = all().filter(is_beside).collect();
    if beside.is_empty() { all().collect() } else { beside }
}

/// The paths of a Vault that something reads.
fn read(server: &VaultServer) -> impl Iterator<Item = (ObjectRef, &SecretPath)> {
    let read = server.paths.iter().filter(|(_, path)| path.readers > 0);
    read.map(|(full, path)| (server.address.path_ref(full), path))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, Object, SecretStore, Watched};
    use crate::model::{Kind, Names, PathFacts, PathState, Text, VaultAddress};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).expect("a time")
    }

    fn object<K: Watched>(json: &str) -> Object {
        K::read(serde_json::from_str(json).expect("it parses"), &mut Names::default()).into_object()
    }

    /// What is said of two paths that are read, if Vault tells this of them at that second, and nothing else.
    fn said(second: i64, states: [PathState; 2], now: i64) -> Next {
        let address = VaultAddress::parse("http://vault.a.svc:8200").expect("a URL");
        let store = object::<SecretStore>(
            r#"{"metadata": {"name": "store", "namespace": "a"},
                "spec": {"provider": {"vault": {"server": "http://vault.a.svc:8200", "path": "secret", "version": "v2"}}}}"#,
        );
        let reader = |key: &str| {
            object::<ExternalSecret>(&format!(
                r#"{{"metadata": {{"name": "{key}", "namespace": "a"}},
                    "spec": {{"secretStoreRef": {{"name": "store"}}, "data": [{{"secretKey": "k", "remoteRef": {{"key": "{key}"}}}}]}}}}"#
            ))
        };
        let mut world = Inventory::default();
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store], Vec::new()), at(0));
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![reader("db"), reader("smtp")], Vec::new()), at(0));
        world.settle();
        let told = ["secret/db", "secret/smtp"].into_iter().zip(states);
        let told = told.map(|(path, state)| (Text::foreign(path), PathFacts::of(state))).collect();
        world.apply(Change::Paths(address, told), at(second));
        let mut progress = Progress::new(at(0));
        progress.entered.insert(STEP.id, at(10));
        progress.now = at(now);
        next(&Target::Objects(Vec::new()), &world, &progress)
    }

    fn done(next: Next) -> (Outcome, String, Vec<String>) {
        let Next::Done(StepReport { outcome, summary, left }) = next else { panic!("it waits: {next:?}") };
        (outcome, summary, left.into_iter().map(|(object, why)| format!("{}: {why}", object.name)).collect())
    }

    #[test]
    fn what_vault_said_before_the_run_ended_is_not_believed() {
        let present = || PathState::Present { version: 1, written: None };
        assert!(matches!(said(5, [present(), present()], 20), Next::Wait { .. }), "asked while the Job was at work");
        let (outcome, summary, _) = done(said(5, [present(), present()], 10 + PATIENCE));
        assert_eq!(
            (outcome, summary.as_str()),
            (Outcome::Nothing, "Vault does not tell how 2 of 2 paths stand that something reads.")
        );
        let (outcome, summary, _) = done(said(15, [present(), present()], 20));
        assert_eq!((outcome, summary.as_str()), (Outcome::Proved, "Every one of 2 paths that something reads is there."));
    }

    #[test]
    fn what_one_may_not_see_is_not_taken_for_there() {
        let (outcome, summary, _) = done(said(15, [PathState::Denied, PathState::Present { version: 1, written: None }], 20));
        assert_eq!(
            (outcome, summary.as_str()),
            (Outcome::Nothing, "Vault does not tell how 1 of 2 paths stand that something reads.")
        );
    }

    #[test]
    fn a_required_path_that_the_job_did_not_write_is_named() {
        let (outcome, summary, left) = done(said(15, [PathState::Present { version: 1, written: None }, PathState::Missing], 20));
        assert_eq!((outcome, summary.as_str()), (Outcome::Unproved, "1 of 2 paths that something reads cannot be had."));
        assert_eq!(left, ["secret/smtp: missing; 1 object reads it"]);
    }
}
