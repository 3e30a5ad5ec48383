//! Rows that followed the world step by step are those of a fresh look at it, whatever happened.

use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Entry, Index, View};
use crate::diagnosis::diagnose;
use crate::model::kinds::{ClusterSecretStore, Event, ExternalSecret, Object, SecretStore, Watched};
use crate::model::{
    Change, Inventory, Kind, Name, Names, ObjectRef, PathFacts, PathState, ReplicaRole, Seal, Text, VaultAddress,
};
use crate::tui::app::board::Pane;
use crate::tui::app::filter::Filter;

/// Something that happens to the world, or that a person does.
#[derive(Clone, Debug)]
enum Step {
    Reader { namespace: u8, name: u8, ready: Option<bool>, store: u8 },
    Gone { namespace: u8, name: u8 },
    Store { number: u8, there: bool },
    Told { namespace: u8, name: u8, minute: u8, there: bool },
    Seal(bool),
    Path { number: u8, missing: bool },
    Filter(u8),
    Unfold(bool),
    Flip(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let (ns, name) = (0..4_u8, 0..20_u8);
    prop_oneof![
        8 => (ns.clone(), name.clone(), any::<Option<bool>>(), 0..3_u8)
            .prop_map(|(namespace, name, ready, store)| Step::Reader { namespace, name, ready, store }),
        2 => (ns.clone(), name.clone()).prop_map(|(namespace, name)| Step::Gone { namespace, name }),
        1 => (0..5_u8, any::<bool>()).prop_map(|(number, there)| Step::Store { number, there }),
        3 => (ns.clone(), name.clone(), 0..60_u8, any::<bool>())
            .prop_map(|(namespace, name, minute, there)| Step::Told { namespace, name, minute, there }),
        1 => any::<bool>().prop_map(Step::Seal),
        1 => (name, any::<bool>()).prop_map(|(number, missing)| Step::Path { number, missing }),
        1 => (0..4_u8).prop_map(Step::Filter),
        1 => any::<bool>().prop_map(Step::Unfold),
        1 => ns.prop_map(Step::Flip),
    ]
}

fn now() -> Timestamp {
    "2026-11-25T03:00:00Z".parse().expect("a time")
}

fn read<K: Watched>(wire: Value) -> Object {
    K::read(serde_json::from_value(wire).expect("the wire form"), &mut Names::default()).into_object()
}

fn reader(namespace: u8, name: u8, ready: Option<bool>, store: u8) -> Object {
    let conditions: Vec<Value> = ready
        .map(|ready| json!({"type": "Ready", "status": if ready { "True" } else { "False" }, "lastTransitionTime": "2026-11-25T02:00:00Z"}))
        .into_iter()
        .collect();
    let kind = if store == 0 { "ClusterSecretStore" } else { "SecretStore" };
    read::<ExternalSecret>(json!({"metadata": {"namespace": format!("ns-{namespace}"), "name": format!("es-{name}")},
        "spec": {"secretStoreRef": {"kind": kind, "name": format!("store-{store}")}, "refreshInterval": "1h",
            "data": [{"remoteRef": {"key": format!("path-{name}")}}]},
        "status": {"conditions": conditions, "refreshTime": format!("2026-11-25T02:{name:02}:00Z")}}))
}

/// Stores 0 is the cluster's, the others are of one namespace each.
fn store_ref(number: u8) -> ObjectRef {
    match number {
        0 => ObjectRef::new(Kind::ClusterSecretStore, "", "store-0"),
        _ => ObjectRef::new(Kind::SecretStore, format!("ns-{}", number % 4).as_str(), format!("store-{}", number % 3).as_str()),
    }
}

fn store(number: u8) -> Object {
    let at = store_ref(number);
    let wire = json!({"metadata": {"namespace": at.namespace.as_str(), "name": at.name.as_str()},
        "spec": {"provider": {"vault": {"server": "http://vault.vault.svc:8200", "path": "secret", "auth": {}}}},
        "status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Valid"}]}});
    if number == 0 { read::<ClusterSecretStore>(wire) } else { read::<SecretStore>(wire) }
}

fn event(namespace: u8, name: u8, minute: u8) -> Object {
    let (namespace, name) = (format!("ns-{namespace}"), format!("es-{name}"));
    read::<Event>(
        json!({"metadata": {"namespace": namespace, "name": format!("{name}.event")}, "type": "Warning", "reason": "UpdateFailed",
        "involvedObject": {"kind": "ExternalSecret", "namespace": namespace, "name": name},
        "firstTimestamp": "2026-11-25T02:00:00Z", "lastTimestamp": format!("2026-11-25T02:{minute:02}:00Z")}),
    )
}

fn vault() -> VaultAddress {
    VaultAddress::parse("http://vault.vault.svc:8200").expect("an address")
}

fn seal(sealed: bool) -> Change {
    let seal = json!({"initialized": true, "sealed": sealed, "t": 2, "n": 3});
    let seal: Seal = serde_json::from_value(seal).expect("a seal");
    Change::Answered(vault(), Name::new("vault-0"), Ok((seal, ReplicaRole::Single)))
}

fn happen(step: &Step, world: &mut Inventory, view: &mut View) {
    let change = match *step {
        Step::Reader { namespace, name, ready, store } => Change::Applied(reader(namespace, name, ready, store)),
        Step::Gone { namespace, name } => {
            let object = ObjectRef::new(Kind::ExternalSecret, format!("ns-{namespace}").as_str(), format!("es-{name}").as_str());
            Change::Deleted(object)
        }
        Step::Store { number, there: true } => Change::Applied(store(number)),
        Step::Store { number, there: false } => Change::Deleted(store_ref(number)),
        Step::Told { namespace, name, minute, there: true } => Change::Applied(event(namespace, name, minute)),
        Step::Told { namespace, name, .. } => {
            Change::Deleted(ObjectRef::new(Kind::Event, format!("ns-{namespace}").as_str(), format!("es-{name}.event").as_str()))
        }
        Step::Seal(sealed) => seal(sealed),
        Step::Path { number, missing } => {
            let state = if missing { PathState::Missing } else { PathState::Present { version: 1, written: None } };
            let facts = PathFacts::of(state);
            Change::Paths(vault(), vec![(Text::foreign(&format!("secret/path-{number}")), facts)])
        }
        Step::Filter(number) => {
            view.filter = Filter::parse(["", "ready=false", "es-1 !ns=ns-2", "store=store-0 synced"][usize::from(number)]);
            return;
        }
        Step::Unfold(unfold) => {
            view.unfolded = if unfold { Pane::TABLES.into_iter().collect() } else { std::collections::HashSet::new() };
            return;
        }
        Step::Flip(namespace) => {
            let flip = (Pane::ExternalSecrets, Name::new(&format!("ns-{namespace}")));
            if !view.flipped.remove(&flip) {
                view.flipped.insert(flip);
            }
            return;
        }
    };
    world.apply(change, now());
    world.settle();
    world.apply(Change::Replicas(vault(), Ok(vec![(Name::new("vault-0"), None)])), now());
}

fn rows(index: &Index, pane: Pane) -> Vec<Entry> {
    let rows = index.rows(pane);
    let entries: Vec<Entry> = (0..rows.len()).filter_map(|at| rows.get(at)).collect();
    assert_eq!(entries.len(), rows.len(), "every number up to the last is a row");
    entries
}

proptest! {
    #[test]
    fn what_followed_step_by_step_is_what_a_fresh_look_sees(steps in prop::collection::vec(step(), 1..120), at_once in 1..6_usize, rest in any::<bool>()) {
        let (mut world, mut view) = (Inventory::default(), View { room: 12, ..View::default() });
        for kind in [Kind::ExternalSecret, Kind::SecretStore, Kind::ClusterSecretStore, Kind::Event] {
            world.apply(Change::Listed(kind.into(), Vec::new(), Vec::new()), now());
        }
        // Filters pass few rows at once here, and the world goes on meanwhile.
        let mut index = Index { at_once: Some(7), ..Index::default() };
        for steps in steps.chunks(at_once) {
            for step in steps {
                happen(step, &mut world, &mut view);
            }
            let (picture, diagnosis) = (Arc::new(world.clone()), Arc::new(diagnose(&world, now())));
            index.follow(&picture, &diagnosis, &view);
            if rest {
                while index.is_busy() {
                    index.follow(&picture, &diagnosis, &view);
                }
            } else if index.is_busy() {
                continue;
            }
            let fresh = Index::of(&world, &diagnosis, &view);
            prop_assert_eq!(&index.events, &fresh.events);
            for pane in Pane::TABLES {
                let (is, wanted) = (rows(&index, pane), rows(&fresh, pane));
                prop_assert_eq!(&is, &wanted);
                let counts = |index: &Index| {
                    let rows = index.rows(pane);
                    (rows.total, rows.kept, rows.broken, rows.failing)
                };
                prop_assert_eq!(counts(&index), counts(&fresh));
                for (at, entry) in wanted.iter().enumerate() {
                    prop_assert_eq!(index.rows(pane).position(entry), Some(at));
                    if let Some(object) = entry.object() {
                        prop_assert_eq!(index.rows(pane).find(&object), Some(at));
                    }
                }
            }
        }
    }
}
