//! Deleted versions are brought back. The proof is the path itself: its current version exists again.

use super::each::{Aside, Each, Effect, Task, preview};
use super::{KnownPath, asking, by_name, counted, paths_of, readers, untold};
use crate::model::{Inventory, PathState};
use crate::runbooks::{Next, Operation, Outcome, Preview, Progress, StepDef, StepReport, Target, VaultChange, VaultWrite};

/// See the module.
pub const STEP: StepDef = StepDef {
    id: "undelete",
    explanation: "Brings the deleted version of each path back, and looks whether it is there.",
    git: StepDef::NOT_IN_GIT,
    next,
    items: |target, world, progress| EACH.items(&plan(target, world, progress).tasks, progress),
};

const EACH: Each = Each {
    id: "undelete",
    noun: "path",
    done: "back",
    awaited: "to be seen again",
    patience: 60,
    at_once: 8,
    nothing: "No path has a deleted version.",
};

struct Plan {
    tasks: Vec<Task>,
    /// What has a deleted version and cannot be written to now.
    aside: Aside,
    /// How many paths Vault says nothing of.
    untold: usize,
}

fn next(target: &Target, world: &Inventory, progress: &Progress) -> Next {
    let plan = plan(target, world, progress);
    if plan.untold > 0 {
        // Where some can be helped, the others are only waited for.
        let next = if plan.tasks.is_empty() {
            untold(world, progress, (STEP.id, "how the paths stand"), &paths_of(target, world))
        } else {
            asking(progress, STEP.id, "how the paths stand")
        };
        if let Some(next) = next {
            return next;
        }
    }
    // Where nobody can see a version, none can be said to be there.
    if plan.untold > 0 && plan.tasks.is_empty() && plan.aside.is_empty() {
        let summary = format!(
            "Vault says nothing of {}: your token may not see it, or Vault does not answer.",
            counted(plan.untold, "path")
        );
        return Next::Done(StepReport::new(Outcome::Refused, summary));
    }
    EACH.next_beside(plan.aside, &plan.tasks, progress, |open| {
        let base = preview(open);
        Preview {
            will: open.iter().map(|task| told(&task.operation)).collect(),
            will_not: vec!["No value is read or written; no version is destroyed.".to_owned()],
            forecast: vec![
                "The value is the one from before the deletion: if it was deleted for being wrong, write a new one.".to_owned(),
            ],
            confirm: by_name(&base.objects, EACH.noun),
            ..base
        }
    })
}

fn told(operation: &Operation) -> String {
    match operation {
        Operation::Vault(VaultWrite { change: VaultChange::Undelete { path, version }, .. }) => {
            format!("Undelete version {version} of {}.", path.object.name)
        }
        other => other.command(),
    }
}

fn plan(target: &Target, world: &Inventory, progress: &Progress) -> Plan {
    let mut plan = Plan { tasks: Vec::new(), aside: Aside::new(), untold: 0 };
    for known in paths_of(target, world) {
        let object = known.object();
        let before = progress.last(STEP.id, &object).map(|applied| applied.operation.clone());
        let (operation, effect) = match (before, wanted(world, &known), known.server.active()) {
            (Some(operation), ..) => {
                let proof = back(&known, &operation).map(|version| format!("version {version} exists again"));
                (operation, proof.map_or(Effect::None, Effect::Proved))
            }
            (None, Some(version), Some(replica)) => {
                let change = VaultChange::Undelete { path: known.place(), version };
                let write = VaultWrite::new(known.server.address.clone(), replica, change).in_world(world);
                (Operation::Vault(write), Effect::None)
            }
            (None, Some(_), None) => {
                plan.aside.push((object, "no replica of its Vault takes writes now: “recover” repairs that first".to_owned()));
                continue;
            }
            (None, None, _) => {
                plan.untold += usize::from(!known.is_told());
                continue;
            }
        };
        let follows = readers::rights(world, operation.object());
        plan.tasks.push(Task::new(operation, effect).followed_by(follows));
    }
    plan
}

/// The deleted version that is read: the current one, or one that a reader is held to.
fn wanted(world: &Inventory, known: &KnownPath<'_>) -> Option<u64> {
    let object = known.object();
    let mut versions = world.reads_of_path(&object).map(|(.., version)| version);
    let deleted = |version| match *known.path.facts.version(version) {
        PathState::Deleted { version, .. } => Some(version),
        _ => None,
    };
    deleted(None).or_else(|| versions.find_map(deleted))
}

/// The version that this brought back, if it is there.
fn back(known: &KnownPath<'_>, operation: &Operation) -> Option<u64> {
    let Operation::Vault(VaultWrite { change: VaultChange::Undelete { version, .. }, .. }) = operation else { return None };
    matches!(*known.path.facts.version(Some(*version)), PathState::Present { .. }).then_some(*version)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, SecretStore, Watched};
    use crate::model::{Kind, Names, PathFacts, Text, VaultAddress};

    fn read<K: Watched>(json: &str) -> crate::model::kinds::Object {
        K::read(serde_json::from_str(json).expect("it parses"), &mut Names::default()).into_object()
    }

    #[test]
    fn a_vault_that_was_sealed_meanwhile_is_not_taken_for_one_without_deleted_versions() {
        let (now, address) = (Timestamp::UNIX_EPOCH, VaultAddress::parse("http://vault.a.svc:8200").expect("a URL"));
        let mut world = Inventory::default();
        let store = read::<SecretStore>(
            r#"{"metadata": {"name": "store", "namespace": "a"},
                "spec": {"provider": {"vault": {"server": "http://vault.a.svc:8200", "path": "secret", "version": "v2"}}}}"#,
        );
        let reader = read::<ExternalSecret>(
            r#"{"metadata": {"name": "db", "namespace": "a"},
                "spec": {"secretStoreRef": {"name": "store"}, "data": [{"secretKey": "k", "remoteRef": {"key": "db"}}]}}"#,
        );
        world.apply(Change::Listed(Kind::SecretStore.into(), vec![store], Vec::new()), now);
        world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![reader], Vec::new()), now);
        world.settle();
        let (path, progress) = (Text::foreign("secret/db"), Progress::new(now));
        let target = Target::Objects(vec![address.path_ref(&path)]);
        let untold = next(&target, &world, &progress);
        assert!(matches!(&untold, Next::Wait { what, .. } if what == "Vault to say how the paths stand"), "{untold:?}");

        let deleted = PathFacts::of(PathState::Deleted { version: 3, at: None });
        world.apply(Change::Paths(address, vec![(path, deleted)]), now);
        let Next::Done(report) = next(&target, &world, &progress) else { panic!("nobody leads, so nothing can be written") };
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(report.left[0].1.contains("takes writes"), "{report:?}");
    }
}
