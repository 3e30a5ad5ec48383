//! A home of one's own for the real binary in a lab: one policy for every context, its journal, files that only their
//! owner may read. It is removed when dropped.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;

/// Where the binary finds its configuration and keeps its state.
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) fn new(name: &str, policy: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sealwatch-{name}-{policy}-{}", std::process::id()));
        std::fs::create_dir_all(path.join("config/sealwatch")).expect("a folder");
        let config = format!("[[context]]\ncontext = \"*\"\npolicy = \"{policy}\"\n");
        std::fs::write(path.join("config/sealwatch/config.toml"), config).expect("written");
        Self(path)
    }

    /// A file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        let mut file =
            std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path).expect("a file");
        std::io::Write::write_all(&mut file, text.as_bytes()).expect("written");
        path.to_string_lossy().into_owned()
    }

    /// Everything that was journalled.
    pub(crate) fn journal(&self) -> String {
        let mut all = String::new();
        for entry in walk(&self.0.join("state")) {
            all.push_str(&std::fs::read_to_string(entry).unwrap_or_default());
        }
        all
    }

    /// Runs the binary as somebody of this lab, with the root token for its Vault: its exit code, and what it printed.
    pub(crate) fn sealwatch(&self, lab: &Lab, who: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let token = std::fs::read_to_string(lab.text("/files/root_token")).expect("the root token");
        let home = self.0.to_string_lossy().into_owned();
        let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(arguments)
            .env_clear()
            .env("HOME", &home)
            .env("XDG_CONFIG_HOME", format!("{home}/config"))
            .env("XDG_STATE_HOME", format!("{home}/state"))
            .env("KUBECONFIG", lab.kubeconfig(who))
            .env("VAULT_ADDR", lab.text("/vault/url"))
            .env("VAULT_TOKEN", token.trim())
            .output()
            .expect("the binary starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().flat_map(|entry| if entry.path().is_dir() { walk(&entry.path()) } else { vec![entry.path()] }).collect()
}
