//! Credential plug-ins of a kubeconfig, run by us: kube-rs lets them have our terminal, gives them no
//! deadline, and prints their output in its errors.
//!
//! A plug-in never sees a terminal (`interactiveMode` is `Never` for us), may take 15 s, and does not inherit
//! the Vault's token. Of its output only the credential is used; of its errors only the last line is shown.

use std::collections::HashMap;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::gateways::clock;
use crate::model::{Fault, FaultKind, Withheld};

/// How long a plug-in may take; one that opens a browser will not make it, and says so in its own words.
const DEADLINE: Duration = Duration::from_secs(15);
/// How long a failure stands before the plug-in is run again: seven watches ask at the same moment.
const FAILURE_STANDS: Duration = Duration::from_secs(10);
/// A credential is renewed this many seconds before it expires.
const MARGIN: i64 = 60;
/// No credential is larger.
const LARGEST: u64 = 1024 * 1024;
/// What a plug-in must not inherit.
const WITHHELD_VARIABLES: [&str; 3] = ["VAULT_TOKEN", "BAO_TOKEN", "VAULT_AUTH_GITHUB_TOKEN"];

/// A plug-in and what it last answered.
pub(super) struct Plugin {
    spec: ExecConfig,
    program: String,
    deadline: Duration,
    state: tokio::sync::Mutex<State>,
}

#[derive(Default)]
struct State {
    runs: u64,
    current: Option<Arc<Credential>>,
    failed: Option<(Instant, Fault)>,
}

/// What a plug-in answered, or that the kubeconfig holds what is needed.
pub(super) struct Credential {
    /// Counts the answers, so that a refusal of an old one does not throw away its successor.
    pub(super) run: u64,
    /// A bearer token.
    pub(super) token: Option<Withheld<String>>,
    /// A client certificate and its key, PEM.
    pub(super) certificate: Option<(String, Withheld<String>)>,
    expires: Option<Timestamp>,
}

impl Credential {
    /// What the kubeconfig itself holds, as it was read for this time.
    pub(super) const fn held(run: u64) -> Self {
        Self { run, token: None, certificate: None, expires: None }
    }

    /// What it is, in a sentence.
    pub(super) const fn named(&self) -> &'static str {
        if self.certificate.is_some() { "certificate that the login plug-in answered" } else { "login of the kubeconfig" }
    }

    fn is_fresh(&self) -> bool {
        self.expires.is_none_or(|at| clock::now().as_second() < at.as_second() - MARGIN)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Question<'a> {
    kind: &'static str,
    api_version: &'a str,
    spec: QuestionSpec<'a>,
}

#[derive(Serialize)]
struct QuestionSpec<'a> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ExecAuthCluster>,
}

#[derive(Deserialize)]
struct Answer {
    status: Option<AnswerStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<Timestamp>,
}

impl Plugin {
    /// A plug-in of the kubeconfig.
    pub(super) fn new(spec: ExecConfig) -> Result<Self, Fault> {
        let Some(command) = spec.command.as_deref().filter(|command| !command.is_empty()) else {
            return Err(Fault::new(
                FaultKind::Local,
                "The user of this context logs in by a plug-in, but the kubeconfig names no command.",
            ));
        };
        // The name without its folder: paths of a home folder are nobody's business in a chat.
        let program = command.rsplit('/').next().unwrap_or(command).to_owned();
        if spec.interactive_mode == Some(ExecInteractiveMode::Always) {
            let message = format!("The login plug-in “{program}” insists on a terminal, which this console does not share.");
            return Err(Fault::new(FaultKind::Local, &message)
                .hinted("Log in with kubectl first, or use a plug-in that caches its login."));
        }
        Ok(Self { program, spec, deadline: DEADLINE, state: tokio::sync::Mutex::default() })
    }

    /// The credential that holds now; runs the plug-in if there is none. Concurrent callers share one run.
    pub(super) async fn credential(&self) -> Result<Arc<Credential>, Fault> {
        let mut state = self.state.lock().await;
        if let Some(credential) = state.current.as_ref().filter(|credential| credential.is_fresh()) {
            return Ok(Arc::clone(credential));
        }
        if let Some((at, fault)) = &state.failed
            && at.elapsed() < FAILURE_STANDS
        {
            return Err(fault.clone());
        }
        state.runs += 1;
        match self.run(state.runs).await {
            Ok(credential) => {
                let credential = Arc::new(credential);
                state.current = Some(Arc::clone(&credential));
                state.failed = None;
                Ok(credential)
            }
            Err(fault) => {
                state.current = None;
                state.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// The server did not take this credential: the next caller gets a new one.
    pub(super) async fn refused(&self, run: u64) {
        let mut state = self.state.lock().await;
        if state.current.as_ref().is_some_and(|credential| credential.run == run) {
            state.current = None;
        }
    }

    async fn run(&self, run: u64) -> Result<Credential, Fault> {
        let mut child = self.command()?.spawn().map_err(|error| self.not_started(&error))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ran = tokio::time::timeout(self.deadline, async { tokio::join!(read(stdout), read(stderr), child.wait()) }).await;
        let Ok((stdout, stderr, status)) = ran else {
            // The whole group: a script's children hold its pipes and would live on.
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            }
            let seconds = self.deadline.as_secs();
            return Err(self
                .fault(&format!("did not answer within {seconds} s and was ended"))
                .hinted("It may be waiting for a login: run kubectl once in another terminal, then try again."));
        };
        if !status.is_ok_and(|status| status.success()) {
            let last = last_line(&stderr);
            let why = if last.is_empty() { "failed without a word".to_owned() } else { format!("failed: {last}") };
            return Err(self
                .fault(&why)
                .hinted("Your login may have ended: run kubectl once in another terminal, then try again."));
        }
        self.credential_of(&stdout, run)
    }

    fn command(&self) -> Result<Command, Fault> {
        let version = self.spec.api_version.as_deref().unwrap_or("client.authentication.k8s.io/v1");
        let cluster = self.spec.cluster.as_ref().filter(|_| self.spec.provide_cluster_info);
        let question =
            Question { kind: "ExecCredential", api_version: version, spec: QuestionSpec { interactive: false, cluster } };
        let question = serde_json::to_string(&question).map_err(|_| self.fault("cannot be asked"))?;
        let mut command = Command::new(self.spec.command.as_deref().unwrap_or_default());
        command
            .args(self.spec.args.iter().flatten())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        for variable in WITHHELD_VARIABLES {
            command.env_remove(variable);
        }
        for pair in self.spec.env.iter().flatten() {
            if let (Some(name), Some(value)) = (named(pair, "name"), named(pair, "value")) {
                command.env(name, value);
            }
        }
        command.env("KUBERNETES_EXEC_INFO", question);
        Ok(command)
    }

    fn credential_of(&self, stdout: &[u8], run: u64) -> Result<Credential, Fault> {
        // A parser's error quotes what it read.
        let answer: Answer =
            serde_json::from_slice(stdout).map_err(|_| self.fault("answered something that is not an ExecCredential"))?;
        let status = answer.status.ok_or_else(|| self.fault("answered an ExecCredential without a status"))?;
        let certificate = status.client_certificate_data.zip(status.client_key_data.map(Withheld::new));
        let token = status.token.filter(|token| !token.is_empty()).map(Withheld::new);
        if token.is_none() && certificate.is_none() {
            return Err(self.fault("answered neither a token nor a certificate"));
        }
        Ok(Credential { run, token, certificate, expires: status.expiration_timestamp })
    }

    fn not_started(&self, error: &std::io::Error) -> Fault {
        if error.kind() == std::io::ErrorKind::NotFound {
            let install = self.spec.install_hint.as_deref().unwrap_or_default();
            return self.fault(&format!("is not installed here, or not on the PATH. {install}"));
        }
        self.fault(&format!("cannot be started: {}", error.kind()))
    }

    fn fault(&self, what: &str) -> Fault {
        Fault::new(FaultKind::Local, format!("The login plug-in “{}” {what}.", self.program).trim_end_matches(". ."))
    }
}

fn named<'a>(pair: &'a HashMap<String, String>, key: &str) -> Option<&'a String> {
    pair.get(key)
}

/// Reads a pipe to its end, and keeps no more than a credential can have.
async fn read(pipe: Option<impl AsyncRead + Unpin>) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::with_capacity(16 * 1024));
    if let Some(pipe) = pipe {
        let _ = pipe.take(LARGEST).read_to_end(&mut kept).await;
    }
    kept
}

fn last_line(stderr: &[u8]) -> String {
    const LONGEST: usize = 300;
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.trim_end_matches('.').chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plugin(script: &str, deadline: Duration) -> Plugin {
        let spec = ExecConfig {
            command: Some("/bin/sh".to_owned()),
            args: Some(vec!["-c".to_owned(), script.to_owned(), "canary-argument".to_owned()]),
            env: Some(vec![HashMap::from([
                ("name".to_owned(), "MINE".to_owned()),
                ("value".to_owned(), "canary-env".to_owned()),
            ])]),
            ..ExecConfig::default()
        };
        Plugin { deadline, ..Plugin::new(spec).unwrap() }
    }

    async fn fault(script: &str) -> Fault {
        plugin(script, Duration::from_secs(10)).credential().await.map(|_| ()).unwrap_err()
    }

    #[tokio::test]
    async fn a_token_is_kept_until_shortly_before_it_ends() {
        let folder = crate::gateways::testing::Folder::new();
        let count = folder.path().join("count");
        let answer = |end: &str| {
            format!(r#"echo x >> {}; echo '{{"status":{{"token":"t-'$MINE'","expirationTimestamp":"{end}"}}}}'"#, count.display())
        };
        let long = plugin(&answer("2999-01-01T00:00:00Z"), DEADLINE);
        let first = long.credential().await.unwrap();
        assert_eq!(first.token.as_ref().unwrap().reveal(), "t-canary-env");
        long.credential().await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1);
        long.refused(first.run + 1).await;
        long.credential().await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 1, "an older refusal changes nothing");
        long.refused(first.run).await;
        long.credential().await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 2);
        let over = plugin(&answer("2001-01-01T00:00:00Z"), DEADLINE);
        over.credential().await.unwrap();
        over.credential().await.unwrap();
        assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 4);
    }

    #[tokio::test]
    async fn a_plugin_that_hangs_is_ended_with_its_children() {
        let folder = crate::gateways::testing::Folder::new();
        let pids = folder.path().join("pids");
        let script = format!("echo $$ > {0}; sleep 600 & echo $! >> {0}; wait", pids.display());
        let hangs = plugin(&script, Duration::from_millis(400));
        let fault = hangs.credential().await.map(|_| ()).unwrap_err();
        assert!(fault.message.as_str().contains("did not answer within"), "{fault}");
        let started = Instant::now();
        assert!(hangs.credential().await.is_err(), "the failure stands");
        assert!(started.elapsed() < Duration::from_millis(300));
        for pid in std::fs::read_to_string(&pids).unwrap().lines() {
            let state = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let ended = || state().is_empty() || state().contains(") Z ");
            let until = Instant::now() + Duration::from_secs(5);
            while !ended() && Instant::now() < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert!(ended(), "{}", state());
        }
    }

    #[tokio::test]
    async fn failures_name_the_program_and_its_last_word_only() {
        for (script, sentence) in [
            (
                "echo one >&2; echo 'token eyJhbGciOiJSUzI1NiIsImtpZCI6.x.y is over.' >&2; exit 3",
                "failed: token <withheld> is over.",
            ),
            ("exit 1", "failed without a word."),
            ("echo canary-stdout", "not an ExecCredential."),
            ("echo '{\"status\":{\"token\":\"\"}}'", "neither a token nor a certificate."),
            ("echo '{}'", "without a status."),
        ] {
            let fault = fault(script).await;
            assert!(fault.message.as_str().ends_with(sentence), "{fault}");
            assert!(fault.message.as_str().starts_with("The login plug-in “sh” "), "{fault}");
            assert!(!fault.to_string().contains("canary"), "{fault}");
        }
        let missing = ExecConfig { command: Some("/nowhere/aws-login".to_owned()), ..ExecConfig::default() };
        let fault = Plugin::new(missing).unwrap().credential().await.map(|_| ()).unwrap_err();
        assert!(fault.message.as_str().contains("“aws-login” is not installed"), "{fault}");
    }

    #[tokio::test]
    async fn a_certificate_is_an_answer_and_a_terminal_is_refused() {
        let script = r#"echo '{"status":{"clientCertificateData":"PEM","clientKeyData":"KEY"}}'"#;
        let credential = plugin(script, DEADLINE).credential().await.unwrap();
        assert!(credential.token.is_none());
        assert_eq!(credential.certificate.as_ref().unwrap().0, "PEM");
        let always = ExecConfig {
            command: Some("x".to_owned()),
            interactive_mode: Some(ExecInteractiveMode::Always),
            ..ExecConfig::default()
        };
        assert!(Plugin::new(always).is_err());
    }
}
