//! The steps that refresh, without an engine: what they do when the Vault was sealed again, when the API
//! server does not answer, and to what a person agreed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use jiff::Timestamp;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{ExternalSecret, Object, OnShelf as _, SecretStore, Watched};
use sealwatch::model::vault::{ReplicaRole, Seal};
use sealwatch::model::{Fault, FaultKind, Inventory, Kind, Name, Names, ObjectRef, VaultAddress};
use sealwatch::runbooks::steps::external_secrets::STEP;
use sealwatch::runbooks::{Applied, Next, Operation, Outcome, Progress, Receipt, Target};
use serde_json::json;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time")
}

fn address() -> VaultAddress {
    VaultAddress::parse("http://vault.ns.svc:8200").expect("a URL")
}

fn target() -> Target {
    Target::Vault(ObjectRef::new(Kind::Vault, "ns", "vault"))
}

fn external_secret(name: &str, ready: &str) -> Object {
    let object = json!({
        "metadata": { "name": name, "namespace": "ns", "generation": 1 },
        "spec": { "secretStoreRef": { "name": "store" }, "data": [{ "secretKey": "k", "remoteRef": { "key": name } }] },
        "status": { "conditions": [{ "type": "Ready", "status": ready, "reason": "x" }] },
    });
    ExternalSecret::read(serde_json::from_value(object).expect("an ExternalSecret"), &mut Names::default()).into_object()
}

/// A Vault, one store that is Ready, and ExternalSecrets that fail.
fn world(sealed: bool, failing: &[&str]) -> Inventory {
    let store = json!({
        "metadata": { "name": "store", "namespace": "ns" },
        "spec": { "provider": { "vault": { "server": address().to_string(), "path": "secret", "auth": { "kubernetes": { "role": "r" } } } } },
        "status": { "conditions": [{ "type": "Ready", "status": "True", "reason": "Valid" }] },
    });
    let store = SecretStore::read(serde_json::from_value(store).expect("a store"), &mut Names::default());
    let mut world = Inventory::default();
    world.apply(Change::Listed(Kind::SecretStore.into(), vec![store.into_object()], Vec::new()), at(0));
    world.apply(
        Change::Listed(
            Kind::ExternalSecret.into(),
            failing.iter().map(|name| external_secret(name, "False")).collect(),
            Vec::new(),
        ),
        at(0),
    );
    world.settle();
    world.apply(Change::Replicas(address(), Ok(vec![(Name::new("vault-0"), None)])), at(0));
    let seal = json!({ "type": "shamir", "initialized": true, "sealed": sealed, "t": 1, "n": 1 });
    let seal: Seal = serde_json::from_value(seal).expect("a seal");
    let role = if sealed { ReplicaRole::Unknown } else { ReplicaRole::Single };
    world.apply(Change::Answered(address(), Name::new("vault-0"), Ok((seal, role))), at(0));
    world
}

fn agreed(progress: &mut Progress, names: &[&str]) {
    let objects = names.iter().map(|name| ObjectRef::new(Kind::ExternalSecret, "ns", *name));
    progress.agreed.entry(STEP.id).or_default().extend(objects);
}

fn names(operations: &[Operation]) -> Vec<&str> {
    operations.iter().map(|operation| operation.object().name.as_str()).collect()
}

#[test]
fn a_vault_that_was_sealed_again_ends_the_step_with_its_reason() {
    let Next::Done(report) = (STEP.next)(&target(), &world(true, &["db"]), &Progress::new(at(0))) else { panic!("it goes on") };
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.summary.contains("1 of 1 replicas sealed"), "{}", report.summary);
}

#[test]
fn what_fails_later_is_asked_about_on_its_own() {
    let mut progress = Progress::new(at(0));
    agreed(&mut progress, &["db"]);
    let world = world(false, &["db", "later"]);
    let Next::Apply(operations) = (STEP.next)(&target(), &world, &progress) else { panic!("it does not begin") };
    assert_eq!(names(&operations), ["db"], "only what was shown");
    progress.applied.push(Applied {
        step: STEP.id,
        operation: operations[0].clone(),
        at: at(-1000),
        result: Ok(Receipt::default()),
    });
    let Next::Confirm(preview) = (STEP.next)(&target(), &world, &progress) else { panic!("it does not ask") };
    assert_eq!(preview.objects.iter().map(|object| object.name.as_str()).collect::<Vec<_>>(), ["later"]);
}

#[test]
fn an_api_server_that_does_not_answer_is_asked_again_and_then_blamed_itself() {
    let mut progress = Progress::new(at(0));
    agreed(&mut progress, &["db"]);
    let world = world(false, &["db"]);
    let mut tries = 0;
    for second in 0..120 {
        progress.now = at(second);
        match (STEP.next)(&target(), &world, &progress) {
            Next::Apply(operations) => {
                tries += 1;
                let result = Err(Fault::new(FaultKind::Tcp, "The API server refuses connections."));
                progress.applied.push(Applied { step: STEP.id, operation: operations[0].clone(), at: at(second), result });
            }
            Next::Wait { .. } => {}
            Next::Done(report) => {
                assert_eq!((tries, report.outcome), (6, Outcome::Unproved));
                assert!(report.left[0].1.contains("The API server refuses connections."), "{:?}", report.left);
                return;
            }
            other => panic!("{other:?}"),
        }
    }
    panic!("it never ends");
}

#[test]
fn one_whose_right_is_missing_is_not_called_proved() {
    let mut progress = Progress::new(at(0));
    let object = ObjectRef::new(Kind::ExternalSecret, "ns", "db");
    progress.rights.insert(sealwatch::runbooks::Right::annotate(&object), Some(false));
    let Next::Done(report) = (STEP.next)(&target(), &world(false, &["db"]), &progress) else { panic!("it goes on") };
    assert_eq!(report.outcome, Outcome::Unproved);
}
