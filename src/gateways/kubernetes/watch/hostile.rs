//! Whatever stands in an object: it is read, or told by name as one that cannot be. Nothing panics, on the way in and
//! in the diagnosis of what came in.

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::events::{Event, read};
use crate::diagnosis::diagnose;
use crate::model::kinds::{ExternalSecret, Object, Visitor, Watched, visit};
use crate::model::{Change, Inventory, Unreadable};

/// Fields that the kinds read, and some of the values that matter in them.
const WORDS: [&str; 58] = [
    "metadata",
    "spec",
    "status",
    "name",
    "namespace",
    "kind",
    "type",
    "reason",
    "message",
    "conditions",
    "labels",
    "annotations",
    "ownerReferences",
    "controller",
    "lastTransitionTime",
    "data",
    "dataFrom",
    "remoteRef",
    "key",
    "property",
    "secretStoreRef",
    "sourceRef",
    "generatorRef",
    "storeRef",
    "target",
    "refreshInterval",
    "refreshTime",
    "provider",
    "vault",
    "server",
    "path",
    "version",
    "auth",
    "kubernetes",
    "mountPath",
    "role",
    "serviceAccountRef",
    "caProvider",
    "containers",
    "initContainers",
    "env",
    "envFrom",
    "valueFrom",
    "secretKeyRef",
    "secretRef",
    "volumes",
    "secret",
    "projected",
    "sources",
    "containerStatuses",
    "state",
    "waiting",
    "template",
    "involvedObject",
    "lastTimestamp",
    "count",
    "endpoints",
    "managedFields",
];
const TEXTS: [&str; 10] = [
    "",
    "Ready",
    "True",
    "SecretStore",
    "ClusterSecretStore",
    "2026-11-25T02:40:00Z",
    "1h0m0s",
    "https://vault.vault.svc:8200",
    "../../\u{202e}evil\u{1b}[2J",
    "99999999999999999999999h",
];

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(7, 96, 6, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            3 => fields(inner).prop_map(Value::Object),
        ]
    })
}

fn fields(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let pairs = prop::collection::vec((prop::sample::select(&WORDS[..]).prop_map(str::to_owned), inner), 0..8);
    pairs.prop_map(|pairs| pairs.into_iter().collect())
}

/// Reads one object as every kind.
struct AsEveryKind<'a>(&'a Value, Vec<Result<Object, Unreadable>>);

impl Visitor for AsEveryKind<'_> {
    fn visit<K: Watched>(&mut self) {
        let line = serde_json::to_vec(&json!({"type": "ADDED", "object": self.0})).expect("JSON");
        self.1.push(match read::<K::Wire>(&line) {
            Event::Changed(wire) => Ok(K::read(wire, &mut crate::model::Names::default()).into_object()),
            Event::Unreadable(bare, error) => Err(bare.unreadable(K::KIND, &error)),
            _ => panic!("{} is neither read nor told", K::KIND),
        });
    }
}

/// What every kind makes of an object; all of it together is diagnosed.
fn taken_in(object: &Value) -> Vec<Result<Object, Unreadable>> {
    let mut every = AsEveryKind(object, Vec::new());
    visit(&mut every);
    let mut world = Inventory::default();
    for read in every.1.clone() {
        world.apply(read.map_or_else(Change::Odd, Change::Applied), Timestamp::UNIX_EPOCH);
    }
    world.settle();
    let diagnosis = diagnose(&world, Timestamp::UNIX_EPOCH);
    for odd in every.1.iter().filter_map(|read| read.as_ref().err()) {
        assert!(diagnosis.unknown.iter().any(|unknown| unknown.subject == odd.object.to_string()) || world.unreadable.len() > 20);
    }
    every.1
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_fields_are_read_or_told(mut object in fields(anything())) {
        object.insert("metadata".to_owned(), json!({"name": "odd", "namespace": "here", "resourceVersion": "7"}));
        for read in taken_in(&Value::Object(object)) {
            let place = read.map_or_else(|odd| odd.object, |object| object.object_ref());
            prop_assert_eq!((place.namespace.as_str(), place.name.as_str()), ("here", "odd"));
        }
    }

    #[test]
    fn any_line_has_a_meaning(line in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(matches!(read::<<crate::model::kinds::Pod as Watched>::Wire>(&line), Event::Garbage | Event::Nothing));
    }
}

#[test]
fn names_and_sizes_beyond_all_measure_are_taken_in() {
    let long = "x".repeat(253);
    for name in [&long, "a\u{1b}]0;owned\u{7}b", "\u{202e}txt.exe", "../../etc/passwd", "a\nb", "\u{0}", "🦭"] {
        for read in taken_in(&json!({"metadata": {"name": name, "namespace": name}})) {
            let place = read.map_or_else(|odd| odd.object, |object| object.object_ref()).to_string();
            assert!(!place.chars().any(char::is_control) && !place.contains('\u{202e}'), "{place:?}");
        }
    }
    let huge = "y".repeat(10 << 20);
    let line = json!({"type": "ADDED", "object": {"metadata": {"name": "huge", "annotations": {"a": huge}}, "status": {
        "conditions": [{"type": "Ready", "status": "False", "reason": "New", "message": huge}]}}});
    let Event::Changed(wire) = read::<<ExternalSecret as Watched>::Wire>(&serde_json::to_vec(&line).expect("JSON")) else {
        panic!("it is not read");
    };
    let kept = ExternalSecret::read(wire, &mut crate::model::Names::default());
    assert!(format!("{kept:?}").len() < 64 << 10, "what is kept of it is small");
}
