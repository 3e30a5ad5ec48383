//! Paths of Vault that something references. All that `get` knows of the model of paths stands here and in
//! the paths of an `ExternalSecret`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::What;
use super::column::{Column, Listing, Value};
use crate::diagnosis::state;
use crate::engine::Snapshot;
use crate::model::kinds::Watched as _;
use crate::model::vault::{May, SecretPath};
use crate::model::{Kind, ObjectRef, PathState, Text, VaultServer};

/// Paths.
pub(super) const PATHS: What = What {
    name: "paths",
    words: &["vaultpaths"],
    about: "paths of Vault that something references",
    kinds: &[Kind::VaultPath],
    also: &[Kind::ExternalSecret, Kind::SecretStore, Kind::ClusterSecretStore],
    paths: true,
    list: |what, snapshot| {
        let mut readers = readers(snapshot);
        let mut paths = Vec::new();
        for server in snapshot.world.vaults.values() {
            for path in server.paths.keys() {
                let object = server.address.path_ref(path);
                let readers = readers.remove(&object).unwrap_or_default();
                paths.push((object, Box::new(Path { server: server.clone(), at: path.clone(), readers })));
            }
            for path in unreferenced(server) {
                let one = Path { server: server.clone(), at: path, readers: Vec::new() };
                paths.push((server.address.path_ref(&one.at), Box::new(one)));
            }
        }
        Listing::of(what.name, COLUMNS, snapshot, paths.into_iter())
    },
};

/// What stands in the folders that were listed and nothing references; folders in them are not looked into.
fn unreferenced(server: &VaultServer) -> BTreeSet<Text> {
    let listed = server.folders.iter().filter_map(|(place, folder)| Some((place, folder.names.said()?)));
    let paths = listed.flat_map(|(place, names)| {
        let names = names.iter().filter(|name| !name.as_str().ends_with('/'));
        names.map(move |name| Text::foreign(&format!("{place}/{name}")))
    });
    paths.filter(|path| !server.paths.contains_key(path)).collect()
}

/// One path of one Vault.
struct Path {
    server: Arc<VaultServer>,
    at: Text,
    readers: Vec<ObjectRef>,
}

/// The `ExternalSecret`s that read each path, in one go over all of them.
fn readers(snapshot: &Snapshot) -> HashMap<ObjectRef, Vec<ObjectRef>> {
    let world = &snapshot.world;
    let mut readers: HashMap<ObjectRef, Vec<ObjectRef>> = HashMap::new();
    for store in world.stores() {
        let Some(vault) = &store.vault else { continue };
        for es in world.readers_of(&store.store_ref()) {
            for remote in &es.remote {
                let path = vault.address.path_ref(&vault.path_of(remote.key.as_str()));
                let of_path = readers.entry(path).or_default();
                let reader = es.object_ref();
                if !of_path.contains(&reader) {
                    of_path.push(reader);
                }
            }
        }
    }
    for of_path in readers.values_mut() {
        of_path.sort();
    }
    readers
}

impl Path {
    fn known<T>(&self, value: impl FnOnce(&SecretPath) -> Option<T>) -> Option<T> {
        self.server.paths.get(&self.at).and_then(value)
    }

    fn state(&self) -> state::State {
        self.known(|path| Some(state::of_path(&path.facts.state))).unwrap_or_else(state::unreferenced)
    }
}

/// Whether your token may read the value; nothing where it is not known.
fn may(may: May) -> Option<Value> {
    match may {
        May::Unknown => None,
        May::Yes => Some(Value::Flag(true)),
        May::No => Some(Value::Flag(false)),
    }
}

const COLUMNS: &[Column<Path>] = &[
    Column::always("VAULT", "vault", |_, path| Value::Ref(path.server.subject())),
    Column::always("PATH", "path", |_, path| Value::text(&path.at)),
    Column::data("health", |_, path| Value::Health(path.state().health)),
    Column::always("STATE", "state", |_, path| Value::State(path.state())),
    Column::data("version", |_, path| {
        path.known(|known| match &known.facts.state {
            PathState::Present { version, .. } | PathState::Deleted { version, .. } | PathState::Destroyed { version } => {
                i64::try_from(*version).ok()
            }
            _ => None,
        })
        .map_or(Value::None, Value::Number)
    }),
    Column::always("WRITTEN", "written", |_, path| {
        Value::since(path.known(|known| match &known.facts.state {
            PathState::Present { written, .. } => *written,
            _ => None,
        }))
    }),
    Column::wide("READABLE", "value_readable", |_, path| path.known(|known| may(known.facts.value)).unwrap_or(Value::None)),
    Column::wide("NAMESPACE", "vault_namespace", |_, path| {
        path.known(|known| Some(Value::text(&known.namespace))).unwrap_or(Value::None)
    }),
    Column::wide("MOUNT", "mount", |_, path| path.known(|known| Some(Value::text(&known.mount))).unwrap_or(Value::None)),
    Column::wide("KV", "kv", |_, path| path.known(|known| Some(Value::text(&known.kv))).unwrap_or(Value::None)),
    Column::always("READERS", "readers", |_, path| Value::count(path.known(|known| Some(known.readers)).unwrap_or(0))),
    Column::data("referenced", |_, path| Value::Flag(path.known(|_| Some(())).is_some())),
    Column::wide("PROPERTIES", "properties", |_, path| {
        path.known(|known| known.properties.names.said().map(|names| Value::texts(names.iter()))).unwrap_or(Value::None)
    }),
    Column::wide("READ BY", "read_by", |_, path| Value::objects(path.readers.iter().cloned())),
    Column::always("CAUSE", "causes", |snapshot, path| {
        Value::texts(state::causes(&snapshot.world, &snapshot.diagnosis, &path.server.address.path_ref(&path.at)))
    }),
    Column::wide("ASKED", "seen", |_, path| Value::since(path.known(|known| known.asked))),
];
