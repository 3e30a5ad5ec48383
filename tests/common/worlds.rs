//! Worlds for the face to draw: two recorded ones, and an invented one of the size of a company.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sealwatch::model::kinds::{ClusterSecretStore, Event, ExternalSecret, Object, Pod, Secret, SecretStore, Watched};
use sealwatch::model::{
    Change, Inventory, Kind, LeaderAt, Name, Names, PathFacts, PathState, ReplicaRole, Seal, Text, VaultAddress,
};
use serde_json::{Value, json};

/// A time of the invented night.
pub(crate) fn at(clock: &str) -> Timestamp {
    format!("2026-11-25T{clock}Z").parse().expect("a time")
}

/// Reads an object as the gateway would.
pub(crate) fn object<K: Watched>(names: &mut Names, wire: Value) -> Object {
    K::read(serde_json::from_value(wire).expect("the wire form"), names).into_object()
}

/// Every list complete, with these objects in it.
pub(crate) fn list(world: &mut Inventory, objects: Vec<Value>, now: Timestamp) {
    let mut names = Names::default();
    let mut lists: BTreeMap<Kind, Vec<Object>> = BTreeMap::new();
    for kind in [Kind::SecretStore, Kind::ClusterSecretStore, Kind::ExternalSecret, Kind::Event, Kind::Secret, Kind::Pod] {
        lists.insert(kind, Vec::new());
    }
    for wire in objects {
        let object = match wire["kind"].as_str() {
            Some("SecretStore") => object::<SecretStore>(&mut names, wire),
            Some("ClusterSecretStore") => object::<ClusterSecretStore>(&mut names, wire),
            Some("ExternalSecret") => object::<ExternalSecret>(&mut names, wire),
            Some("Event") => object::<Event>(&mut names, wire),
            Some("Secret") => object::<Secret>(&mut names, wire),
            Some("Pod") => object::<Pod>(&mut names, wire),
            other => panic!("{other:?} is not watched"),
        };
        lists.entry(object.object_ref().kind).or_default().push(object);
    }
    for (kind, objects) in lists {
        world.apply(Change::Listed(kind.into(), objects, Vec::new()), now);
    }
    world.settle();
}

/// A recorded world.
pub(crate) fn recorded(text: &str) -> (Inventory, Timestamp) {
    let file: Value = serde_json::from_str(text).expect("a world");
    let now: Timestamp = file["now"].as_str().expect("a time").parse().expect("a time");
    let mut world = Inventory::default();
    list(&mut world, file["kubernetes"].as_array().expect("objects").clone(), now);
    (world, now)
}

/// Tells of a Vault's replicas.
pub(crate) fn replicas(world: &mut Inventory, pods: &[(&str, &str, Seal, ReplicaRole)], seen: Timestamp) {
    let addresses: Vec<VaultAddress> = world.vaults.keys().cloned().collect();
    for address in addresses {
        let listed = pods.iter().map(|(pod, started, ..)| (Name::new(pod), Some(at(started)))).collect();
        world.apply(Change::Replicas(address.clone(), Ok(listed)), seen);
        for (pod, started, seal, role) in pods {
            // The console was there when it changed; the last answer says how old it is.
            let answer = |seal: &Seal| Change::Answered(address.clone(), Name::new(pod), Ok((seal.clone(), role.clone())));
            world.apply(answer(&Seal { sealed: !seal.sealed, ..seal.clone() }), at(started));
            world.apply(answer(seal), at(started));
            world.apply(answer(seal), seen);
        }
    }
}

/// A seal with so many shares of three given, two needed.
pub(crate) fn seal(sealed: bool, progress: u32) -> Seal {
    Seal {
        kind: Text::foreign("shamir"),
        initialized: true,
        sealed,
        threshold: 2,
        shares: 3,
        progress,
        nonce: Text::foreign("6d0b"),
        recovery: false,
        version: Text::foreign("2.7.2"),
        storage: Text::foreign("raft"),
    }
}

/// Namespaces of the invented company, and how many `ExternalSecret`s each has.
const TOWN: [(&str, usize); 8] = [
    ("payments", 62),
    ("orders", 58),
    ("web", 47),
    ("identity", 39),
    ("search", 33),
    ("reports", 28),
    ("platform", 22),
    ("ci", 8),
];

/// How the company fares.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fares {
    /// Vault was sealed nine minutes ago.
    Sealed,
    /// It is open again, stores are validated, `ExternalSecret`s follow.
    Healing,
    /// All is well.
    Well,
}

/// The invented company at 02:40:07 (sealed), 02:47:12 (healing) or 02:20:00 (well).
pub(crate) fn town(fares: Fares) -> (Inventory, Timestamp) {
    let now = match fares {
        Fares::Sealed => at("02:40:07"),
        Fares::Healing => at("02:47:12"),
        Fares::Well => at("02:20:00"),
    };
    let mut world = Inventory::default();
    let mut objects = Vec::new();
    for (number, (namespace, many)) in TOWN.into_iter().enumerate() {
        objects.extend(stores(namespace, number, fares));
        for nth in 0..many {
            objects.extend(external_secret(namespace, number, nth, fares, now));
        }
    }
    for nth in 0..11 {
        objects.push(generator(nth));
    }
    list(&mut world, objects, now);
    let leader =
        LeaderAt { api: Text::foreign("http://10.244.1.7:8200"), cluster: Text::foreign("https://vault-0.vault-internal:8201") };
    let (sealed, roles) = if fares == Fares::Sealed {
        (true, [ReplicaRole::Unknown, ReplicaRole::Unknown, ReplicaRole::Unknown])
    } else {
        let standby = ReplicaRole::Standby(leader.clone());
        (false, [ReplicaRole::Active(leader), standby.clone(), standby])
    };
    let [first, second, third] = roles;
    let starts = if fares == Fares::Sealed { ["02:31:44", "02:31:20", "02:31:36"] } else { ["01:44:58", "01:45:31", "01:45:50"] };
    replicas(
        &mut world,
        &[
            ("vault-0", starts[0], seal(sealed, 0), first),
            ("vault-1", starts[1], seal(sealed, 0), second),
            ("vault-2", starts[2], seal(sealed, 0), third),
        ],
        now,
    );
    if !sealed {
        let addresses: Vec<(VaultAddress, Vec<Text>)> =
            world.vaults.iter().map(|(address, server)| (address.clone(), server.paths.keys().cloned().collect())).collect();
        for (address, paths) in addresses {
            let facts = |path: Text| {
                let missing = path.as_str().ends_with("payments/stripe-0") && fares == Fares::Healing;
                let state =
                    if missing { PathState::Missing } else { PathState::Present { version: 4, written: Some(at("00:10:00")) } };
                (path, PathFacts::of(state))
            };
            world.apply(Change::Paths(address, paths.into_iter().map(facts).collect()), now);
        }
    }
    (world, now)
}

fn stores(namespace: &str, number: usize, fares: Fares) -> Vec<Value> {
    let failed = fares == Fares::Sealed && number < 3;
    let ready = if failed {
        condition(false, "InvalidProviderConfig", "unable to create client", "02:32:10")
    } else {
        let since = if fares == Fares::Healing { "02:46:12" } else { "01:02:00" };
        condition(true, "Valid", "store validated", since)
    };
    let store = json!({"kind": "SecretStore", "metadata": {"namespace": namespace, "name": "vault", "resourceVersion": "7"},
        "spec": {"provider": {"vault": {"server": "http://vault.vault.svc:8200", "path": "secret", "version": "v2",
            "auth": {"kubernetes": {"mountPath": "kubernetes", "role": namespace, "serviceAccountRef": {"name": "eso"}}}}}},
        "status": {"conditions": [ready]}});
    let told = if failed {
        event(
            namespace,
            "SecretStore",
            "vault",
            "InvalidProviderConfig",
            "Warning",
            "02:37:10",
            4,
            "unable to log in to auth method: Code: 503. Errors: * Vault is sealed",
        )
    } else {
        let when = if fares == Fares::Healing { "02:46:12" } else { "02:18:30" };
        event(namespace, "SecretStore", "vault", "Valid", "Normal", when, 9, "store validated")
    };
    vec![store, told]
}

/// One `ExternalSecret` with its Secret, its pod and its last event.
fn external_secret(namespace: &str, number: usize, nth: usize, fares: Fares, now: Timestamp) -> Vec<Value> {
    const WHAT: [&str; 6] = ["stripe", "db", "smtp", "session", "ghcr", "s3"];
    let name = format!("{}-{}", WHAT[nth % WHAT.len()], nth / WHAT.len());
    // Each is read once an hour, spread over the hour; those due since the seal have failed.
    let minute = (number * 7 + nth * 11) % 60;
    let failed = fares == Fares::Sealed && (31..40).contains(&minute) && number < 3;
    let healing = fares == Fares::Healing && (31..47).contains(&minute) && nth.is_multiple_of(3);
    let refreshed = if minute < 40 { format!("02:{minute:02}:05") } else { format!("01:{minute:02}:05") };
    let refreshed = if failed || healing { format!("01:{minute:02}:05") } else { refreshed };
    let refreshed = if at(&refreshed) > now { format!("01:{minute:02}:05") } else { refreshed };
    let since = format!("02:{minute:02}:06");
    let ready = if failed || healing {
        condition(false, "SecretSyncedError", "could not get secret data from provider", &since)
    } else {
        condition(true, "SecretSynced", "secret synced", "01:00:00")
    };
    let target = format!("{name}-creds");
    let mut objects = vec![
        json!({"kind": "ExternalSecret", "metadata": {"namespace": namespace, "name": name, "generation": 1, "resourceVersion": "9"},
            "spec": {"secretStoreRef": {"kind": "SecretStore", "name": "vault"}, "refreshInterval": "1h0m0s",
                "target": {"name": target}, "data": [{"secretKey": "v", "remoteRef": {"key": format!("{namespace}/{name}"), "property": "v"}}]},
            "status": {"conditions": [ready], "refreshTime": format!("2026-11-25T{refreshed}Z")}}),
        json!({"kind": "Secret", "metadata": {"namespace": namespace, "name": target}}),
        json!({"kind": "Pod", "metadata": {"namespace": namespace, "name": format!("{name}-6c465cbcf9-8jb8r"),
                "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{name}-6c465cbcf9"), "controller": true}]},
            "spec": {"containers": [{"envFrom": [{"secretRef": {"name": target}}]}]}, "status": {"phase": "Running", "startTime": "2026-11-24T10:00:00Z"}}),
    ];
    if failed || healing {
        let last = if healing { format!("02:45:{:02}", nth % 50) } else { format!("02:39:{:02}", (nth * 7) % 60) };
        objects.push(event(
            namespace,
            "ExternalSecret",
            &name,
            "UpdateFailed",
            "Warning",
            &last,
            5,
            "SecretStore \"vault\" is not ready",
        ));
    }
    objects
}

fn generator(nth: usize) -> Value {
    json!({"kind": "ExternalSecret", "metadata": {"namespace": "platform", "name": format!("password-{nth}"), "generation": 1, "resourceVersion": "9"},
        "spec": {"refreshInterval": "1h0m0s", "dataFrom": [{"sourceRef": {"generatorRef": {"kind": "Password", "name": "p"}}}]},
        "status": {"conditions": [condition(true, "SecretSynced", "secret synced", "01:00:00")], "refreshTime": "2026-11-25T02:05:00Z"}})
}

fn condition(ready: bool, reason: &str, message: &str, since: &str) -> Value {
    json!({"type": "Ready", "status": if ready { "True" } else { "False" }, "reason": reason, "message": message,
        "lastTransitionTime": format!("2026-11-25T{since}Z")})
}

#[expect(clippy::too_many_arguments, reason = "an event has that many parts")]
fn event(namespace: &str, kind: &str, name: &str, reason: &str, weight: &str, last: &str, count: u32, message: &str) -> Value {
    json!({"kind": "Event", "metadata": {"namespace": namespace, "name": format!("{name}.{reason}.{kind}")},
        "involvedObject": {"kind": kind, "namespace": namespace, "name": name}, "reason": reason, "message": message, "type": weight,
        "firstTimestamp": "2026-11-25T02:31:50Z", "lastTimestamp": format!("2026-11-25T{last}Z"), "count": count})
}

/// A world whose every foreign text tries to drive the terminal.
pub(crate) fn hostile() -> (Inventory, Timestamp) {
    let evil = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{202e}evil\u{9b}31m 日本語 \u{300}\u{300}\u{300}\u{300}\u{300}";
    let now = at("02:40:07");
    let mut world = Inventory::default();
    let long = "x".repeat(300);
    let objects = vec![
        json!({"kind": "SecretStore", "metadata": {"namespace": evil, "name": evil, "resourceVersion": "7"},
            "spec": {"provider": {"vault": {"server": "http://vault.vault.svc:8200", "path": evil, "version": "v2", "auth": {}}}},
            "status": {"conditions": [condition(false, evil, evil, "02:00:00")]}}),
        json!({"kind": "ExternalSecret", "metadata": {"namespace": evil, "name": long, "generation": 1, "resourceVersion": "9"},
            "spec": {"secretStoreRef": {"kind": "SecretStore", "name": evil}, "data": [{"secretKey": "v", "remoteRef": {"key": evil}}]},
            "status": {"conditions": [condition(false, evil, evil, "02:00:00")]}}),
        event(evil, "ExternalSecret", &long, evil, "Warning", "02:39:00", 3, evil),
    ];
    list(&mut world, objects, now);
    replicas(&mut world, &[(evil, "02:31:44", seal(true, 0), ReplicaRole::Unknown)], now);
    (world, now)
}
