//! Worlds recorded from real servers, each with its true cause: every cause that a rule of ours knows is
//! named, and nothing healthy is blamed. A cause without a rule yet is listed in `WITHOUT_A_RULE`, so that
//! the list can only shrink.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;
use sealwatch::diagnosis::{Diagnosis, RULES, Severity};
use sealwatch::engine::{Engine, Options, Policy, Ports, Snapshot};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds;
use sealwatch::ports::{Cluster as _, Scope};

/// Causes in the recorded worlds that no rule names yet.
const WITHOUT_A_RULE: &[&str] = &[
    "auth-secret-missing",
    "bootstrap-required-key-missing",
    "client-patcher-failed",
    "cluster-external-secret-failed",
    "consumer-stale",
    "generator-rotates",
    "kv-version-mismatch",
    "mirror-behind",
    "mount-missing",
    "path-missing",
    "placeholder-value",
    "policy-denies",
    "property-missing",
    "sealedsecret-name-taken",
    "service-account-missing",
    "store-not-allowed",
    "store-token-invalid",
    "target-deleted-by-policy",
    "target-immutable",
    "target-missing",
    "target-owned-by-controller",
    "target-owned-by-externalsecret",
    "target-two-writers",
    "template-error",
    "value-behind",
    "version-deleted",
    "version-destroyed",
    "vso-flag-stale",
];

/// Worlds whose objects belong to the Vault Secrets Operator, which is not watched yet.
const OTHER_OPERATORS: &[&str] = &["54-vso-sealed", "55-vso-synced-false-after-recovery"];

#[derive(serde::Deserialize)]
struct Truth {
    certain: Vec<Certain>,
    healthy: Vec<String>,
}

#[derive(serde::Deserialize)]
struct Certain {
    object: String,
    cause: String,
}

fn worlds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let entries = fs::read_dir(folder).expect("the worlds").map(|entry| entry.expect("an entry").path());
    let mut worlds: Vec<PathBuf> = entries.filter(|path| path.is_dir()).collect();
    worlds.sort();
    worlds
}

/// One look, as `sealwatch check --world` looks: everything that the recording can be asked was asked.
async fn look(world: &Path) -> Arc<Snapshot> {
    let recording = Arc::new(Recording::open(world).expect("a recording"));
    let journal = Arc::new(MemoryJournal::default());
    let ports = Ports { cluster: recording.clone(), vault: recording.clone(), clock: recording, journal };
    let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
    engine.snapshots().wait_for(|snapshot| snapshot.is_examined()).await.expect("an engine that runs").clone()
}

/// What a diagnosis says of an object: the slugs of its findings, and of the causes that these stand under.
fn said(diagnosis: &Diagnosis) -> BTreeSet<(String, &'static str)> {
    let direct = diagnosis.findings.iter().map(|finding| (finding.subject.to_string(), finding.slug));
    let under = diagnosis.findings.iter().map(|finding| (finding.subject.to_string(), finding.cause().0));
    direct.chain(under).collect()
}

#[tokio::test(start_paused = true)]
async fn every_true_cause_that_has_a_rule_is_named_and_nothing_healthy_is_blamed() {
    let mut faults = Vec::new();
    let mut named = 0;
    for folder in worlds() {
        let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
        let truth: Truth =
            serde_json::from_str(&fs::read_to_string(folder.join("truth.json")).expect("a truth")).expect("a truth");
        let snapshot = look(&folder.join("world.json")).await;
        let diagnosis = &snapshot.diagnosis;
        let said = said(diagnosis);
        for Certain { object, cause } in &truth.certain {
            // Sealed replicas without a quorum stand under the missing leader.
            let accepted: &[&str] =
                if cause == "vault-partly-sealed" { &["vault-partly-sealed", "vault-no-active-node"] } else { &[cause] };
            if !RULES.iter().any(|rule| rule.slug == cause) {
                assert!(WITHOUT_A_RULE.contains(&cause.as_str()), "{name}: no rule names {cause}");
                continue;
            }
            named += 1;
            if !OTHER_OPERATORS.contains(&name.as_str())
                && !accepted.iter().any(|slug| said.iter().any(|(o, s)| o == object && s == slug))
            {
                faults.push(format!("{name}: {object} does not stand under {cause}"));
            }
        }
        for finding in &diagnosis.findings {
            let subject = finding.subject.to_string();
            if finding.severity >= Severity::Warning && truth.healthy.contains(&subject) {
                faults.push(format!("{name}: {} blames {subject}, which is healthy", finding.slug));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(named >= 20, "the worlds were really looked at: {named}");
}

/// Kinds that stand in recorded worlds and are not watched, on purpose.
const SKIPPED: &[(&str, &str)] = &[
    ("ReplicaSet", "a pod tells its Deployment by the hash that it carries"),
    ("ClusterRoleBinding", "rights are asked for, not worked out"),
    ("SubjectAccessReview", "an answer, not an object"),
    ("TokenReview", "an answer, not an object"),
];

#[tokio::test]
async fn every_object_of_every_world_is_read_or_of_a_kind_that_is_skipped_on_purpose() {
    #[derive(serde::Deserialize)]
    struct World {
        kubernetes: Vec<Object>,
    }
    #[derive(serde::Deserialize)]
    struct Object {
        kind: String,
        metadata: Metadata,
    }
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Metadata {
        namespace: String,
        name: String,
    }
    let mut kinds_seen = BTreeSet::new();
    for folder in worlds() {
        for file in ["world.json", "world-before.json"].map(|file| folder.join(file)).into_iter().filter(|file| file.exists()) {
            let recording = Recording::open(&file).expect("a recording");
            let mut read = BTreeSet::new();
            for kind in kinds::all() {
                let Some(Change::Listed(_, objects, odd)) = recording.watch(*kind, &Scope::Everywhere).next().await else {
                    panic!("a recording lists every kind at once");
                };
                assert_eq!(odd, [], "{}", file.display());
                read.extend(objects.iter().map(|object| object.object_ref().to_string()));
            }
            let world: World = serde_json::from_str(&fs::read_to_string(&file).expect("a world")).expect("a world");
            let known = world.kubernetes.into_iter().filter(|object| !SKIPPED.iter().any(|(kind, _)| *kind == object.kind));
            let mut standing = BTreeSet::new();
            for Object { kind, metadata } in known {
                standing.insert(format!("{kind}/{}/{}", metadata.namespace, metadata.name));
                kinds_seen.insert(kind);
            }
            assert_eq!(read, standing, "{}", file.display());
        }
    }
    assert!(kinds_seen.len() >= 18, "the worlds hold many kinds: {kinds_seen:?}");
}

#[test]
fn the_list_of_causes_without_a_rule_only_shrinks() {
    let stale: Vec<_> = WITHOUT_A_RULE.iter().filter(|slug| RULES.iter().any(|rule| rule.slug == **slug)).collect();
    assert!(stale.is_empty(), "these have a rule now, take them off the list: {stale:?}");
}
