//! Every runbook by keys, in a terminal, on real servers: from its fault to its proof. A person points at what is broken,
//! opens the runbook, reads what is asked and answers; the screen says what came of it, the journal what was done, and a
//! value that is typed unseen is nowhere. Everything is broken at once and mended one after the other, on one lab a server.
//!
//! Then the bad ways of a person: they leave half-way and stop, and the console is killed in the middle of a write.
//! `recover` after a seal of all replicas is walked in `lab.rs`. `tests/lab/test` runs this.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test that fails says why; it uses a part of what the lab can"
)]

#[path = "common/argo.rs"]
mod argo;
#[path = "common/home.rs"]
mod home;
#[path = "common/lab.rs"]
mod lab;
#[path = "common/person.rs"]
mod person;
#[path = "common/pty.rs"]
mod pty;

use std::time::Instant;

use home::Home;
use lab::Lab;
use person::Answer::{Names, Shares, Starts, Types};
use person::{Answer, Person, SOON};
use sealwatch::diagnosis::rule;

/// A value that must be nowhere but in Vault and in the Secret.
const TYPED: &str = "canary-typed-by-keys-9Zk";
/// What a bootstrap leaves where nobody wrote the real value yet.
const PLACEHOLDER: &str = "keycloak_generated_placeholder";
const DEV: &str = "ameide-dev";
/// Where the generator is that Argo CD deploys.
const DEPLOYED: &str = "fault-generator-rotates";

/// How a person comes to a runbook.
enum Way {
    /// `r` on the cause with these words in its line.
    Cause(&'static str),
    /// By its name, while that cause is pointed at.
    Named(&'static str),
    /// By its name, on the row of an ExternalSecret.
    Row(&'static str, &'static str),
}

/// A runbook from its fault to its proof.
struct Walk {
    runbook: &'static str,
    /// What is broken beyond what was broken at the beginning.
    breaks: fn(&Lab),
    way: Way,
    /// What is asked in order, and answered. Whatever asks for `y` after that is agreed to.
    answers: &'static [Answer],
    /// What the screen must say at the end.
    says: &'static [&'static str],
    /// The steps that must stand in the journal.
    steps: &'static [&'static str],
}

const NOTHING: fn(&Lab) = |_| ();

/// What a person does to Vault, on either server.
const AT_VAULT: &[Walk] = &[
    Walk {
        runbook: "kubernetes-auth",
        breaks: NOTHING,
        way: Way::Cause("fault-auth-service-account-not-bound/"),
        answers: &[Names("auth/kubernetes/role/fault-auth-service-account-not-bound")],
        says: &["over: proved"],
        steps: &["kubernetes-auth/login"],
    },
    Walk {
        runbook: "write-value",
        breaks: NOTHING,
        way: Way::Cause("fault-property-missing/"),
        answers: &[Types(TYPED), Names("secret/fault/property-missing")],
        says: &["over: proved"],
        steps: &["write-value/value", "write-value/readers"],
    },
    Walk {
        runbook: "undelete-version",
        breaks: NOTHING,
        way: Way::Cause("secret/fault/version-deleted"),
        answers: &[Names("secret/fault/version-deleted")],
        says: &["over: proved"],
        steps: &["undelete-version/undelete", "undelete-version/readers"],
    },
];

/// What a person does to the cluster, where one server is like the other.
const IN_CLUSTER: &[Walk] = &[
    Walk {
        runbook: "client-patcher",
        breaks: NOTHING,
        way: Way::Cause("Value is still a placeholder"),
        answers: &[Names("platform-keycloak-realm-client-patcher")],
        says: &["over: proved"],
        steps: &["client-patcher/client-patcher"],
    },
    Walk {
        runbook: "restart-consumers",
        breaks: NOTHING,
        way: Way::Row(DEV, "platform-app-client-sync"),
        answers: &[Names("platform-app")],
        says: &["over: proved"],
        steps: &["restart-consumers/restart"],
    },
    Walk {
        runbook: "vault-bootstrap",
        breaks: NOTHING,
        way: Way::Named("secret/anthropic-api-key"),
        answers: &[Names("foundation-vault-bootstrap-vault-bootstrap")],
        says: &["over: proved"],
        steps: &["vault-bootstrap/bootstrap"],
    },
    Walk {
        runbook: "refresh",
        breaks: NOTHING,
        way: Way::Row(DEV, "inference-api-credentials-sync"),
        answers: &[Starts],
        says: &["over: proved"],
        steps: &["refresh/external-secrets"],
    },
];

const UNSEAL: Walk = Walk {
    runbook: "unseal",
    breaks: |lab| drop(lab.fault("vault-restarted", &["--pod", lab.text("/vault/replicas/0/pod")])),
    way: Way::Named("vault-core-dev"),
    answers: &[Shares],
    says: &["over: proved", "1 replica"],
    steps: &["unseal/unseal"],
};

const RECOVER: Walk = Walk {
    runbook: "recover",
    breaks: |lab| drop(lab.fault("leader-sealed", &[])),
    way: Way::Cause("Vault has no leader"),
    answers: &[Starts, Shares],
    says: &["over: proved", "1 replica"],
    steps: &["recover/unseal"],
};

/// A walk that begins on the row of an ExternalSecret.
const fn on(runbook: &'static str, namespace: &'static str, name: &'static str, answers: &'static [Answer]) -> Walk {
    Walk { runbook, breaks: NOTHING, way: Way::Row(namespace, name), answers, says: &["over: proved"], steps: &[] }
}

/// What Argo CD would revert is not done, and why is said, with what to commit; held, it stays; and what is held is given back.
fn hold_and_give_back(lab: &Lab, home: &Home, person: &mut Person<'_>) {
    person.picks(DEPLOYED, "app");
    person.opens("stop-rotation");
    let screen = person.reads("“stop-rotation” would do nothing");
    assert!(screen.contains("hold it first") && screen.contains("hold-self-heal"), "{screen}");
    person.presses("r");
    let screen = person.agrees_until_it_is_over();
    for words in ["over: nothing to do", "refreshPolicy: CreatedOnce", "overlays/dev of https://git.example/shop.git"] {
        assert!(screen.contains(words), "“{words}” is not said. The screen shows:\n{screen}");
    }
    assert!(!home.journal().contains("stop-rotation/keep-value"), "nothing was written");
    person.comes_back();

    let held: &[&str] = &["over: proved", "HELD argocd/shop", "1 of 1 GitOps object held."];
    walk(
        lab,
        home,
        person,
        &Walk { says: held, steps: &["hold-self-heal/self-heal"], ..on("hold-self-heal", DEPLOYED, "app", &[Names("shop")]) },
    );
    let stopped: &[&str] = &["over: proved", "1 of 1 ExternalSecret stopped, the value unchanged."];
    walk(
        lab,
        home,
        person,
        &Walk { says: stopped, steps: &["stop-rotation/keep-value"], ..on("stop-rotation", DEPLOYED, "app", &[Names("app")]) },
    );
    let back: &[&str] = &["over: proved", "1 of 1 GitOps object given back."];
    walk(lab, home, person, &Walk { says: back, way: Way::Named(""), ..on("hold-self-heal", "", "", &[Names("shop")]) });
    person.console.wait_until("nothing is held", SOON, |screen| !screen.contains("HELD"));
}

/// Half-way a person leaves by Esc, which stops nothing and writes nothing, and stops the run. What was done is said, and what
/// was not. Begun again, it goes on where it was stopped.
fn move_half_way_and_then_wholly(lab: &Lab, home: &Home, person: &mut Person<'_>) {
    let path = "secret/ameide-dev/powerdns-api-key";
    person.picks(DEV, "powerdns-api-key");
    person.opens("move-to-vault");
    person.answers(Names("powerdns-api-key"));
    person.reads(&format!("Type “{path}” in full to agree"));
    person.presses("\u{1b}");
    person.reads("Wiped, nothing was sent.");
    person.presses("\u{1b}");
    person.reads("The runbook goes on, and asks before it writes");
    person.presses("o");
    person.presses("s");
    let screen = person.agrees_until_it_is_over();
    let said = [
        "over: cancelled",
        "1 of 1 ExternalSecret stopped, the value unchanged.",
        "1 path; the step switch: you stopped the run",
    ];
    for words in said {
        assert!(screen.contains(words), "“{words}” is not said. The screen shows:\n{screen}");
    }
    let journal = home.journal();
    assert!(journal.contains("move-to-vault/keep-value") && !journal.contains("move-to-vault/copy"), "{journal}");
    assert!(
        journal.lines().last().is_some_and(|line| line.contains(r#""what":"end""#) && line.contains("cancelled")),
        "{journal}"
    );
    person.comes_back();

    let steps: &[&str] = &["move-to-vault/copy", "move-to-vault/switch"];
    let answers: &[Answer] = &[Names("secret/ameide-dev/powerdns-api-key"), Names("powerdns-api-key")];
    walk(lab, home, person, &Walk { steps, ..on("move-to-vault", DEV, "powerdns-api-key", answers) });
}

/// External Secrets stands still; restarted, it leads again. What a kubelet does with the new pod, the lab does.
fn restart_eso(lab: &Lab, person: &mut Person<'_>) {
    lab.fault("sync-stalled", &[]);
    let begun = Instant::now();
    person.points_at(rule("sync-stalled").expect("a rule").title);
    person.presses("r");
    person.answers(Names("external-secrets"));
    person.reads("RUNS");
    lab.heal("sync-stalled", &[]);
    let screen = person.agrees_until_it_is_over();
    assert!(screen.contains("over: proved") && screen.contains("it leads and renews its lease"), "{screen}");
    println!("restart-eso by keys: {:.0} s", begun.elapsed().as_secs_f64());
    person.comes_back();
}

/// The console is killed while a write is under way, of which nobody hears what came. The next console says so, and takes the
/// run up.
fn killed_and_taken_up<'a>(lab: &'a Lab, home: &Home, mut person: Person<'a>) -> (Person<'a>, String) {
    lab.fault("path-missing", &[]);
    let begun = Instant::now();
    let refreshes = |person: &mut Person<'_>| {
        person.picks("fault-path-missing", "app");
        person.opens("refresh");
        person.answers(Starts);
    };
    refreshes(&mut person);
    person.reads("y agrees");
    let count = |what: &str| home.journal().matches(&format!(r#""what":"{what}""#)).count();
    let (intents, results) = (count("intent"), count("result"));
    assert_eq!(intents, results, "each intent has a result");
    std::thread::sleep(person::CALM);
    // It takes the request, and answers nobody.
    lab.fault("apiserver-frozen", &[]);
    person.console.type_keys("y");
    while count("intent") == intents {
        assert!(begun.elapsed() < SOON, "no intent. The screen shows:\n{}", person.console.screen());
        std::thread::sleep(person::CALM / 5);
    }
    let drawn = person.dies();
    assert_eq!(count("result"), results, "nobody heard what came of it");
    lab.heal("apiserver-frozen", &[]);

    let mut person = Person::sits_down(lab, home);
    person.presses("!");
    let screen = person.reads("takes it up");
    for words in ["a write to ExternalSecret/fault-path-missing/app left", "nobody heard what came of"] {
        assert!(screen.contains(words), "“{words}” is not said. The screen shows:\n{screen}");
    }
    person.comes_back();
    refreshes(&mut person);
    let screen = person.reads("Taken up again on ExternalSecret/fault-path-missing/app");
    assert!(screen.contains("0 done, 1 without an answer"), "{screen}");
    lab.write_path("fault/path-missing", TYPED);
    let screen = person.agrees_until_it_is_over();
    assert!(screen.contains("over: proved"), "{screen}");
    println!("refresh, killed and taken up: {:.0} s", begun.elapsed().as_secs_f64());
    person.comes_back();
    (person, drawn)
}

fn walk(lab: &Lab, home: &Home, person: &mut Person<'_>, walk: &Walk) {
    (walk.breaks)(lab);
    let begun = Instant::now();
    match walk.way {
        Way::Cause(words) => {
            person.points_at(words);
            person.presses("r");
        }
        Way::Named(words) => {
            person.points_at(words);
            person.opens(walk.runbook);
        }
        Way::Row(namespace, name) => {
            person.picks(namespace, name);
            person.opens(walk.runbook);
        }
    }
    for answer in walk.answers {
        person.answers(*answer);
    }
    let screen = person.agrees_until_it_is_over();
    println!("{} by keys: {:.0} s", walk.runbook, begun.elapsed().as_secs_f64());
    for words in walk.says {
        assert!(screen.contains(words), "{}: “{words}” is not said. The screen shows:\n{screen}", walk.runbook);
    }
    let journal = home.journal();
    for step in walk.steps {
        assert!(journal.contains(step), "{step} is not in the journal: {journal}");
    }
    person.comes_back();
}

/// Breaks all of these at once.
fn break_all(lab: &Lab, faults: &[&str]) {
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(|| lab.fault(fault, &[]));
        }
    });
}

/// Nothing of what is secret came out, and each write has its answer.
fn assert_clean(lab: &Lab, home: &Home, drawn: &str) {
    let journal = home.journal();
    for (what, text) in [("the terminal", drawn), ("the journal", journal.as_str()), ("the audit log", &lab.audited())] {
        assert!(!text.contains(TYPED), "the value stands in {what}");
        lab.assert_unknown(what, text);
    }
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn each_runbook_is_walked_by_keys_on_openbao() {
    let lab = Lab::up("keys", &[]);
    let home = Home::new("keys", "local", &lab);
    let begun = Instant::now();
    lab.write_path("platform-app-client-secret", PLACEHOLDER);
    lab.delete_path("anthropic-api-key");
    break_all(&lab, &["auth-service-account-not-bound", "property-missing", "version-deleted", "generator-rotates"]);
    println!("broken after {:.0} s", begun.elapsed().as_secs_f64());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = lab.client().await;
        argo::deploy_argo(&client, DEPLOYED).await;
        let place = format!("{}?fieldManager=argocd-controller&force=true", argo::external_secret(DEPLOYED, "app"));
        argo::ask(&client, "PATCH", &place, argo::APPLY, &argo::generated(DEPLOYED, true)).await.expect("Argo CD may apply");
    });
    let mut person = Person::sits_down(&lab, &home);
    for one in AT_VAULT.iter().chain(IN_CLUSTER) {
        walk(&lab, &home, &mut person, one);
    }
    hold_and_give_back(&lab, &home, &mut person);
    move_half_way_and_then_wholly(&lab, &home, &mut person);
    walk(&lab, &home, &mut person, &UNSEAL);
    restart_eso(&lab, &mut person);
    let (mut person, mut drawn) = killed_and_taken_up(&lab, &home, person);
    walk(&lab, &home, &mut person, &RECOVER);
    drawn.push_str(&person.leaves());
    assert_clean(&lab, &home, &drawn);
    println!("all in {:.0} s", begun.elapsed().as_secs_f64());
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn what_touches_vault_is_walked_by_keys_on_hashicorps_too() {
    let lab = Lab::up("keys-hashicorp", &["--vault", "hashicorp"]);
    let home = Home::new("keys-hashicorp", "local", &lab);
    let begun = Instant::now();
    break_all(&lab, &["auth-service-account-not-bound", "property-missing", "version-deleted"]);
    let mut person = Person::sits_down(&lab, &home);
    for one in AT_VAULT {
        walk(&lab, &home, &mut person, one);
    }
    move_half_way_and_then_wholly(&lab, &home, &mut person);
    walk(&lab, &home, &mut person, &UNSEAL);
    let drawn = person.leaves();
    assert_clean(&lab, &home, &drawn);
    println!("all in {:.0} s", begun.elapsed().as_secs_f64());
}
