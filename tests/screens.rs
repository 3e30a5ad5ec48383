//! Every screen, cell by cell with its styles, at the sizes that it is designed for, in every look.
//! `INSTA_UPDATE=always cargo test --test screens` keeps what is drawn now.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

mod common;

use common::fingers::{Person, theme};
use common::{pictures, worlds};
use sealwatch::engine::{Policy, Snapshot};
use sealwatch::runbooks::Confirm;
use sealwatch::theme::Depth;

/// Draws a screen after these keys, in the dark theme.
fn shows(name: &str, snapshot: Snapshot, size: (u16, u16), keys: &str) {
    let mut person = Person::before(snapshot, size.0, size.1);
    person.presses(keys);
    insta::assert_snapshot!(name, format!("{:?}", person.screen(&theme("night", Depth::True), false)));
}

/// The same, where the styles are those of another snapshot.
fn reads(name: &str, snapshot: Snapshot, size: (u16, u16), keys: &str) {
    let mut person = Person::before(snapshot, size.0, size.1);
    person.presses(keys);
    insta::assert_snapshot!(name, person.text());
}

#[test]
fn the_board_in_an_incident() {
    shows("board-sealed-80x24", pictures::sealed(), (80, 24), "");
    shows("board-sealed-120x40", pictures::sealed(), (120, 40), "");
    reads("board-sealed-200x50", pictures::sealed(), (200, 50), "");
    shows("board-sealed-selected-120x40", pictures::sealed(), (120, 40), "<tab>jj");
    reads("board-sealed-filtered-120x40", pictures::sealed(), (120, 40), "<tab><tab>/ns=orders ready=false<enter>");
}

#[test]
fn the_board_while_it_heals_and_when_it_is_well() {
    reads("board-healing-80x24", pictures::healing(), (80, 24), "");
    reads("board-healing-120x40", pictures::healing(), (120, 40), "");
    reads("board-healthy-80x24", pictures::healthy(), (80, 24), "");
    reads("board-healthy-120x40", pictures::healthy(), (120, 40), "");
}

#[test]
fn the_board_half_blind() {
    reads("board-loading-80x24", pictures::loading(), (80, 24), "");
    shows("board-offline-80x24", pictures::offline(), (80, 24), "<tab><tab>");
    reads("board-offline-120x40", pictures::offline(), (120, 40), "");
    reads("board-half-blind-80x24", pictures::half_blind(), (80, 24), "");
    reads("board-unreachable-80x24", pictures::unreachable(), (80, 24), "");
}

#[test]
fn the_runbook() {
    shows("runbook-healing-80x24", pictures::healing(), (80, 24), "r");
    reads("runbook-healing-120x40", pictures::healing(), (120, 40), "r");
    reads("runbook-over-80x24", pictures::recovered(), (80, 24), "o");
    reads("runbook-stopped-80x24", pictures::stopped(), (80, 24), "o");
    reads("runbook-stopped-120x40", pictures::stopped(), (120, 40), "o");
    for (name, confirm) in [
        ("start", Confirm::Start),
        ("yes", Confirm::Yes),
        ("name", Confirm::TypeName("prod-weu".to_owned())),
        ("share", pictures::share()),
    ] {
        let mut snapshot = pictures::sealed();
        snapshot.writes.open = true;
        let mut person = Person::before(snapshot.clone(), 80, 24);
        person.presses("r");
        let step = if name == "share" { 1 } else { 3 };
        person.sees(pictures::asking(snapshot, step, pictures::preview(confirm)));
        person.rests();
        person.rests();
        if name == "share" {
            person.happens(sealwatch::tui::app::Message::Hidden(44));
        }
        insta::assert_snapshot!(format!("runbook-asks-{name}-80x24"), person.text());
    }
}

#[test]
fn what_lies_on_top() {
    reads("writes-80x24", pictures::sealed(), (80, 24), "Wprod<enter>INC-7<enter>");
    reads("palette-80x24", pictures::sealed(), (80, 24), ":re");
    reads("runbooks-80x24", pictures::sealed(), (80, 24), "R");
    reads("help-80x24", pictures::sealed(), (80, 24), "?");
    reads("why-cause-120x40", pictures::sealed(), (120, 40), "X");
    reads("why-external-secret-120x40", pictures::sealed(), (120, 40), "<tab><tab>nX");
    reads("trace-80x24", pictures::sealed(), (80, 24), ":trace es/payments/stripe-0<enter>");
    reads("trace-120x40", pictures::sealed(), (120, 40), ":trace secret/payments/stripe-0-creds<enter>");
    reads("errors-80x24", pictures::half_blind(), (80, 24), "!");
    reads("commands-80x24", pictures::healing(), (80, 24), "@");
}

#[test]
fn recorded_worlds() {
    let (mut world, now) = worlds::recorded(include_str!("worlds/sealed.json"));
    let mut seal = worlds::seal(true, 0);
    (seal.threshold, seal.shares) = (1, 1);
    worlds::replicas(&mut world, &[("vault-core-dev-0", "00:16:40", seal, sealwatch::model::ReplicaRole::Unknown)], now);
    reads("recorded-sealed-80x24", pictures::picture(world, now, "kind-ameide", Policy::simulated()), (80, 24), "");
}

#[test]
fn every_look() {
    let person = Person::before(pictures::sealed(), 80, 24);
    for (name, theme_name, depth, ascii) in [
        ("day", "day", Depth::True, false),
        ("256", "night", Depth::Ansi256, false),
        ("16", "night", Depth::Ansi16, false),
        ("mono", "night", Depth::Mono, false),
        ("ascii", "night", Depth::Mono, true),
    ] {
        let drawn = person.screen(&theme(theme_name, depth), ascii);
        insta::assert_snapshot!(format!("board-sealed-80x24-{name}"), format!("{drawn:?}"));
        if ascii {
            assert!(drawn.content.iter().all(|cell| cell.symbol().is_ascii()));
        }
        if depth == Depth::Mono {
            let colored =
                |cell: &ratatui::buffer::Cell| cell.fg != ratatui::style::Color::Reset || cell.bg != ratatui::style::Color::Reset;
            assert!(!drawn.content.iter().any(colored));
        }
    }
}

/// Every screen that can be reached, in windows that nobody has.
#[test]
fn no_window_is_too_small_or_too_odd() {
    let night = theme("night", Depth::True);
    let screens = ["", "<tab>j", "<tab><tab>j", "r", "R", "?", "X", "!", "@", "W", ":", "/x", "rjj"];
    for snapshot in [pictures::loading(), pictures::sealed(), pictures::healing(), pictures::half_blind()] {
        for size in [
            (0, 0),
            (1, 1),
            (2, 2),
            (3, 9),
            (9, 3),
            (40, 10),
            (41, 11),
            (65_535, 1),
            (1, 65_535),
            (500, 130),
            (119, 24),
            (120, 11),
        ] {
            for keys in screens {
                let mut person = Person::before(snapshot.clone(), size.0, size.1);
                person.presses(keys);
                person.screen(&night, size.0 % 2 == 0);
            }
        }
    }
    let tiny = Person::before(pictures::sealed(), 30, 5).text();
    assert!(tiny.starts_with("Too small: 40x10 is needed."), "{tiny}");
}

/// Foreign text may be anything; what is drawn is not.
#[test]
fn no_foreign_text_drives_the_terminal() {
    let (world, now) = worlds::hostile();
    let snapshot = pictures::picture(world, now, "kind\u{1b}[2J", Policy::default());
    for keys in ["", "<tab>X", "<tab><tab>nX", "R", "r", "!", "/<tab>"] {
        for size in [(80, 24), (120, 40)] {
            let mut person = Person::before(snapshot.clone(), size.0, size.1);
            person.presses(keys);
            for cell in &person.screen(&theme("night", Depth::True), false).content {
                let driving = |c: char| {
                    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
                };
                assert!(!cell.symbol().chars().any(driving), "{keys}: {:?}", cell.symbol());
            }
        }
    }
}
