//! A home of one's own for the real binary in a lab: one policy for every context, its journal, files that only their
//! owner may read. What it is given stands in `given`; everything else is what sealwatch and its children left there. It is
//! removed when dropped.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Lab;

/// Where the binary finds its configuration and keeps its state.
pub(crate) struct Home {
    folder: PathBuf,
    /// Whether the Vault token stands in the environment, and not in a file.
    pub(crate) in_variable: bool,
}

impl Home {
    pub(crate) fn new(name: &str, policy: &str, lab: &Lab) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{policy}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        DirBuilder::new().recursive(true).mode(0o700).create(folder.join("given/sealwatch")).expect("a folder");
        let config = format!("[[context]]\ncontext = \"*\"\npolicy = \"{policy}\"\n");
        std::fs::write(folder.join("given/sealwatch/config.toml"), config).expect("written");
        let home = Self { folder, in_variable: false };
        home.secret("token", &std::fs::read_to_string(lab.text("/files/root_token")).expect("the root token"));
        home
    }

    /// The same with the Vault token in the environment of sealwatch, as most people have it.
    pub(crate) fn with_token_in_variable(name: &str, policy: &str, lab: &Lab) -> Self {
        let mut home = Self::new(name, policy, lab);
        home.in_variable = true;
        home
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Where sealwatch keeps what it must remember.
    pub(crate) fn state(&self) -> PathBuf {
        self.file("state")
    }

    /// Every file in it.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        files(&self.folder)
    }

    /// What sealwatch finds in its environment.
    pub(crate) fn variables(&self, lab: &Lab, kubeconfig: &str) -> Vec<(&'static str, String)> {
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        let token = std::fs::read_to_string(self.file("given/token")).expect("a token").trim().to_owned();
        vec![
            ("PATH", "/usr/bin:/bin".to_owned()),
            ("HOME", text(self.folder.clone())),
            ("XDG_CONFIG_HOME", text(self.file("given"))),
            ("XDG_STATE_HOME", text(self.state())),
            ("KUBECONFIG", kubeconfig.to_owned()),
            ("VAULT_ADDR", lab.text("/vault/url").to_owned()),
            if self.in_variable { ("VAULT_TOKEN", token) } else { ("BAO_TOKEN_PATH", text(self.file("given/token"))) },
        ]
    }

    /// A file that only its owner may read.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        self.given(name, text, 0o600)
    }

    pub(crate) fn given(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.file("given").join(name);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&path).expect("a file of ours");
        file.write_all(text.as_bytes()).expect("written");
        path.to_string_lossy().into_owned()
    }

    /// Everything that was journalled.
    pub(crate) fn journal(&self) -> String {
        let mut all = String::new();
        for path in files(&self.state()).into_iter().filter(|path| path.ends_with("journal.jsonl")) {
            all.push_str(&std::fs::read_to_string(path).expect("a journal"));
        }
        all
    }

    /// Runs the binary as somebody of this lab, with a token for its Vault: its exit code, and what it printed.
    pub(crate) fn sealwatch(&self, lab: &Lab, who: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_sealwatch"))
            .args(arguments)
            .env_clear()
            .envs(self.variables(lab, lab.kubeconfig(who)))
            .output()
            .expect("the binary starts");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // A leftover folder below target/ harms nobody.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.flatten().flat_map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { vec![entry.path()] }).collect()
}
