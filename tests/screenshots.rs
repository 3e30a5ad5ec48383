//! The pictures of the README: drawn from fixtures, compared byte for byte, never made by hand.
//! `UPDATE=1 cargo test --test screenshots` draws them anew.

#![allow(clippy::expect_used, reason = "these are tests, although not in functions that say so")]

mod common;

use common::fingers::{Person, theme};
use common::{pictures, svg};
use sealwatch::theme::Depth;

fn check(name: &str, person: &Person) {
    let drawn = svg::svg(&person.screen(&theme("night", Depth::True), false));
    let path = format!("{}/screenshots/{name}.svg", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &drawn).expect("written");
        return;
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == drawn, "{path} is not what is drawn now. If that is meant: UPDATE=1 cargo test --test screenshots");
}

#[test]
fn board_sealed() {
    check("board-sealed", &Person::before(pictures::sealed(), 130, 38));
}

#[test]
fn board_healing() {
    let mut person = Person::before(pictures::healing(), 130, 38);
    person.presses("<tab><tab>");
    check("board-healing", &person);
}

#[test]
fn board_healthy() {
    check("board-healthy", &Person::before(pictures::healthy(), 130, 38));
}

#[test]
fn runbook_healing() {
    let mut person = Person::before(pictures::healing(), 110, 32);
    person.presses("r");
    check("runbook-healing", &person);
}
