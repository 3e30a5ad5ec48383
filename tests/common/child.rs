//! The binary without a screen, in a home of its own: what it says, what it keeps, what its children see.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::lab::Lab;

/// A home of its own, with a policy that lets scripts write. What it is given stands in `given`; everything else is what
/// sealwatch and its children left there.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        DirBuilder::new().recursive(true).mode(0o700).create(path.join("given/sealwatch")).expect("a folder");
        let policy = "[[context]]\ncontext = \"*\"\npolicy = \"local\"\n";
        std::fs::write(path.join("given/sealwatch/config.toml"), policy).expect("written");
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        self.given(name, text, 0o600)
    }

    fn given(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.file("given").join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&path).expect("a file of ours");
        file.write_all(text.as_bytes()).expect("written");
        path.to_string_lossy().into_owned()
    }

    /// The same login as of this kubeconfig, by a plug-in that notes what its environment holds.
    pub(crate) fn plug_in(&self, kubeconfig: &str) -> String {
        let text = std::fs::read_to_string(kubeconfig).expect("a kubeconfig");
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name)).expect("a field");
            String::from_utf8(STANDARD.decode(line.trim()).expect("base64")).expect("PEM")
        };
        let status = serde_json::json!({
            "clientCertificateData": field("client-certificate-data:"), "clientKeyData": field("client-key-data:"),
        });
        let credential = serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status,
        });
        let credential = self.secret("credential", &credential.to_string());
        let noted = self.file("environment-of-a-child");
        let script = format!("#!/bin/sh\nenv >> '{}'\ncat '{credential}'\n", noted.display());
        let script = self.given("plug-in", &script, 0o700);
        let plain = |line: &&str| !line.contains("client-certificate-data:") && !line.contains("client-key-data:");
        let mut lines: Vec<String> = text.lines().filter(plain).map(str::to_owned).collect();
        let user = lines.iter().position(|line| line.trim() == "user:").expect("a user");
        let exec = format!(
            "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: {script}\n      interactiveMode: Never"
        );
        lines.insert(user + 1, exec);
        self.secret("kubeconfig", &lines.join("\n"))
    }

    pub(crate) fn journal(&self) -> String {
        let mut all = String::new();
        for path in files(&self.file("state")).into_iter().filter(|path| path.ends_with("journal.jsonl")) {
            all.push_str(&std::fs::read_to_string(path).expect("a journal"));
        }
        all
    }

    /// Everything that was left here: journal, log, what was said, what children saw.
    pub(crate) fn everything(&self) -> String {
        let mut all = String::new();
        for path in files(&self.0).into_iter().filter(|path| !path.starts_with(self.file("given"))) {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("a file")));
        }
        all
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A leftover folder below target/ harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}

/// The binary at work.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    /// Starts it, with the root token for the lab's Vault.
    pub(crate) fn start(lab: &Lab, home: &Home, kubeconfig: &str, arguments: &[&str]) -> Self {
        let token = std::fs::read_to_string(lab.text("/files/root_token")).expect("the root token");
        let number = files(&home.0).len();
        let (out, err) = (home.file(&format!("out-{number}")), home.file(&format!("err-{number}")));
        let child = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(arguments)
            .arg("--log")
            .arg(home.file("log"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", &home.0)
            .env("XDG_CONFIG_HOME", home.file("given"))
            .env("XDG_STATE_HOME", home.file("state"))
            .env("KUBECONFIG", kubeconfig)
            .env("VAULT_ADDR", lab.text("/vault/url"))
            .env("VAULT_TOKEN", token.trim())
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&err).expect("a file"))
            .spawn()
            .expect("the binary starts");
        Self { child, out, err }
    }

    fn said(&self) -> (String, String) {
        (std::fs::read_to_string(&self.out).expect("text"), std::fs::read_to_string(&self.err).expect("text"))
    }

    /// Waits until it says this on standard error.
    pub(crate) fn says(&mut self, text: &str, within: Duration) {
        let begun = Instant::now();
        while !self.said().1.contains(text) {
            assert!(begun.elapsed() < within, "not within {within:?}: “{text}”. It said: {:?}", self.said());
            assert!(self.child.try_wait().expect("a state").is_none(), "it ended: {:?}", self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        let id = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        rustix::process::kill_process(id, rustix::process::Signal::INT).expect("sent");
    }

    /// The end without a word.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("killed");
        let _ = self.child.wait();
    }

    /// Its exit code and what it said, once it has ended.
    pub(crate) fn end(&mut self, within: Duration) -> (Option<i32>, String, String) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a state") {
                let (out, err) = self.said();
                return (status.code(), out, err);
            }
            assert!(begun.elapsed() < within, "it did not end within {within:?}: {:?}", self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every user of the machine can read arguments.
    pub(crate) fn assert_argv_is_clean(&self, lab: &Lab) {
        let arguments = std::fs::read(format!("/proc/{}/cmdline", self.child.id())).expect("arguments");
        assert!(!arguments.is_empty());
        lab.assert_unknown("the arguments", &String::from_utf8_lossy(&arguments));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or the test has failed.
        let _ = self.child.kill();
    }
}
