//! The real binary in a terminal, on a real control plane: the rescue after a seal, and what it says when
//! it cannot see. `tests/lab/test` runs these; each test starts a lab of its own.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that fails says why"
)]

#[path = "common/lab.rs"]
mod lab;
#[path = "common/pty.rs"]
mod pty;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use lab::{Lab, wait_until};
use pty::Console;
use sealwatch::gateways::simulation::Scenario;

const SECOND: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(30);
/// The window of the rescue.
const WINDOW: (u16, u16) = (160, 50);
/// The longest that External Secrets leaves an ExternalSecret alone: twice its longest back-off, and a bit.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(900);

/// A home folder of its own for each test: state, journal, configuration.
struct Home(PathBuf);

impl Home {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }

    fn variables<'a>(&'a self, kubeconfig: &'a str) -> Vec<(&'static str, &'a str)> {
        let home = self.0.to_str().expect("a path in UTF-8");
        vec![("KUBECONFIG", kubeconfig), ("HOME", home), ("XDG_STATE_HOME", home), ("XDG_CONFIG_HOME", home)]
    }

    fn journal(&self) -> String {
        let folders = std::fs::read_dir(self.0.join("sealwatch")).expect("a state folder");
        folders
            .map(|folder| std::fs::read_to_string(folder.expect("an entry").path().join("journal.jsonl")).expect("a journal"))
            .collect()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A leftover folder below target/ harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How one ExternalSecret stands.
struct Standing {
    name: String,
    ready: bool,
    refreshed: Option<jiff::Timestamp>,
}

async fn external_secrets(client: &kube::Client, namespace: &str) -> Vec<Standing> {
    let kind = ApiResource::from_gvk(&GroupVersionKind::gvk("external-secrets.io", "v1", "ExternalSecret"));
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &kind);
    let list = api.list(&ListParams::default()).await.expect("the ExternalSecrets");
    let standing = |object: DynamicObject| Standing {
        ready: object.data.pointer("/status/conditions/0/status").and_then(|status| status.as_str()) == Some("True"),
        refreshed: object.data.pointer("/status/refreshTime").and_then(|time| time.as_str()?.parse().ok()),
        name: object.metadata.name.unwrap_or_default(),
    };
    list.into_iter().map(standing).collect()
}

/// When the journal says that the last share was taken.
fn last_unseal(journal: &str) -> jiff::Timestamp {
    let line = journal
        .lines()
        .rfind(|line| line.contains(r#""what":"result""#) && line.contains("recover/unseal"))
        .expect("an unseal in the journal");
    let line: serde_json::Value = serde_json::from_str(line).expect("a line of JSON");
    line["at"].as_str().expect("a time").parse().expect("a time")
}

/// Looks for every value of the lab in everything that the console wrote or showed.
fn assert_no_leak(lab: &Lab, console: &Console, home: &Home) {
    let audit = std::fs::read_to_string(lab.text("/files/audit_log")).expect("the audit log");
    let process = |file: &str| std::fs::read(format!("/proc/{}/{file}", console.pid())).unwrap_or_default();
    let places = [
        ("the terminal", String::from_utf8_lossy(&console.bytes.lock().expect("the bytes")).into_owned()),
        ("the journal", home.journal()),
        ("the audit log of the API server", audit),
        ("the arguments", String::from_utf8_lossy(&process("cmdline")).into_owned()),
        ("the environment", String::from_utf8_lossy(&process("environ")).into_owned()),
    ];
    for canary in lab.canaries() {
        for (place, text) in &places {
            assert!(!text.contains(&canary), "a value of the lab stands in {place}");
        }
    }
}

/// The first rescue by keys: `r`, Enter, the shares, `y`, `y`. With `patient`, waits until the control group
/// has recovered by itself.
async fn rescue(name: &str, arguments: &[&str], patient: bool) {
    let lab = Lab::up(name, arguments);
    let home = Home::new(name);
    let client = lab.client().await;
    let (dev, staging) = (lab.text("/namespaces/dev"), lab.text("/namespaces/staging"));
    let mut console = Console::start(&["-n", dev, "--write"], &home.variables(lab.kubeconfig("admin")), WINDOW);
    console.wait_until("nothing broken", SOON, |screen| screen.contains("NOTHING BROKEN") || screen.contains("ALL WELL"));

    // Vault itself tells, before External Secrets has noticed anything.
    lab.seal();
    let sealed = Instant::now();
    console.wait_for("Vault is sealed", SOON);
    let named = sealed.elapsed();
    console.wait_for("Valid?", SOON);
    println!("{name}: the seal was named {:.1} s after it, while the store said Valid", named.as_secs_f64());

    println!("{name}: {}", lab.fault("sealed", &["--hold", "130"]).lines().last().unwrap_or_default());
    let failed: Vec<String> = external_secrets(&client, dev).await.into_iter().filter(|es| !es.ready).map(|es| es.name).collect();
    assert!(failed.len() >= 4, "enough failed: {failed:?}");
    assert_causes(&home, lab.kubeconfig("admin"), "sealed");

    console.type_keys("r");
    console.wait_for("Enter starts", SOON);
    console.type_keys("\r");
    for (number, share) in lab.shares().iter().take(lab.threshold()).enumerate() {
        console.wait_for("Type a share", SOON);
        if number > 0 {
            console.wait_for(&format!("{number} of {} shares given", lab.threshold()), SOON);
        }
        console.type_keys(share);
        console.wait_for("•••", SOON);
        console.type_keys("\r");
    }
    // The store's own back-off may end in the seconds of the election: then it is validated, and nothing is asked.
    let (stores, readers) = ("store and wait until", "that failed, and prove");
    console.wait_until("the next question", SOON, |screen| {
        screen.contains("y agrees") && (screen.contains(stores) || screen.contains(readers))
    });
    if console.screen().contains(stores) {
        console.agree(stores, 2 * SOON);
    }
    // A store that is being validated as the leader changes has a second try of some 30 s.
    console.agree(readers, 4 * SOON);
    console.wait_until("the ExternalSecrets to be proved", 4 * SOON, |screen| {
        assert!(!screen.contains("over: unproved"), "it was not proved. The screen shows:\n{screen}");
        // What came back by itself meanwhile is counted apart; nothing else may follow.
        let after = screen.split_once("synced and proved").map(|(_, after)| after);
        let count = |c: char| c == ',' || c == ' ' || c.is_ascii_digit();
        after.is_some_and(|after| {
            after.starts_with('.') || after.trim_start_matches(count).starts_with("more came back without it.")
        })
    });
    let proved = jiff::Timestamp::now();
    let unsealed = last_unseal(&home.journal());
    let after = proved.duration_since(unsealed).as_secs_f64();

    // What the console claims, the API server confirms.
    let standing = external_secrets(&client, dev).await;
    for es in standing.iter().filter(|es| failed.contains(&es.name)) {
        let fresh = es.refreshed.is_some_and(|at| at.as_second() >= unsealed.as_second());
        assert!(es.ready && fresh, "{} is said to be proved and is not", es.name);
    }
    let generator = standing.iter().find(|es| es.name == "powerdns-api-key").expect("the generator");
    assert!(
        generator.refreshed.is_some_and(|at| at < unsealed),
        "the generator must not be refreshed: that makes a new password"
    );

    let control = || async { external_secrets(&client, staging).await };
    let synced = |list: &[Standing]| list.iter().filter(|es| es.ready && es.refreshed.is_some_and(|at| at >= unsealed)).count();
    if patient {
        wait_until("the control group to recover by itself", LONGEST_BACK_OFF, async || {
            let list = control().await;
            if synced(&list) == list.len() { Ok(()) } else { Err(format!("{} of {} synced", synced(&list), list.len())) }
        })
        .await;
    }
    let list = control().await;
    let waited = jiff::Timestamp::now().duration_since(unsealed).as_secs();
    println!(
        "rescue: {} ExternalSecrets proved {after:.1} s after the last unseal; control group: {} of {} synced after {waited} s",
        failed.len(),
        synced(&list),
        list.len(),
    );

    console.wait_until("the run to be over", 4 * SOON, |screen| {
        screen.contains("proved in") || screen.contains("is over") || screen.contains("OVER")
    });
    assert_no_leak(&lab, &console, &home);
    console.type_keys("q");
    assert_eq!(console.exit_code(5 * SECOND), 0);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn rescue_on_openbao_with_one_share() {
    rescue("rescue-one-share", &[], true).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn rescue_on_openbao_with_three_of_five_shares() {
    rescue("rescue-three-of-five", &["--shares", "5", "--threshold", "3"], false).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn rescue_on_hashicorp_vault() {
    rescue("rescue-hashicorp", &["--vault", "hashicorp"], false).await;
}

fn sealwatch(home: &Home, kubeconfig: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
        .args(arguments)
        .env_clear()
        .envs(home.variables(kubeconfig))
        .output()
        .expect("the binary starts");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn share_file(lab: &Lab, home: &Home) -> String {
    use std::os::unix::fs::OpenOptionsExt as _;
    let path = home.0.join("shares");
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).expect("a file");
    std::io::Write::write_all(&mut file, lab.shares().join("\n").as_bytes()).expect("written");
    path.to_string_lossy().into_owned()
}

/// What a scenario expects to be broken on the simulation is what the lab's fault of that name has. Of the generator of
/// the seed, which rotates, there is a warning in both.
fn assert_causes(home: &Home, kubeconfig: &str, scenario: &str) {
    let (_, out, err) = sealwatch(home, kubeconfig, &["check", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    let causes = report["causes"].as_array().expect("causes").iter().filter(|cause| cause["severity"] == "error");
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let found: BTreeSet<(String, String)> = causes.map(|cause| (text(&cause["slug"]), text(&cause["subject"]))).collect();
    let expected = Scenario::named(scenario).expect("a scenario").expect;
    let expected: BTreeSet<(String, String)> = expected.into_iter().map(|one| (one.slug, one.subject)).collect();
    assert_eq!(found, expected, "{scenario}: {report}");
}

/// One world after the other, without a screen and half blind: what `check` says, with which exit code, and
/// that `recover` heals what it should.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the lab: tests/lab/test"]
async fn without_a_screen_and_half_blind() {
    let lab = Lab::up("half-blind", &[]);
    let home = Home::new("half-blind");
    let admin = lab.kubeconfig("admin");
    let (code, out, err) = sealwatch(&home, admin, &["check"]);
    let warned = "warning ExternalSecret/ameide-dev/powerdns-api-key A new value at every refresh [generator-rotates]";
    assert!(code == Some(0) && out.starts_with(warned) && !out.contains("error"), "{code:?} {out}{err}");

    assert_causes(&home, admin, "healthy");

    // 403 on Secrets: the rest is shown, what is missing is named, and the exit code says so.
    let (code, out, _) = sealwatch(&home, lab.kubeconfig("limited"), &["check"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("not seen: every Secret:"), "{out}");
    let console = Console::start(&[], &home.variables(lab.kubeconfig("limited")), WINDOW);
    console.wait_until("the rest to be shown", SOON, |screen| screen.contains("ghcr-pull-sync") && screen.contains("Secret"));
    drop(console);

    // Rights in one namespace and none beyond it: that one is shown, and nothing is called well that was not seen.
    let tenant = lab.kubeconfig("tenant");
    let (code, out, _) = sealwatch(&home, tenant, &["check", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((code, &report["verdict"]), (Some(3), &serde_json::json!("findings")), "{report}");
    assert!(report["unknown"].to_string().contains("outside ameide-dev"), "{report}");
    let console = Console::start(&[], &home.variables(tenant), WINDOW);
    console.wait_until("a truthful board", SOON, |screen| {
        screen.contains("sees only ameide-dev") && screen.contains("cannot be seen") && screen.contains("outside ameide-dev")
    });
    assert!(!console.screen().contains("ALL WELL"), "{}", console.screen());
    drop(console);

    lab.fault("partly-sealed", &[]);
    assert_causes(&home, admin, "partly-sealed");
    let (code, out, _) = sealwatch(&home, admin, &["check"]);
    assert_eq!(code, Some(1), "{out}");

    // It can be walked without writes, and is refused.
    let (code, out, _) = sealwatch(&home, admin, &["runbook", "run", "recover", "--dry-run"]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains("Send one share to vault-core-dev-"), "{out}");
    let (code, _, err) = sealwatch(&home, admin, &["runbook", "run", "recover", "--yes"]);
    assert_eq!(code, Some(4), "{err}");
    assert!(err.contains("--write"), "{err}");
    let shares = share_file(&lab, &home);
    let (code, out, err) =
        sealwatch(&home, admin, &["--write", "runbook", "run", "recover", "--yes", "--share-file", &shares, "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!((code, &report["result"]), (Some(0), &serde_json::json!("proved")), "{report}{err}");
    // One that may only look is refused for want of rights.
    let (code, out, err) =
        sealwatch(&home, lab.kubeconfig("viewer"), &["--write", "runbook", "run", "recover", "--yes", "--share-file", &shares]);
    assert_eq!(code, Some(4), "{out}{err}");

    // Vault does not answer.
    lab.fault("vault-stopped", &[]);
    let (code, out, _) = sealwatch(&home, admin, &["check"]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.contains("vault-unreachable"), "{out}");
    lab.heal("vault-stopped", &[]);

    // The API server goes away under an open console, and comes back.
    let mut console = Console::start(&[], &home.variables(admin), WINDOW);
    console.wait_for("ghcr-pull-sync", SOON);
    lab.fault("apiserver-stopped", &[]);
    console.wait_until("the rows to stay, and the loss to be said", 3 * SOON, |screen| {
        screen.contains("ghcr-pull-sync") && screen.contains("cannot be seen") && !screen.contains("· 0 cannot be seen")
    });
    let offline = Console::start(&[], &home.variables(admin), WINDOW);
    offline.wait_until("a sentence for an API server that is down", SOON, |screen| {
        screen.contains("does not answer") || screen.contains("refuse")
    });
    drop(offline);
    let (code, _, err) = sealwatch(&home, admin, &["check", "--timeout", "10s"]);
    assert_eq!(code, Some(3), "{err}");
    lab.heal("apiserver-stopped", &[]);
    // But for the paths, for which there is no token here.
    console.wait_until("the world to be whole again", 4 * SOON, |screen| {
        screen.contains("· 1 cannot be seen") && screen.contains("No Vault token")
    });

    // The custom resources are taken away under it.
    let client = lab.client().await;
    let crds = ApiResource::from_gvk(&GroupVersionKind::gvk("apiextensions.k8s.io", "v1", "CustomResourceDefinition"));
    let api: Api<DynamicObject> = Api::all_with(client, &crds);
    api.delete("externalsecrets.external-secrets.io", &kube::api::DeleteParams::default()).await.expect("deleted");
    let begun = Instant::now();
    console.wait_until("the missing kind to be named", 4 * SOON, |screen| {
        screen.contains("externalsecrets.external-secrets.io") || screen.contains("every ExternalSecret")
    });
    println!("a kind that was taken away is named after {:.0} s", begun.elapsed().as_secs_f64());
    let (code, out, _) = sealwatch(&home, admin, &["check"]);
    assert_eq!(code, Some(3), "{out}");
    assert!(out.contains("not seen: every ExternalSecret"), "{out}");
    console.type_keys("q");
    assert_eq!(console.exit_code(5 * SECOND), 0);
}
