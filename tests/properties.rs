//! What holds for any part of any recorded world, told in any order, with any garbage in its texts: nothing panics, the
//! findings at the end are the same, and nothing that is put into a text comes out as a value.

#![allow(clippy::expect_used, clippy::panic, reason = "a test that fails says why")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::StreamExt as _;
use proptest::prelude::*;
use sealwatch::diagnosis::diagnose;
use sealwatch::engine::{Engine, Options, Policy, Ports, Snapshot};
use sealwatch::gateways::journal::MemoryJournal;
use sealwatch::gateways::recorded::Recording;
use sealwatch::model::inventory::Change;
use sealwatch::model::kinds::Object;
use sealwatch::model::{Inventory, kinds};
use sealwatch::ports::{Clock as _, Cluster as _, Scope};
use serde_json::Value;

fn worlds() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/worlds");
    let mut worlds: Vec<PathBuf> =
        fs::read_dir(folder).expect("the worlds").map(|entry| entry.expect("an entry").path().join("world.json")).collect();
    worlds.retain(|path| path.exists());
    worlds.sort();
    worlds
}

/// Every object of a world.
fn objects(recording: &Recording) -> Vec<Object> {
    let mut all = Vec::new();
    for kind in kinds::all() {
        let listed = futures::executor::block_on(recording.watch(*kind, &Scope::Everywhere).next());
        let Some(Change::Listed(_, objects, _)) = listed else { panic!("a recording lists every kind at once") };
        all.extend(objects);
    }
    all
}

/// The findings of a world, in an order of their own.
fn findings(world: &Inventory, recording: &Recording) -> Vec<String> {
    let diagnosis = diagnose(world, recording.now());
    let mut said: Vec<String> = diagnosis.findings.iter().map(|finding| format!("{finding:?}")).collect();
    said.sort();
    said
}

fn empty(recording: &Recording) -> Inventory {
    let mut world = Inventory::default();
    for kind in kinds::all() {
        world.apply(Change::Listed((*kind).into(), Vec::new(), Vec::new()), recording.now());
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_part_of_a_world_gives_the_same_findings_in_any_order(
        number in 0_usize..55,
        kept in proptest::collection::vec(any::<bool>(), 200),
        order in Just((0..200_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let worlds = worlds();
        let recording = Recording::open(&worlds[number % worlds.len()]).expect("a recording");
        let part: Vec<Object> =
            objects(&recording).into_iter().enumerate().filter(|(at, _)| kept[at % kept.len()]).map(|(_, object)| object).collect();
        let (mut straight, mut shuffled) = (empty(&recording), empty(&recording));
        for object in &part {
            straight.apply(Change::Applied(object.clone()), recording.now());
        }
        straight.settle();
        let mut in_order: Vec<(usize, &Object)> = part.iter().enumerate().collect();
        in_order.sort_by_key(|(at, _)| order[at % order.len()]);
        for (at, object) in in_order {
            shuffled.apply(Change::Applied(object.clone()), recording.now());
            if at % 3 == 0 {
                // It goes and comes back.
                shuffled.apply(Change::Deleted(object.object_ref()), recording.now());
                shuffled.settle();
                shuffled.apply(Change::Applied(object.clone()), recording.now());
            }
        }
        shuffled.settle();
        prop_assert_eq!(findings(&straight, &recording), findings(&shuffled, &recording));
    }

    #[test]
    fn any_garbage_in_any_text_is_borne(number in 0_usize..55, every in 2_usize..40, garbage in "\\PC{0,40}|[\\x00-\\x1f]{1,8}") {
        let worlds = worlds();
        let text = fs::read_to_string(&worlds[number % worlds.len()]).expect("a world");
        let mut world: Value = serde_json::from_str(&text).expect("JSON");
        let mut count = 0;
        spoil(&mut world["kubernetes"], every, &garbage, &mut count);
        spoil(&mut world["vault"], every, &garbage, &mut count);
        // What is no recording any more is refused with a sentence; all else is looked at.
        if let Ok(recording) = Recording::read("spoilt", &world.to_string()) {
            let snapshot = look(recording);
            let failed = snapshot.errors.iter().find(|notice| notice.text.as_str().contains("Please report it"));
            prop_assert!(failed.is_none(), "{failed:?}");
        }
    }
}

/// Puts garbage into every so-many-th text.
fn spoil(value: &mut Value, every: usize, garbage: &str, count: &mut usize) {
    match value {
        Value::String(text) => {
            *count += 1;
            if count.is_multiple_of(every) {
                garbage.clone_into(text);
            }
        }
        Value::Array(all) => all.iter_mut().for_each(|one| spoil(one, every, garbage, count)),
        Value::Object(all) => all
            .iter_mut()
            .filter(|(key, _)| *key != "kind" && *key != "apiVersion")
            .for_each(|(_, one)| spoil(one, every, garbage, count)),
        _ => {}
    }
}

fn look(recording: Recording) -> Arc<Snapshot> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("a runtime");
    runtime.block_on(async {
        let recording = Arc::new(recording);
        let journal = Arc::new(MemoryJournal::default());
        let ports = Ports { cluster: recording.clone(), vault: recording.clone(), clock: recording, journal };
        let engine = Engine::start(ports, Options { policy: Policy::simulated(), ..Options::default() });
        let mut snapshots = engine.snapshots();
        let known = tokio::time::timeout(std::time::Duration::from_secs(30), snapshots.wait_for(|seen| seen.is_examined())).await;
        known.map_or_else(|_| engine.snapshots().borrow().clone(), |seen| seen.expect("an engine that runs").clone())
    })
}
