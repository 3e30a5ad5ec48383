//! Runbooks that a person walks by keys, in a terminal, on real servers: the role of a login is mended, and a value is typed
//! unseen. The screen says what is asked, the journal what was done, and the value is nowhere.
//! `tests/lab/test` runs this.

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
#[path = "common/pty.rs"]
mod pty;

use std::time::{Duration, Instant};

use home::Home;
use lab::Lab;
use pty::Console;
use sealwatch::diagnosis::rule;

const SOON: Duration = Duration::from_secs(40);
/// Longer than keys that rain.
const CALM: Duration = Duration::from_millis(500);
const WINDOW: (u16, u16) = (160, 50);
/// A value that must be nowhere but in Vault and in the Secret.
const TYPED: &str = "canary-typed-by-keys-9Zk";

/// A console on the lab, in front of this fault.
fn in_front_of(lab: &Lab, home: &Home, fault: &str) -> Console {
    lab.fault(fault, &[]);
    let kubeconfig = lab.kubeconfig("admin");
    let variables = home.variables(lab, kubeconfig);
    let variables: Vec<(&str, &str)> = variables.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let console = Console::start(&["--write"], &variables, WINDOW);
    // What is broken stands before what is only a warning: the generator of the seed.
    let title = rule(fault).expect("a rule").title;
    console.wait_until("the cause", SOON, |screen| {
        let place = |words: &str| screen.find(words);
        screen.contains("CAUSE 1 of")
            && place(title).is_some_and(|at| place("A new value at every refresh").is_none_or(|other| at < other))
    });
    std::thread::sleep(CALM);
    console
}

/// Types a name in full where it is asked for, and agrees by Enter.
fn names(console: &mut Console, name: &str) {
    console.wait_for(&format!("Type “{name}” in full to agree"), SOON);
    std::thread::sleep(CALM);
    console.type_keys(name);
    std::thread::sleep(CALM);
    console.type_keys("\r");
}

/// Agrees to whatever asks for `y`, until the run is over; says the last screen of it.
fn agrees_until_it_is_over(console: &mut Console) -> String {
    let begun = Instant::now();
    loop {
        let screen = console.screen();
        if screen.contains("over: ") || screen.contains("proved in") {
            return screen;
        }
        assert!(begun.elapsed() < 2 * SOON, "not over. The screen shows:\n{screen}");
        if screen.contains("y agrees") {
            console.type_keys("y");
        }
        std::thread::sleep(CALM);
    }
}

#[test]
#[ignore = "needs the lab: tests/lab/test"]
fn a_person_mends_a_login_and_writes_a_value_by_keys() {
    let lab = Lab::up("keys", &[]);
    let home = Home::new("keys", "local", &lab);
    let begun = Instant::now();

    let fault = "auth-service-account-not-bound";
    let mut console = in_front_of(&lab, &home, fault);
    console.type_keys("r");
    names(&mut console, &format!("auth/kubernetes/role/fault-{fault}"));
    let screen = agrees_until_it_is_over(&mut console);
    assert!(screen.contains("proved"), "{screen}");
    println!("kubernetes-auth by keys: {:.0} s", begun.elapsed().as_secs_f64());
    console.type_keys("q");
    assert_eq!(console.exit_code(SOON), 0);
    lab.heal(fault, &[]);

    let (fault, second) = ("property-missing", Instant::now());
    let mut console = in_front_of(&lab, &home, fault);
    console.type_keys("r");
    console.wait_until("the question for the value", SOON, |screen| screen.contains("unseen, in one line"));
    console.type_keys(TYPED);
    console.wait_for("•••", SOON);
    std::thread::sleep(CALM);
    console.type_keys("\r");
    names(&mut console, &format!("secret/fault/{fault}"));
    let screen = agrees_until_it_is_over(&mut console);
    assert!(screen.contains("proved"), "{screen}");
    println!("write-value by keys: {:.0} s", second.elapsed().as_secs_f64());
    let written = String::from_utf8_lossy(&console.bytes.lock().expect("the bytes")).into_owned();
    console.type_keys("q");
    assert_eq!(console.exit_code(SOON), 0);
    lab.heal(fault, &[]);

    let journal = home.journal();
    for (what, text) in [("the terminal", &written), ("the journal", &journal), ("the audit log", &lab.audited())] {
        assert!(!text.contains(TYPED), "the value stands in {what}");
        lab.assert_unknown(what, text);
    }
    for step in ["kubernetes-auth/login", "write-value/value", "write-value/readers"] {
        assert!(journal.contains(step), "{step} is not in the journal: {journal}");
    }
    let count = |what: &str| journal.matches(&format!(r#""what":"{what}""#)).count();
    assert_eq!(count("intent"), count("result"), "each intent has a result");
}
