//! A lab of one's own: started by `tests/lab/lab`, ended when dropped. Everything that a test knows of it
//! stands in its `lab.json`.

#![allow(dead_code, reason = "each test uses a part of what the lab can")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A running lab.
pub(crate) struct Lab {
    name: String,
    facts: Value,
}

impl Lab {
    /// Starts a lab of this name with these further arguments.
    ///
    /// # Panics
    /// It does not start; what it said is in the message.
    pub(crate) fn up(name: &str, arguments: &[&str]) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let mut all = vec!["up", "--name", &name];
        all.extend(arguments);
        run(&all);
        let status = run(&["status", "--name", &name, "--json"]);
        let status: Value = serde_json::from_str(&status).expect("status is JSON");
        let state = status.pointer("/labs/0/state").and_then(Value::as_str).expect("a state folder");
        let facts = std::fs::read(Path::new(state).join("lab.json")).expect("lab.json");
        Self { name, facts: serde_json::from_slice(&facts).expect("lab.json is JSON") }
    }

    /// A fact out of `lab.json`, by JSON pointer.
    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.facts.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} is not in lab.json"))
    }

    /// The path of a kubeconfig: `admin`, `limited`, `viewer`.
    pub(crate) fn kubeconfig(&self, who: &str) -> &str {
        self.text(&format!("/kubeconfig/{who}"))
    }

    /// Makes a fault; says what the lab said.
    pub(crate) fn fault(&self, name: &str, options: &[&str]) -> String {
        let mut all = vec!["fault", name, "--name", &self.name];
        all.extend(options);
        run(&all)
    }

    /// Heals a fault.
    pub(crate) fn heal(&self, name: &str, options: &[&str]) -> String {
        let mut all = vec!["heal", name, "--name", &self.name];
        all.extend(options);
        run(&all)
    }

    /// The unseal shares.
    pub(crate) fn shares(&self) -> Vec<String> {
        let shares = read_json(self.text("/files/shares"));
        shares["shares"].as_array().expect("shares").iter().map(|share| share.as_str().expect("a share").to_owned()).collect()
    }

    /// How many of them open it.
    pub(crate) fn threshold(&self) -> usize {
        usize::try_from(self.facts["vault"]["threshold"].as_u64().expect("a threshold")).expect("small")
    }

    /// Every value that must never leave a gateway.
    pub(crate) fn canaries(&self) -> Vec<String> {
        let mut found = self.shares();
        strings(&read_json(self.text("/files/canaries")), &mut found);
        found.push(std::fs::read_to_string(self.text("/files/root_token")).expect("the root token").trim().to_owned());
        found.retain(|text| text.len() >= 12);
        assert!(found.len() > 5, "the lab has values to look for");
        found
    }

    /// Looks for every value of the lab, plain and in base64, where it must not be.
    ///
    /// # Panics
    /// One is there; it is not said which.
    pub(crate) fn assert_unknown(&self, place: &str, text: &str) {
        for canary in self.canaries() {
            let coded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD_NO_PAD, &canary);
            // The last digit depends on what comes after it.
            let coded = coded.get(..coded.len() - 1).unwrap_or_default();
            assert!(!text.contains(&canary) && !text.contains(coded), "a value of the lab stands in {place}");
        }
    }

    /// What the API server wrote down of what sealwatch asked: writes with their bodies and the answers, and of what
    /// holds secrets only the address.
    pub(crate) fn audited(&self) -> String {
        let all = std::fs::read_to_string(self.text("/files/audit_log")).expect("the audit log");
        all.lines().filter(|line| line.contains(r#""userAgent":"sealwatch/"#)).flat_map(|line| [line, "\n"]).collect()
    }

    /// Writes a value to a path of its Vault.
    pub(crate) fn write_path(&self, path: &str, value: &str) {
        self.ask_vault(&format!("secret/data/{path}"), &serde_json::json!({"data": {"value": value}}));
    }

    /// Takes a path of its Vault away, with every version.
    pub(crate) fn delete_path(&self, path: &str) {
        self.send_vault("DELETE", &format!("secret/metadata/{path}"), &Value::Null);
    }

    /// A token of its Vault that may read everything below `secret/`, and write nothing.
    pub(crate) fn weak_token(&self) -> String {
        self.token("reader", r#"path "secret/*" { capabilities = ["read", "list"] }"#)
    }

    /// A token of its Vault with this policy.
    pub(crate) fn token(&self, name: &str, policy: &str) -> String {
        self.ask_vault(&format!("sys/policies/acl/{name}"), &serde_json::json!({"policy": policy}));
        let made = self.ask_vault("auth/token/create", &serde_json::json!({"policies": ["default", name], "ttl": "1h"}));
        made.pointer("/auth/client_token").and_then(Value::as_str).expect("a token").to_owned()
    }

    fn ask_vault(&self, path: &str, body: &Value) -> Value {
        self.send_vault("POST", path, body)
    }

    /// Sends this to the first replica of its Vault, with the root token.
    fn send_vault(&self, method: &str, path: &str, body: &Value) -> Value {
        use std::io::{Read as _, Write as _};
        let token = std::fs::read_to_string(self.text("/files/root_token")).expect("the root token");
        let address = self.facts.pointer("/vault/replicas/0/address").and_then(Value::as_str).expect("an address");
        let body = body.to_string();
        let head = format!("{method} /v1/{path} HTTP/1.0\r\nHost: {address}\r\nX-Vault-Token: {}", token.trim());
        let mut stream = std::net::TcpStream::connect(address).expect("the replica listens");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an answer");
        assert!(matches!(head.split(' ').nth(1), Some("200" | "204")), "{address}: {head}");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// Seals one replica after the other with the root token, as `operator seal` does, and nothing else.
    pub(crate) fn seal(&self) {
        use std::io::{Read as _, Write as _};
        let token = std::fs::read_to_string(self.text("/files/root_token")).expect("the root token");
        let replicas = self.facts["vault"]["replicas"].as_array().expect("replicas");
        for replica in replicas {
            let address = replica["address"].as_str().expect("an address");
            let mut stream = std::net::TcpStream::connect(address).expect("the replica listens");
            write!(stream, "PUT /v1/sys/seal HTTP/1.1\r\nHost: {address}\r\nX-Vault-Token: {}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", token.trim())
                .expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("an answer");
            assert!(answer.starts_with("HTTP/1.1 204"), "{address}: {answer}");
        }
    }

    /// A client of the API server, for looking at what the console is to be judged by.
    pub(crate) async fn client(&self) -> kube::Client {
        // The second test finds the provider installed.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        let kubeconfig = kube::config::Kubeconfig::read_from(self.kubeconfig("admin")).expect("a kubeconfig");
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default())
            .await
            .expect("a kubeconfig");
        kube::Client::try_from(config).expect("a client")
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Nothing to be done about a lab that does not end; `lab status` shows it.
        let _ = lab_command(&["down", "--name", &self.name]).status();
    }
}

fn lab_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lab/lab"));
    command.args(arguments).stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> String {
    let output = lab_command(arguments).output().expect("the lab's command starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "lab {}: {said}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    said
}

fn read_json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("a file of the lab")).expect("JSON")
}

fn strings(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => into.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| strings(item, into)),
        Value::Object(map) => map.values().for_each(|item| strings(item, into)),
        _ => {}
    }
}

/// Waits until a condition holds; the condition says what it saw last, for the message if it never does.
///
/// # Panics
/// It does not hold within the time.
pub(crate) async fn wait_until<F, S>(what: &str, within: Duration, mut holds: F) -> Duration
where
    F: AsyncFnMut() -> Result<(), S>,
    S: std::fmt::Display,
{
    let begun = Instant::now();
    loop {
        let Err(last) = holds().await else { return begun.elapsed() };
        assert!(begun.elapsed() < within, "not within {within:?}: {what}. Last seen: {last}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
