//! The binary without a screen, in a home of its own: what it says, what it keeps, what its children see.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::home::Home;
use super::lab::Lab;

/// What a home tells of what ran in it.
impl Home {
    /// The same login as of this kubeconfig, by a plug-in that notes its arguments and what its environment holds.
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
        let script =
            format!("#!/bin/sh\n{{ env; tr '\\0' ' ' <\"/proc/$$/cmdline\"; }} >>'{}'\ncat '{credential}'\n", noted.display());
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

    /// What is searched for values must be there.
    pub(crate) fn assert_was_watched(&self) {
        let is_seen = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("seen-"));
        let seen = self.files().into_iter().filter(is_seen).map(|path| std::fs::read_to_string(path).expect("text"));
        let seen: String = seen.collect();
        assert!(seen.contains("--log"), "the arguments were seen");
        assert!(self.in_variable || seen.contains("XDG_STATE_HOME="), "the environment was seen");
        assert!(self.file("log").is_file(), "there is a log");
    }

    /// Everything that was left here: journal, log, what was said, what others could see, what children saw.
    pub(crate) fn everything(&self) -> String {
        let mut all = String::new();
        for path in self.files().into_iter().filter(|path| !path.starts_with(self.file("given"))) {
            all.push_str(&String::from_utf8_lossy(&std::fs::read(path).expect("a file")));
        }
        all
    }
}

/// What others can see of a process while it runs: arguments and environment of itself and of its children.
struct Watched {
    ended: Arc<AtomicBool>,
    watcher: JoinHandle<Vec<String>>,
}

impl Watched {
    fn new(id: u32, in_variable: bool) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let told = ended.clone();
        let watcher = std::thread::spawn(move || {
            let read = |id: u32, what: &str| {
                // It may have ended by now, or let nobody look.
                let bytes = std::fs::read(format!("/proc/{id}/{what}")).unwrap_or_default();
                String::from_utf8_lossy(&bytes).into_owned()
            };
            // Between its birth and its own programme a process shows what its parent is.
            let begun = Instant::now();
            while !read(id, "cmdline").contains("--log") {
                assert!(begun.elapsed() < Duration::from_secs(10), "its arguments cannot be read");
                std::thread::sleep(Duration::from_millis(1));
            }
            let own = read(id, "cmdline");
            let mut seen = vec![own.clone()];
            // What a person put there stands there.
            seen.extend((!in_variable).then(|| read(id, "environ")));
            let mut known = Vec::new();
            while !told.load(Ordering::SeqCst) {
                for child in children(id) {
                    let arguments = read(child, "cmdline");
                    if !known.contains(&child) && !arguments.is_empty() && arguments != own {
                        seen.extend([arguments, read(child, "environ")]);
                        known.push(child);
                    }
                }
                std::thread::sleep(Duration::from_millis(5));
            }
            seen
        });
        Self { ended, watcher }
    }

    fn end(self) -> String {
        self.ended.store(true, Ordering::SeqCst);
        self.watcher.join().expect("it was looked at").join("\n")
    }
}

/// The children of a process, and theirs.
fn children(id: u32) -> Vec<u32> {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{id}/task")) else { return Vec::new() };
    let lists = tasks.flatten().filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let mut all: Vec<u32> = lists.flat_map(|list| list.split(' ').filter_map(|id| id.parse().ok()).collect::<Vec<_>>()).collect();
    all.extend(all.clone().into_iter().flat_map(children));
    all
}

/// The binary at work.
pub(crate) struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
    /// Where it is kept what others could see of it.
    seen: PathBuf,
    watched: Option<Watched>,
}

impl Running {
    /// Starts it, with a token for the lab's Vault.
    pub(crate) fn start(lab: &Lab, home: &Home, kubeconfig: &str, arguments: &[&str]) -> Self {
        let number = home.files().len();
        let [out, err, seen] = ["out", "err", "seen"].map(|what| home.file(&format!("{what}-{number}")));
        let child = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(arguments)
            .arg("--log")
            .arg(home.file("log"))
            .env_clear()
            .envs(home.variables(lab, kubeconfig))
            .stdin(Stdio::null())
            .stdout(File::create(&out).expect("a file"))
            .stderr(File::create(&err).expect("a file"))
            .spawn()
            .expect("the binary starts");
        let watched = Some(Watched::new(child.id(), home.in_variable));
        Self { child, out, err, seen, watched }
    }

    /// Keeps what others could see of it, with everything else that it left.
    fn note(&mut self) {
        if let Some(watched) = self.watched.take() {
            std::fs::write(&self.seen, watched.end()).expect("written");
        }
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
        self.note();
    }

    /// Its exit code and what it said, once it has ended.
    pub(crate) fn end(&mut self, within: Duration) -> (Option<i32>, String, String) {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a state") {
                self.note();
                let (out, err) = self.said();
                return (status.code(), out, err);
            }
            assert!(begun.elapsed() < within, "it did not end within {within:?}: {:?}", self.said());
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or the test has failed.
        let _ = self.child.kill();
        if let Some(watched) = self.watched.take() {
            watched.ended.store(true, Ordering::SeqCst);
        }
    }
}
