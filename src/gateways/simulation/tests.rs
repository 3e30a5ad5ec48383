//! What the simulated world does, on its pure half: no task, no clock, hours in milliseconds.

use std::fmt::Write as _;
use std::time::Duration;

use super::object::{External, Store};
use super::scenario::Scenario;
use super::time::{after, between};
use super::world::World;
use crate::model::{Kind, ObjectRef};

/// One store, a reader every minute, an hourly one, a generator, and one that is created once.
const SMALL: &str = r#"
title = "small"
look = "10m30s"

[[vault]]
namespace = "vault"
name = "vault"
replicas = 3

[[role]]
vault = "vault/vault"
name = "orders"
accounts = ["external-secrets"]
namespaces = ["orders"]
allows = ["secret/*"]

[[mount]]
vault = "vault/vault"
path = "secret"

[mount.secrets]
db = ["password"]
api = ["key"]

[[store]]
namespace = "orders"
name = "vault"
server = "http://vault.vault.svc:8200"
after = "7s"

[[external-secret]]
namespace = "orders"
name = "often"
store = "vault"
interval = "1m"
after = "20s"
data = { password = "db#password" }

[[external-secret]]
namespace = "orders"
name = "hourly"
store = "vault"
interval = "1h"
after = "20s"
data = { key = "api#key" }

[[external-secret]]
namespace = "orders"
name = "generated"
interval = "1h"
generator = "password"
after = "20s"

[[external-secret]]
namespace = "orders"
name = "once"
store = "vault"
interval = "1h"
refresh = "CreatedOnce"
after = "20s"
data = { key = "api#key" }
"#;

fn world() -> World {
    World::of(&Scenario::parse("small", SMALL).expect("a scenario"))
}

fn es(name: &str) -> ObjectRef {
    ObjectRef::new(Kind::ExternalSecret, "orders", name)
}

fn store() -> ObjectRef {
    ObjectRef::new(Kind::SecretStore, "orders", "vault")
}

pub(super) fn pass(world: &mut World, seconds: u64) {
    world.advance(after(world.now, Duration::from_secs(seconds)));
}

fn external<'a>(world: &'a World, name: &str) -> &'a External {
    world.api.get(&es(name)).and_then(|object| object.external()).expect("it exists")
}

fn the_store(world: &World) -> &Store {
    world.api.get(&store()).and_then(|object| object.store()).expect("it exists")
}

fn is_ready(world: &World, key: &ObjectRef) -> bool {
    let object = world.api.get(key).expect("it exists");
    object
        .external()
        .map_or_else(|| object.store().and_then(|s| s.ready.as_ref()), |e| e.ready.as_ref())
        .is_some_and(|r| r.status)
}

/// The last event about an object: reason, message, count.
fn said(world: &World, key: &ObjectRef) -> (&'static str, String, u32) {
    let events = world.api.list(Kind::Event).filter_map(|(_, object)| object.event()).filter(|event| event.about == *key);
    let last = events.max_by_key(|event| (event.last, event.warning)).expect("something was said");
    (last.reason, last.message.clone(), last.count)
}

fn annotate(world: &mut World, key: &ObjectRef, value: &str) {
    world.api.change(key, |object| drop(object.meta.annotations.insert("force-sync".to_owned(), value.to_owned())));
    world.settle();
}

fn hash(world: &World, secret: &str) -> String {
    let key = ObjectRef::new(Kind::Secret, "orders", secret);
    let object = world.api.get(&key).expect("the Secret exists");
    object.meta.annotations.get("reconcile.external-secrets.io/data-hash").cloned().expect("a data-hash")
}

pub(super) fn seal(world: &mut World, replicas: &[usize]) {
    for replica in replicas {
        world.servers[0].seal(*replica);
    }
    world.settle();
}

pub(super) fn unseal(world: &mut World) {
    let share = world.servers[0].shares[0].clone();
    for replica in 0..world.servers[0].replicas.len() {
        world.servers[0].unseal(replica, &share).expect("200");
    }
    world.settle();
}

/// Lets time pass, 50 ms at a time, until this is so; says how long it took.
fn until(world: &mut World, most: u64, so: impl Fn(&World) -> bool) -> Duration {
    let start = world.now;
    while !so(world) {
        assert!(between(start, world.now) < Duration::from_secs(most), "not within {most} s");
        world.advance(after(world.now, Duration::from_millis(50)));
    }
    between(start, world.now)
}

#[test]
fn a_healthy_world_is_synced_and_stays_so() {
    let mut world = world();
    for name in ["often", "hourly", "generated", "once"] {
        assert!(is_ready(&world, &es(name)), "{name}");
        assert_eq!(external(&world, name).ready.as_ref().expect("a condition").message, "secret synced");
    }
    let before = external(&world, "often").refreshed;
    pass(&mut world, 60);
    assert!(external(&world, "often").refreshed > before, "a minute later it is read again");
    assert_eq!(said(&world, &es("often")).0, "Created", "the same value is not written again");
    let (reason, _, count) = said(&world, &store());
    assert_eq!((reason, count), ("Valid", 4), "twice at its creation (its own status woke it), then every 5 minutes");
}

#[test]
fn a_store_notices_a_seal_only_at_its_next_check() {
    let mut world = world();
    seal(&mut world, &[0, 1, 2]);
    pass(&mut world, 200);
    assert!(is_ready(&world, &store()), "it was checked 10 minutes after the beginning, and not since");
    assert!(!is_ready(&world, &es("often")), "but who reads every minute has noticed");
    let (reason, text, _) = said(&world, &es("often"));
    assert_eq!(reason, "UpdateFailed");
    assert!(text.starts_with("error processing spec.data[0] (key: db), err: unable to log in to auth method: "), "{text}");
    assert!(
        text.ends_with("URL: PUT http://vault.vault.svc:8200/v1/auth/kubernetes/login\nCode: 503. Errors:\n\n* Vault is sealed"),
        "{text}"
    );
    pass(&mut world, 110);
    assert!(!is_ready(&world, &store()), "5 minutes are over");
    let ready = the_store(&world).ready.clone().expect("a condition");
    assert_eq!((ready.reason, ready.message.as_str()), ("InvalidProviderConfig", "unable to create client"));
    pass(&mut world, 430);
    assert!(said(&world, &es("often")).1.ends_with("SecretStore \"vault\" is not ready"), "the shadow of the store's fault");
    assert!(is_ready(&world, &es("hourly")), "who reads every hour is green, and its Secret stays");
}

#[test]
fn the_attempts_against_a_store_that_is_not_ready_are_those_of_the_lab() {
    // The lab (0.16.2) counted 7 attempts in the first 61 s: its own status wakes it once more at once, then
    // 1, 5, 13, 29, 61 s.
    let mut world = world();
    seal(&mut world, &[0, 1, 2]);
    annotate(&mut world, &store(), "1");
    pass(&mut world, 20);
    annotate(&mut world, &es("hourly"), "1");
    pass(&mut world, 62);
    assert_eq!(said(&world, &es("hourly")).2, 7);
    assert_eq!(
        said(&world, &es("hourly")).1,
        "error processing spec.data[0] (key: api), err: SecretStore \"vault\" is not ready"
    );
}

#[test]
fn one_worker_held_by_twelve_readers_of_a_sealed_vault_goes_round_as_in_the_lab() {
    // The lab (0.16.2, one worker, 12 readers, intervals of 15 to 30 s): while the store still says Valid each
    // attempt holds the worker for 3 to 4.1 s, a round takes about 40 s, and 232 s after the seal there had been
    // 61 attempts.
    let mut text = SMALL.replace("look = \"10m30s\"", "look = \"10m10s\"");
    for n in 0..11 {
        let _ = writeln!(text, "[[external-secret]]\nnamespace = \"orders\"\nname = \"r{n}\"\nstore = \"vault\"");
        let _ = writeln!(text, "interval = \"{}s\"\nafter = \"2{n}s\"\ndata = {{ key = \"api#key\" }}", 15 + 5 * (n % 4));
    }
    let mut world = World::of(&Scenario::parse("lab", &text).expect("a scenario"));
    seal(&mut world, &[0, 1, 2]);
    pass(&mut world, 230);
    assert!(is_ready(&world, &store()), "it has not noticed");
    let tried: Vec<u32> = (0..11).map(|n| said(&world, &es(&format!("r{n}"))).2).collect();
    assert!(tried.iter().all(|tried| (4..=6).contains(tried)), "{tried:?}");
    let all = tried.iter().sum::<u32>() + said(&world, &es("often")).2;
    assert!((57..=64).contains(&all), "the lab: 61 attempts of 3.8 s; here {all}");
}

#[test]
fn after_an_unseal_nobody_touches_anything_and_it_takes_minutes() {
    let mut world = world();
    seal(&mut world, &[0, 1, 2]);
    pass(&mut world, 720);
    unseal(&mut world);
    let store_took = until(&mut world, 430, |world| is_ready(world, &store()));
    let took = store_took + until(&mut world, 430, |world| is_ready(world, &es("often")));
    println!("untouched: store after {:.1} s, ExternalSecret after {:.1} s", store_took.as_secs_f64(), took.as_secs_f64());
    assert!(took > Duration::from_secs(60), "back-off has grown");
    assert!(took <= Duration::from_secs(2 * 420 + 10), "each back-off is at most 7 minutes");
}

#[test]
fn nudged_in_order_it_takes_under_a_second() {
    let mut world = world();
    seal(&mut world, &[0, 1, 2]);
    pass(&mut world, 720);
    unseal(&mut world);
    until(&mut world, 3, |world| world.servers[0].leader.is_some());
    annotate(&mut world, &store(), "1");
    let mut took = until(&mut world, 2, |world| is_ready(world, &store()));
    annotate(&mut world, &es("often"), "1");
    took += until(&mut world, 2, |world| is_ready(world, &es("often")));
    println!("nudged in order, once there is a leader: {:.2} s", took.as_secs_f64());
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn an_external_secret_annotated_before_its_store_fails_once_more() {
    let mut world = world();
    seal(&mut world, &[0, 1, 2]);
    pass(&mut world, 720);
    unseal(&mut world);
    pass(&mut world, 3);
    let before = said(&world, &es("often")).2;
    annotate(&mut world, &es("often"), "1");
    pass(&mut world, 1);
    let (_, text, count) = said(&world, &es("often"));
    assert!(text.ends_with("is not ready") && count == before + 1, "{count}: {text}");
    annotate(&mut world, &store(), "1");
    pass(&mut world, 2);
    assert!(is_ready(&world, &store()) && !is_ready(&world, &es("often")), "nothing tells it that its store is well");
}

#[test]
fn a_forced_sync_rotates_a_generator_and_created_once_ignores_it() {
    let mut world = world();
    let (generated, once) = (hash(&world, "generated"), external(&world, "once").refreshed);
    annotate(&mut world, &es("generated"), "1");
    annotate(&mut world, &es("once"), "1");
    annotate(&mut world, &es("hourly"), "1");
    let hourly = hash(&world, "hourly");
    pass(&mut world, 2);
    assert_ne!(hash(&world, "generated"), generated, "the old password is lost");
    assert_eq!(external(&world, "once").refreshed, once);
    assert_eq!(hash(&world, "hourly"), hourly, "the same value");
    assert_eq!(said(&world, &es("hourly")).0, "Updated", "but the annotation was copied onto the Secret");
    let rotated = hash(&world, "generated");
    annotate(&mut world, &es("generated"), "1");
    pass(&mut world, 2);
    assert_eq!(hash(&world, "generated"), rotated, "the same annotation again does nothing");
}

#[test]
fn a_deleted_secret_is_made_again_even_by_created_once() {
    let mut world = world();
    world.api.delete(&ObjectRef::new(Kind::Secret, "orders", "once"));
    world.settle();
    pass(&mut world, 2);
    assert!(world.api.get(&ObjectRef::new(Kind::Secret, "orders", "once")).is_some());
}

#[test]
fn one_sealed_replica_of_three_makes_the_store_flap() {
    let mut world = world();
    seal(&mut world, &[1]);
    pass(&mut world, 10);
    assert!(world.servers[0].leader.is_some(), "two of three are a quorum");
    let (mut flips, mut before) = (0, true);
    for round in 0..12 {
        annotate(&mut world, &store(), &round.to_string());
        for _ in 0..50 {
            pass(&mut world, 1);
            let now = is_ready(&world, &store());
            flips += u32::from(now != before);
            before = now;
        }
    }
    assert!(flips >= 4, "{flips} flips in ten minutes");
    assert!(before, "and it always comes back by itself");
}

#[test]
fn without_a_quorum_logins_fail_with_500_or_503() {
    let mut world = world();
    seal(&mut world, &[0, 2]);
    for round in 0..3 {
        annotate(&mut world, &store(), &round.to_string());
        pass(&mut world, 10);
    }
    let texts: Vec<&str> = world
        .api
        .list(Kind::Event)
        .filter_map(|(_, object)| object.event())
        .filter(|event| event.about == store() && event.warning)
        .filter_map(|event| event.message.rsplit("Code: ").next())
        .collect();
    assert!(texts.contains(&"500. Errors:\n\n* local node not active but active cluster node not found"), "{texts:?}");
    assert!(texts.contains(&"503. Errors:\n\n* Vault is sealed"), "{texts:?}");
}

#[test]
fn an_object_that_is_annotated_while_it_is_worked_on_is_worked_on_again() {
    let mut world = world();
    annotate(&mut world, &es("hourly"), "1");
    world.advance(after(world.now, Duration::from_millis(50)));
    annotate(&mut world, &es("hourly"), "2");
    pass(&mut world, 3);
    let object = world.api.get(&es("hourly")).expect("it exists");
    let expected =
        crate::model::kinds::external_secret::synced_resource_version(1, &object.meta.annotations, &object.meta.labels);
    assert_eq!(external(&world, "hourly").synced, expected, "the newest annotation is the one that was synced");
}

#[test]
fn the_same_text_is_one_event_and_an_hour_later_it_is_gone() {
    let mut world = world();
    let created =
        |world: &World| world.api.list(Kind::Event).filter(|(_, o)| o.event().is_some_and(|e| e.reason == "Created")).count();
    assert_eq!(created(&world), 4);
    pass(&mut world, 3600);
    assert_eq!(created(&world), 0, "the API server forgets");
    assert!(said(&world, &store()).2 > 10, "what is said again is kept, and counted");
}

#[test]
fn without_external_secrets_nothing_moves() {
    let mut world = world();
    world.act(super::act::Act::Operator { runs: false });
    let before = external(&world, "often").refreshed;
    pass(&mut world, 600);
    assert_eq!(external(&world, "often").refreshed, before);
    world.act(super::act::Act::Operator { runs: true });
    world.settle();
    pass(&mut world, 5);
    assert!(external(&world, "often").refreshed > before, "a start reads everything");
}

#[test]
fn the_same_scenario_gives_the_same_world() {
    let picture = || {
        let world = World::of(&Scenario::named("sealed").expect("it exists"));
        let kinds = [Kind::SecretStore, Kind::ExternalSecret, Kind::Secret, Kind::Pod, Kind::Event];
        let objects: Vec<String> = kinds
            .iter()
            .flat_map(|kind| world.api.list(*kind))
            .map(|(key, object)| super::wire::json(key, object).to_string())
            .collect();
        objects.join("\n")
    };
    assert_eq!(picture(), picture());
}

#[test]
fn the_sealed_scenario_shows_an_incident_in_its_fifth_minute() {
    let world = World::of(&Scenario::named("sealed").expect("it exists"));
    let stores: Vec<(String, bool)> =
        world.api.list(Kind::SecretStore).map(|(key, _)| (key.short(), is_ready(&world, key))).collect();
    let failing: Vec<&ObjectRef> =
        world.api.list(Kind::ExternalSecret).map(|(key, _)| key).filter(|key| !is_ready(&world, key)).collect();
    let all = world.api.list(Kind::ExternalSecret).count();
    println!("stores {stores:?}; {} of {all} ExternalSecrets fail", failing.len());
    let tried =
        failing.iter().map(|key| format!("{} {} {:?}", key.short(), said(&world, key).2, said(&world, key).1.rsplit(' ').next()));
    println!("{}", tried.collect::<Vec<_>>().join("\n"));
    assert!(stores.iter().any(|(_, ready)| *ready) && stores.iter().any(|(_, ready)| !ready));
    assert!(failing.len() >= 8 && failing.len() * 2 < all);
    assert!(failing.contains(&&ObjectRef::new(Kind::ExternalSecret, "ameide-dev", "ghcr-pull-sync")));
    let waiting: Vec<_> =
        world.api.list(Kind::Pod).filter(|(_, object)| object.pod().is_some_and(|pod| pod.waiting.is_some())).collect();
    assert_eq!(waiting.len(), 1, "one pod cannot start");
}
