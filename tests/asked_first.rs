//! Whatever can refuse a runbook is looked at before its first write: what later steps need is asked for, and a run that
//! would be left half done is not begun. The steps without an engine.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::sync::Arc;

use jiff::Timestamp;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{ExternalSecret, Object, Secret, SecretStore, Watched};
use sealwatch::model::vault::{LoginChecks, ReplicaRole, Seal, StoreLogin, Told};
use sealwatch::model::{Fault, FaultKind, Inventory, Kind, Name, Names, ObjectRef, PathFacts, PathState, Text, VaultAddress};
use sealwatch::runbooks::{Applied, Next, Outcome, Progress, Right, StepDef, StepReport, Target, runbook};
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time")
}

fn object<K: Watched>(value: Value) -> Object {
    K::read(serde_json::from_value(value).expect("an object"), &mut Names::default()).into_object()
}

fn address() -> VaultAddress {
    VaultAddress::parse("http://vault.ns.svc:8200").expect("a URL")
}

/// A store, an ExternalSecret that generates, one that reads a path that is missing or deleted, and a Vault that is open.
fn world(path: PathState) -> Inventory {
    let ready = json!({ "conditions": [{ "type": "Ready", "status": "True", "reason": "Valid" }] });
    let secret = |name: &str| {
        object::<Secret>(json!({ "metadata": { "name": name, "namespace": "shop", "managedFields": [{
            "manager": format!("externalsecrets.external-secrets.io/{name}"), "operation": "Update",
            "fieldsV1": { "f:data": { "f:password": {} } } }] } }))
    };
    let external = |name: &str, spec: Value| {
        object::<ExternalSecret>(json!({ "metadata": { "name": name, "namespace": "shop" }, "spec": spec, "status": ready }))
    };
    let generator = json!({ "dataFrom": [{ "sourceRef": { "generatorRef": { "kind": "Password", "name": "p" } } }] });
    let spec = json!({ "secretStoreRef": { "name": "store" }, "refreshInterval": "1h",
        "data": [{ "secretKey": "password", "remoteRef": { "key": "shop/db", "property": "password" } }] });
    let store = object::<SecretStore>(json!({
        "metadata": { "name": "store", "namespace": "shop" },
        "spec": { "provider": { "vault": { "server": address().to_string(), "path": "secret", "version": "v2",
            "auth": { "kubernetes": { "role": "r" } } } } },
        "status": ready,
    }));
    let mut world = Inventory::default();
    for object in [store, secret("pw"), external("pw", generator), secret("db"), external("db", spec)] {
        world.apply(Change::Applied(object), at(0));
    }
    world.settle();
    world.apply(Change::Replicas(address(), Ok(vec![(Name::new("vault-0"), None)])), at(0));
    let seal: Seal = serde_json::from_value(json!({ "type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1 }))
        .expect("a seal");
    world.apply(Change::Answered(address(), Name::new("vault-0"), Ok((seal, ReplicaRole::Single))), at(0));
    world.apply(Change::Paths(address(), vec![(Text::foreign("secret/shop/db"), PathFacts::of(path))]), at(1));
    world
}

fn on(kind: Kind, name: &str) -> Target {
    Target::Objects(vec![ObjectRef::new(kind, "shop", name)])
}

fn steps(name: &str) -> &'static [StepDef] {
    runbook(name).expect("a runbook").steps
}

/// What a step comes to when this is what is said of each right.
fn ask(step: &StepDef, target: &Target, world: &Inventory, answer: impl Fn(&str) -> Option<bool>) -> Next {
    let mut progress = Progress::new(at(10));
    loop {
        match (step.next)(target, world, &progress) {
            Next::Ask(rights) => progress.rights.extend(rights.into_iter().map(|right| {
                let answer = answer(&right.to_string());
                (right, answer)
            })),
            next => return next,
        }
    }
}

fn over(next: Next) -> StepReport {
    match next {
        Next::Done(report) => report,
        other => panic!("not over: {other:?}"),
    }
}

fn all_but(word: &'static str) -> impl Fn(&str) -> Option<bool> {
    move |right: &str| Some(!right.contains(word))
}

#[test]
fn a_generator_is_not_stopped_for_a_move_that_is_refused_later() {
    let (stop, world) = (&steps("move-to-vault")[0], world(PathState::Missing));
    let target = on(Kind::ExternalSecret, "pw");
    assert!(matches!(ask(stop, &target, &world, all_but("no such right")), Next::Confirm(_)));
    for (missing, named) in [
        ("secret/data/shop/pw", "you may not create secret/data/shop/pw at http://vault.ns.svc:8200"),
        ("get secrets", "you may not get secrets in shop"),
        ("patch externalsecrets", "you may not patch externalsecrets in shop"),
        ("pods/portforward", "you may not create pods/portforward in ns"),
    ] {
        let report = over(ask(stop, &target, &world, all_but(missing)));
        assert_eq!(report.outcome, Outcome::Refused, "{missing}");
        assert!(report.summary.ends_with(&format!("{named}.")), "{report:?}");
    }
    let report = over(ask(stop, &target, &world, all_but("as its first version")));
    assert_eq!(
        report.summary,
        "Nothing was done: something stands at secret/shop/pw already, and is not replaced: move it by hand."
    );
    // Where that cannot be asked, `cas=0` still keeps what stands there.
    let unasked = |right: &str| (!right.contains("as its first version")).then_some(true);
    assert!(matches!(ask(stop, &target, &world, unasked), Next::Confirm(_)));
}

#[test]
fn what_a_later_step_will_not_do_is_said_before_the_first_write() {
    let path = Target::Objects(vec![address().path_ref(&Text::foreign("secret/shop/db"))]);
    for (name, state) in [("write-value", PathState::Missing), ("undelete-version", PathState::Deleted { version: 2, at: None })]
    {
        let Next::Confirm(preview) = ask(&steps(name)[0], &path, &world(state), all_but("patch externalsecrets")) else {
            panic!("{name} is done without: its reader follows at its interval")
        };
        let said = "You may not patch externalsecrets in shop: what a later step does with it will be left undone.";
        assert!(preview.forecast.iter().any(|sentence| sentence == said), "{name}: {:?}", preview.forecast);
    }
}

#[test]
fn a_path_that_one_may_not_see_is_refused_by_name_and_not_waited_for() {
    let path = Target::Objects(vec![address().path_ref(&Text::foreign("secret/shop/db"))]);
    for name in ["write-value", "undelete-version"] {
        let step = &steps(name)[0];
        let report = over(ask(step, &path, &world(PathState::Denied), all_but("secret/metadata/")));
        assert_eq!(report.outcome, Outcome::Refused, "{name}");
        let said = "You may not read secret/metadata/shop/db at http://vault.ns.svc:8200: nothing is written unseen.";
        assert_eq!(report.summary, said, "{name}");
        // What was not asked yet is waited for; what has no answer then is asked for as well.
        assert!(
            matches!(ask(step, &path, &world(PathState::NotAsked), all_but("secret/metadata/")), Next::Wait { .. }),
            "{name}"
        );
    }
}

#[test]
fn a_role_that_one_may_not_read_is_refused_by_name() {
    let store = object::<SecretStore>(json!({
        "metadata": { "name": "refused", "namespace": "shop" },
        "spec": { "provider": { "vault": { "server": address().to_string(), "path": "secret", "version": "v2",
            "auth": { "kubernetes": { "mountPath": "kubernetes", "role": "r", "serviceAccountRef": { "name": "eso" } } } } } },
        "status": { "conditions": [{ "type": "Ready", "status": "False", "reason": "InvalidProviderConfig" }] },
    }));
    let mut world = world(PathState::Missing);
    world.apply(Change::Applied(store), at(2));
    world.settle();
    let refused = ObjectRef::new(Kind::SecretStore, "shop", "refused");
    let login = StoreLogin::of(world.store(&refused).expect("the store"), None).expect("it logs in");
    let answer = Told::Said(Some(Text::foreign("service account name not authorized")));
    let checks = LoginChecks {
        asked: Some(at(5)),
        mount: Told::Said(true),
        role: Told::Denied,
        config: Told::Denied,
        login: answer,
        ..LoginChecks::default()
    };
    world.apply(Change::Login(address(), (login.store.clone(), login.account.clone()), Arc::new(checks)), at(5));
    let step = &steps("kubernetes-auth")[0];
    let target = Target::Objects(vec![refused]);
    let report = over(ask(step, &target, &world, all_but("auth/kubernetes/role/r")));
    assert_eq!(report.outcome, Outcome::Refused, "{report:?}");
    let said = "You may not read auth/kubernetes/role/r at http://vault.ns.svc:8200: nothing is written unseen.";
    assert_eq!(report.summary, said);
}

/// A write that is not allowed by what was asked first, or could not be asked: the server says so.
#[test]
fn what_the_server_itself_refuses_is_refused_and_the_right_is_named() {
    let (step, world) = (&steps("write-value")[0], world(PathState::Missing));
    let path = Target::Objects(vec![address().path_ref(&Text::foreign("secret/shop/db"))]);
    let mut progress = Progress::new(at(10));
    let operation = loop {
        match (step.next)(&path, &world, &progress) {
            Next::Ask(rights) => progress.rights.extend(rights.into_iter().map(|right| (right, None))),
            Next::Confirm(preview) => {
                progress.shares_held = 1;
                progress.agreed.entry(step.id).or_default().extend(preview.objects);
            }
            Next::Apply(operations) => break operations.into_iter().next().expect("one"),
            other => panic!("{other:?}"),
        }
    };
    let result = Err(Fault::new(FaultKind::Forbidden, "vault-0 answers: permission denied."));
    progress.applied.push(Applied { step: step.id, operation, at: at(10), result });
    let report = over((step.next)(&path, &world, &progress));
    assert_eq!(report.outcome, Outcome::Refused, "{report:?}");
    assert!(report.left[0].1.contains("create secret/data/shop/db at http://vault.ns.svc:8200"), "{report:?}");
}

/// So that the next runbook with several writes is thought of here.
#[test]
fn every_runbook_with_several_writes_is_known() {
    let several: Vec<&str> = sealwatch::runbooks::RUNBOOKS.iter().filter(|one| one.steps.len() > 1).map(|one| one.name).collect();
    // `recover` and `refresh` begin with a step that asks for everything; the second step of `vault-bootstrap` only looks.
    let looked_at = [
        "recover",
        "refresh",
        "kubernetes-auth",
        "client-patcher",
        "vault-bootstrap",
        "move-to-vault",
        "write-value",
        "undelete-version",
    ];
    assert_eq!(several, looked_at);
}

#[test]
fn a_right_is_a_question_that_one_can_ask_by_hand() {
    let (stop, world) = (&steps("move-to-vault")[0], world(PathState::Missing));
    let Next::Ask(rights) = (stop.next)(&on(Kind::ExternalSecret, "pw"), &world, &Progress::new(at(10))) else {
        panic!("it asks first")
    };
    let vacant = rights.iter().find(|right| matches!(right, Right::Vacant(_))).expect("whether the path is empty");
    assert!(
        vacant.command().contains("bao kv metadata get -address=http://127.0.0.1:8200 -mount=secret shop/pw"),
        "{}",
        vacant.command()
    );
}
