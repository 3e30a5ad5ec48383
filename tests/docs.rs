//! Words for people against the code: what can be made from it is made from it. `UPDATE=1 cargo test --test
//! docs` rewrites the README's tables.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use sealwatch::cli::args::Cli;
use sealwatch::diagnosis::{RULES, Rule, rule};
use sealwatch::runbooks::{RUNBOOKS, Runbook, runbook};
use sealwatch::{keymap, theme};

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(file(path)).expect("a file of the project")
}

/// Replaces what stands between `<!-- name … -->` and `<!-- /name -->`.
fn with_section(text: &str, name: &str, section: &str) -> String {
    let (begin, end) = (format!("<!-- {name}"), format!("<!-- /{name} -->"));
    let (before, rest) = text.split_once(&begin).expect("the section's beginning");
    let (comment, rest) = rest.split_once("-->\n").expect("the end of a comment");
    let (_, after) = rest.split_once(&end).expect("the section's end");
    format!("{before}{begin}{comment}-->\n{section}{end}{after}")
}

/// Every cause that can be named, as a table.
fn causes() -> String {
    let line =
        |rule: &&Rule| format!("| `{}` | {} | {} |\n", rule.slug, rule.title, format!("{:?}", rule.severity).to_lowercase());
    let lines: String = RULES.iter().map(line).collect();
    format!("| Slug | Cause | Severity |\n| --- | --- | --- |\n{lines}")
}

/// Every runbook, as a table.
fn runbooks() -> String {
    let line = |runbook: &&Runbook| {
        let steps: Vec<&str> = runbook.steps.iter().map(|step| step.id).collect();
        let fixes: Vec<String> = runbook.fixes.iter().map(|slug| format!("`{slug}`")).collect();
        format!("| `{}` | {} | {} | {} |\n", runbook.name, runbook.title, steps.join(", "), fixes.join(", "))
    };
    let lines: String = RUNBOOKS.iter().map(line).collect();
    format!("| Runbook | What it does | Steps | Repairs |\n| --- | --- | --- | --- |\n{lines}")
}

#[test]
fn the_tables_in_the_readme_are_made_from_the_code() {
    let readme = read("README.md");
    let right = with_section(&with_section(&readme, "keys", &keymap::markdown()), "causes", &causes());
    let right = with_section(&right, "runbooks", &runbooks());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file("README.md"), &right).expect("written");
    } else {
        assert!(
            readme == right,
            "README.md has other keys, causes or runbooks than the code; UPDATE=1 cargo test --test docs rewrites it"
        );
    }
}

#[test]
fn every_picture_and_file_that_the_readme_names_is_there() {
    let readme = read("README.md");
    let pictures = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|target| !target.contains("://"));
    for picture in pictures {
        assert!(file(picture).exists(), "README.md shows {picture}, which is not there");
    }
    for name in ["tests/lab/README.md", "tests/lab/test", "LICENSE-MIT", "LICENSE-APACHE", "ARCHITECTURE.md"] {
        assert!(file(name).exists(), "{name} is not there");
    }
}

#[test]
fn every_command_in_the_readme_is_understood() {
    for line in read("README.md").lines().filter(|line| line.starts_with("sealwatch ")) {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_whitespace().collect();
        let parsed = Cli::command().try_get_matches_from(&words);
        assert!(parsed.is_ok(), "README.md: {line}: {}", parsed.err().map_or_else(String::new, |error| error.to_string()));
    }
}

#[test]
fn every_rule_explains_itself_and_names_runbooks_that_exist() {
    for rule in RULES {
        for part in ["**How it is known.**", "**How it is repaired.**"] {
            assert!(rule.explain.contains(part), "{}: its page has no “{part}”", rule.slug);
        }
        for name in rule.runbooks {
            let runbook = runbook(name).unwrap_or_else(|| panic!("{} names the runbook {name}, which does not exist", rule.slug));
            assert!(runbook.fixes.contains(&rule.slug), "{name} does not say that it fixes {}", rule.slug);
        }
    }
}

#[test]
fn every_runbook_names_rules_that_exist() {
    for runbook in RUNBOOKS {
        assert!(!runbook.steps.is_empty() && !runbook.summary.is_empty(), "{} says nothing", runbook.name);
        for slug in runbook.fixes {
            let rule = rule(slug).unwrap_or_else(|| panic!("{} fixes {slug}, which is no rule", runbook.name));
            assert!(rule.runbooks.contains(&runbook.name), "{slug} does not name {}", runbook.name);
        }
    }
}

#[test]
fn every_theme_file_is_built_in() {
    let files = fs::read_dir(file("themes")).expect("the themes").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> = files.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    names.sort();
    let mut built_in: Vec<&str> = theme::BUILT_IN.iter().map(|(name, _)| *name).collect();
    built_in.sort_unstable();
    assert_eq!(names, built_in);
}

#[test]
fn the_man_page_tells_every_command() {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page).expect("rendered");
    let page = String::from_utf8_lossy(&page);
    for command in Cli::command().get_subcommands() {
        assert!(page.contains(command.get_name()), "the man page lacks {}", command.get_name());
    }
}
