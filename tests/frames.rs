//! What one key writes to the terminal: a person may sit far away from it, behind a slow line.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a test that fails says why")]

mod common;

use std::sync::Arc;

use common::fingers::{Person, theme};
use jiff::Timestamp;
use ratatui::backend::{Backend as _, CrosstermBackend};
use sealwatch::diagnosis::diagnose;
use sealwatch::engine::{Policy, Snapshot};
use sealwatch::model::kinds::{ClusterSecretStore, ExternalSecret, Object, Watched};
use sealwatch::model::{Change, Inventory, Kind, Names};
use sealwatch::ports::Scope;
use sealwatch::theme::Depth;
use serde_json::{Value, json};

/// What a move of the cursor may write at 160x50, half of what is drawn and on average.
const BOUND: usize = 1536;

/// Teams and systems have names that have little in common, as in life: then hardly a letter of a row stays when
/// another row takes its place.
const WORDS: [&str; 12] = [
    "payments",
    "ledger",
    "oauth",
    "keycloak-realm",
    "smtp",
    "grafana",
    "catalogue",
    "search-index",
    "mobile-push",
    "tax",
    "warehouse",
    "crm",
];

fn object<K: Watched>(wire: Value) -> Object {
    K::read(serde_json::from_value(wire).expect("it parses"), &mut Names::default()).into_object()
}

/// Namespaces with so many `ExternalSecret`s each, and a path for each of these.
fn world(namespaces: usize, each: usize) -> Snapshot {
    let now: Timestamp = "2026-11-25T02:40:00Z".parse().expect("a time");
    let word = |number: usize| WORDS[number % WORDS.len()];
    let ready =
        json!([{ "type": "Ready", "status": "True", "reason": "SecretSynced", "lastTransitionTime": "2026-11-25T02:00:01Z" }]);
    let store = object::<ClusterSecretStore>(json!({
        "metadata": { "name": "vault" },
        "spec": { "provider": { "vault": { "server": "http://vault.example:8200", "path": "secret", "version": "v2" } } },
        "status": { "conditions": ready },
    }));
    let all = (0..namespaces * each).map(|number| {
        let name = format!("{}-{}-{number}", word(number * 7), word(number * 5 + number / 12));
        object::<ExternalSecret>(json!({
            "metadata": { "name": name, "namespace": format!("{}-{}", word(number / each), number / each) },
            "spec": {
                "refreshInterval": "24h", "secretStoreRef": { "kind": "ClusterSecretStore", "name": "vault" },
                "data": [{ "secretKey": "a", "remoteRef": { "key": format!("{}/{name}", word(number * 3)), "property": "a" } }],
            },
            "status": { "refreshTime": "2026-11-25T02:00:01Z", "conditions": ready },
        }))
    });
    let mut inventory = Inventory::default();
    inventory.apply(Change::Listed(Kind::SecretStore.into(), Vec::new(), Vec::new()), now);
    inventory.apply(Change::Listed(Kind::ClusterSecretStore.into(), vec![store], Vec::new()), now);
    inventory.apply(Change::Listed(Kind::ExternalSecret.into(), all.collect(), Vec::new()), now);
    inventory.settle();
    let diagnosis = Arc::new(diagnose(&inventory, now));
    Snapshot { world: Arc::new(inventory), diagnosis, ..Snapshot::empty(now, Scope::Everywhere, Policy::default()) }
}

/// What each of these keys writes.
fn written(person: &mut Person, keys: usize) -> Vec<usize> {
    let theme = theme("night", Depth::True);
    let mut before = person.screen(&theme, false);
    let sizes = (0..keys).map(|_| {
        person.presses("j");
        let after = person.screen(&theme, false);
        let mut bytes = Vec::new();
        CrosstermBackend::new(&mut bytes).draw(before.diff(&after).into_iter()).expect("it draws");
        before = after;
        bytes.len()
    });
    sizes.collect()
}

#[test]
fn a_move_of_the_cursor_writes_little() {
    for (namespaces, each) in [(50, 10), (5, 200), (400, 1)] {
        let mut person = Person::before(world(namespaces, each), 160, 50);
        person.presses("<tab><tab>z");
        let mut sizes = written(&mut person, 200);
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        sizes.sort_unstable();
        let (median, most) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        println!("{each} in each of {namespaces} namespaces: {median} bytes in the middle, {mean} on average, {most} at most");
        assert!(median <= BOUND && mean <= BOUND, "{median} in the middle, {mean} on average");
    }
}
