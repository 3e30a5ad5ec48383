//! A person's keys as macros on the model: what they make the console do, and above all what they do not.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::fingers::Person;
use common::pictures::{asking, healing, healthy, picture, preview, sealed, share};
use common::worlds::{Fares, object, town};
use sealwatch::diagnosis::diagnose;
use sealwatch::engine::Policy;
use sealwatch::model::kinds::{ExternalSecret, Object, VaultDynamicSecret, Watched as _};
use sealwatch::model::vault::Login;
use sealwatch::model::{Change, Kind, Name, Names, ObjectRef};
use sealwatch::runbooks::{Confirm, Target};
use sealwatch::tui::app::{Ask, Effect, Message};

/// `recover` asks this at its fourth step, with writes open.
fn asked(confirm: Confirm) -> Person {
    let mut snapshot = sealed();
    snapshot.writes.open = true;
    let mut person = Person::before(snapshot.clone(), 120, 40);
    person.presses("r");
    person.sees(asking(snapshot, 3, preview(confirm)));
    person
}

fn agreements(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Engine(ask) if ask.agrees())).count()
}

#[test]
fn r_opens_the_runbook_of_the_cause_and_agrees_to_nothing() {
    let mut person = Person::before(sealed(), 120, 40);
    let target = Target::Vault(ObjectRef::new(Kind::Vault, "vault", "vault"));
    assert_eq!(person.presses("r"), [Effect::Engine(Ask::Start { runbook: "recover", target })]);
}

#[test]
fn r_on_a_lease_that_has_ended_refreshes_what_has_it_by_name() {
    let (mut world, now) = town(Fares::Well);
    let wire = serde_json::json!({
        "metadata": { "name": "db", "namespace": "orders" },
        "spec": { "mount": "database", "path": "creds/orders", "destination": { "name": "db", "create": true } },
        "status": { "lastRenewalTime": now.as_second() - 700, "secretLease": { "id": "x", "duration": 600, "renewable": true } },
    });
    world.apply(Change::Applied(object::<VaultDynamicSecret>(&mut Names::default(), wire)), now);
    let mut person = Person::before(picture(world, now, "prod-weu", Policy::simulated()), 120, 40);
    let leased = ObjectRef::new(Kind::VaultDynamicSecret, "orders", "db");
    for _ in 0..20 {
        if person.model.board.object(&person.model).as_ref() == Some(&leased) {
            break;
        }
        person.presses("j");
    }
    let target = Target::Objects(vec![leased]);
    assert_eq!(person.presses("r"), [Effect::Engine(Ask::Start { runbook: "refresh", target })], "{}", person.text());
}

#[test]
fn the_first_rescue_by_keys() {
    let mut snapshot = sealed();
    snapshot.writes.open = true;
    let mut person = Person::before(snapshot.clone(), 120, 40);
    person.presses("r");
    person.sees(asking(snapshot.clone(), 0, preview(Confirm::Start)));
    assert_eq!(person.presses("<enter>"), [Effect::Engine(Ask::Agree)]);
    person.sees(asking(snapshot.clone(), 1, preview(share())));
    assert!(person.model.hides_input(), "the share goes to the hidden field");
    person.happens(Message::HiddenSent);
    for step in [2, 3] {
        person.sees(asking(snapshot.clone(), step, preview(Confirm::Yes)));
        assert_eq!(person.presses("y"), [Effect::Engine(Ask::Agree)]);
    }
}

#[test]
fn a_token_or_a_password_goes_to_the_hidden_field_and_esc_sends_nothing() {
    let mut person = Person::before(sealed(), 120, 40);
    assert_eq!(person.presses(":login<enter>"), []);
    assert!(
        person.model.hides_input() && person.text().contains("A token for http://vault.vault.svc:8200."),
        "{}",
        person.text()
    );
    person.happens(Message::Hidden(7));
    assert!(person.text().contains("•••••••"), "{}", person.text());
    assert_eq!(person.presses("<esc>"), []);
    assert!(!person.model.hides_input() && person.text().contains("Wiped, nothing was sent."));
    person.presses(":login ldap/alice<enter>");
    assert!(person.text().contains("The password of alice (ldap) at"), "{}", person.text());
    person.happens(Message::HiddenSent);
    assert!(!person.model.hides_input() && person.text().contains("Logging in at http://vault.vault.svc:8200 as alice (ldap)"));
    assert_eq!(person.presses(":logout<enter>"), [Effect::Engine(Ask::LogOut)]);
}

#[test]
fn a_key_on_a_store_logs_in_as_it_does() {
    let mut person = Person::before(sealed(), 200, 50);
    assert_eq!(person.presses("L"), [], "a cause is no store");
    assert!(person.text().contains("Select a store"), "{}", person.text());
    let effects = person.presses("<tab>jjL");
    let [Effect::Engine(Ask::LogIn { server, login: Login::Store(login) })] = effects.as_slice() else {
        panic!("{effects:?}: {}", person.text())
    };
    assert_eq!(server.to_string(), "http://vault.vault.svc:8200");
    assert_eq!((login.account.kind, &login.account.namespace), (Kind::ServiceAccount, &login.store.namespace));
}

#[test]
fn enter_never_confirms_a_write() {
    for confirm in [Confirm::Yes, Confirm::TypeName("prod-weu".to_owned()), share()] {
        let mut person = asked(confirm.clone());
        assert_eq!(agreements(&person.presses("<enter><enter><enter>")), 0, "{confirm:?}");
    }
}

#[test]
fn esc_never_runs_anything_and_what_runs_goes_on() {
    for confirm in [Confirm::Start, Confirm::Yes, Confirm::TypeName("prod-weu".to_owned()), share()] {
        let mut person = asked(confirm.clone());
        assert_eq!(person.presses("<esc><esc><esc><esc>"), [], "{confirm:?}");
        assert!(person.model.stack.is_empty(), "{confirm:?}: Esc leads back to the board");
        assert!(person.model.run_is_on());
    }
}

#[test]
fn a_paste_confirms_nothing() {
    for confirm in [Confirm::Start, Confirm::Yes, Confirm::TypeName("prod-weu".to_owned())] {
        let mut person = asked(confirm.clone());
        let mut effects = person.happens(Message::Paste("prod-weu\n".to_owned()));
        effects.extend(person.happens(Message::Paste("y".to_owned())));
        effects.extend(person.rests());
        effects.extend(person.presses("<enter>").into_iter().filter(|_| confirm != Confirm::Start));
        assert_eq!(effects, [], "{confirm:?}");
    }
}

#[test]
fn a_key_that_is_held_and_a_rain_of_keys_confirm_nothing() {
    let mut person = asked(Confirm::Yes);
    person.clock += Duration::from_secs(1);
    assert_eq!(agreements(&person.rains("yyyyyyyyyyyyyyyyyyyy")), 0);
    let mut person = asked(Confirm::Yes);
    person.clock += Duration::from_secs(1);
    let mut effects = person.rains("kubectl get pods; yes");
    effects.extend(person.rests());
    assert_eq!(agreements(&effects), 0, "text pasted into a terminal without bracketed paste");
}

#[test]
fn a_key_before_one_could_read_confirms_nothing() {
    let mut person = asked(Confirm::Yes);
    let early = person.rains("y");
    assert_eq!(agreements(&early), 0);
    assert!(person.text().contains("too soon"), "{}", person.text());
    assert_eq!(agreements(&person.presses("y")), 1, "the next calm y counts");
}

#[test]
fn one_agreement_is_one_agreement() {
    let mut person = asked(Confirm::Yes);
    assert_eq!(agreements(&person.presses("yyy")), 1);
}

#[test]
fn a_name_is_typed_in_full() {
    let mut person = asked(Confirm::TypeName("prod-weu".to_owned()));
    assert_eq!(person.presses("prod-we<enter>"), []);
    assert_eq!(person.presses("u<enter>"), [Effect::Engine(Ask::Name("prod-weu".to_owned()))]);
}

#[test]
fn shares_come_from_the_secret_only_after_the_contexts_name_under_break_glass() {
    let mut person = asked(share());
    assert_eq!(agreements(&person.presses("<tab>y<enter>")), 0);
    person.presses("<ctrl-u>");
    assert_eq!(person.presses("prod-weu<enter>"), [Effect::Engine(Ask::Name("prod-weu".to_owned()))]);
}

#[test]
fn under_local_y_takes_the_shares_from_the_secret() {
    let (world, now) = town(Fares::Sealed);
    let mut snapshot = picture(world, now, "kind-dev", Policy::simulated());
    snapshot.writes.open = true;
    let mut person = Person::before(snapshot.clone(), 120, 40);
    person.presses("r");
    person.sees(asking(snapshot, 1, preview(share())));
    assert_eq!(person.presses("<tab>y"), [Effect::Engine(Ask::SharesFromSecret)]);
}

#[test]
fn with_writes_closed_a_runbook_can_be_walked_and_confirms_nothing() {
    let snapshot = sealed();
    for confirm in [Confirm::Yes, Confirm::TypeName("prod-weu".to_owned()), share()] {
        let mut person = Person::before(snapshot.clone(), 120, 40);
        person.presses("r");
        person.sees(asking(snapshot.clone(), 1, preview(confirm.clone())));
        assert!(!person.model.hides_input());
        assert_eq!(agreements(&person.presses("y<enter>prod-weu<enter>")), 0, "{confirm:?}");
    }
    let mut person = Person::before(snapshot.clone(), 120, 40);
    person.presses("r");
    person.sees(asking(snapshot, 1, preview(share())));
    let text = person.text();
    assert!(text.contains("Press W to open them"), "{text}");
    person.presses("jj");
    let text = person.text();
    assert!(text.contains("Not reached yet") || text.contains("As the world is now"), "{text}");
}

#[test]
fn writes_open_with_the_name_and_a_reason_and_close_at_once() {
    let mut person = Person::before(sealed(), 120, 40);
    assert_eq!(person.presses("Wprod<enter>INC-7<enter>"), [], "the name is not complete");
    assert!(person.text().contains("not the name of this context"), "{}", person.text());
    assert_eq!(person.presses("<esc>"), []);
    let opened = Ask::OpenWrites { context: "prod-weu".to_owned(), reason: "INC-7".to_owned() };
    assert_eq!(person.presses("Wprod-weu<enter>INC-7<enter>"), [Effect::Engine(opened)]);
    let mut snapshot = sealed();
    snapshot.writes.open = true;
    person.sees(snapshot);
    assert_eq!(person.presses("W"), [Effect::Engine(Ask::CloseWrites)]);
}

#[test]
fn a_policy_that_never_writes_says_so() {
    let (world, now) = town(Fares::Sealed);
    let mut person = Person::before(picture(world, now, "capture", Policy::recorded()), 120, 40);
    assert_eq!(person.presses("W"), []);
    assert!(person.text().contains("it never writes"), "{}", person.text());
}

#[test]
fn selection_is_linked_across_the_panes() {
    let mut person = Person::before(sealed(), 200, 50);
    person.presses("<tab>jj");
    let store = person.model.board.object(&person.model).expect("a store");
    assert_eq!(store.kind, Kind::SecretStore);
    let world = person.model.snapshot.world.clone();
    let readers = world.all::<ExternalSecret>().iter().map(|es| es.object_ref());
    let linked: Vec<ObjectRef> = readers.filter(|es| person.model.is_linked(es)).collect();
    assert!(!linked.is_empty() && linked.iter().all(|es| es.namespace == store.namespace), "{linked:?}");
    let mut paths = world.vaults.values().flat_map(|server| server.paths.keys().map(|path| server.address.path_ref(path)));
    assert!(paths.any(|path| person.model.is_linked(&path)));
    person.presses("<tab>n");
    let mut es = person.model.board.object(&person.model).expect("an ExternalSecret");
    assert_eq!(es.kind, Kind::ExternalSecret);
    // One that only generates has no store.
    while world.get::<ExternalSecret>(&es).is_some_and(|es| es.store.is_none()) {
        person.presses("n");
        es = person.model.board.object(&person.model).expect("an ExternalSecret");
    }
    assert!(person.model.is_linked(&ObjectRef::new(Kind::SecretStore, es.namespace.as_str(), "vault")));
}

#[test]
fn the_cursor_stays_on_its_row_when_the_world_moves() {
    let mut person = Person::before(sealed(), 200, 50);
    person.presses("<tab><tab>nnn");
    let before = person.model.board.object(&person.model).expect("a row");
    let mut moved = sealed();
    moved.world = std::sync::Arc::new((*moved.world).clone());
    person.sees(moved);
    assert_eq!(person.model.board.object(&person.model), Some(before));
}

#[test]
fn selection_and_marks_stay_on_their_objects_over_a_list_after_a_gap() {
    let mut person = Person::before(sealed(), 200, 50);
    person.presses("<tab><tab>n<space>n<space>nn");
    let before = person.model.board.object(&person.model).expect("a row");
    let mut moved = sealed();
    let mut world = (*moved.world).clone();
    let all: Vec<_> = world.all::<ExternalSecret>().iter().cloned().collect();
    let first = all.iter().find(|es| es.object_ref().namespace == before.namespace).expect("one in its namespace");
    // Half of what there was is gone, and something new stands before everything in its namespace.
    let mut new = (**first).clone();
    new.meta.name = Name::new("aa-new");
    let marked: Vec<ObjectRef> = person.model.board.marks.iter().cloned().collect();
    assert_eq!(marked.len(), 2);
    let keep = |es: &ObjectRef, number: usize| number.is_multiple_of(2) || *es == before || marked.contains(es);
    let kept = all.iter().enumerate().filter(|(number, es)| keep(&es.object_ref(), *number)).map(|(_, es)| es.clone());
    let listed: Vec<Object> = kept.chain([Arc::new(new)]).map(Object::ExternalSecret).collect();
    let count = listed.len();
    world.apply(Change::Listed(Kind::ExternalSecret.into(), listed, Vec::new()), moved.now);
    world.settle();
    assert!(world.all::<ExternalSecret>().len() == count && count < all.len());
    moved.diagnosis = Arc::new(diagnose(&world, moved.now));
    moved.world = Arc::new(world);
    person.sees(moved);
    assert_eq!(person.model.board.object(&person.model), Some(before));
    let effects = person.presses("r");
    let [Effect::Engine(Ask::Start { runbook: "refresh", target: Target::Objects(objects) })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert!(objects.len() == 2 && objects.iter().all(|object| marked.contains(object)), "{objects:?}");
}

#[test]
fn filters_narrow_and_esc_takes_them_away() {
    let mut person = Person::before(sealed(), 120, 40);
    let all = person.model.board.index.rows(sealwatch::tui::app::board::Pane::ExternalSecrets).kept;
    person.presses("/ns=orders !smtp<enter>");
    let some = person.model.board.index.rows(sealwatch::tui::app::board::Pane::ExternalSecrets).kept;
    assert!(some > 0 && some < all, "{some} of {all}");
    person.presses("<esc>");
    assert_eq!(person.model.board.index.rows(sealwatch::tui::app::board::Pane::ExternalSecrets).kept, all);
}

#[test]
fn marked_rows_are_refreshed_together() {
    let mut person = Person::before(healthy(), 120, 40);
    let effects = person.presses("<tab><space><space>r");
    let [Effect::Engine(Ask::Start { runbook: "refresh", target: Target::Objects(objects) })] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(objects.len(), 2);
}

#[test]
fn q_quits_at_once_only_if_nothing_runs() {
    assert_eq!(Person::before(sealed(), 120, 40).presses("q"), [Effect::Quit]);
    let mut person = Person::before(healing(), 120, 40);
    assert_eq!(person.presses("q"), []);
    assert_eq!(person.presses("q"), [Effect::Quit]);
    assert_eq!(Person::before(healing(), 120, 40).presses("<ctrl-c>"), [Effect::Quit]);
}

#[test]
fn pause_and_stop_reach_the_engine_and_s_on_the_board_does_nothing() {
    let mut person = Person::before(healing(), 120, 40);
    assert_eq!(person.presses("s"), []);
    assert_eq!(person.presses("rps"), [Effect::Engine(Ask::Pause(true)), Effect::Engine(Ask::Stop)]);
}

#[test]
fn the_palette_runs_what_is_named() {
    let mut person = Person::before(sealed(), 120, 40);
    assert_eq!(person.presses(":quit<enter>"), [Effect::Quit]);
    let effects = person.presses(":recover<enter>");
    assert!(matches!(effects.as_slice(), [Effect::Engine(Ask::Start { runbook: "recover", .. })]), "{effects:?}");
}

#[test]
fn the_palette_traces_what_is_named_or_selected_and_keeps_what_was_mistyped() {
    let mut person = Person::before(sealed(), 120, 40);
    person.presses(":trace es/payments/stripe-0<enter>");
    assert!(person.text().contains("TRACE  ExternalSecret payments/stripe-0"), "{}", person.text());
    person.presses("<esc>:trace es payments/strpe-0<enter>");
    assert!(person.text().contains("Did you mean") && person.text().contains("strpe-0"), "{}", person.text());
    person.presses("<esc><tab><tab>n:trace<enter>");
    assert!(person.text().contains("TRACE  ExternalSecret"), "{}", person.text());
}

#[test]
fn the_status_line_is_copied_and_holds_no_escape() {
    let effects = Person::before(sealed(), 120, 40).presses("S");
    let [Effect::Copy(line)] = effects.as_slice() else { panic!("{effects:?}") };
    assert!(
        line.starts_with("02:40:07Z prod-weu: Vault vault/vault SEALED 3 of 3 (0/3 open), 26 of 308 ExternalSecrets fail"),
        "{line}"
    );
}

/// Any keys whatever, with writes open and a prompt in sight: an agreement needs `y`, or the whole name and Enter.
#[test]
fn no_write_effect_without_a_confirmation() {
    use sealwatch::keymap::{Chord, KEYS};
    for confirm in [Confirm::Yes, Confirm::TypeName("prod-weu".to_owned()), share()] {
        for binding in KEYS.iter().filter(|binding| binding.chord != "y") {
            let mut person = asked(confirm.clone());
            let key = Chord::parse(binding.chord).expect("a chord");
            for _ in 0..3 {
                person.clock += Duration::from_millis(500);
                let effects = person.happens(Message::Key { chord: key, repeat: false });
                assert_eq!(agreements(&effects), 0, "{key} agreed to {confirm:?}");
                assert_eq!(agreements(&person.rests()), 0, "{key} agreed to {confirm:?}");
            }
        }
    }
}
