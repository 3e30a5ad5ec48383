//! The step that has the Vault Secrets Operator reconcile, without an engine: what it touches in `recover` and in
//! `refresh`, what it leaves out and why, what it says before, and what it takes for proof.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use jiff::Timestamp;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{
    Deployment, Event, Object, Pod, Secret, VaultAuth, VaultConnection, VaultDynamicSecret, VaultPKISecret, VaultStaticSecret,
    Watched,
};
use sealwatch::model::vault::{ReplicaRole, Seal};
use sealwatch::model::{Fault, FaultKind, Inventory, Kind, Name, Names, ObjectRef, Text, VaultAddress};
use sealwatch::runbooks::steps::vso::{FAILED, MEANT};
use sealwatch::runbooks::steps::{readers, restart};
use sealwatch::runbooks::{Applied, Next, Operation, Outcome, Preview, Progress, Receipt, Right, StepDef, StepReport, Target};
use sealwatch::runbooks::{KvPath, VaultChange, VaultWrite, recover};
use serde_json::{Value, json};

/// When the step is entered.
const ENTERED: i64 = 1000;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time")
}

fn address() -> VaultAddress {
    VaultAddress::parse("http://vault.vault.svc:8200").expect("a URL")
}

fn vault() -> Target {
    Target::Vault(ObjectRef::new(Kind::Vault, "vault", "vault"))
}

fn on(kind: Kind, name: &str) -> ObjectRef {
    ObjectRef::new(kind, "shop", name)
}

fn object<K: Watched>(json: Value) -> Object {
    K::read(serde_json::from_value(json).expect("it parses"), &mut Names::default()).into_object()
}

/// What its conditions say: `Healthy`, then `SecretSynced`, each with its second.
fn conditions(healthy: (&str, i64), synced: (&str, i64)) -> Value {
    json!([
        { "type": "Healthy", "status": healthy.0, "lastTransitionTime": at(healthy.1).to_string(), "message": "VaultStaticSecretUnhealthy" },
        { "type": "SecretSynced", "status": synced.0, "lastTransitionTime": at(synced.1).to_string(),
          "message": if synced.0 == "False" { "Failed to sync the secret, horizon=5s, err=Vault is sealed" } else { "Secret synced" } },
    ])
}

fn well(second: i64) -> Value {
    conditions(("True", second), ("True", second))
}

fn failing(second: i64) -> Value {
    conditions(("False", second), ("False", second))
}

/// One of the three kinds, with a status and the version that the API server gave it.
fn kept<K: Watched>(name: &str, version: u64, status: &Value) -> Object {
    object::<K>(json!({
        "metadata": { "name": name, "namespace": "shop", "uid": "11111111-0000-4000-8000-000000000001", "resourceVersion": version.to_string() },
        "spec": { "vaultAuthRef": "app", "mount": "secret", "type": "kv-v2", "path": name,
            "destination": { "name": name, "create": true },
            "rolloutRestartTargets": [{ "kind": "Deployment", "name": "api" }] },
        "status": status,
    }))
}

fn fixed(name: &str, conditions: &Value) -> Object {
    kept::<VaultStaticSecret>(name, 10, &json!({ "conditions": conditions, "secretMAC": "x" }))
}

/// One whose lease of ten minutes was issued or renewed then.
fn leased(name: &str, renewed: i64, conditions: &Value) -> Object {
    let renewed = at(renewed).as_second();
    let lease = json!({ "id": "database/creds/app/x", "duration": 600, "renewable": true });
    kept::<VaultDynamicSecret>(name, 10, &json!({ "conditions": conditions, "lastRenewalTime": renewed, "secretLease": lease }))
}

/// A Vault that is open or sealed since long ago, and what reads from it.
fn world(sealed: bool, objects: Vec<Object>) -> Inventory {
    let mut world = Inventory::default();
    let connection =
        json!({ "metadata": { "name": "vault", "namespace": "shop" }, "spec": { "address": address().to_string() } });
    let auth = json!({ "metadata": { "name": "app", "namespace": "shop" }, "spec": { "vaultConnectionRef": "vault" } });
    for object in [object::<VaultConnection>(connection), object::<VaultAuth>(auth)].into_iter().chain(objects) {
        world.apply(Change::Applied(object), at(0));
    }
    world.settle();
    world.apply(Change::Replicas(address(), Ok(vec![(Name::new("vault-0"), None)])), at(0));
    answer(&mut world, sealed, 0);
    world
}

/// The one replica says that it is sealed, or open.
fn answer(world: &mut Inventory, sealed: bool, second: i64) {
    let seal = json!({ "type": "shamir", "initialized": true, "sealed": sealed, "t": 1, "n": 1 });
    let seal: Seal = serde_json::from_value(seal).expect("a seal");
    let role = if sealed { ReplicaRole::Unknown } else { ReplicaRole::Single };
    world.apply(Change::Answered(address(), Name::new("vault-0"), Ok((seal, role))), at(second));
}

/// A person at one step, who is allowed everything unless they are told otherwise.
struct Person {
    step: &'static StepDef,
    target: Target,
    world: Inventory,
    progress: Progress,
}

static RECOVER: StepDef = FAILED;
static REFRESH: StepDef = MEANT;

impl Person {
    fn new(step: &'static StepDef, target: Target, world: Inventory) -> Self {
        let mut progress = Progress::new(at(ENTERED));
        progress.entered.insert("vso", at(ENTERED));
        Self { step, target, world, progress }
    }

    /// At the step of `recover`, on the Vault.
    fn recovers(world: Inventory) -> Self {
        Self::new(&RECOVER, vault(), world)
    }

    /// At the step of `refresh`, on these.
    fn refreshes(objects: &[ObjectRef], world: Inventory) -> Self {
        Self::new(&REFRESH, Target::Objects(objects.to_vec()), world)
    }

    fn next(&mut self) -> Next {
        loop {
            match (self.step.next)(&self.target, &self.world, &self.progress) {
                Next::Ask(rights) => self.progress.rights.extend(rights.into_iter().map(|right| (right, Some(true)))),
                next => return next,
            }
        }
    }

    fn is_shown(&mut self) -> Preview {
        match self.next() {
            Next::Confirm(preview) => preview,
            other => panic!("it does not ask: {other:?}"),
        }
    }

    fn is_told(&mut self) -> StepReport {
        match self.next() {
            Next::Done(report) => report,
            other => panic!("it is not over: {other:?}"),
        }
    }

    /// Agrees to what is shown, and what comes of it is written at that second, which gives the objects this version.
    fn agrees(&mut self, version: u64) -> Vec<Operation> {
        let preview = self.is_shown();
        self.progress.agreed.entry("vso").or_default().extend(preview.objects);
        let Next::Apply(operations) = self.next() else { panic!("it does not begin") };
        let receipt = Receipt { server_time: Some(self.progress.now), resource_version: version, seal: None };
        self.wrote(&operations, &Ok(receipt));
        operations
    }

    fn wrote(&mut self, operations: &[Operation], result: &Result<Receipt, Fault>) {
        for operation in operations {
            let (operation, at) = (operation.clone(), self.progress.now);
            self.progress.applied.push(Applied { step: "vso", operation, at, result: result.clone() });
        }
    }

    fn sees(&mut self, object: Object, second: i64) {
        self.world.apply(Change::Applied(object), at(second));
        self.progress.now = at(second);
    }

    fn waits(&mut self) -> bool {
        matches!(self.next(), Next::Wait { .. })
    }
}

fn names(preview: &Preview) -> Vec<&str> {
    preview.objects.iter().map(|object| object.name.as_str()).collect()
}

fn left(report: &StepReport) -> Vec<(&str, &str)> {
    report.left.iter().map(|(object, why)| (object.name.as_str(), why.as_str())).collect()
}

fn warning(about: &ObjectRef, message: &str, second: i64) -> Object {
    object::<Event>(json!({
        "metadata": { "name": "x.1", "namespace": "shop" },
        "involvedObject": { "kind": about.kind.as_str(), "namespace": "shop", "name": about.name.as_str() },
        "type": "Warning", "reason": "VaultClientConfigError", "message": message, "count": 1,
        "firstTimestamp": at(second).to_string(), "lastTimestamp": at(second).to_string(),
    }))
}

#[test]
fn a_recovery_touches_what_fails_and_leaves_an_old_flag_alone() {
    let stale = fixed("stale", &conditions(("True", 900), ("False", 800)));
    let mut person = Person::recovers(world(false, vec![fixed("db", &failing(900)), fixed("fine", &well(900)), stale]));
    let preview = person.is_shown();
    assert_eq!(names(&preview), ["db"], "one that is well is not touched");
    assert_eq!(preview.will, ["Annotate 1 VaultStaticSecret, and wait until the operator has reconciled each and says Healthy."]);
    assert_eq!(
        preview.will_not,
        [
            "1 object left out: its SecretSynced=False is left over: Healthy is True and newer (vso#1225).",
            "No spec is changed and no Secret deleted: either would restart workloads although the data is the same.",
        ]
    );
    let stamp = at(ENTERED).as_second();
    let by_hand = format!("kubectl annotate vaultstaticsecret -n shop db sealwatch.dev/asked={stamp} --overwrite");
    assert_eq!(preview.commands, [by_hand]);
    assert!(preview.forecast.last().expect("a forecast").starts_with("There is no way back"), "{preview:?}");
}

#[test]
fn what_is_written_is_journalled_and_read_back_from_there() {
    let mut person = Person::recovers(world(false, vec![fixed("db", &failing(900))]));
    let operation = person.agrees(11).remove(0);
    let line = serde_json::to_string(&operation).expect("it is written");
    assert_eq!(serde_json::from_str::<Operation>(&line).ok(), Some(operation), "a run that was interrupted is taken up from it");
}

#[test]
fn nothing_to_do_is_said_and_an_old_flag_still_named() {
    let stale = fixed("stale", &conditions(("True", 900), ("False", 800)));
    let report = Person::recovers(world(false, vec![fixed("fine", &well(900)), stale])).is_told();
    let summary = "1 object left as it is: its SecretSynced=False is left over: Healthy is True and newer (vso#1225).";
    assert_eq!((report.outcome, report.summary.as_str()), (Outcome::Nothing, summary));
    assert_eq!(left(&report), [("stale", "its SecretSynced=False is left over: Healthy is True and newer (vso#1225)")]);
    let report = Person::recovers(world(false, vec![fixed("fine", &well(900))])).is_told();
    assert_eq!((report.outcome, report.left.len()), (Outcome::Nothing, 0));
}

#[test]
fn a_heartbeat_after_the_annotation_proves_it_and_one_before_does_not() {
    let mut person = Person::refreshes(&[on(Kind::VaultStaticSecret, "db")], world(false, vec![fixed("db", &well(ENTERED))]));
    person.agrees(11);
    assert!(person.waits(), "its heartbeat of the same second is in a version from before the annotation");
    let same_second = kept::<VaultStaticSecret>("db", 12, &json!({ "conditions": well(ENTERED) }));
    person.sees(same_second, ENTERED + 1);
    let report = person.is_told();
    assert_eq!((report.outcome, report.summary.as_str()), (Outcome::Proved, "1 of 1 object reconciled and proved."));
}

#[test]
fn one_that_fails_again_says_so_in_its_own_words() {
    let mut person = Person::recovers(world(false, vec![fixed("db", &failing(900))]));
    person.agrees(11);
    person.sees(fixed("db", &failing(ENTERED + 2)), ENTERED + 2);
    let report = person.is_told();
    assert_eq!(report.outcome, Outcome::Unproved, "what is left of the runbook still makes sense");
    let told = "fails again: Failed to sync the secret, horizon=5s, err=Vault is sealed";
    assert_eq!(left(&report), [("db", told)]);
}

#[test]
fn a_refusal_of_a_vault_that_opened_a_moment_ago_is_left_to_the_operators_own_next_try() {
    let mut sealed = world(true, vec![fixed("db", &failing(900))]);
    answer(&mut sealed, false, ENTERED - 5);
    let mut person = Person::recovers(sealed);
    person.agrees(11);
    person.sees(fixed("db", &failing(ENTERED + 2)), ENTERED + 2);
    assert!(person.waits());
    person.sees(fixed("db", &conditions(("True", ENTERED + 9), ("False", ENTERED + 2))), ENTERED + 9);
    assert_eq!(person.is_told().outcome, Outcome::Proved, "SecretSynced may stay False");
}

#[test]
fn no_sign_of_life_ends_with_the_deadline() {
    let mut person = Person::recovers(world(false, vec![fixed("db", &failing(900))]));
    person.agrees(11);
    person.progress.now = at(ENTERED + 149);
    assert!(person.waits());
    person.progress.now = at(ENTERED + 150);
    assert_eq!(left(&person.is_told()), [("db", "done, but no effect was seen within 150 s")]);
}

#[test]
fn a_login_that_fails_is_known_by_its_event_since_no_status_tells_it() {
    let mut silent = world(false, vec![leased("creds", 900, &well(900))]);
    let about = on(Kind::VaultDynamicSecret, "creds");
    silent.apply(Change::Applied(warning(&about, "Failed to get Vault client: permission denied", 950)), at(950));
    let mut person = Person::recovers(silent);
    assert_eq!(names(&person.is_shown()), ["creds"], "its status is silent, and green");
    person.agrees(11);
    person.sees(warning(&about, "Failed to get Vault client: permission denied", ENTERED + 3), ENTERED + 3);
    assert_eq!(left(&person.is_told()), [("creds", "fails again: Failed to get Vault client: permission denied")]);
}

#[test]
fn a_recovery_has_a_lease_issued_only_for_what_fails_or_has_ended() {
    let objects = vec![
        leased("ended", ENTERED - 601, &well(ENTERED - 601)),
        leased("failing", 900, &failing(900)),
        leased("fine", 900, &well(900)),
    ];
    let mut person = Person::recovers(world(false, objects));
    let preview = person.is_shown();
    assert_eq!(names(&preview), ["ended", "failing"]);
    let told = "A new lease is issued for 2 VaultDynamicSecrets: the old credentials are replaced; \
                the operator then restarts 1 workload: shop/api.";
    assert_eq!(preview.forecast[0], told);
}

#[test]
fn a_lease_is_proved_only_when_it_was_issued_since() {
    let mut person = Person::recovers(world(false, vec![leased("creds", 900, &failing(950))]));
    person.agrees(11);
    person.sees(leased("creds", 900, &well(ENTERED + 2)), ENTERED + 2);
    assert!(person.waits(), "it beats, and holds the old lease");
    person.sees(leased("creds", ENTERED + 4, &well(ENTERED + 4)), ENTERED + 4);
    assert_eq!(person.is_told().outcome, Outcome::Proved);
    let items = (RECOVER.items)(&person.target, &person.world, &person.progress);
    assert_eq!(items[0].note, "reconciled, with a new lease of 10m00s");
}

#[test]
fn a_certificate_that_has_ended_is_issued_anew_and_proved_by_its_rotation() {
    let certificate = |rotated: i64, ends: i64, beat: i64| {
        let status =
            json!({ "conditions": well(beat), "lastRotation": at(rotated).as_second(), "expiration": at(ends).as_second() });
        kept::<VaultPKISecret>("tls", 10, &status)
    };
    let mut person = Person::recovers(world(false, vec![certificate(0, ENTERED - 1, 900)]));
    let forecast = person.is_shown().forecast;
    let told = "A new certificate is issued for 1 VaultPKISecret: the old one and its key are replaced; \
                the operator then restarts 1 workload: shop/api.";
    assert_eq!(forecast[0], told);
    person.agrees(11);
    person.sees(certificate(0, ENTERED - 1, ENTERED + 1), ENTERED + 1);
    assert!(person.waits(), "it beats, and holds the old one");
    person.sees(certificate(ENTERED + 2, ENTERED + 3600, ENTERED + 2), ENTERED + 2);
    assert_eq!(person.is_told().outcome, Outcome::Proved);
    let items = (RECOVER.items)(&person.target, &person.world, &person.progress);
    assert_eq!(items[0].note, format!("reconciled, with a new certificate until {}", at(ENTERED + 3600)));
}

#[test]
fn a_sweep_leaves_out_what_is_issued_and_a_name_does_not() {
    let certificate = kept::<VaultPKISecret>("tls", 10, &json!({ "conditions": well(900) }));
    let objects = || vec![fixed("db", &well(900)), leased("creds", 900, &failing(900)), certificate.clone()];
    for target in [ObjectRef::new(Kind::Namespace, "", "shop"), on(Kind::VaultAuth, "app"), on(Kind::VaultConnection, "vault")] {
        let preview = Person::refreshes(&[target], world(false, objects())).is_shown();
        assert_eq!(names(&preview), ["db"], "a static one is refreshed though it is well: that is safe");
        assert_eq!(
            preview.will_not[..2],
            [
                "1 object left out: its annotation issues a new certificate: name it itself to have that done.",
                "1 object left out: its annotation issues a new lease: name it itself to have that done.",
            ]
        );
    }
    let marked = [on(Kind::VaultDynamicSecret, "creds"), on(Kind::VaultPKISecret, "tls")];
    let preview = Person::refreshes(&marked, world(false, objects())).is_shown();
    assert_eq!(preview.will[0].split(',').next(), Some("Annotate 1 VaultDynamicSecret and 1 VaultPKISecret"));
    assert!(preview.forecast[1].starts_with("A new certificate is issued for 1 VaultPKISecret"), "{preview:?}");
}

#[test]
fn a_path_and_a_secret_mean_what_keeps_a_secret_like_it() {
    let objects = || vec![fixed("db", &well(900)), fixed("other", &well(900))];
    for target in [address().path_ref(&Text::foreign("secret/db")), on(Kind::Secret, "db")] {
        assert_eq!(names(&Person::refreshes(&[target], world(false, objects())).is_shown()), ["db"]);
    }
}

#[test]
fn a_refresh_of_a_whole_vault_touches_only_what_fails() {
    let objects = vec![fixed("db", &failing(900)), fixed("fine", &well(900)), leased("creds", 900, &failing(900))];
    let preview = Person::new(&REFRESH, vault(), world(false, objects)).is_shown();
    assert_eq!(names(&preview), ["db"]);
    assert!(preview.will_not[0].contains("name it itself"), "{preview:?}");
}

#[test]
fn nothing_is_asked_of_an_operator_whose_vault_is_closed_or_whose_secret_nobody_makes() {
    let sealed = || world(true, vec![fixed("db", &failing(900)), leased("creds", 900, &failing(900))]);
    let report = Person::recovers(sealed()).is_told();
    assert_eq!(report.outcome, Outcome::Failed);
    assert!(report.summary.contains("does not serve now (1 of 1 replicas sealed)"), "{}", report.summary);
    let report = Person::refreshes(&[on(Kind::VaultStaticSecret, "db")], sealed()).is_told();
    assert_eq!(left(&report), [("db", "its Vault vault/vault does not serve now")]);

    let orphan = object::<VaultStaticSecret>(json!({
        "metadata": { "name": "db", "namespace": "shop" },
        "spec": { "vaultAuthRef": "app", "mount": "secret", "path": "db", "destination": { "name": "db", "create": false } },
    }));
    let mut silent = world(false, vec![orphan]);
    silent.apply(Change::Listed(Kind::Secret.into(), Vec::new(), Vec::new()), at(0));
    let report = Person::refreshes(&[on(Kind::VaultStaticSecret, "db")], silent).is_told();
    assert_eq!(left(&report), [("db", "its Secret db is not there, and it may not make it (destination.create)")]);
}

#[test]
fn the_right_is_asked_for_by_kind_and_without_it_nothing_is_written() {
    let mut person = Person::recovers(world(false, vec![fixed("db", &failing(900)), leased("creds", 900, &failing(900))]));
    let Next::Ask(rights) = (person.step.next)(&person.target, &person.world, &person.progress) else {
        panic!("it does not ask")
    };
    let asked: Vec<String> = rights.iter().map(Right::command).collect();
    assert_eq!(
        asked,
        [
            "kubectl auth can-i patch vaultdynamicsecrets.secrets.hashicorp.com -n shop",
            "kubectl auth can-i patch vaultstaticsecrets.secrets.hashicorp.com -n shop",
        ]
    );
    person.progress.rights.extend([(rights[0].clone(), Some(false)), (rights[1].clone(), Some(true))]);
    assert_eq!(names(&person.is_shown()), ["db"]);
    person.progress.rights.insert(rights[1].clone(), Some(false));
    let report = person.is_told();
    assert_eq!(report.outcome, Outcome::Unproved);
    let told = ["you may not patch vaultstaticsecrets in shop", "you may not patch vaultdynamicsecrets in shop"];
    assert_eq!(report.left.iter().map(|(_, why)| why.as_str()).collect::<Vec<_>>(), told);
}

#[test]
fn a_lost_answer_is_no_second_lease_and_for_a_static_secret_a_second_change() {
    let lost = Err(Fault::new(FaultKind::Tcp, "The API server refuses connections."));
    let objects = vec![fixed("db", &failing(900)), leased("creds", 900, &failing(900))];
    let mut person = Person::recovers(world(false, objects));
    person.agrees(11);
    person.progress.applied.iter_mut().for_each(|applied| applied.result = lost.clone());
    person.progress.now = at(ENTERED + 6);
    let Next::Apply(again) = person.next() else { panic!("it does not try again") };
    let stamp = at(ENTERED).as_second();
    let told: Vec<bool> = again.iter().map(|one| one.command().contains(&format!("asked={stamp} "))).collect();
    assert_eq!(told, [false, true], "the same value on the one that would issue once more");
}

#[test]
fn what_a_write_without_an_answer_did_is_proof_after_the_next_try() {
    let mut person = Person::recovers(world(false, vec![leased("creds", 900, &failing(900))]));
    person.agrees(11);
    person.progress.applied[0].result = Err(Fault::new(FaultKind::Unknown, "The connection was cut."));
    person.progress.now = at(ENTERED + 6);
    let Next::Apply(again) = person.next() else { panic!("it does not try again") };
    // The same value: nothing changes, and nothing is issued for it.
    person.wrote(&again, &Ok(Receipt { server_time: Some(at(ENTERED + 6)), resource_version: 11, seal: None }));
    person.sees(leased("creds", ENTERED + 1, &well(ENTERED + 1)), ENTERED + 7);
    assert_eq!(person.is_told().outcome, Outcome::Proved, "the first try had it issued");
}

#[test]
fn another_process_asks_for_no_second_lease_in_other_words() {
    let objects = || vec![leased("creds", 900, &failing(900))];
    let mut before = Person::recovers(world(false, objects()));
    before.agrees(11);
    before.progress.applied[0].result = Err(Fault::new(FaultKind::Unknown, "The process ended."));
    let mut after = Person::recovers(world(false, objects()));
    after.progress.entered.insert("vso", at(ENTERED + 300));
    after.progress.now = at(ENTERED + 300);
    after.progress.applied.clone_from(&before.progress.applied);
    let preview = after.is_shown();
    assert!(preview.commands[0].contains(&format!("asked={} ", at(ENTERED).as_second())), "{preview:?}");
    // It was issued meanwhile, by what the first process sent: that is seen, and nothing is written.
    after.sees(leased("creds", ENTERED + 2, &well(ENTERED + 2)), ENTERED + 301);
    assert_eq!(after.is_told().outcome, Outcome::Proved);
}

#[test]
fn at_most_eight_are_in_flight() {
    let objects = (0..12).map(|number| fixed(&format!("db-{number:02}"), &failing(900))).collect();
    let mut person = Person::recovers(world(false, objects));
    assert_eq!(person.agrees(11).len(), 8);
    assert!(person.waits());
}

/// A world in which a path that an object of the operator reads was written a moment ago, by this step of a run.
fn after_a_write(object: Object) -> (Inventory, Progress) {
    let mut progress = Progress::new(at(ENTERED));
    progress.entered.insert("readers", at(ENTERED));
    let path = KvPath {
        object: address().path_ref(&Text::foreign("secret/db")),
        namespace: Text::default(),
        mount: Text::foreign("secret"),
        key: "db".to_owned(),
    };
    let change = VaultChange::Undelete { path, version: 3 };
    let replica = ObjectRef::new(Kind::VaultReplica, "vault", "vault-0");
    let operation = Operation::Vault(VaultWrite::new(address(), replica, change));
    progress.applied.push(Applied { step: "undelete", operation, at: at(ENTERED - 5), result: Ok(Receipt::default()) });
    (world(false, vec![object]), progress)
}

#[test]
fn what_the_operator_keeps_like_a_path_that_was_written_follows_it_too() {
    let (world, progress) = after_a_write(fixed("db", &well(900)));
    let mut person = Person { step: &READERS, target: Target::Everything, world, progress };
    let shown = person.is_shown();
    assert_eq!(shown.will, ["Annotate 1 VaultStaticSecret and wait until each is synced."]);
    assert_eq!(names(&shown), ["db"]);
    person.progress.agreed.entry("readers").or_default().extend(shown.objects);
    let Next::Apply(operations) = person.next() else { panic!("it does not begin") };
    let receipt = Receipt { server_time: Some(at(ENTERED)), resource_version: 10, seal: None };
    let operation = operations[0].clone();
    assert_eq!(operation.object(), &on(Kind::VaultStaticSecret, "db"));
    person.progress.applied.push(Applied { step: "readers", operation, at: at(ENTERED), result: Ok(receipt) });
    assert!(person.waits());
    person.sees(fixed("db", &well(ENTERED + 3)), ENTERED + 4);
    assert_eq!(person.is_told().outcome, Outcome::Proved);
}

static READERS: StepDef = readers::STEP;

#[test]
fn a_workload_that_runs_with_an_older_value_of_what_the_operator_keeps_is_restarted() {
    let spec = json!({ "containers": [{ "name": "main", "envFrom": [{ "secretRef": { "name": "db" } }] }] });
    let deployment = object::<Deployment>(json!({ "metadata": { "name": "api", "namespace": "shop" },
        "spec": { "replicas": 1, "template": { "spec": spec } } }));
    let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-abcde", "controller": true, "uid": "x" }]);
    let started = json!([{ "name": "main", "state": { "running": { "startedAt": at(100).to_string() } } }]);
    let pod = object::<Pod>(json!({ "metadata": { "name": "api-abcde-1", "namespace": "shop",
        "labels": { "pod-template-hash": "abcde" }, "ownerReferences": owner },
        "spec": spec, "status": { "phase": "Running", "containerStatuses": started } }));
    let wrote = json!([{ "manager": "vso", "operation": "Update", "time": at(200).to_string(), "fieldsV1": { "f:data": { "f:k": {} } } }]);
    let secret = object::<Secret>(json!({ "metadata": { "name": "db", "namespace": "shop", "managedFields": wrote } }));
    let world = world(false, vec![fixed("db", &well(200)), deployment, pod, secret]);
    let target = Target::Objects(vec![on(Kind::VaultStaticSecret, "db")]);
    let mut person = Person { step: &RESTART, target, world, progress: Progress::new(at(ENTERED)) };
    assert_eq!(names(&person.is_shown()), ["api"]);
}

static RESTART: StepDef = restart::STEP;

#[test]
fn what_fails_of_the_operator_alone_is_something_to_recover() {
    let all = |world: &Inventory| recover::everything(world);
    assert_eq!(all(&world(false, vec![fixed("db", &failing(900))])), Some(Target::Everything));
    assert_eq!(all(&world(false, vec![fixed("db", &well(900))])), None);
    assert_eq!(all(&world(true, vec![fixed("db", &failing(900))])), None, "it waits for its Vault");
}

#[test]
fn what_is_not_believed_at_once_is_the_reason_when_nothing_came_of_it() {
    let mut person = Person::recovers(world(true, vec![fixed("db", &failing(900))]));
    answer(&mut person.world, false, ENTERED - 5);
    person.agrees(11);
    person.sees(fixed("db", &failing(ENTERED + 2)), ENTERED + 3);
    assert!(person.waits(), "its Vault opened a moment ago");
    let items = (person.step.items)(&person.target, &person.world, &person.progress);
    assert!(items[0].note.contains("for now it says: Failed to sync the secret"), "{items:?}");
    person.progress.now = at(ENTERED + 400);
    let report = person.is_told();
    assert!(report.left[0].1.contains("Failed to sync the secret"), "the reason is not lost: {report:?}");
}
