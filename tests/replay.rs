//! A person's keys as macros on the model: what they make the console do, and above all what they do not.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::fingers::Person;
use common::pictures::{self, asking, healing, healthy, picture, preview, sealed, share};
use common::worlds::{Fares, object, town};
use sealwatch::diagnosis::diagnose;
use sealwatch::engine::Policy;
use sealwatch::model::kinds::{ExternalSecret, Object, Pod, VaultDynamicSecret, Watched as _};
use sealwatch::model::vault::{Login, Token};
use sealwatch::model::{Change, Kind, Name, Names, ObjectRef, Text};
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

/// A filter hides most of what there is: that it is on, and how it goes, is in sight as long as it does.
#[test]
fn a_filter_that_is_on_is_shown() {
    for (columns, rows) in [(80, 24), (120, 40)] {
        let mut person = Person::before(sealed(), columns, rows);
        person.presses("/ns=orders !smtp<enter>");
        let foot = last_line(&person);
        assert!(foot.starts_with(" filter: ns=orders !smtp  48 of 308  Esc clears"), "{foot}");
        assert!(person.text().contains("EXTERNALSECRETS 48 of 308 fit"), "{}", person.text());
        person.presses("<esc>");
        assert!(!last_line(&person).contains("filter:"), "{}", last_line(&person));
    }
}

fn last_line(person: &Person) -> String {
    person.text().lines().last().unwrap_or_default().to_owned()
}

/// What was broken and is well again is said in one line, with the time from which on it was.
#[test]
fn a_recovery_is_said_with_its_time() {
    let mut person = Person::before(sealed(), 120, 40);
    assert!(!person.text().contains("All well") && !person.text().contains("Nothing is broken"), "{}", person.text());
    let (world, now) = town(Fares::Well);
    let mut well = picture(world, now, "prod-weu", pictures::production());
    // The generators make a new value at every refresh: a warning, and nothing is broken.
    person.sees(well.clone());
    let said = "✔ Nothing is broken: 308 of 308 ExternalSecrets synced, Vault unsealed 3/3, since 02:20:00Z (0s)";
    assert!(person.text().contains(said), "{}", person.text());
    assert!(person.text().contains("NOTHING BROKEN  1 warning · 0 cannot be seen"), "{}", person.text());
    well.diagnosis = Arc::default();
    person.sees(well.clone());
    assert!(person.text().contains("✔ All well: 308 of 308 ExternalSecrets synced, Vault unsealed 3/3, since 02:20:00Z"));
    // Of what was never seen broken, no time is told.
    let person = Person::before(well, 120, 40);
    assert!(person.text().contains("✔ All well: 308 of 308 ExternalSecrets synced, Vault unsealed 3/3\n"), "{}", person.text());
}

/// Who may not see all is not told that all is well; and what went out of sight has not recovered.
#[test]
fn well_is_only_what_can_be_seen() {
    let person = Person::before(pictures::half_blind(), 120, 40);
    let text = person.text();
    assert!(text.contains("NOTHING BROKEN IN SIGHT  1 warning · 2 cannot be seen"), "{text}");
    assert!(text.contains("? Of what can be seen, nothing is broken: 308 of 308 ExternalSecrets synced"), "{text}");
    let mut person = Person::before(sealed(), 120, 40);
    let mut gone = healthy();
    gone.offline = pictures::offline().offline;
    person.sees(gone);
    assert!(!person.text().contains("since 02:20:00Z (0s)\n"), "{}", person.text());
}

/// What the keys work on is marked by a sign, at any size; and the bar of tabs says the same.
#[test]
fn the_focus_is_always_in_sight() {
    let mut person = Person::before(sealed(), 80, 24);
    let text = person.text();
    assert!(text.contains("\n─▸CAUSE 1 of 2") && text.contains("\n▸ ✖ Vault is sealed"), "{text}");
    assert!(text.contains("[EXTERNALSECRETS 26 broken]"), "shown, and not what the keys work on: {text}");
    assert!(last_line(&person).contains("j k next cause") && !last_line(&person).contains("Space mark"), "{text}");
    person.presses("<tab><tab>");
    let text = person.text();
    assert!(text.contains("▸EXTERNALSECRETS 26 broken") && text.contains("\n─ CAUSE") && !text.contains("\n▸ ✖"), "{text}");
    assert!(!last_line(&person).contains("next cause"), "{text}");
    let mut person = Person::before(sealed(), 120, 40);
    person.presses("<tab>");
    assert!(last_line(&person).contains("Space mark"), "{}", person.text());
    assert!(person.text().contains("─▸STORES"), "{}", person.text());
}

/// Who is called out of bed asks which pods do not start: the first ones have a name wherever the cause is told.
#[test]
fn the_pods_that_wait_are_named() {
    let (mut world, now) = town(Fares::Sealed);
    let waits = |pod: &Pod| pod.meta.namespace.as_str() == "orders" && pod.meta.name.as_str() < "s3-6";
    let pods = world.all::<Pod>().iter().map(|pod| {
        let mut pod = (**pod).clone();
        if waits(&pod) {
            pod.phase = Name::new("Pending");
            pod.waiting = Some((Name::new("CreateContainerConfigError"), Text::foreign("secret not found")));
        }
        Object::Pod(Arc::new(pod))
    });
    let pods = pods.collect();
    world.apply(Change::Listed(Kind::Pod.into(), pods, Vec::new()), now);
    world.settle();
    let mut person = Person::before(picture(world, now, "prod-weu", pictures::production()), 200, 50);
    let text = person.text();
    let named = "db-3-6c465cbcf9-8jb8r, orders/ghcr-7-6c465cbcf9-8jb8r, orders/ghcr-8-6c465cbcf9-8jb8r and 1";
    let said = format!("waiting   4 pods, CreateContainerConfigError: orders/{named}");
    assert!(text.contains(&said), "{text}");
    person.presses("X");
    assert!(person.text().contains("waiting   4 pods, CreateContainerConfigError"), "{}", person.text());
    person.presses("<esc><tab><tab>nX");
    assert!(
        person.text().contains("waiting   pod db-3-6c465cbcf9-8jb8r: CreateContainerConfigError: secret not found"),
        "{}",
        person.text()
    );
    person.presses("<esc>:trace es/orders/db-3<enter>");
    assert!(
        person.text().contains("Waiting: 1 pod\n  orders/db-3-6c465cbcf9-8jb8r  CreateContainerConfigError"),
        "{}",
        person.text()
    );
}

/// Words in the header can be read without knowing the console: whose policy, whose token, how old.
#[test]
fn the_header_speaks_plainly() {
    let mut snapshot = picture(town(Fares::Well).0, town(Fares::Well).1, "kind-dev", Policy::simulated());
    snapshot.writes.open = true;
    let mut world = (*snapshot.world).clone();
    let address = world.vaults.keys().next().expect("a Vault").clone();
    let token = Token { name: Text::foreign("root"), expires: Some(common::worlds::at("02:51:00")), ..Token::default() };
    world.apply(Change::Token(address, Some(token)), snapshot.now);
    snapshot.world = Arc::new(world);
    let text = Person::before(snapshot, 80, 24).text();
    assert!(text.contains("WRITES OPEN, policy ") && text.contains("data 0s old"), "{text}");
    assert!(text.contains("open, read as root, expires in 31m"), "{text}");
}

/// Numbers on one screen add up, whatever they are numbers of.
#[test]
fn what_is_broken_is_counted_alike_everywhere() {
    let text = Person::before(sealed(), 200, 50).text();
    assert!(text.contains("broken: 3 stores, 26 ExternalSecrets, 3 replicas · all explained · 0 cannot be seen"), "{text}");
    assert!(text.contains("EXTERNALSECRETS 308 · 26 broken · 11 to look at"), "{text}");
    assert!(text.contains("STORES 8 · 3 broken · 5 to look at"), "{text}");
    assert!(text.contains("3 of its 8 stores, 26 of its 297 ExternalSecrets"), "{text}");
    let groups = text.lines().filter_map(|line| line.split("│ ▿ ").nth(1).or_else(|| line.split("│ ▹ ").nth(1)));
    let broken = groups.filter_map(|group| group.split(" broken").next()?.split_whitespace().last()?.parse::<usize>().ok());
    assert_eq!(broken.sum::<usize>(), 26, "{text}");
}

/// The panes stand still while the world and the focus move.
#[test]
fn panes_keep_their_widths() {
    let lines = |person: &Person| -> Vec<usize> {
        let text = person.text();
        let heading = text.lines().find(|line| line.contains("STORES") && line.contains("VAULT")).expect("the panes").to_owned();
        let place = |name: &str| heading.split_once(name).map(|(before, _)| before.chars().count()).expect("a pane");
        ["STORES", "EXTERNALSECRETS", "VAULT"].map(place).to_vec()
    };
    let mut person = Person::before(sealed(), 120, 40);
    let first = lines(&person);
    for keys in ["<tab>", "<tab>", "<tab>", "/ns=web<enter>"] {
        person.presses(keys);
        assert_eq!(lines(&person), first, "{keys}");
    }
    person.sees(healthy());
    assert_eq!(lines(&person), first);
}

/// On what is longer than the window, the footer names the keys that move it; a page keeps one line of the last.
#[test]
fn a_page_says_where_one_is_and_how_to_go_on() {
    let mut person = Person::before(sealed(), 120, 40);
    person.presses("X");
    let place = |person: &Person| person.text().lines().nth(2).unwrap_or_default().to_owned();
    assert!(place(&person).contains("lines 1–36 of "), "{}", place(&person));
    assert!(last_line(&person).starts_with(" PgDn PgUp page  j k line  g G ends "), "{}", last_line(&person));
    person.presses("<pagedown>");
    assert!(place(&person).contains("lines 36–71 of "), "{}", place(&person));
    person.presses("<pageup>");
    assert!(place(&person).contains("lines 1–36 of "), "{}", place(&person));
    person.presses("<end>");
    let end = place(&person);
    person.presses("gG");
    assert_eq!(place(&person), end);
    person.presses("<home>");
    assert!(place(&person).contains("lines 1–36 of "), "{}", place(&person));
    // What is seen whole has no place, and needs no such keys.
    person.presses("<esc>!");
    assert!(!place(&person).contains("lines ") && !last_line(&person).contains("page"), "{}", person.text());
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
    let [Effect::Copy(clip)] = effects.as_slice() else { panic!("{effects:?}") };
    let line = clip.text();
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
