//! The real binary in a pseudo-terminal: it draws, obeys, survives, and gives the terminal back however it
//! ends. Everything here runs on the simulation, or on a cluster that is not there.

#![allow(clippy::expect_used, clippy::panic, clippy::string_slice, reason = "a test that fails says why")]

#[path = "common/pty.rs"]
mod pty;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pty::Console;
use rustix::process::Signal;
use sealwatch::gateways::simulation::{Scenario, Simulation};
use sealwatch::model::{Kind, ObjectRef};

const SOON: Duration = Duration::from_secs(20);
const AT_ONCE: Duration = Duration::from_secs(3);
/// What ends the alternate screen.
const LEAVE: &str = "\u{1b}[?1049l";

fn demo(scenario: &str) -> Console {
    let console = Console::start(&["demo", scenario], &[], (120, 40));
    console.wait_for("ameide-vault", SOON);
    console.wait_for(if scenario == "healthy" { "Nothing is broken" } else { "Vault is sealed" }, SOON);
    console
}

fn written(console: &Console) -> String {
    String::from_utf8_lossy(&console.bytes.lock().expect("the bytes")).into_owned()
}

/// The share of a scenario, as its person has it on paper: the simulation is the same in every process.
fn paper_share(scenario: &str) -> String {
    let scenario = Scenario::named(scenario).expect("a scenario");
    let simulation = Simulation::start(&scenario, 1.0);
    simulation.paper_shares(&ObjectRef::new(Kind::Vault, "ameide-dev", "vault-core-dev")).remove(0)
}

#[test]
fn it_opens_on_what_is_wrong_and_q_leaves_cleanly() {
    let mut console = demo("sealed");
    for expected in ["SEALED 3 of 3", "ghcr-pull-sync"] {
        console.wait_for(expected, SOON);
    }
    console.type_keys("q");
    assert_eq!(console.exit_code(AT_ONCE), 0);
    assert!(written(&console).contains(LEAVE), "the terminal is given back");
}

#[tokio::test]
async fn the_first_rescue_by_keys() {
    let share = paper_share("sealed");
    let mut console = demo("sealed");
    console.type_keys("r");
    console.wait_for("Enter starts", SOON);
    console.type_keys("\r");
    console.wait_for("Type a share", SOON);
    console.type_keys(&share);
    console.wait_for("•••", SOON);
    console.type_keys("\r");
    console.agree("and wait until each is validated", SOON);
    console.agree("that failed, and prove", SOON);
    console.wait_for("synced and proved.", Duration::from_secs(60));
    console.wait_until("the end", Duration::from_secs(60), |screen| {
        screen.contains("could start again") || screen.contains("No pod waits for a Secret.")
    });
    assert!(!written(&console).contains(&share), "what was typed unseen stands nowhere");
    console.type_keys("q");
    assert_eq!(console.exit_code(AT_ONCE), 0);
}

#[tokio::test]
async fn a_token_is_typed_unseen_and_stands_nowhere() {
    let simulation = Simulation::start(&Scenario::named("healthy").expect("a scenario"), 1.0);
    let token = simulation.paper_token(&ObjectRef::new(Kind::Vault, "ameide-dev", "vault-core-dev"));
    let mut console = demo("healthy");
    for (typed, answer) in [("s.canary-of-nobody", "Not logged in at"), (token.as_str(), "Logged in at")] {
        console.type_keys(":login");
        console.wait_for("with a token or a password", SOON);
        console.type_keys("\r");
        console.wait_for("sent to that Vault and to no other", SOON);
        console.type_keys(typed);
        console.wait_for("•••", SOON);
        console.type_keys("\r");
        console.wait_for(answer, SOON);
    }
    console.wait_for("policies root", SOON);
    for secret in ["canary", token.as_str()] {
        assert!(!written(&console).contains(secret), "what was typed unseen stands nowhere");
    }
    console.type_keys("q");
    assert_eq!(console.exit_code(AT_ONCE), 0);
}

#[test]
fn any_window_will_do() {
    let mut console = demo("sealed");
    for (columns, rows) in [(2, 2), (1, 1), (20, 5), (80, 24), (500, 200), (39, 9), (120, 40)] {
        console.resize(columns, rows);
    }
    console.wait_for("ghcr-pull-sync", SOON);
    console.type_keys("q");
    assert_eq!(console.exit_code(AT_ONCE), 0);
}

#[test]
fn signals_end_it_and_the_terminal_is_given_back() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let mut console = demo("healthy");
        console.signal(signal);
        assert_eq!(console.exit_code(AT_ONCE), code, "{signal:?}");
        assert!(written(&console).contains(LEAVE), "{signal:?}: the terminal is given back");
    }
}

#[test]
fn it_leaves_a_dead_terminal_within_a_second() {
    let mut console = demo("healthy");
    let begun = Instant::now();
    console.hang_up();
    assert_eq!(console.exit_code(AT_ONCE), 129);
    assert!(begun.elapsed() < AT_ONCE);
}

#[test]
fn control_z_suspends_it_and_fg_brings_it_back_whole() {
    let script = r#"set -m; "$0" demo; echo "it sleeps"; read -r line; fg; echo "it left with $?""#;
    let mut console = Console::script(script, (120, 40));
    console.wait_for("Vault is sealed", SOON);
    console.type_keys("\u{1a}");
    console.wait_for("it sleeps", SOON);
    assert!(written(&console).contains(LEAVE), "the terminal is given back while it sleeps");
    console.type_keys("\n");
    console.wait_for("Vault is sealed", SOON);
    console.type_keys("q");
    console.wait_for("it left with 0", SOON);
}

#[test]
fn control_z_is_refused_where_nobody_could_wake_it() {
    let mut console = demo("sealed");
    console.type_keys("\u{1a}");
    console.wait_until("a sentence", SOON, |screen| screen.contains("suspend") || screen.contains("wake"));
    console.type_keys("q");
    assert_eq!(console.exit_code(AT_ONCE), 0);
}

#[test]
fn a_paste_confirms_nothing() {
    let console = {
        let mut console = demo("sealed");
        console.type_keys("r");
        console.wait_for("Enter starts", SOON);
        console.type_keys("\u{1b}[200~\r\ry\u{1b}[201~");
        console
    };
    std::thread::sleep(Duration::from_millis(500));
    assert!(console.screen().contains("Enter starts"), "{}", console.screen());
}

#[test]
fn without_colours_nothing_is_lost() {
    let console = Console::start(&["demo"], &[("NO_COLOR", "1")], (120, 40));
    console.wait_for("SEALED 3 of 3", SOON);
    let text = written(&console);
    // What ends in “m” sets a style; 3x, 4x, 9x and 10x are colours, 39 and 49 take them back.
    let styles = text.split("\u{1b}[").filter_map(|code| code.split_once('m')).map(|(style, _)| style);
    let styles = styles.filter(|style| style.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'));
    let coloured: Vec<&str> =
        styles.filter(|style| style.len() > 1 && "349".contains(&style[..1]) && !["39", "49"].contains(style)).collect();
    assert!(coloured.is_empty(), "a colour is set: {coloured:?}");
}

/// A folder of its own for one kubeconfig.
fn kubeconfig(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.kubeconfig", std::process::id()));
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn an_api_server_that_is_down_is_shown_as_such() {
    // A port that nobody listens on: it was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: gone\nclusters:\n- name: gone\n  cluster: {{server: 'https://127.0.0.1:{port}'}}\nusers:\n- name: me\n  user: {{token: none}}\ncontexts:\n- name: gone\n  context: {{cluster: gone, user: me}}\n"
    );
    let path = kubeconfig("gone", &text);
    let mut console = Console::start(&["--kubeconfig", path.to_str().expect("UTF-8")], &[], (120, 40));
    console.wait_until("a sentence", SOON, |screen| screen.contains(&format!("127.0.0.1:{port}")) && screen.contains("refuse"));
    console.type_keys("q");
    assert_eq!(console.exit_code(AT_ONCE), 0);
    std::fs::remove_file(path).expect("removed");
}

#[test]
fn a_wrong_kubeconfig_is_a_sentence_with_a_hint() {
    let empty = kubeconfig("empty", "");
    for (arguments, expected) in [
        (vec!["--kubeconfig", "/nowhere/config"], "/nowhere/config"),
        (vec!["--kubeconfig", empty.to_str().expect("UTF-8")], "empty"),
        (vec!["--simulate", "nonsense"], "There is no scenario “nonsense”."),
        (vec!["--world", "/nowhere/world.json"], "/nowhere/world.json"),
    ] {
        let mut console = Console::start(&arguments, &[], (120, 40));
        let code = console.exit_code(SOON);
        assert!(code == 2 || code == 3, "{arguments:?}: {code}");
        console.wait_until("a sentence", AT_ONCE, |screen| {
            screen.contains(expected) && screen.contains("Hint:") || screen.contains("cannot be read")
        });
        assert!(!written(&console).contains("panicked"));
    }
    std::fs::remove_file(empty).expect("removed");
}
