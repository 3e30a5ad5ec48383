//! The keys of the runbook's screen: in every state of a run the footer names exactly those that do something, and the way
//! out is always in sight.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that fails says why")]

mod common;

use std::sync::Arc;

use common::fingers::Person;
use common::pictures::{asking, healing, healthy, picture, preview, recovered, sealed, share, stopped};
use common::worlds::{Fares, town};
use sealwatch::engine::{Policy, RunState, Snapshot};
use sealwatch::keymap::{Action, Chord, KEYS, Place};
use sealwatch::runbooks::Confirm;
use sealwatch::tui::app::{Effect, Message};

/// `recover` asks this at its fourth step, in a window where every hint has room.
fn asks(mut snapshot: Snapshot, confirm: Confirm) -> Person {
    snapshot.writes.open = true;
    let mut person = Person::before(snapshot.clone(), 240, 40);
    person.presses("r");
    person.sees(asking(snapshot, 3, preview(confirm)));
    person.rests();
    person.rests();
    person
}

fn local() -> Snapshot {
    let (world, now) = town(Fares::Sealed);
    picture(world, now, "kind-dev", Policy::simulated())
}

fn after(mut person: Person, keys: &str) -> Person {
    person.presses(keys);
    person
}

/// Every state that a run can be in, as far as keys go.
fn states() -> Vec<(&'static str, Person)> {
    let name = || Confirm::TypeName("prod-weu".to_owned());
    let value = || Confirm::Value("the value of “password”".to_owned());
    let shown = |snapshot: Snapshot, keys: &str| after(Person::before(snapshot, 240, 40), keys);
    let mut paused = healing();
    let mut run = (**paused.run.as_ref().expect("a run")).clone();
    run.state = RunState::Paused;
    paused.run = Some(Arc::new(run));
    let mut closed = asks(sealed(), Confirm::Yes);
    let mut snapshot = (*closed.model.snapshot).clone();
    snapshot.writes.open = false;
    closed.sees(snapshot);
    let mut sent = asks(sealed(), Confirm::Yes);
    sent.presses("y");
    let mut given = asks(sealed(), share());
    given.happens(Message::Hidden(44));
    let mut never = asks(sealed(), Confirm::Yes);
    let mut snapshot = (*never.model.snapshot).clone();
    (snapshot.writes.open, snapshot.writes.refused) = (false, Some("It never writes."));
    never.sees(snapshot);
    vec![
        ("asks for Enter", asks(sealed(), Confirm::Start)),
        ("asks for y", asks(sealed(), Confirm::Yes)),
        ("y was sent", sent),
        ("asks for y, writes are closed", closed),
        ("asks for y, writes are refused", never),
        ("asks for y, another step is looked at", after(asks(sealed(), Confirm::Yes), "k")),
        ("asks for y, the last step is looked at", after(asks(sealed(), Confirm::Yes), "j")),
        ("asks for a name", asks(sealed(), name())),
        ("asks for a name, it stands there", after(asks(sealed(), name()), "prod-weu")),
        ("asks for a name, another step is looked at", after(asks(sealed(), name()), "<up>")),
        ("asks for a name, the field was left", after(asks(sealed(), name()), "<esc>")),
        ("asks for a value", asks(sealed(), value())),
        ("asks for a value, the field was left", after(asks(sealed(), value()), "<esc>")),
        ("asks for a share", asks(sealed(), share())),
        ("asks for a share, something is typed", given),
        ("asks for a share, the field was left", after(asks(sealed(), share()), "<esc>")),
        ("takes shares from the Secret for a name", after(asks(sealed(), share()), "<tab>")),
        ("takes shares from the Secret, the name stands there", after(asks(sealed(), share()), "<tab>prod-weu")),
        ("takes shares from the Secret for y", after(asks(local(), share()), "<tab>")),
        ("runs", shown(healing(), "r")),
        ("runs, an earlier step is looked at", shown(healing(), "rg")),
        ("is paused", shown(paused, "r")),
        ("is over", shown(recovered(), "o")),
        ("was stopped", shown(stopped(), "o")),
    ]
}

/// What a key does: it leads to something outside, or it changes what is shown. A sentence that says why it does nothing is
/// nothing.
fn does(person: &Person, chord: Chord) -> bool {
    let pressed = |chord: Chord| {
        let mut person = Person { model: person.model.clone(), clock: person.clock + std::time::Duration::from_millis(400) };
        let mut effects: Vec<Effect> = person.happens(Message::Key { chord, repeat: false });
        effects.extend(person.rests());
        let (run, stack, overlay) = (&person.model.run, &person.model.stack, &person.model.overlay);
        (effects, format!("{run:?} {stack:?} {overlay:?}"))
    };
    pressed(chord) != pressed(Chord::parse("ctrl-x").expect("a key that means nothing anywhere"))
}

#[test]
fn the_footer_names_exactly_the_keys_that_do_something() {
    /// What works wherever no text is typed, and is the same in every state of a run.
    const EVERYWHERE: [Action; 13] = [
        Action::Runbooks,
        Action::LastRun,
        Action::Writes,
        Action::CopyStatus,
        Action::Errors,
        Action::Commands,
        Action::Palette,
        Action::Help,
        Action::Redraw,
        Action::Suspend,
        Action::Quit,
        Action::QuitNow,
        // The same as Tab, the other way round.
        Action::PreviousPane,
    ];
    for (state, person) in states() {
        let place = person.model.place();
        let places: &[Place] = if place == Place::Field { &[Place::Field] } else { &[Place::Runbook, Place::Anywhere] };
        let offers = person.model.run_offers();
        for binding in KEYS.iter().filter(|binding| places.contains(&binding.place) && !EVERYWHERE.contains(&binding.action)) {
            let chord = Chord::parse(binding.chord).expect("a chord");
            // What is typed unseen never comes to the model: the event loop sends it.
            let hidden = binding.action == Action::Accept && person.model.hides_input() && person.model.hidden > 0;
            let offered = offers.iter().any(|offer| offer.action == binding.action);
            assert_eq!(offered, hidden || does(&person, chord), "{state}: {chord} is offered: {offered}");
        }
        let footer = person.text().lines().last().expect("a footer").to_owned();
        for hint in person.model.hints(false) {
            let shown = format!("{} {}", hint.keys, hint.word);
            assert!(footer.contains(&shown), "{state}: {shown} is not in {footer}");
        }
        for offer in offers.iter().filter(|offer| !offer.word.is_empty()) {
            assert!(footer.contains(offer.word), "{state}: {} is not in {footer}", offer.word);
        }
    }
}

#[test]
fn the_way_out_is_in_sight_in_a_narrow_window_whatever_was_said() {
    for (state, mut person) in states() {
        person.model.size = (80, 24);
        let footer = |person: &Person| person.text().lines().last().expect("a footer").to_owned();
        assert!(footer(&person).contains("Esc "), "{state}: {}", footer(&person));
        person
            .happens(Message::Told("Something that was said to the person, at a length that no footer has room for.".to_owned()));
        assert!(footer(&person).contains("Esc "), "{state}: {}", footer(&person));
        assert!(person.text().contains("that no footer has"), "{state}: it is said whole\n{}", person.text());
    }
}

#[test]
fn the_question_stands_right_under_its_step_in_every_window() {
    for size in [(80, 16), (80, 24), (120, 40), (200, 50)] {
        let mut person = asks(sealed(), Confirm::Yes);
        person.model.size = size;
        let text = person.text();
        assert!(text.contains("will      Annotate"), "what is agreed to is shown\n{text}");
        let rows: Vec<&str> = text.lines().collect();
        let step = rows.iter().position(|row| row.contains("4 external-secrets")).expect("the step");
        assert!(rows[step + 1].contains("y agrees to what is shown below"), "{text}");
        assert!(rows[step + 2].contains("5 vso"), "the list goes on below it\n{text}");
    }
}

#[test]
fn y_on_another_step_than_the_one_that_asks_agrees_to_nothing() {
    let mut person = after(asks(sealed(), Confirm::Yes), "k");
    assert_eq!(person.presses("y"), []);
    assert!(person.text().contains("This is not the step that asks"), "{}", person.text());
    assert_eq!(person.presses("<enter>"), [], "Enter goes back, and no further");
    assert_eq!(person.presses("y").len(), 1);
}

#[test]
fn the_dialog_that_opens_writes_offers_y_where_y_counts_and_enter_where_enter_does() {
    let footer = |person: &Person| person.text().lines().last().expect("a footer").to_owned();
    let mut person = Person::before(local(), 80, 24);
    person.presses("W");
    assert!(footer(&person).contains("y open writes") && !footer(&person).contains("Enter"), "{}", footer(&person));
    assert_eq!(person.presses("<enter>"), []);
    let mut person = Person::before(sealed(), 80, 24);
    person.presses("W");
    assert!(footer(&person).contains("Enter go on") && !footer(&person).contains("y open"), "{}", footer(&person));
}

#[test]
fn what_cannot_be_copied_is_shown_whole() {
    let mut person = Person::before(sealed(), 80, 24);
    let effects = person.presses("S");
    let [Effect::Copy(line)] = effects.as_slice() else { panic!("{effects:?}") };
    let refused = Some("There is no clipboard here: this session has no display.".to_owned());
    person.happens(Message::Copied { text: line.clone(), refused });
    let text = person.text();
    assert!(text.contains("There is no clipboard here"), "{text}");
    // It begins at the very left, and nothing stands between its lines: a mouse takes no more than it.
    let shown: String = text
        .lines()
        .skip_while(|row| !row.starts_with("02:40:07Z"))
        .take_while(|row| !row.is_empty())
        .collect::<Vec<_>>()
        .join(" ");
    assert_eq!(shown.split_whitespace().collect::<Vec<_>>(), line.split_whitespace().collect::<Vec<_>>(), "{text}");
    assert_eq!(person.presses("K"), [Effect::Copy(line.clone())], "and K tries again");
}

#[test]
fn a_command_that_cannot_be_copied_is_still_the_same_command() {
    let mut person = asks(sealed(), Confirm::Yes);
    let effects = person.presses("K");
    let [Effect::Copy(line)] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(line.matches("--context=").count(), line.lines().count(), "{line}");
    for _ in 0..2 {
        person.happens(Message::Copied { text: line.clone(), refused: Some("There is no clipboard here.".to_owned()) });
        assert_eq!(person.presses("K"), [Effect::Copy(line.clone())]);
    }
}

#[test]
fn the_line_for_the_chat_names_no_bystander_as_the_cause() {
    let line = |snapshot: Snapshot| Person::before(snapshot, 120, 40).model.status_line();
    assert!(line(sealed()).contains("cause: vault-sealed"), "{}", line(sealed()));
    let warned = line(healthy());
    assert!(warned.contains("to look at: generator-rotates") && !warned.contains("cause"), "{warned}");
    // Something fails, and only a warning has a name.
    let mut failing = sealed();
    let mut diagnosis = (*failing.diagnosis).clone();
    diagnosis.causes.retain(|cause| cause.slug == "generator-rotates");
    failing.diagnosis = Arc::new(diagnosis);
    let unnamed = line(failing);
    assert!(unnamed.contains("no cause found; to look at: generator-rotates"), "{unnamed}");
}

#[test]
fn a_run_that_was_stopped_says_what_was_not_done_and_why() {
    let text = after(Person::before(stopped(), 120, 40), "o").text();
    assert!(!text.contains("queued"), "{text}");
    for said in ["not done", "you stopped the run before its turn", "not proved", "took", "left"] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn the_list_says_what_each_runbook_is_ready_for_or_why_it_would_do_nothing() {
    let mut person = after(Person::before(sealed(), 200, 50), "R");
    let text = person.text();
    let row = |name: &str| text.lines().find(|row| row.contains(&format!(" {name} "))).expect("a row").to_owned();
    assert!(row("recover").contains("ready for Vault/vault/vault"), "{text}");
    assert!(row("refresh").contains("does not serve now"), "the Vault is sealed: it would only fail\n{text}");
    assert!(!text.contains("select something on the board"), "{text}");
    // Enter on one that would do nothing starts nothing, and says why.
    assert_eq!(person.presses("jj<enter>"), []);
    assert!(person.text().contains("“refresh” would do nothing"), "{}", person.text());
    assert!(person.text().contains("RUNBOOKS"), "the list stays");
}
