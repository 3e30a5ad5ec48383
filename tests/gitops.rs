//! What Argo CD and Flux revert and what they leave alone, what is to be committed in its place, and how they are held
//! and given back: the steps without an engine.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use jiff::Timestamp;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::{
    Application, ExternalSecret, HelmRelease, Job, Kustomization, Object, Secret, SecretStore, Watched,
};
use sealwatch::model::vault::{ReplicaRole, Seal};
use sealwatch::model::{Inventory, Kind, Name, Names, ObjectRef, VaultAddress};
use sealwatch::runbooks::{
    Applied, KubernetesWrite, Next, Operation, Outcome, Progress, Receipt, Runbook, StepDef, StepReport, Target, runbook,
};
use serde_json::{Value, json};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_790_000_000 + second).expect("a time")
}

fn object<K: Watched>(value: Value) -> Object {
    K::read(serde_json::from_value(value).expect("an object"), &mut Names::default()).into_object()
}

fn app(heals: bool, note: Option<&str>, more: &Value) -> Object {
    let mut metadata = json!({ "name": "shop", "namespace": "argocd" });
    if let Some(note) = note {
        metadata["annotations"] = json!({ "sealwatch.dev/held": note });
    }
    if let Some(owner) = more.get("owner") {
        metadata["ownerReferences"] =
            json!([{ "apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": owner, "controller": true }]);
    }
    object::<Application>(json!({ "metadata": metadata, "spec": {
        "source": { "repoURL": "https://bot:hunter2@git.example/shop.git", "path": "overlays/dev", "targetRevision": "main" },
        "ignoreDifferences": more.get("ignores").unwrap_or(&json!([])),
        "syncPolicy": { "automated": { "selfHeal": heals } } } }))
}

/// One that generates, tracked by an Application, of whose spec these fields were applied by Argo CD.
fn generated(owned: &Value) -> Object {
    let argo = json!([{ "manager": "argocd-controller", "operation": "Apply", "fieldsV1": { "f:spec": owned } }]);
    let fields = if owned.is_null() { json!([]) } else { argo };
    object::<ExternalSecret>(json!({
        "metadata": { "name": "pw", "namespace": "shop", "generation": 1,
            "annotations": { "argocd.argoproj.io/tracking-id": "shop:external-secrets.io/ExternalSecret:shop/pw" },
            "managedFields": fields },
        "spec": { "dataFrom": [{ "sourceRef": { "generatorRef": { "kind": "Password", "name": "p" } } }] },
        "status": { "conditions": [{ "type": "Ready", "status": "True", "reason": "SecretSynced" }] },
    }))
}

fn world(objects: Vec<Object>) -> Inventory {
    let mut world = Inventory::default();
    for object in objects {
        world.apply(Change::Applied(object), at(0));
    }
    world.settle();
    world
}

fn steps(name: &str) -> &'static [StepDef] {
    let found: &Runbook = runbook(name).expect("a runbook");
    found.steps
}

fn pw() -> Target {
    Target::Objects(vec![ObjectRef::new(Kind::ExternalSecret, "shop", "pw")])
}

/// What a step comes to when every right is there and everything is agreed to.
fn ask(step: &StepDef, target: &Target, world: &Inventory, progress: &mut Progress) -> Next {
    loop {
        match (step.next)(target, world, progress) {
            Next::Ask(rights) => progress.rights.extend(rights.into_iter().map(|right| (right, Some(true)))),
            next => return next,
        }
    }
}

fn agree(step: &StepDef, target: &Target, world: &Inventory, progress: &mut Progress) -> Vec<Operation> {
    let Next::Confirm(preview) = ask(step, target, world, progress) else { panic!("it asks") };
    progress.agreed.entry(step.id).or_default().extend(preview.objects);
    match ask(step, target, world, progress) {
        Next::Apply(operations) => operations,
        other => panic!("{other:?}"),
    }
}

fn over(next: Next) -> StepReport {
    match next {
        Next::Done(report) => report,
        other => panic!("not over: {other:?}"),
    }
}

#[test]
fn what_stands_in_git_is_reverted_and_what_does_not_is_left_alone() {
    let step = &steps("stop-rotation")[0];
    let ask = |objects: Vec<Object>| ask(step, &pw(), &world(objects), &mut Progress::new(at(10)));
    let none = json!({});
    // Git sets the policy: Argo CD puts it back.
    let owned = json!({ "f:dataFrom": {}, "f:refreshPolicy": {} });
    let report = over(ask(vec![app(true, None, &none), generated(&owned)]));
    let why = &report.left[0].1;
    assert!(why.contains("Argo CD reverts spec.refreshPolicy (Application/argocd/shop)"), "{why}");
    assert!(why.ends_with("sealwatch runbook run hold-self-heal --target Application/argocd/shop"), "{why}");
    // Git does not set it, or a rule lets it be, or nothing heals: it stays, and that is said.
    let rule = json!({ "ignores": [{ "group": "external-secrets.io", "kind": "ExternalSecret", "jsonPointers": ["/spec/refreshPolicy"] }] });
    for (objects, said) in [
        (vec![app(true, None, &none), generated(&json!({ "f:dataFrom": {} }))], "does not apply spec.refreshPolicy"),
        (vec![app(true, None, &rule), generated(&owned)], "does not apply spec.refreshPolicy"),
        (vec![app(false, None, &none), generated(&owned)], "does not heal itself"),
        (vec![app(false, Some("2026-11-26T19:30:00Z selfHeal=true"), &none), generated(&owned)], "is held: given back"),
    ] {
        let Next::Confirm(preview) = ask(objects) else { panic!("it asks: {said}") };
        assert!(preview.forecast.iter().any(|sentence| sentence.contains(said)), "{said}: {:?}", preview.forecast);
    }
    // Nobody noted who wrote what: then it is assumed.
    let unknown = over(ask(vec![app(true, None, &none), generated(&Value::Null)]));
    assert_eq!(unknown.outcome, Outcome::Nothing);
}

#[test]
fn the_change_for_git_names_its_place_and_no_login() {
    let world = world(vec![app(true, None, &json!({})), generated(&json!({ "f:refreshPolicy": {} }))]);
    let commits = (steps("stop-rotation")[0].git)(&pw(), &world, &Progress::new(at(10)));
    let [commit] = commits.as_slice() else { panic!("one: {commits:?}") };
    assert_eq!(commit.place, "folder overlays/dev of https://git.example/shop.git at main (Application/argocd/shop)");
    assert_eq!(
        commit.snippets[0].text,
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: pw\n  namespace: shop\nspec:\n  refreshPolicy: CreatedOnce\n"
    );
    assert!(!commit.text().contains("hunter2"));
}

#[test]
fn a_value_that_moves_leaves_yaml_and_terraform_without_it() {
    let address = VaultAddress::parse("http://vault.ns.svc:8200").expect("a URL");
    let ready = json!({ "conditions": [{ "type": "Ready", "status": "True", "reason": "Valid" }] });
    let store = object::<SecretStore>(json!({
        "metadata": { "name": "store", "namespace": "shop" },
        "spec": { "provider": { "vault": { "server": address.to_string(), "path": "secret", "version": "v2",
            "auth": { "kubernetes": { "role": "r" } } } } },
        "status": ready,
    }));
    let secret = object::<Secret>(json!({ "metadata": { "name": "pw", "namespace": "shop",
        "managedFields": [{ "manager": "externalsecrets.external-secrets.io/pw", "operation": "Update",
            "fieldsV1": { "f:data": { "f:password": {} } } }] } }));
    let mut world = world(vec![store, secret, app(true, None, &json!({})), generated(&json!({ "f:dataFrom": {} }))]);
    world.apply(Change::Replicas(address.clone(), Ok(vec![(Name::new("vault-0"), None)])), at(0));
    let seal: Seal = serde_json::from_value(json!({ "type": "shamir", "initialized": true, "sealed": false, "t": 1, "n": 1 }))
        .expect("a seal");
    world.apply(Change::Answered(address, Name::new("vault-0"), Ok((seal, ReplicaRole::Single))), at(0));
    let texts: Vec<String> = steps("move-to-vault")
        .iter()
        .flat_map(|step| (step.git)(&pw(), &world, &Progress::new(at(10))))
        .map(|commit| commit.text())
        .collect();
    let [keep, path, spec] = texts.as_slice() else { panic!("three: {texts:#?}") };
    assert!(keep.contains("refreshPolicy: CreatedOnce"), "{keep}");
    assert!(
        path.contains("resource \"vault_kv_secret_v2\" \"shop_pw\"") && path.contains("\"password\" = var.shop_pw"),
        "{path}"
    );
    for line in
        ["kind: SecretStore", "name: store", "secretKey: password", "key: shop/pw", "property: password", "dataFrom: null"]
    {
        assert!(spec.contains(line), "{line}: {spec}");
    }
    // dataFrom stands in Git, and refreshPolicy does not: live it would come back. So the generator is not stopped either.
    for step in &steps("move-to-vault")[..2] {
        let report = over(ask(step, &pw(), &world, &mut Progress::new(at(10))));
        assert_eq!(report.outcome, Outcome::Failed);
        assert!(report.summary.starts_with("Nothing was done: Argo CD reverts spec.dataFrom"), "{}: {report:?}", step.id);
    }
}

/// A client-patcher that has failed, deployed like this.
fn patcher(labels: &Value, annotations: &Value) -> Object {
    object::<Job>(
        json!({ "metadata": { "name": "client-patcher", "namespace": "shop", "labels": labels, "annotations": annotations,
            "uid": "11111111-0000-4000-8000-000000000001", "creationTimestamp": at(0).to_string() },
        "status": { "failed": 1, "conditions": [{ "type": "Failed", "status": "True", "lastTransitionTime": at(1).to_string() }] } }),
    )
}

fn tracked(hook: &str) -> Value {
    let mut annotations = json!({ "argocd.argoproj.io/tracking-id": "shop:batch/Job:shop/client-patcher" });
    if let Some((key, phase)) = hook.split_once('=') {
        annotations[key] = json!(phase);
    }
    annotations
}

/// The Application, after a sync that ended like this.
fn synced(phase: &str, second: i64) -> Object {
    object::<Application>(json!({ "metadata": { "name": "shop", "namespace": "argocd" }, "status": { "operationState": {
        "phase": phase, "finishedAt": at(second).to_string(), "message": "one or more objects failed to apply" } } }))
}

#[test]
fn only_a_hook_of_a_sync_is_run_again_by_one() {
    let step = &steps("client-patcher")[0];
    let target = Target::Objects(vec![ObjectRef::new(Kind::Job, "shop", "client-patcher")]);
    let none = json!({});
    let writes = |job: Object| {
        let operations = agree(step, &target, &world(vec![app(true, None, &json!({})), job]), &mut Progress::new(at(10)));
        let [Operation::Kubernetes(write)] = operations.as_slice() else { panic!("one write: {operations:?}") };
        write.clone()
    };
    let application = ObjectRef::new(Kind::Application, "argocd", "shop");
    for hook in
        ["argocd.argoproj.io/hook=PostSync", "argocd.argoproj.io/hook=PreSync,Sync", "helm.sh/hook=post-install,post-upgrade"]
    {
        let write = writes(patcher(&none, &tracked(hook)));
        assert_eq!(write, KubernetesWrite::Sync { application: application.clone() }, "{hook}");
    }
    let flux = json!({ "kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system" });
    let helm = json!({ "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop" });
    // Whoever deploys these takes one that is there for run.
    for job in [patcher(&none, &tracked("")), patcher(&flux, &none), patcher(&none, &helm), patcher(&none, &none)] {
        assert!(matches!(writes(job), KubernetesWrite::RunAgain { .. }));
    }
    let world = world(vec![patcher(&flux, &none)]);
    let Next::Confirm(preview) = ask(step, &target, &world, &mut Progress::new(at(10))) else { panic!("it asks") };
    let told = "Kustomization/flux-system/apps deploys client-patcher and does not run it again by itself; the new one is the same to it.";
    assert!(preview.forecast.iter().any(|sentence| sentence == told), "{:?}", preview.forecast);
}

#[test]
fn a_sync_that_cannot_run_it_is_refused_and_one_that_does_not_is_told() {
    let step = &steps("client-patcher")[0];
    let target = Target::Objects(vec![ObjectRef::new(Kind::Job, "shop", "client-patcher")]);
    let hook = || patcher(&json!({}), &tracked("argocd.argoproj.io/hook=PostSync"));
    let refused = |objects: Vec<Object>| over(ask(step, &target, &world(objects), &mut Progress::new(at(10)))).summary;
    let only = patcher(&json!({}), &tracked("argocd.argoproj.io/hook=SyncFail"));
    let said = refused(vec![synced("Succeeded", 1), only]);
    assert!(said.contains("no sync of Application/argocd/shop runs it: it is its hook SyncFail only"), "{said}");
    let said = refused(vec![synced("Running", 1), hook()]);
    assert!(said.ends_with("Application/argocd/shop is being synced now: wait for the end of that."), "{said}");

    let mut progress = Progress::new(at(10));
    let operations = agree(step, &target, &world(vec![synced("Succeeded", 1), hook()]), &mut progress);
    let result = Ok(Receipt { server_time: Some(at(10)), ..Receipt::default() });
    progress.applied.push(Applied { step: step.id, operation: operations[0].clone(), at: at(10), result });
    let mut told = |phase: &str, second: i64, objects: Vec<Object>| {
        progress.now = at(second + 20);
        let all = std::iter::once(synced(phase, second)).chain(objects).collect();
        ask(step, &target, &world(all), &mut progress)
    };
    assert!(matches!(told("Succeeded", 5, vec![hook()]), Next::Wait { .. }), "that sync is an older one");
    assert!(matches!(told("Running", 12, vec![]), Next::Wait { .. }), "the old Job is gone, and the new one not yet there");
    let report = over(told("Error", 12, vec![hook()]));
    assert_eq!(report.left[0].1, "Argo CD could not sync it: one or more objects failed to apply");
    let report = over(told("Succeeded", 12, vec![hook()]));
    assert!(report.left[0].1.starts_with("it was synced, and no client-patcher was made"), "{report:?}");
    // A hook may have another name each time.
    let new = object::<Job>(json!({ "metadata": { "name": "client-patcher-x7k", "namespace": "shop",
            "annotations": { "argocd.argoproj.io/hook": "PostSync", "argocd.argoproj.io/tracking-id": "shop:batch/Job:shop/client-patcher-x7k" },
            "uid": "11111111-0000-4000-8000-000000000002", "creationTimestamp": at(11).to_string() },
        "status": { "succeeded": 1, "completionTime": at(12).to_string() } }));
    assert_eq!(over(told("Succeeded", 12, vec![new])).outcome, Outcome::Proved);
}

#[test]
fn an_application_is_held_and_anybody_gives_it_back() {
    let step = &steps("hold-self-heal")[0];
    let (none, owned) = (json!({}), json!({ "f:refreshPolicy": {} }));
    let mut progress = Progress::new(at(10));
    let healing = world(vec![app(true, None, &none), generated(&owned)]);
    let operations = agree(step, &pw(), &healing, &mut progress);
    let [Operation::Kubernetes(write @ KubernetesWrite::Hold { object, .. })] = operations.as_slice() else {
        panic!("{operations:?}")
    };
    assert_eq!(object.to_string(), "Application/argocd/shop");
    let mark = format!("{} selfHeal=true", at(10));
    assert_eq!(
        write.patch().as_deref(),
        Some(&*format!(
            r#"{{"metadata":{{"annotations":{{"sealwatch.dev/held":"{mark}"}}}},"spec":{{"syncPolicy":{{"automated":{{"selfHeal":false}}}}}}}}"#
        ))
    );
    let applied = |operation: &Operation, second| Applied {
        step: step.id,
        operation: operation.clone(),
        at: at(second),
        result: Ok(Receipt::default()),
    };
    progress.applied.push(applied(&operations[0], 10));
    assert!(matches!(ask(step, &pw(), &healing, &mut progress), Next::Wait { .. }));
    let held = world(vec![app(false, Some(&mark), &none), generated(&owned)]);
    assert_eq!(held.held.values().next(), Some(&Some(at(10))));
    assert_eq!(over(ask(step, &pw(), &held, &mut progress)).outcome, Outcome::Proved);

    // Another process, on nothing in particular: what is held is given back.
    let mut progress = Progress::new(at(20));
    let all = Target::Vault(ObjectRef::new(Kind::Vault, "ns", "vault"));
    let operations = agree(step, &all, &held, &mut progress);
    assert!(matches!(operations.as_slice(), [Operation::Kubernetes(KubernetesWrite::GiveBack { .. })]), "{operations:?}");
    progress.applied.push(applied(&operations[0], 20));
    assert_eq!(over(ask(step, &all, &healing, &mut progress)).outcome, Outcome::Proved);
    assert_eq!(over(ask(step, &all, &healing, &mut Progress::new(at(30)))).outcome, Outcome::Failed, "nothing is held");
}

#[test]
fn an_owner_that_puts_it_back_is_told_before_and_after() {
    let step = &steps("hold-self-heal")[0];
    let target = Target::Objects(vec![ObjectRef::new(Kind::Application, "argocd", "shop")]);
    let made = world(vec![app(true, None, &json!({ "owner": "shops" }))]);
    let mut progress = Progress::new(at(10));
    let Next::Confirm(preview) = ask(step, &target, &made, &mut progress) else { panic!("it asks") };
    assert!(preview.forecast.iter().any(|one| one.contains("ApplicationSet argocd/shops made")), "{:?}", preview.forecast);
    let operations = agree(step, &target, &made, &mut progress);
    let write = Applied { step: step.id, operation: operations[0].clone(), at: at(10), result: Ok(Receipt::default()) };
    progress.applied.push(write);
    let held = world(vec![app(false, Some("2026-09-21T14:13:30Z selfHeal=true"), &json!({ "owner": "shops" }))]);
    assert!(matches!(ask(step, &target, &held, &mut progress), Next::Wait { .. }), "it must stand for a while");
    progress.now = at(21);
    assert_eq!(over(ask(step, &target, &made, &mut progress)).outcome, Outcome::Failed, "the ApplicationSet put it back");
    assert_eq!(over(ask(step, &target, &held, &mut progress)).outcome, Outcome::Proved);
}

#[test]
fn flux_is_suspended_and_a_release_without_drift_detection_need_not_be() {
    let step = &steps("hold-self-heal")[0];
    let folder = |suspended: bool| {
        object::<Kustomization>(json!({ "metadata": { "name": "apps", "namespace": "flux" }, "spec": { "suspend": suspended,
            "path": "./apps", "sourceRef": { "kind": "GitRepository", "name": "fleet" } } }))
    };
    let on = |kind, name: &str| Target::Objects(vec![ObjectRef::new(kind, "flux", name)]);
    let apps = on(Kind::Kustomization, "apps");
    let operations = agree(step, &apps, &world(vec![folder(false)]), &mut Progress::new(at(10)));
    assert!(operations[0].command().contains(r#""spec":{"suspend":true}"#), "{}", operations[0].command());
    // Who suspended it by hand gives it back by hand.
    assert_eq!(over(ask(step, &apps, &world(vec![folder(true)]), &mut Progress::new(at(10)))).outcome, Outcome::Nothing);
    let web = object::<HelmRelease>(json!({ "metadata": { "name": "web", "namespace": "flux" }, "spec": { "chart": { "spec": {
        "chart": "web", "sourceRef": { "kind": "HelmRepository", "name": "charts" } } } } }));
    let web = world(vec![web]);
    let report = over(ask(step, &on(Kind::HelmRelease, "web"), &web, &mut Progress::new(at(10))));
    assert!(report.left[0].1.contains("it reverts nothing now"), "{report:?}");
}
