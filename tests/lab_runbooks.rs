//! Every runbook that mends a cause, without a screen, on real servers: the fault is made, the runbook is run as a person
//! would run it from a script, its result is `proved`, and the cause is gone from `sealwatch check`. Then the bad ways: a
//! wrong name, no right, writes closed, an object that somebody changed meanwhile. `tests/lab/test` runs these.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    reason = "a test that fails says why; it uses a part of what the lab can"
)]

#[path = "common/home.rs"]
mod home;
#[path = "common/lab.rs"]
mod lab;

use std::time::{Duration, Instant};

use home::Home;
use lab::Lab;
use serde_json::Value;

/// How long a cause may take to be named, and to be gone.
const SOON: Duration = Duration::from_secs(40);
/// A value that must be nowhere but in Vault and in the Secret.
const TYPED: &str = "canary-typed-by-nobody-7Qx";

/// A fault of the lab, the runbook that mends it, and the name that it asks for.
struct Case {
    fault: &'static str,
    runbook: &'static str,
    /// The name that it asks for, of the fault's.
    name: fn(&str) -> String,
}

const fn case(fault: &'static str, runbook: &'static str, name: fn(&str) -> String) -> Case {
    Case { fault, runbook, name }
}

/// Faults that differ only in what is wrong with the configuration of an auth method. Three replicas take half a minute for
/// each, so they are mended on the one of HashiCorp's only.
const ON_ONE: &[&str] = &["auth-issuer-mismatch", "auth-host-unreachable", "auth-ca-mismatch", "auth-jwt-keys-stale"];

const CASES: &[Case] = &[
    case("version-deleted", "undelete-version", |fault| format!("secret/fault/{fault}")),
    case("property-missing", "write-value", |fault| format!("secret/fault/{fault}")),
    case("path-missing", "write-value", |fault| format!("secret/fault/{fault}")),
    case("auth-service-account-not-bound", "kubernetes-auth", |fault| format!("auth/kubernetes/role/fault-{fault}")),
    case("auth-namespace-not-bound", "kubernetes-auth", |fault| format!("auth/kubernetes/role/fault-{fault}")),
    case("auth-not-configured", "kubernetes-auth", |fault| format!("auth/fault-{fault}")),
    case("auth-issuer-mismatch", "kubernetes-auth", |fault| format!("auth/fault-{fault}")),
    case("auth-reviewer-invalid", "kubernetes-auth", |fault| format!("auth/fault-{fault}")),
    case("auth-host-unreachable", "kubernetes-auth", |fault| format!("auth/fault-{fault}")),
    case("auth-ca-mismatch", "kubernetes-auth", |fault| format!("auth/fault-{fault}")),
    case("auth-jwt-keys-stale", "kubernetes-auth", |fault| format!("auth/fault-{fault}")),
    case("generator-rotates", "stop-rotation", |_| "app".to_owned()),
];

struct Scene {
    lab: Lab,
    home: Home,
}

impl Scene {
    fn up(name: &str, arguments: &[&str]) -> Self {
        let lab = Lab::up(name, arguments);
        Self { home: Home::new(name, "local", &lab), lab }
    }

    /// The binary, with the root token for the lab's Vault.
    fn sealwatch(&self, who: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let (code, out, err) = self.home.sealwatch(&self.lab, who, arguments);
        assert!(!out.contains(TYPED) && !err.contains(TYPED), "the value came out: {out}{err}");
        self.lab.assert_unknown("what was said", &format!("{out}{err}"));
        (code, out, err)
    }

    /// The root of the certain cause of a fault, once it is named; `None` if it is not.
    fn cause(&self, fault: &str) -> Option<String> {
        let (_, out, err) = self.sealwatch("admin", &["check", "-o", "json", "--try-logins"]);
        let report: Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
        let here = |finding: &&Value| {
            let subject = finding["subject"].as_str().unwrap_or_default();
            finding["slug"] == fault
                && (subject.contains(&format!("/fault-{fault}")) || subject.ends_with(&format!("/fault/{fault}")))
        };
        let causes = report["causes"].as_array().expect("causes");
        causes.iter().find(here).map(|cause| cause["subject"].as_str().expect("a subject").to_owned())
    }

    fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) -> Duration {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < SOON, "not within {SOON:?}: {what}");
            std::thread::sleep(Duration::from_millis(500));
        }
        begun.elapsed()
    }

    fn run(&self, who: &str, arguments: &[&str]) -> (Option<i32>, Value, String) {
        let all: Vec<&str> = ["runbook", "run"].into_iter().chain(arguments.iter().copied()).chain(["-o", "json"]).collect();
        let (code, out, err) = self.sealwatch(who, &all);
        (code, serde_json::from_str(&out).unwrap_or(Value::Null), err)
    }
}

fn good_ways(scene: &Scene, cases: &[&Case]) {
    let value = scene.home.secret("value", TYPED);
    let mut lines = Vec::new();
    for case in cases {
        scene.lab.fault(case.fault, &[]);
        scene.until(&format!("{} is named", case.fault), |scene| scene.cause(case.fault).is_some());
        let target = scene.cause(case.fault).expect("it was named");
        let name = (case.name)(case.fault);
        let begun = Instant::now();
        let run = |extra: &[&str]| {
            let arguments =
                [case.runbook, "--target", &target, "--try-logins", "--yes", "--confirm", &name, "--value-file", &value];
            scene.run("admin", &[&arguments[..], extra].concat())
        };
        let (code, report, err) = run(&["--dry-run"]);
        assert_eq!(code, Some(0), "{}: {report} {err}", case.fault);
        assert!(scene.cause(case.fault).is_some(), "a dry run mends nothing");
        let (code, report, err) = run(&["--write"]);
        let took = begun.elapsed().as_secs_f64();
        assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{}: {report} {err}", case.fault);
        let gone = scene.until(&format!("{} is gone", case.fault), |scene| scene.cause(case.fault).is_none());
        lines.push(format!("| {} | {} | {took:.1} | {:.1} |", case.fault, case.runbook, gone.as_secs_f64()));
        scene.lab.heal(case.fault, &[]);
    }
    println!("| fault | runbook | seconds with its dry run | gone after |\n| --- | --- | --- | --- |\n{}", lines.join("\n"));
    let journal = scene.home.journal();
    assert!(!journal.contains(TYPED), "the value stands in the journal");
    scene.lab.assert_unknown("the journal", &journal);
    let audited = scene.lab.audited();
    assert!(audited.contains(r#""requestObject":{"#), "writes are written down whole: {audited}");
    assert!(!audited.contains(TYPED), "the value stands in the audit log");
    scene.lab.assert_unknown("the audit log", &audited);
    assert_eq!(
        journal.matches("\"what\":\"intent\"").count(),
        journal.matches("\"what\":\"result\"").count(),
        "each intent has a result"
    );
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn each_runbook_mends_its_cause_on_openbao_and_the_bad_ways_are_told() {
    let scene = Scene::up("runbooks", &[]);
    good_ways(&scene, &CASES.iter().filter(|case| !ON_ONE.contains(&case.fault)).collect::<Vec<_>>());
    bad_ways(&scene);
    jobs_and_operator(&scene);
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn what_touches_vault_is_mended_on_hashicorps_too() {
    let scene = Scene::up("runbooks-hashicorp", &["--vault", "hashicorp"]);
    good_ways(&scene, &CASES.iter().filter(|case| case.runbook != "stop-rotation").collect::<Vec<_>>());
}

/// A wrong name, writes that are closed, a right that is missing, a version that is another by now: each ends with its exit
/// code and nothing written.
fn bad_ways(scene: &Scene) {
    scene.lab.fault("version-deleted", &[]);
    scene.until("version-deleted is named", |scene| scene.cause("version-deleted").is_some());
    let target = scene.cause("version-deleted").expect("it was named");
    let undelete =
        |who: &str, more: &[&str]| scene.run(who, &[&["undelete-version", "--target", target.as_str(), "--yes"], more].concat());

    let (code, report, err) = undelete("admin", &["--confirm", "secret/fault/another", "--write"]);
    assert!(code == Some(2) && report["result"] == "cancelled" && err.contains("asks for the name"), "{code:?} {report} {err}");
    let (code, _, err) = undelete("admin", &["--confirm", "secret/fault/version-deleted"]);
    assert!(code == Some(4) && err.contains("--write"), "writes are closed: {code:?} {err}");
    let (code, report, err) = undelete("viewer", &["--confirm", "secret/fault/version-deleted", "--write"]);
    assert!(code == Some(4) || code == Some(3), "no port may be forwarded: {code:?} {report} {err}");
    let (code, _, err) = scene.run("admin", &["stop-rotation", "--target", "ExternalSecret/no/such", "--write"]);
    assert!(code == Some(2) && err.contains("There is no ExternalSecret"), "what is not there is not done: {code:?} {err}");
    let (code, _, err) = scene.run("admin", &["stop-rotation", "--target", "ExternalSecret/a/b\u{1b}[31m", "--write"]);
    assert!(code == Some(2) && !err.contains('\u{1b}'), "{code:?} {err:?}");
    assert!(scene.cause("version-deleted").is_some(), "nothing was written");
    scene.lab.heal("version-deleted", &[]);
}

/// The runbooks about Jobs and about External Secrets itself.
fn jobs_and_operator(scene: &Scene) {
    let (code, report, err) = scene.run("admin", &["restart-eso", "--confirm", "external-secrets", "--write"]);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");

    let cron = "foundation-vault-bootstrap-vault-bootstrap";
    let target = format!("CronJob/{}/{cron}", scene.lab.text("/namespaces/dev"));
    let (code, report, err) = scene.run("admin", &["vault-bootstrap", "--target", &target, "--confirm", cron, "--write"]);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");

    let dev = scene.lab.text("/namespaces/dev").to_owned();
    let target = format!("ExternalSecret/{dev}/powerdns-api-key");
    let path = format!("secret/{dev}/powerdns-api-key");
    let all = ["move-to-vault", "--target", &target, "--confirm", "powerdns-api-key", "--confirm", &path, "--write"];
    let (code, report, err) = scene.run("admin", &all);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");
    let (_, found, _) = scene.sealwatch("admin", &["get", "externalsecrets", "-n", &dev, "-o", "json"]);
    assert!(found.contains(&format!("{dev}/powerdns-api-key")) && found.contains(&path), "it reads Vault: {found}");

    let target = format!("StatefulSet/{dev}/powerdns");
    let (code, report, err) = scene.run("admin", &["restart-consumers", "--target", &target, "--confirm", "powerdns", "--write"]);
    assert_eq!((code, report["result"].as_str()), (Some(0), Some("proved")), "{report} {err}");

    // A Job that fails for a reason of its own fails again, and what it said is told.
    scene.lab.fault("client-patcher-failed", &[]);
    scene.until("client-patcher-failed is named", |scene| scene.cause("client-patcher-failed").is_some());
    let target = scene.cause("client-patcher-failed").expect("it was named");
    let name = target.rsplit('/').next().expect("a name").to_owned();
    let (code, report, err) =
        scene.run("admin", &["client-patcher", "--target", &target, "--confirm", &name, "--write", "--yes"]);
    assert!(code == Some(1) && report["result"] == "failed", "{code:?} {report} {err}");
    scene.lab.heal("client-patcher-failed", &[]);
}
