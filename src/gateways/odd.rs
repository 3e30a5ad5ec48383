//! Objects read one by one. One that is there and cannot be read costs itself alone, and is told by name: what is left out
//! in silence would look like an object that does not exist.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::model::kinds::{Object, Watched};
use crate::model::{Kind, Name, Names, ObjectRef, Text, Unreadable};

/// What is read of any object, whatever else it holds.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Bare {
    pub(super) metadata: BareMeta,
}

/// The metadata by which it is told apart.
#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct BareMeta {
    name: Text,
    namespace: Option<Text>,
    pub(super) resource_version: Box<str>,
    pub(super) annotations: BTreeMap<Box<str>, serde_json::Value>,
}

impl Bare {
    /// What it is called.
    pub(super) fn object_ref(&self, kind: Kind) -> ObjectRef {
        let namespace = self.metadata.namespace.as_ref().map_or("", Text::as_str);
        ObjectRef::new(kind, namespace, self.metadata.name.as_str())
    }

    /// The same, told as one that cannot be read.
    pub(super) fn unreadable(&self, kind: Kind, error: &serde_json::Error) -> Unreadable {
        Unreadable { object: self.object_ref(kind), why: why(error) }
    }
}

/// Reads an object of a kind. All who read one do it from bytes: each other form of input is one more parser for every kind,
/// and half of what resides in memory is the program.
pub(super) fn read<K: Watched>(json: &str, names: &mut Names) -> Result<Object, Unreadable> {
    match serde_json::from_slice(json.as_bytes()) {
        Ok(wire) => Ok(K::read(wire, names).into_object()),
        Err(error) => Err(unreadable(K::KIND, json, &error)),
    }
}

/// An object out of JSON that did not parse as its kind.
pub(super) fn unreadable(kind: Kind, json: &str, error: &serde_json::Error) -> Unreadable {
    let bare: Bare = serde_json::from_str(json).unwrap_or_default();
    let mut told = bare.unreadable(kind, error);
    if told.object.name.is_empty() {
        told.object.name = Name::new("(without a name)");
    }
    told
}

/// A parser's error without the value that it quotes, which may be anything.
fn why(error: &serde_json::Error) -> Text {
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said);
    match said.rsplit_once(", expected ") {
        Some((_, expected)) if expected.starts_with("struct ") => Text::foreign("a field is not an object"),
        Some((_, expected)) => Text::foreign(&format!("a field is not {expected}")),
        None if said.starts_with("missing field") => Text::foreign(said),
        None => Text::foreign("a field is not what this kind has there"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_without_the_value() {
        let error = serde_json::from_str::<Vec<u8>>(r#""canary, expected canary""#).unwrap_err();
        let told = unreadable(Kind::Pod, r#"{"metadata":{"name":"a","namespace":"b","labels":7},"spec":"canary"}"#, &error);
        assert_eq!(told.to_string(), "Pod/b/a could not be read: a field is not a sequence.");
        assert_eq!(unreadable(Kind::Pod, "[]", &error).object.name.as_str(), "(without a name)");
    }
}
