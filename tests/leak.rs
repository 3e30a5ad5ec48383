//! What is withheld stays withheld: the shares of the simulation are searched for in everything that the
//! program says. (The lab's suite does the same with every value of a real cluster.)

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use sealwatch::gateways::simulation::{Scenario, Simulation};
use sealwatch::model::fingerprint::Withheld;
use sealwatch::model::{Kind, ObjectRef};

/// Must be called inside a runtime.
fn shares(scenario: &str) -> Vec<String> {
    let simulation = Simulation::start(&Scenario::named(scenario).expect("a scenario"), 1.0);
    let shares = simulation.paper_shares(&ObjectRef::new(Kind::Vault, "ameide-dev", "vault-core-dev"));
    assert!(!shares.is_empty());
    shares
}

/// Runs the binary and says everything that it wrote.
fn everything(arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(arguments)
        .env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    // A command that reads no input may have ended already.
    let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test]
async fn no_share_is_ever_said() {
    let log = format!("{}/leak-{}.log", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    for scenario in ["sealed", "sealed-three-of-five"] {
        let shares = shares(scenario);
        let wrong = format!("{}x\n", shares[0]);
        for (arguments, input) in [
            (vec!["check", "--simulate", scenario, "-o", "json"], ""),
            (vec!["get", "vaults", "-o", "json", "--simulate", scenario, "--login-as-store", "ameide-dev/ameide-vault"], ""),
            (vec!["runbook", "run", "recover", "--simulate", scenario, "--dry-run"], ""),
            (vec!["runbook", "run", "unseal", "--simulate", scenario, "--yes", "-o", "json", "--log", &log], ""),
            (vec!["runbook", "run", "unseal", "--simulate", scenario, "--yes", "--share-file", "/dev/stdin"], wrong.as_str()),
        ] {
            let said = everything(&arguments, input);
            assert!(!said.is_empty(), "{arguments:?} says something");
            for share in &shares {
                assert!(!said.contains(share.as_str()), "{arguments:?} says a share");
            }
        }
        let logged = std::fs::read_to_string(&log).unwrap_or_default();
        assert!(shares.iter().all(|share| !logged.contains(share.as_str())), "the log holds a share");
    }
    std::fs::remove_file(log).expect("the log was written");
}

#[test]
fn what_is_withheld_does_not_print() {
    assert_eq!(format!("{:?}", Withheld::new("a canary".to_owned())), "<withheld>");
}
