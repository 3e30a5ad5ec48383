//! The house, held to its plan: which room may import which, which crates each may name, how long a file
//! may be, and where permits are granted and secrets opened. Reads the sources as text; no dependency.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::string_slice,
    reason = "a test that fails says why"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room, the rooms it may import, the crates it may name besides `std`. Floors from low to high.
const ROOMS: &[(&str, &[&str], &[&str])] = &[
    ("model", &[], &["serde", "jiff", "arcstr", "sha2", "sha3", "hmac", "zeroize"]),
    ("keymap", &[], &[]),
    ("theme", &[], &["ratatui", "serde", "toml", "thiserror"]),
    ("diagnosis", &["model"], &["serde", "jiff", "strsim"]),
    ("runbooks", &["model", "diagnosis"], &["serde", "serde_saphyr", "jiff"]),
    ("ports", &["model", "diagnosis", "runbooks"], &["serde", "jiff", "futures", "async_trait", "zeroize"]),
    (
        "gateways",
        &["model", "diagnosis", "runbooks", "ports"],
        &[
            "serde",
            "serde_json",
            "jiff",
            "futures",
            "async_trait",
            "zeroize",
            "tokio",
            "kube",
            "k8s_openapi",
            "vaultrs",
            "rustify",
            "hyper",
            "hyper_util",
            "hyper_rustls",
            "http",
            "http_body_util",
            "bytes",
            "tower",
            "tower_http",
            "tokio_rustls",
            "rustls_native_certs",
            "arboard",
            "base64",
            "rustix",
            "etcetera",
            "toml",
            "sha2",
            "sha3",
            "tracing",
            "rustls",
        ],
    ),
    ("engine", &["model", "diagnosis", "runbooks", "ports"], &["serde", "jiff", "futures", "tokio", "tracing"]),
    (
        "tui",
        &["model", "diagnosis", "runbooks", "ports", "engine", "keymap", "theme"],
        &[
            "ratatui",
            "crossterm",
            "jiff",
            "futures",
            "tokio",
            "rustix",
            "unicode_width",
            "unicode_segmentation",
            "tui_input",
            "base64",
            "tracing",
        ],
    ),
    (
        "report",
        &["model", "diagnosis", "runbooks", "ports", "engine"],
        &["serde", "serde_json", "serde_saphyr", "jiff", "unicode_width"],
    ),
    (
        "cli",
        &["model", "diagnosis", "runbooks", "ports", "engine", "gateways", "tui", "report", "keymap", "theme"],
        &[
            "clap",
            "clap_complete",
            "clap_mangen",
            "tokio",
            "jiff",
            "serde_json",
            "toml",
            "etcetera",
            "tracing",
            "tracing_subscriber",
            "tracing_appender",
            "rustix",
        ],
    ),
    ("main", &["cli", "tui"], &["clap", "tokio", "sealwatch"]),
];

/// What may stand in one place only: the text, the only path that may hold it, why.
const ONLY_IN: &[(&str, &str, &str)] = &[
    ("Permit::grant", "src/engine/door.rs", "permits are granted at the one door"),
    (".reveal()", "src/gateways", "only gateways open what is withheld"),
    ("process::exit", "src/tui/watchdog.rs", "only main maps errors to exit codes; the watchdog leaves a dead terminal"),
];

const LONGEST_FILE: usize = 600;

struct File {
    path: PathBuf,
    /// Module path, `["engine", "door"]`.
    module: Vec<String>,
    /// The source without comments, strings and test modules; lines stay where they are.
    code: String,
    text: String,
}

impl File {
    fn room(&self) -> &str {
        self.module.first().map_or("", String::as_str)
    }

    fn line_of(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }
}

fn sources() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&entry).expect("a source file");
                let path = entry.strip_prefix(root).expect("below the root").to_path_buf();
                let module = path.with_extension("").iter().skip(1).map(|part| part.to_string_lossy().into_owned()).collect();
                let module: Vec<String> = module;
                // Modules that exist for tests only may do what a test needs.
                let for_tests = module.iter().any(|part| part == "tests" || part == "testing");
                let code = if for_tests { String::new() } else { code_of(&text) };
                found.push(File { path, module, code, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Blanks comments, strings, characters and `#[cfg(test)]` modules, and keeps every newline.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let rest = &text[at..];
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |end| end + 2)
        } else if c == '"' {
            string_length(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'{'") || rest.starts_with("'}'") {
            3
        } else {
            out.push(c);
            continue;
        };
        out.extend(rest[..skip].chars().filter(|c| *c == '\n'));
        while chars.next_if(|(next, _)| *next < at + skip).is_some() {}
    }
    out
}

/// How long the string literal is that this text begins with.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

fn ident(text: &str) -> &str {
    &text[..text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())]
}

/// The first names of what a path prefix is followed by: one, or those of a group `{a::b, c}`.
fn heads(after: &str) -> Vec<String> {
    let Some(group) = after.strip_prefix('{') else { return vec![ident(after).to_owned()] };
    let (mut depth, mut start, mut heads) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.push(ident(group[start..at].trim()).to_owned());
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.push(ident(group[start..at].trim()).to_owned());
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

/// Every path root in the code: position, the word before the first `::`, what follows it.
fn roots(code: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    code.match_indices("::").filter_map(move |(at, _)| {
        let before = &code[..at];
        let start = before.rfind(|c: char| !c.is_alphanumeric() && c != '_').map_or(0, |at| at + 1);
        let is_root = !before[..start].ends_with("::") && start < at;
        is_root.then(|| (start, &code[start..at], code[at + 2..].trim_start()))
    })
}

/// The rooms that a file imports, with the line.
fn imports(file: &File) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, word, mut after) in roots(&file.code) {
        let mut up = match word {
            "crate" => file.module.len(),
            "super" => 1,
            _ => continue,
        };
        while let Some(rest) = after.strip_prefix("super::") {
            up += 1;
            after = rest;
        }
        if up >= file.module.len() {
            found.extend(heads(after).into_iter().map(|room| (file.line_of(at), room)));
        }
    }
    found
}

fn crates() -> BTreeSet<String> {
    let manifest = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).expect("the manifest");
    let dependencies = manifest.split("[dependencies]").nth(1).expect("dependencies").split("\n[").next().expect("a section");
    dependencies.lines().filter_map(|line| line.split_once(" =")).map(|(name, _)| name.trim().replace('-', "_")).collect()
}

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn arrows_go_one_way() {
    let rooms: BTreeMap<_, _> = ROOMS.iter().map(|(room, imports, _)| (*room, *imports)).collect();
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| file.room() != "lib") {
        let Some(allowed) = rooms.get(file.room()) else {
            faults.push(format!("{} stands in no room of the plan", file.path.display()));
            continue;
        };
        for (line, room) in imports(file) {
            if rooms.contains_key(room.as_str()) && room != file.room() && !allowed.contains(&room.as_str()) {
                faults.push(format!(
                    "{}:{line} imports {room}; {} may import {}",
                    file.path.display(),
                    file.room(),
                    allowed.join(", ")
                ));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn crates_are_named_where_they_belong() {
    let known = crates();
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| file.room() != "lib") {
        let allowed = ROOMS.iter().find(|(room, _, _)| *room == file.room()).map_or(&[][..], |(_, _, crates)| *crates);
        for (at, word, _) in roots(&file.code) {
            if known.contains(word) && !allowed.contains(&word) {
                faults.push(format!(
                    "{}:{} names {word}; {} may name {}",
                    file.path.display(),
                    file.line_of(at),
                    file.room(),
                    allowed.join(", ")
                ));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn the_plan_itself_has_no_cycle() {
    for (floor, (room, imports, _)) in ROOMS.iter().enumerate() {
        for import in *imports {
            let below = ROOMS.iter().position(|(name, _, _)| name == import).expect("a room of the plan");
            assert!(below < floor, "{room} may import {import}, which stands above it");
        }
    }
}

#[test]
fn files_are_short_and_say_what_they_hold() {
    let mut faults = Vec::new();
    for file in sources() {
        let lines = file.text.lines().count();
        if lines > LONGEST_FILE {
            faults.push(format!("{}: {lines} lines; split it at {LONGEST_FILE}", file.path.display()));
        }
        if !file.text.starts_with("//!") {
            faults.push(format!("{}: no //! that says what lives here", file.path.display()));
        }
    }
    assert_none(&faults);
}

#[test]
fn some_things_happen_in_one_place_only() {
    let mut faults = Vec::new();
    for file in sources() {
        for (text, place, why) in ONLY_IN {
            if let Some(at) = file.code.find(text).filter(|_| !file.path.starts_with(place)) {
                faults.push(format!("{}:{} holds {text}; it belongs to {place}: {why}", file.path.display(), file.line_of(at)));
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_rule_runbook_and_kind_is_registered() {
    let mut faults = Vec::new();
    let files = sources();
    // Folder, its registry, what makes a file an entry of it.
    for (folder, registry, entry) in
        [("diagnosis", "rules!", "const RULE: Rule"), ("runbooks", "runbooks!", ": Runbook = "), ("kinds", "kinds!", "")]
    {
        let owner = files.iter().find(|file| file.module.last().is_some_and(|name| name == folder)).expect("the registry's file");
        let list =
            owner.code.split(&format!("{registry} {{")).last().and_then(|list| list.split('}').next()).expect("a registry");
        let registered: BTreeSet<&str> =
            list.split([',', '\n']).map(|entry| ident(entry.trim())).filter(|name| !name.is_empty()).collect();
        for file in files.iter().filter(|file| file.module.len() >= 2 && file.module[file.module.len() - 2] == folder) {
            let name = file.module.last().expect("a name").as_str();
            if file.code.contains(entry) && !registered.contains(name) {
                faults.push(format!("{}: {name} is not named in {registry} of {}", file.path.display(), owner.path.display()));
            }
        }
    }
    assert_none(&faults);
}
