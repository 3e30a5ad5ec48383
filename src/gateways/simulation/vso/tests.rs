//! What the simulated Vault Secrets Operator does, on the pure half: no task, no clock.

use super::{Kept, Lease};
use crate::gateways::simulation::act::Act;
use crate::gateways::simulation::scenario::Scenario;
use crate::gateways::simulation::tests::{pass, seal, unseal};
use crate::gateways::simulation::world::World;
use crate::model::vso::ASKED;
use crate::model::{Kind, ObjectRef};

/// One static Secret that is read every half minute, one with a lease of ten minutes, a workload for each.
const SMALL: &str = r#"
title = "small"
look = "5m"

[[vault]]
namespace = "vault"
name = "vault"
replicas = 1

[[role]]
vault = "vault/vault"
name = "shop"
accounts = ["shop"]
namespaces = ["shop"]
allows = ["secret/*", "database/creds/shop"]

[[mount]]
vault = "vault/vault"
path = "secret"

[mount.secrets]
smtp = ["password"]

[[lease]]
vault = "vault/vault"
path = "database/creds/shop"
lasts = "10m"

[[vault-connection]]
namespace = "shop"
name = "vault"
address = "http://vault.vault.svc:8200"

[[vault-auth]]
namespace = "shop"
name = "shop"
connection = "vault"
role = "shop"
account = "shop"

[[vault-static-secret]]
namespace = "shop"
name = "smtp"
auth = "shop"
path = "smtp"
refresh-after = "30s"
restarts = ["Deployment/mailer"]
after = "5s"

[[vault-dynamic-secret]]
namespace = "shop"
name = "db"
auth = "shop"
mount = "database"
path = "creds/shop"
restarts = ["Deployment/api"]
after = "5s"

[[consumer]]
namespace = "shop"
workload = "Deployment/mailer"
secrets = { env-from = ["smtp"] }
after = "1m"

[[consumer]]
namespace = "shop"
workload = "Deployment/api"
secrets = { env-from = ["db"] }
after = "1m"
"#;

fn world() -> World {
    World::of(&Scenario::parse("small", SMALL).expect("a scenario"))
}

fn smtp() -> ObjectRef {
    ObjectRef::new(Kind::VaultStaticSecret, "shop", "smtp")
}

fn db() -> ObjectRef {
    ObjectRef::new(Kind::VaultDynamicSecret, "shop", "db")
}

fn kept<'a>(world: &'a World, key: &ObjectRef) -> &'a Kept {
    world.api.get(key).and_then(|object| object.kept()).expect("it is there")
}

fn lease(world: &World) -> Lease {
    kept(world, &db()).lease.clone().expect("a lease")
}

/// Whether it says `Healthy`, and `SecretSynced`.
fn says(world: &World, key: &ObjectRef) -> (bool, bool) {
    let kept = kept(world, key);
    (kept.healthy.as_ref().expect("a heartbeat").status, kept.synced.as_ref().expect("a flag").status)
}

fn annotate(world: &mut World, key: &ObjectRef, value: &str) {
    world.api.change(key, |object| drop(object.meta.annotations.insert(ASKED.to_owned(), value.to_owned())));
    world.settle();
    pass(world, 1);
}

/// The version of a Secret, and how often a workload was changed.
fn written(world: &World, secret: &str, workload: &str) -> (u64, i64) {
    let version = world.api.get(&ObjectRef::new(Kind::Secret, "shop", secret)).expect("the Secret").meta.version;
    (version, world.api.get(&ObjectRef::new(Kind::Deployment, "shop", workload)).expect("the workload").meta.generation)
}

#[test]
fn a_static_secret_beats_at_its_interval_and_is_written_only_when_vault_has_something_else() {
    let mut world = world();
    let (before, beat) = (written(&world, "smtp", "mailer"), kept(&world, &smtp()).healthy.clone().expect("a heartbeat").at);
    pass(&mut world, 31);
    assert!(
        kept(&world, &smtp()).healthy.as_ref().is_some_and(|healthy| healthy.at > beat),
        "its time moves though nothing flips"
    );
    assert_eq!(written(&world, "smtp", "mailer"), before, "the digest is equal");
    world.act(Act::Write { server: 0, mount: "secret".to_owned(), path: "smtp".to_owned() });
    pass(&mut world, 31);
    let now = written(&world, "smtp", "mailer");
    assert!(now.0 > before.0 && now.1 == before.1 + 1, "a new value is written, and its target restarts once");
}

#[test]
fn any_annotation_reconciles_at_once_and_only_what_is_issued_is_issued_anew() {
    let mut world = world();
    let (fixed, issued, old) = (written(&world, "smtp", "mailer"), written(&world, "db", "api"), lease(&world));
    let asked = world.now;
    annotate(&mut world, &smtp(), "1");
    assert!(kept(&world, &smtp()).healthy.as_ref().is_some_and(|healthy| healthy.at > asked));
    assert_eq!(written(&world, "smtp", "mailer"), fixed);
    annotate(&mut world, &db(), "1");
    assert_ne!(lease(&world).id, old.id);
    let now = written(&world, "db", "api");
    assert!(now.0 > issued.0 && now.1 == issued.1 + 1, "new credentials, and their target restarts");
    annotate(&mut world, &db(), "1");
    assert_eq!(written(&world, "db", "api"), now, "the same value is no change");
}

#[test]
fn a_drifted_secret_is_written_back() {
    let mut world = world();
    let key = ObjectRef::new(Kind::Secret, "shop", "smtp");
    world.api.change(&key, |object| {
        if let Some(secret) = object.secret_mut() {
            secret.data.insert("password".to_owned(), "by hand".to_owned());
        }
    });
    annotate(&mut world, &smtp(), "1");
    let data = &world.api.get(&key).and_then(|object| object.secret()).expect("the Secret").data;
    assert_ne!(data["password"], "by hand");
}

#[test]
fn a_lease_is_renewed_in_time_and_keeps_its_credentials() {
    let mut world = world();
    let (before, old) = (written(&world, "db", "api"), lease(&world));
    pass(&mut world, 410);
    let new = lease(&world);
    assert!(new.id == old.id && new.renewed > old.renewed, "two thirds of it are over");
    assert_eq!(written(&world, "db", "api"), before);
}

#[test]
fn both_fail_while_vault_is_sealed_and_the_old_flag_stays_after_it() {
    let mut world = world();
    let old = lease(&world);
    seal(&mut world, &[0]);
    pass(&mut world, 60);
    assert_eq!(says(&world, &smtp()), (false, false));
    let message = kept(&world, &smtp()).synced.clone().expect("a flag").message;
    let end = "URL: GET http://vault.vault.svc:8200/v1/secret/data/smtp\nCode: 503. Errors:\n\n* Vault is sealed";
    assert!(message.starts_with("Failed to sync the secret, horizon=") && message.ends_with(end), "{message}");
    assert_eq!(says(&world, &db()), (true, true), "its lease is not due");
    pass(&mut world, 120);
    assert_eq!(says(&world, &db()), (false, false), "it could not be renewed");
    unseal(&mut world);
    pass(&mut world, 70);
    assert_eq!(says(&world, &smtp()), (true, false), "nothing was written, so nothing was said of it (vso#1225)");
    assert_eq!(says(&world, &db()), (true, true));
    assert_ne!(lease(&world).id, old.id, "what failed is issued anew");
}

#[test]
fn a_login_that_fails_is_said_in_an_event_alone() {
    let text = SMALL.replace("namespaces = [\"shop\"]\n", "namespaces = [\"other\"]\n");
    let world = World::of(&Scenario::parse("small", &text).expect("a scenario"));
    assert!(kept(&world, &db()).healthy.is_none(), "no status at all");
    let events = world.api.list(Kind::Event).filter_map(|(_, object)| object.event());
    let about = events.filter(|event| event.about == db()).max_by_key(|event| event.last).expect("an event");
    assert_eq!((about.reason, about.warning), ("VaultClientConfigError", true));
    assert!(about.message.ends_with("* namespace not authorized"), "{}", about.message);
}
