//! The keys of the runbook's screen: in every state of a run the footer names exactly those that do something, and the way
//! out is always in sight.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "a test that fails says why")]

mod common;

use std::sync::Arc;

use common::fingers::Person;
use common::pictures::{asking, healing, healthy, loading, picture, preview, recovered, sealed, share, stopped};
use common::worlds::{Fares, town};
use sealwatch::engine::{Policy, RunState, Snapshot, StepState};
use sealwatch::keymap::{Action, Chord, KEYS, Place};
use sealwatch::model::vault::Token;
use sealwatch::model::{Change, Controller, Kind, Name, ObjectRef, Text};
use sealwatch::runbooks::{Confirm, Outcome, Target};
use sealwatch::tui::app::board::Pane;
use sealwatch::tui::app::{Ask, Clip, Effect, Message};

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
    let mut aside = asks(sealed(), share());
    aside.happens(Message::Hidden(44));
    aside.presses("<down>");
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
        ("asks for a share, something is typed, another step is looked at", aside),
        ("asks for a share, another step is looked at", after(asks(sealed(), share()), "<up>")),
        ("asks for a value, another step is looked at", after(asks(sealed(), value()), "<up>")),
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
fn what_is_typed_brings_back_the_step_that_asks_for_it() {
    let at = |person: &Person| person.model.run.looked_at;
    let mut person = after(asks(sealed(), Confirm::TypeName("prod-weu".to_owned())), "<up>");
    assert!(at(&person).is_some());
    person.presses("p");
    assert_eq!(at(&person), None, "a letter of a name");
    person.presses("<up><enter>");
    assert_eq!(at(&person), None, "Enter");
    for confirm in [share(), Confirm::Value("the value of “password”".to_owned())] {
        let mut person = after(asks(sealed(), confirm), "<up>");
        assert!(person.text().contains("Another step is shown below"), "{}", person.text());
        person.presses("<enter>");
        assert_eq!(at(&person), None, "Enter");
        person.presses("<up>");
        person.happens(Message::Hidden(1));
        assert_eq!(at(&person), None, "a letter of what is not seen");
    }
    let mut person = after(asks(sealed(), share()), "<up><tab>");
    assert_eq!(at(&person), None, "the other way to give shares");
    person.presses("<esc>");
}

#[test]
fn the_step_that_a_run_comes_to_is_not_another_one_any_more() {
    let mut person = asks(sealed(), Confirm::Yes);
    person.presses("j");
    let snapshot = (*person.model.snapshot).clone();
    let mut next = asking(snapshot, 4, preview(Confirm::Yes));
    let mut run = (**next.run.as_ref().expect("a run")).clone();
    run.steps[3].state = StepState::Ended(Outcome::Proved);
    next.run = Some(Arc::new(run));
    person.sees(next);
    assert_eq!(person.model.run.looked_at, None);
    person.rests();
    person.rests();
    assert!(person.text().contains("y agrees to what is shown below"), "{}", person.text());
}

/// Every state that the board can be in, as far as keys go.
fn boards() -> Vec<(&'static str, Person)> {
    let shown = |snapshot: Snapshot, keys: &str| after(Person::before(snapshot, 240, 40), keys);
    let mut searching = sealed();
    searching.asked_at = None;
    let mut diagnosis = (*searching.diagnosis).clone();
    diagnosis.causes.retain(|cause| cause.slug == "generator-rotates");
    searching.diagnosis = Arc::new(diagnosis);
    let mut well = healthy();
    let mut diagnosis = (*well.diagnosis).clone();
    diagnosis.causes.clear();
    well.diagnosis = Arc::new(diagnosis);
    vec![
        ("nothing is known", shown(loading(), "")),
        ("nothing is broken, and nothing warns", shown(well.clone(), "")),
        ("nothing is broken, a store is selected", shown(well.clone(), "<tab>")),
        ("nothing is broken, a Vault is selected", shown(well, "<tab><tab><tab>")),
        ("something warns", shown(healthy(), "")),
        ("the cause is looked for", shown(searching, "")),
        ("a cause", shown(sealed(), "")),
        ("a namespace is selected", shown(sealed(), "<tab><tab>")),
        ("an ExternalSecret is selected", shown(sealed(), "<tab><tab>n")),
        ("the folded rows are selected", shown(sealed(), "<tab><tab>G")),
        ("rows are marked", shown(sealed(), "<tab><tab>n<space>")),
        ("a filter is on", shown(sealed(), "<tab><tab>/ns=orders<enter>")),
        ("a run goes on", shown(healing(), "")),
    ]
}

#[test]
fn the_board_offers_no_key_that_would_only_say_why_it_does_nothing() {
    const NAMED: [Action; 6] = [Action::Repair, Action::Why, Action::Accept, Action::Mark, Action::Fold, Action::Back];
    for (state, person) in boards() {
        let offers = person.model.board_offers();
        for binding in KEYS.iter().filter(|binding| NAMED.contains(&binding.action)) {
            if !matches!(binding.place, Place::Board | Place::Anywhere) {
                continue;
            }
            let chord = Chord::parse(binding.chord).expect("a chord");
            let pressed = |chord: Chord| {
                let mut person = Person { model: person.model.clone(), clock: person.clock };
                let effects: Vec<Effect> = person.happens(Message::Key { chord, repeat: false });
                let board = &person.model.board;
                let seen = (board.focus, &board.marks, board.view.filter.text.clone(), &board.view.unfolded, &board.view.flipped);
                (effects, format!("{seen:?} {:?}", person.model.stack))
            };
            let does = pressed(chord) != pressed(Chord::parse("ctrl-x").expect("a key that means nothing anywhere"));
            let offered = offers.iter().any(|offer| offer.action == binding.action);
            // Enter on a cause is asking why, which has a key of its own.
            let twice = binding.action == Action::Accept && person.model.board.focus == Pane::Causes;
            assert!(offered == does || (twice && !offered), "{state}: {chord} is offered: {offered}, and does something: {does}");
        }
    }
}

#[test]
fn enter_shows_the_chain_of_a_row_and_x_says_why() {
    let mut person = after(Person::before(sealed(), 120, 40), "<tab><tab>n<enter>");
    assert!(person.text().contains("TRACE"), "{}", person.text());
    assert!(person.text().lines().last().is_some_and(|footer| footer.contains("X why")), "{}", person.text());
    person.presses("X");
    assert!(person.text().contains("─ WHY"), "{}", person.text());
    person.presses("<esc><esc>X");
    assert!(person.text().contains("─ WHY"), "{}", person.text());
}

#[test]
fn a_vault_that_was_never_heard_is_said_in_the_header() {
    let mut silent = healthy();
    let mut world = (*silent.world).clone();
    world.vault_seen = None;
    silent.world = Arc::new(world);
    let mut person = Person::before(silent.clone(), 120, 40);
    assert!(person.text().contains("Vault not heard yet"), "{}", person.text());
    silent.now = silent.now.checked_add(jiff::SignedDuration::from_secs(40)).expect("a time");
    person.sees(silent);
    assert!(person.text().contains("Vault never heard in 40s"), "{}", person.text());
    person.sees(healthy());
    assert!(!person.text().contains("never heard"), "{}", person.text());
}

#[test]
fn the_list_of_runbooks_is_not_worked_out_anew_where_nothing_changed() {
    let mut person = after(Person::before(sealed(), 120, 40), "R");
    person.model.offered.clear();
    let mut later = (*person.model.snapshot).clone();
    later.now = later.now.checked_add(jiff::SignedDuration::from_secs(1)).expect("a time");
    person.sees(later.clone());
    assert!(person.model.offered.is_empty(), "only the time went on");
    later.diagnosis = Arc::new((*later.diagnosis).clone());
    person.sees(later);
    assert!(!person.model.offered.is_empty(), "it was looked at anew");
}

#[test]
fn a_command_that_is_taken_from_the_screen_is_one_command() {
    let mut person = asks(sealed(), Confirm::Yes);
    person.model.size = (80, 24);
    let effects = person.presses("K");
    let [Effect::Copy(Clip::Commands(commands))] = effects.as_slice() else { panic!("{effects:?}") };
    person.happens(Message::Copied { clip: Clip::Commands(commands.clone()), refused: Some("There is none.".to_owned()) });
    let text = person.text();
    let shown: Vec<&str> = text
        .lines()
        .skip_while(|row| !row.starts_with("kubectl"))
        .take_while(|row| !row.starts_with(' ') && !row.is_empty())
        .collect();
    let pasted = shown.join("\n").replace(" \\\n", " ");
    let pasted = pasted.trim_end_matches(" \\").to_owned();
    assert!(shown.len() > 1 && commands.starts_with(&pasted), "{pasted}\n\n{commands}");
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
    let [Effect::Copy(clip)] = effects.as_slice() else { panic!("{effects:?}") };
    let line = clip.text();
    let refused = Some("There is no clipboard here: this session has no display.".to_owned());
    person.happens(Message::Copied { clip: clip.clone(), refused });
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
    assert_eq!(person.presses("K"), [Effect::Copy(clip.clone())], "and K tries again");
}

#[test]
fn a_command_that_cannot_be_copied_is_still_the_same_command() {
    let mut person = asks(sealed(), Confirm::Yes);
    let effects = person.presses("K");
    let [Effect::Copy(clip)] = effects.as_slice() else { panic!("{effects:?}") };
    let line = clip.text();
    assert_eq!(line.matches("--context=").count(), line.lines().count(), "{line}");
    for _ in 0..2 {
        person.happens(Message::Copied { clip: clip.clone(), refused: Some("There is no clipboard here.".to_owned()) });
        assert_eq!(person.presses("K"), [Effect::Copy(clip.clone())]);
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

#[test]
fn restarting_external_secrets_is_about_that_and_not_about_what_is_selected() {
    let deployment = ObjectRef::new(Kind::Deployment, "external-secrets", "external-secrets");
    let mut snapshot = healthy();
    let mut world = (*snapshot.world).clone();
    world.controller = Some(Controller {
        deployment: deployment.clone(),
        version: Text::foreign("v0.20.4"),
        ready: 1,
        unready: None,
        concurrent: 1,
        store_requeue: 300,
        leader: Name::default(),
        renewed: None,
        lapsed: false,
        seen: snapshot.now,
    });
    snapshot.world = Arc::new(world);
    let mut person = after(Person::before(snapshot, 200, 50), "<tab><tab><tab>R");
    let text = person.text();
    let row = text.lines().find(|row| row.contains(" restart-eso ")).expect("a row").to_owned();
    assert!(row.contains("ready for Deployment/external-secrets/external-secrets"), "{text}");
    let ask = Ask::Start { runbook: "restart-eso", target: Target::Objects(vec![deployment]) };
    assert_eq!(person.presses("<esc>:restart-eso<enter>"), [Effect::Engine(ask)]);
}

#[test]
fn a_page_says_whose_token_reads_and_how_to_use_a_lesser_one() {
    let mut snapshot = healthy();
    let mut world = (*snapshot.world).clone();
    let address = world.vaults.keys().next().expect("a Vault").clone();
    let token = Token { name: Text::foreign("root"), policies: vec![Text::foreign("root")], ..Token::default() };
    world.apply(Change::Token(address, Some(token)), snapshot.now);
    snapshot.world = Arc::new(world);
    let text = after(Person::before(snapshot, 120, 40), ":whoami<enter>").text();
    for said in ["as        root", "VAULT_TOKEN or BAO_TOKEN", "a lesser one is enough", ":login", "oncall@sre"] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn what_came_of_a_step_is_read_whole_in_a_narrow_window() {
    let text = after(Person::before(recovered(), 80, 24), "o").text();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let list = words.split("SUMMARY").next().expect("the list").to_owned();
    for said in ["220 of 222 ExternalSecrets", "synced and proved, 2 failed of another cause, 11 left out."] {
        assert!(list.contains(said), "{said} is not in\n{text}");
    }
}
