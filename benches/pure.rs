//! What must be fast and needs no cluster: `cargo bench`. Each figure is a median, and stands beside what it is to be
//! compared with in the same run, because times alone say more about the machine. `cargo bench -- 1000` takes so
//! many rows instead of 10,000; the larger world has ten times as many. What a person sees of all this on a real
//! API server is measured by `tests/lab/bench`.

#![allow(clippy::expect_used, clippy::print_stdout, missing_docs, reason = "a benchmark prints, and one that fails says why")]

use std::collections::HashSet;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use sealwatch::diagnosis::{Diagnosis, Memory, diagnose};
use sealwatch::engine::{Policy, Snapshot};
use sealwatch::keymap::Chord;
use sealwatch::model::kinds::{ClusterSecretStore, Event, ExternalSecret, Object, Pod, Secret, Watched};
use sealwatch::model::{Change, Inventory, Kind, Name, Names, ReplicaRole, VaultAddress};
use sealwatch::ports::Scope;
use sealwatch::theme::{Depth, Theme};
use sealwatch::tui::app::board::Pane;
use sealwatch::tui::app::index::{Index, View};
use sealwatch::tui::app::{Message, Model, Moment, update};
use sealwatch::tui::screens::{Look, draw};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

const NAMESPACES: usize = 50;
/// What a pass over everything may take, and what one change may, with 10,000 rows on the machine that this is made on.
const WHOLE: Duration = Duration::from_millis(50);
const ONE: Duration = Duration::from_millis(1);
/// How a store changes: only its version does; its condition is so since another time; it is ready, or not.
const VERSION: usize = 4;
const SINCE: usize = 5;
const READY: usize = 6;
const SIZE: (u16, u16) = (160, 50);

/// A list as the API server sends it.
#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
}

fn main() {
    // cargo gives `--bench` too.
    let few = std::env::args().find_map(|word| word.parse().ok()).unwrap_or(10_000);
    let parse = reading(few);
    let (small, large) = (World::of(few), World::of(10 * few));
    println!("{:<44} {:>12} {:>12} {:>7}", "of the rules, with a Secret and a pod for each", "median", "bound", "ratio");
    let beside = |what: &str, took: Duration, bound: Option<Duration>| {
        let missed = if bound.is_some_and(|bound| took > bound) { "  MISSED" } else { "" };
        let (bound, ratio) = (bound.map(millis).unwrap_or_default(), took.as_secs_f64() / parse.as_secs_f64());
        println!("{what:<44} {:>12} {bound:>12} {ratio:>7.3}{missed}", millis(took));
    };
    for (state, mut world) in [("", Remembered::of(few, false)), (", Vault is sealed", Remembered::of(few, true))] {
        let whole = median(|| drop(black_box(diagnose(&world.inventory, world.now))));
        beside(&format!("all of them, once{state}"), whole, Some(WHOLE));
        for (what, change) in [("ExternalSecret", 0), ("Secret", 1), ("Pod", 2), ("Event", 3)] {
            beside(&format!("one {what} changes{state}"), world.changes(change), Some(ONE));
        }
        // All read through it: what these say may be another thing then, so that it has the bound of a whole pass.
        for (what, change, bound) in [
            ("the store of all: written", VERSION, ONE),
            ("the store of all: since", SINCE, WHOLE),
            ("the store of all: ready", READY, WHOLE),
        ] {
            beside(&format!("{what}{state}"), world.changes(change), Some(bound));
        }
    }
    println!();
    println!("{:<44} {:>12} {:>12} {:>7}", "of the console", few, 10 * few, "ratio");
    compare("changes of a first list, taken in", || black_box(small.taken_in()), || black_box(large.taken_in()));
    compare("diagnosis", || black_box(small.diagnosed()), || black_box(large.diagnosed()));
    compare("order of the rows", || black_box(small.ordered()), || black_box(large.ordered()));
    compare("one change: take in, publish", || black_box(small.changed()), || black_box(large.changed()));
    let (mut here, mut there) = (small.console(), large.console());
    compare("one key: move the cursor, draw the frame", || here.press(), || there.press());
}

/// Reading a list into what the console keeps, beside what serde alone does with the same bytes: how long a `Value` takes.
fn reading(count: usize) -> Duration {
    let bytes = serde_json::to_vec(&json!({ "items": (0..count).map(wire).collect::<Vec<Value>>() })).expect("JSON");
    println!("{count} ExternalSecrets, {} bytes", bytes.len());
    let skipped = median(|| drop(black_box(serde_json::from_slice::<List<IgnoredAny>>(&bytes).expect("a list"))));
    let tree = median(|| drop(black_box(serde_json::from_slice::<List<Value>>(&bytes).expect("a list"))));
    let ours = median(|| drop(black_box(read(&bytes))));
    println!("{:<44} {:>12} {:>12} {:>7}", "", "median", "", "ratio");
    for (what, took) in
        [("skipped by serde_json", skipped), ("into serde_json's Value", tree), ("into what the console keeps", ours)]
    {
        println!("{what:<44} {:>12} {:>12} {:>7.2}", millis(took), "", took.as_secs_f64() / tree.as_secs_f64());
    }
    tree
}

fn read(bytes: &[u8]) -> Vec<Object> {
    let list: List<<ExternalSecret as Watched>::Wire> = serde_json::from_slice(bytes).expect("a list");
    let mut names = Names::default();
    list.items.into_iter().map(|wire| object::<ExternalSecret>(wire, &mut names)).collect()
}

fn object<K: Watched>(wire: K::Wire, names: &mut Names) -> Object {
    K::read(wire, names).into_object()
}

/// An `ExternalSecret` as the API server stores it; one of a hundred fails.
fn wire(number: usize) -> Value {
    let (namespace, name) = (format!("team-{:02}", number % NAMESPACES), format!("app-{number:05}-credentials"));
    let path = format!("folder-{:03}/app-{number:05}", number % 200);
    let (status, reason) = if number % 100 == 7 { ("False", "SecretSyncedError") } else { ("True", "SecretSynced") };
    let managed = |manager: &str| {
        json!({ "manager": manager, "operation": "Apply", "apiVersion": "external-secrets.io/v1", "time": "2026-11-25T02:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": { "f:spec": { "f:data": {}, "f:refreshInterval": {}, "f:secretStoreRef": {}, "f:target": {} } } })
    };
    let data = ["username", "password"].map(|key| {
        json!({ "secretKey": key, "remoteRef": {
            "key": path, "property": key, "conversionStrategy": "Default", "decodingStrategy": "None", "metadataPolicy": "None" } })
    });
    json!({
        "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret",
        "metadata": {
            "name": name, "namespace": namespace, "uid": format!("7c1f2b34-5d6e-4f70-8192-{number:012}"), "generation": 1,
            "resourceVersion": (1000 + number).to_string(), "creationTimestamp": "2026-11-25T02:00:00Z",
            "managedFields": [managed("argocd-controller"), managed("external-secrets")],
        },
        "spec": {
            "refreshInterval": "24h", "secretStoreRef": { "kind": "ClusterSecretStore", "name": "vault" },
            "target": { "name": name, "creationPolicy": "Owner", "deletionPolicy": "Retain" },
            "data": data,
        },
        "status": {
            "binding": { "name": name }, "refreshTime": "2026-11-25T02:00:01Z",
            "syncedResourceVersion": "1-f47fe3c0b255b6dd8047cdffa772587bb829efe7a1cb70febeda2eb2",
            "conditions": [{ "type": "Ready", "status": status, "reason": reason, "message": "as it is", "lastTransitionTime": "2026-11-25T02:00:01Z" }],
        },
    })
}

/// The store of all, in this version of it.
fn store(change: usize, version: usize) -> Object {
    let (ready, minute) = (change != READY || version.is_multiple_of(2), if change == SINCE { version % 30 } else { 0 });
    let wire = json!({
        "metadata": { "name": "vault", "resourceVersion": (100 + version).to_string() },
        "spec": { "provider": { "vault": { "server": "http://vault.example:8200", "path": "secret", "version": "v2" } } },
        "status": { "conditions": [{
            "type": "Ready", "status": if ready { "True" } else { "False" }, "reason": if ready { "Valid" } else { "InvalidProviderConfig" },
            "lastTransitionTime": format!("2026-11-25T02:{minute:02}:00Z") }] },
    });
    object::<ClusterSecretStore>(serde_json::from_value(wire).expect("a store"), &mut Names::default())
}

/// A world, and what the console makes of it.
struct World {
    now: Timestamp,
    objects: Vec<Object>,
    inventory: Inventory,
    diagnosis: Arc<Diagnosis>,
    view: View,
}

impl World {
    fn of(count: usize) -> Self {
        let bytes = serde_json::to_vec(&json!({ "items": (0..count).map(wire).collect::<Vec<Value>>() })).expect("JSON");
        let now = "2026-11-25T02:40:00Z".parse().expect("a time");
        let view = View { unfolded: HashSet::from([Pane::ExternalSecrets]), room: 38, ..View::default() };
        let mut world = Self { now, objects: read(&bytes), inventory: Inventory::default(), diagnosis: Arc::default(), view };
        world.inventory = world.taken_in();
        world.diagnosis = Arc::new(diagnose(&world.inventory, now));
        world
    }

    fn taken_in(&self) -> Inventory {
        let mut inventory = Inventory::default();
        inventory.apply(Change::Listed(Kind::SecretStore.into(), Vec::new(), Vec::new()), self.now);
        inventory.apply(Change::Listed(Kind::ClusterSecretStore.into(), vec![store(VERSION, 0)], Vec::new()), self.now);
        for piece in self.objects.chunks(1024) {
            inventory.apply(Change::Listing(Kind::ExternalSecret.into(), piece.to_vec()), self.now);
            inventory.settle();
        }
        inventory.apply(Change::Complete(Kind::ExternalSecret.into()), self.now);
        inventory.settle();
        inventory
    }

    fn diagnosed(&self) -> Diagnosis {
        diagnose(&self.inventory, self.now)
    }

    fn ordered(&self) -> Index {
        Index::of(&self.inventory, &self.diagnosis, &self.view)
    }

    /// One object changes while the picture before it is still in use.
    fn changed(&self) -> Inventory {
        let mut inventory = self.inventory.clone();
        if let Some(object) = self.objects.get(self.objects.len() / 2) {
            inventory.apply(Change::Applied(object.clone()), self.now);
        }
        inventory.settle();
        inventory
    }

    /// A console that shows every row, with the cursor in the middle.
    fn console(&self) -> Console {
        let snapshot = Snapshot {
            world: Arc::new(self.inventory.clone()),
            diagnosis: self.diagnosis.clone(),
            ..Snapshot::empty(self.now, Scope::Everywhere, Policy::default())
        };
        let mut console = Console {
            model: Model::new(Arc::new(snapshot), SIZE),
            theme: Theme::load("night", None, Depth::True).expect("the theme"),
            buffer: Buffer::empty(Rect::new(0, 0, SIZE.0, SIZE.1)),
            now: self.now,
            down: true,
        };
        for key in ["tab", "tab", "z"] {
            console.key(key);
        }
        for _ in 0..40 {
            console.key("pagedown");
        }
        console
    }
}

/// A world that was examined and is remembered, with a Secret and a pod for each `ExternalSecret`.
struct Remembered {
    inventory: Inventory,
    now: Timestamp,
    memory: Memory,
    turn: usize,
    sealed: bool,
}

impl Remembered {
    /// While its Vault is sealed, everything fails.
    fn of(count: usize, sealed: bool) -> Self {
        let (mut inventory, now) = (Inventory::default(), "2026-11-25T02:40:00Z".parse().expect("a time"));
        let lists: [(Kind, Vec<Object>); 6] = [
            (Kind::SecretStore, Vec::new()),
            (Kind::ClusterSecretStore, vec![store(VERSION, 0)]),
            (Kind::ExternalSecret, (0..count).map(|number| one(0, number, 0, sealed)).collect()),
            (Kind::Secret, (0..count).map(|number| one(1, number, 0, sealed)).collect()),
            (Kind::Pod, (0..count).map(|number| one(2, number, 0, sealed)).collect()),
            (
                Kind::Event,
                (0..count).filter(|number| sealed || number % 100 == 7).map(|number| one(3, number, 0, sealed)).collect(),
            ),
        ];
        for (kind, objects) in lists {
            inventory.apply(Change::Listed(kind.into(), objects, Vec::new()), now);
        }
        inventory.settle();
        let address = VaultAddress::parse("http://vault.example:8200").expect("an address");
        let seal = json!({ "type": "shamir", "initialized": true, "sealed": sealed, "t": 3, "n": 5 });
        let answer = (serde_json::from_value(seal).expect("a seal"), ReplicaRole::Single);
        inventory.apply(Change::Replicas(address.clone(), Ok(vec![(Name::new("vault-0"), None)])), now);
        inventory.apply(Change::Answered(address, Name::new("vault-0"), Ok(answer)), now);
        let mut memory = Memory::default();
        drop(black_box(memory.diagnose(&inventory, now)));
        Self { inventory, now, memory, turn: 0, sealed }
    }

    /// How long the diagnosis takes that follows a change of one object of a kind.
    fn changes(&mut self, kind: usize) -> Duration {
        let mut took: Vec<Duration> = (0..21)
            .map(|_| {
                self.turn += 1;
                let number = (self.turn * 4_300 + 7) % self.inventory.all::<ExternalSecret>().len();
                self.inventory.apply(Change::Applied(one(kind, number, self.turn, self.sealed)), self.now);
                self.inventory.settle();
                let began = Instant::now();
                let diagnosis = self.memory.diagnose(&self.inventory, self.now);
                let took = began.elapsed();
                drop(black_box(diagnosis));
                took
            })
            .collect();
        took.sort_unstable();
        took[took.len() / 2]
    }
}

/// The `ExternalSecret` of a number, its Secret, its pod or its event, or the store of all, in this version.
fn one(kind: usize, number: usize, version: usize, sealed: bool) -> Object {
    let (names, mut wire) = (&mut Names::default(), wire(number));
    let message = if sealed { "could not get provider client: Vault is sealed" } else { "as it is" };
    let (namespace, name) = (wire["metadata"]["namespace"].clone(), wire["metadata"]["name"].clone());
    let metadata = json!({ "name": name, "namespace": namespace, "resourceVersion": (9000 + version).to_string(), "creationTimestamp": "2026-11-25T02:00:00Z" });
    let read = "what is made here is of its kind";
    match kind {
        0 => {
            wire["status"]["refreshTime"] = format!("2026-11-25T02:{:02}:{:02}Z", version / 60 % 30, version % 60).into();
            if sealed {
                wire["status"]["conditions"][0]["status"] = "False".into();
                wire["status"]["conditions"][0]["reason"] = "SecretSyncedError".into();
            }
            object::<ExternalSecret>(serde_json::from_value(wire).expect(read), names)
        }
        1 => object::<Secret>(serde_json::from_value(json!({ "metadata": metadata })).expect(read), names),
        2 => {
            let spec = json!({ "containers": [{ "name": "app", "envFrom": [{ "secretRef": { "name": name } }] }] });
            let wire = json!({ "metadata": metadata, "spec": spec, "status": { "phase": "Running" } });
            object::<Pod>(serde_json::from_value(wire).expect(read), names)
        }
        VERSION | SINCE | READY => store(kind, version),
        _ => {
            let about =
                json!({ "apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "namespace": namespace, "name": name });
            let wire = json!({ "metadata": metadata, "involvedObject": about, "reason": "UpdateFailed", "message": message,
                "type": "Warning", "count": version, "lastTimestamp": "2026-11-25T02:39:00Z" });
            object::<Event>(serde_json::from_value(wire).expect(read), names)
        }
    }
}

struct Console {
    model: Model,
    theme: Theme,
    buffer: Buffer,
    now: Timestamp,
    down: bool,
}

impl Console {
    fn key(&mut self, name: &str) {
        let chord = Chord::parse(name).expect("a key");
        update(&mut self.model, Message::Key { chord, repeat: false }, Moment { since_start: Duration::ZERO, now: self.now });
    }

    /// Down, up, down: the cursor moves and the window with it.
    fn press(&mut self) {
        self.key(if self.down { "j" } else { "k" });
        self.down = !self.down;
        self.buffer.reset();
        draw(&self.model, Look { theme: &self.theme, ascii: false }, self.buffer.area, &mut self.buffer);
    }
}

fn compare<T, U>(what: &str, mut small: impl FnMut() -> T, mut large: impl FnMut() -> U) {
    let (here, there) = (median(|| drop(small())), median(|| drop(large())));
    println!("{what:<44} {:>12} {:>12} {:>7.1}", millis(here), millis(there), there.as_secs_f64() / here.as_secs_f64());
}

/// The median of nine goes, after one that warms up.
fn median(mut go: impl FnMut()) -> Duration {
    go();
    let mut took: Vec<Duration> = (0..9)
        .map(|_| {
            let began = Instant::now();
            go();
            began.elapsed()
        })
        .collect();
    took.sort_unstable();
    took[took.len() / 2]
}

fn millis(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1000.0)
}
