//! The version of a path that is read was deleted, and can be brought back.

use super::finding::Finding;
use super::{Check, PathCase, ReaderCase, Rule, Severity};
use crate::model::{PathState, Text};

pub(super) const RULE: Rule = Rule {
    slug: "version-deleted",
    title: "Version was deleted",
    severity: Severity::Error,
    runbooks: &["undelete-version"],
    check: Check::Several(&[Check::Path(check), Check::ExternalSecret(held)]),
    explain: "\
The current version of this path was deleted, or the one that the ExternalSecret is held to (`remoteRef.version`). It can be
undeleted. External Secrets says `Secret does not exist`.

**How it is known.** The path's metadata gives that version a `deletion_time` in the past. Who is held to another version is not
hit when the current one is deleted, and is not blamed.

**How it is repaired.** `bao kv undelete -versions=<n> <mount>/<path>`, if the deletion was a mistake; else write a new version.
Then annotate the ExternalSecrets. A `deletion_time` that was in the future when it was written (`delete_version_after`) means that
it will happen again.
",
};

fn check(case: &PathCase<'_>, found: &mut Vec<Finding>) {
    let PathState::Deleted { version, at } = case.state() else { return };
    case.tell(RULE.slug, format!("Its current version, {version}, was deleted; it can be undeleted."), *at, "metadata: deletion_time of the current version is past", found);
}

fn held(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let why = |full: &Text, state: &PathState| match state {
        PathState::Deleted { version, at } => {
            Some((format!("It is held to version {version} of {full}, which was deleted and can be undeleted."), *at))
        }
        _ => None,
    };
    case.tell_held(RULE.slug, why, found);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::kinds::{ExternalSecret, Object, SecretStore, Watched};
    use crate::model::vault::Older;
    use crate::model::{Inventory, Kind, Names, PathFacts, VaultAddress};

    fn read<K: Watched>(wire: &str) -> Object {
        K::read(serde_json::from_str(wire).expect("it parses"), &mut Names::default()).into_object()
    }

    /// One that reads this version of the path, and says so.
    fn reader(version: &str, ready: &str) -> Object {
        read::<ExternalSecret>(&format!(
            r#"{{"metadata": {{"name": "v{version}", "namespace": "a"}}, "spec": {{"secretStoreRef": {{"name": "store"}},
                "data": [{{"secretKey": "k", "remoteRef": {{"key": "db", "property": "a", "version": "{version}"}}}},
                {{"secretKey": "l", "remoteRef": {{"key": "db", "property": "b", "version": "{version}"}}}}]}},
                "status": {{"refreshTime": "2026-11-25T00:00:00Z", "conditions": [{{"type": "Ready", "status": "{ready}",
                "reason": "any", "message": "could not get secret data from provider"}}]}}}}"#
        ))
    }

    #[test]
    fn who_is_held_to_a_version_is_hit_by_its_deletion_alone() {
        let now = "2026-11-25T00:30:00Z".parse().expect("a time");
        let store = r#"{"metadata": {"name": "store", "namespace": "a"},
            "spec": {"provider": {"vault": {"server": "http://vault.a.svc:8200", "path": "secret", "version": "v2"}}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]}}"#;
        let deleted = |version| PathState::Deleted { version, at: None };
        // The path with versions 2 to 5; who fails, and what is said of it.
        for (current, gone, failing, said) in [
            (deleted(5), vec![], "", vec!["VaultPath/vault.a.svc:8200/secret/db version-deleted"]),
            (PathState::Present { version: 5, written: None }, vec![deleted(3)], "3", vec!["ExternalSecret/a/v3 version-deleted"]),
            (PathState::Present { version: 5, written: None }, vec![], "1", vec!["ExternalSecret/a/v1 version-destroyed"]),
            (PathState::Present { version: 5, written: None }, vec![], "9", vec!["ExternalSecret/a/v9 path-missing"]),
            (deleted(5), vec![], "4", vec!["VaultPath/vault.a.svc:8200/secret/db version-deleted"]),
        ] {
            let facts = PathFacts { older: Older { oldest: 2, gone: gone.into() }, ..PathFacts::of(current) };
            let ready = |version: &str| if version == failing { "False" } else { "True" };
            let readers = ["4", ""].into_iter().chain((!matches!(failing, "" | "4")).then_some(failing));
            let readers = readers.map(|version| reader(version, ready(version))).collect();
            let mut world = Inventory::default();
            world.apply(Change::Listed(Kind::SecretStore.into(), vec![read::<SecretStore>(store)], Vec::new()), now);
            world.apply(Change::Listed(Kind::ExternalSecret.into(), readers, Vec::new()), now);
            world.settle();
            let address = VaultAddress::parse("http://vault.a.svc:8200").expect("a URL");
            world.apply(Change::Paths(address, vec![(Text::foreign("secret/db"), facts)]), now);
            let diagnosis = diagnose(&world, now);
            let causes: Vec<String> = diagnosis.causes.iter().map(|cause| format!("{} {}", cause.subject, cause.slug)).collect();
            assert_eq!(causes, said, "{failing}: {:?}", diagnosis.findings);
            let held = format!("ExternalSecret/a/v{failing}");
            let found = diagnosis.findings.iter().filter(|finding| finding.subject.to_string() == held);
            assert!(found.count() <= 1, "two of its properties are one matter: {held}");
        }
    }
}
