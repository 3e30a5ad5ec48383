//! The steps that refresh, without an engine: what they do when the Vault was sealed again, when the API
//! server does not answer, and to what a person agreed.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use jiff::Timestamp;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{Deployment, Event, ExternalSecret, Object, OnShelf as _, SecretStore, Watched};
use sealwatch::model::vault::{ReplicaRole, Seal};
use sealwatch::model::{Controller, Fault, FaultKind, Inventory, Kind, Name, Names, ObjectRef, Text, VaultAddress};
use sealwatch::runbooks::steps::external_secrets::{MEANT, STEP};
use sealwatch::runbooks::steps::keep_value;
use sealwatch::runbooks::{self, Applied, Next, Operation, Outcome, Progress, Receipt, Target};
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
fn where_nothing_comes_of_it_an_external_secrets_that_does_not_work_is_named() {
    let mut controller = Controller {
        deployment: ObjectRef::new(Kind::Deployment, "external-secrets", "external-secrets"),
        version: Text::foreign("v0.16.2"),
        ready: 0,
        unready: None,
        concurrent: 1,
        store_requeue: 300,
        leader: Name::empty(),
        renewed: None,
        lapsed: false,
        seen: at(0),
    };
    let mut world = world(false, &["db"]);
    let left = |world: &Inventory| {
        let mut progress = Progress::new(at(0));
        agreed(&mut progress, &["db"]);
        let Next::Apply(operations) = (STEP.next)(&target(), world, &progress) else { panic!("it does not begin") };
        let operation = operations[0].clone();
        progress.applied.push(Applied { step: STEP.id, operation, at: at(0), result: Ok(Receipt::default()) });
        progress.now = at(121);
        let Next::Done(report) = (STEP.next)(&target(), world, &progress) else { panic!("it goes on") };
        assert_eq!(report.outcome, Outcome::Unproved);
        report.left[0].1.clone()
    };
    assert_eq!(left(&world), "annotated, but not synced within 120 s");
    let said = "annotated, but not synced within 120 s; External Secrets (external-secrets/external-secrets) ";
    world.apply(Change::Controller(Some(controller.clone())), at(0));
    assert_eq!(left(&world), format!("{said}does not run, so nothing is synced"));
    let deployment =
        json!({ "metadata": { "name": "external-secrets", "namespace": "external-secrets" }, "spec": { "replicas": 0 } });
    let deployment = Deployment::read(serde_json::from_value(deployment).expect("a Deployment"), &mut Names::default());
    world.apply(Change::Listed(Kind::Deployment.into(), vec![deployment.into_object()], Vec::new()), at(0));
    assert_eq!(left(&world), format!("{said}is scaled to 0, so nothing is synced"));
    (controller.ready, controller.lapsed) = (1, true);
    let mut world = self::world(false, &["db"]);
    world.apply(Change::Controller(Some(controller)), at(0));
    assert_eq!(left(&world), format!("{said}has lost its lease, so nothing is synced"));
}

#[test]
fn one_whose_right_is_missing_is_not_called_proved() {
    let mut progress = Progress::new(at(0));
    let object = ObjectRef::new(Kind::ExternalSecret, "ns", "db");
    progress.rights.insert(sealwatch::runbooks::Right::annotate(&object), Some(false));
    let Next::Done(report) = (STEP.next)(&target(), &world(false, &["db"]), &progress) else { panic!("it goes on") };
    assert_eq!(report.outcome, Outcome::Unproved);
}

#[test]
fn the_one_right_that_is_missing_stands_in_the_summary() {
    let generator = json!({ "apiVersion": "generators.external-secrets.io/v1alpha1", "kind": "Password", "name": "p" });
    let es = json!({
        "metadata": { "name": "db", "namespace": "ns" },
        "spec": { "dataFrom": [{ "sourceRef": { "generatorRef": generator } }] },
    });
    let es = ExternalSecret::read(serde_json::from_value(es).expect("an ExternalSecret"), &mut Names::default());
    let mut world = Inventory::default();
    world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![es.into_object()], Vec::new()), at(0));
    world.settle();
    let object = ObjectRef::new(Kind::ExternalSecret, "ns", "db");
    let mut progress = Progress::new(at(0));
    progress.rights.insert(sealwatch::runbooks::Right::annotate(&object), Some(false));
    let Next::Done(report) = (keep_value::STEP.next)(&Target::Objects(vec![object]), &world, &progress) else {
        panic!("it goes on")
    };
    assert_eq!(report.outcome, Outcome::Refused);
    assert_eq!(report.summary, "1 ExternalSecret left as it is: you may not patch externalsecrets in ns.");
}

/// How often one is annotated that fails each time for this, and what is said of it in the end.
fn failing_each_time(world: &mut Inventory, message: &str) -> (usize, String) {
    let mut progress = Progress::new(at(0));
    agreed(&mut progress, &["db"]);
    let mut tries = 0;
    for second in 0..300 {
        progress.now = at(second);
        match (STEP.next)(&target(), world, &progress) {
            Next::Apply(operations) => {
                tries += 1;
                let result = Ok(Receipt::default());
                progress.applied.push(Applied { step: STEP.id, operation: operations[0].clone(), at: at(second), result });
                // The controller comes round to it two seconds later.
                world.apply(Change::Applied(event(message, at(second + 2))), at(second + 2));
            }
            Next::Wait { .. } => {}
            Next::Done(report) => return (tries, report.left[0].1.clone()),
            other => panic!("{other:?}"),
        }
    }
    panic!("it never ends");
}

fn event(message: &str, last: Timestamp) -> Object {
    let event = json!({
        "metadata": { "name": "db.1", "namespace": "ns" },
        "involvedObject": { "kind": "ExternalSecret", "namespace": "ns", "name": "db" },
        "type": "Warning", "reason": "UpdateFailed", "message": message, "count": 1,
        "firstTimestamp": last.to_string(), "lastTimestamp": last.to_string(),
    });
    Event::read(serde_json::from_value(event).expect("an Event"), &mut Names::default()).into_object()
}

#[test]
fn a_failure_is_believed_at_once_unless_the_vault_opened_a_moment_ago() {
    let denied = "cannot read secret data from Vault: Code: 403. Errors: permission denied";
    let mut settled = world(false, &["db"]);
    assert_eq!(failing_each_time(&mut settled, denied), (1, denied.to_owned()));

    // A standby that is behind refuses tokens that it has not heard of.
    let mut opened = world(true, &["db"]);
    let seal: Seal = serde_json::from_value(json!({ "type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1 }))
        .expect("a seal");
    opened.apply(Change::Answered(address(), Name::new("vault-0"), Ok((seal, ReplicaRole::Single))), at(0));
    assert_eq!(failing_each_time(&mut opened, denied), (4, denied.to_owned()));
}

/// A world with one ExternalSecret that is synced and was read at some time, under this policy.
fn synced(policy: &str) -> Inventory {
    let object = json!({
        "metadata": { "name": "db", "namespace": "ns", "generation": 1 },
        "spec": {
            "secretStoreRef": { "name": "store" },
            "refreshPolicy": policy,
            "refreshInterval": "1h",
            "data": [{ "secretKey": "k", "remoteRef": { "key": "db" } }],
        },
        "status": {
            "conditions": [{ "type": "Ready", "status": "True", "reason": "SecretSynced" }],
            "refreshTime": at(0).to_string(),
        },
    });
    let object = ExternalSecret::read(serde_json::from_value(object).expect("an ExternalSecret"), &mut Names::default());
    let mut world = world(false, &[]);
    world.apply(Change::Listed(Kind::ExternalSecret.into(), vec![object.into_object()], Vec::new()), at(0));
    world.settle();
    world
}

#[test]
fn one_that_is_named_is_refreshed_though_it_is_synced() {
    let (world, progress) = (synced("Periodic"), Progress::new(at(0)));
    let db = ObjectRef::new(Kind::ExternalSecret, "ns", "db");
    let named = Target::Objects(vec![db.clone()]);
    let Next::Confirm(preview) = (MEANT.next)(&named, &world, &progress) else { panic!("it does not ask") };
    assert_eq!(preview.objects, [db]);
    assert!(!preview.will[0].contains("failed"), "{:?}", preview.will);
    // Who names a Vault, or recovers, means what fails.
    for (step, target) in [(MEANT, &target()), (STEP, &named)] {
        let Next::Done(report) = (step.next)(target, &world, &progress) else { panic!("it would touch what is well") };
        assert_eq!(report.outcome, Outcome::Nothing);
    }
}

#[test]
fn one_that_is_read_only_once_is_left_and_the_runbook_says_so() {
    let world = synced("CreatedOnce");
    let named = Target::Objects(vec![ObjectRef::new(Kind::ExternalSecret, "ns", "db")]);
    let refresh = runbooks::runbook("refresh").expect("a runbook");
    let (outcome, why) = refresh.ready(&named, &world, at(0)).expect_err("nothing to do");
    assert_eq!(outcome, Outcome::Nothing);
    assert!(why.contains("read only once"), "{why}");
}
