//! Columns: what a kind shows under which name, and in which outputs. One declaration serves them all.

use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::diagnosis::state::State;
use crate::engine::Snapshot;
use crate::model::kinds::Meta;
use crate::model::manager::Manager;
use crate::model::{Age, Health, Inventory, Kind, ObjectRef};
use crate::report::rfc3339;

/// In which outputs a column stands. All stand in JSON and YAML.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// In every table.
    Always,
    /// In wide tables.
    Wide,
    /// In no table: too long, or for programs.
    Data,
}

/// One column of a kind.
pub(super) struct Column<T: 'static> {
    /// In which outputs it stands.
    pub(super) class: Class,
    /// Its name above a table.
    pub(super) head: &'static str,
    /// Its key in JSON.
    pub(super) key: &'static str,
    /// What it says of an object.
    pub(super) value: fn(&Snapshot, &T) -> Value,
}

impl<T> Column<T> {
    /// A column of every table.
    pub(super) const fn always(head: &'static str, key: &'static str, value: fn(&Snapshot, &T) -> Value) -> Self {
        Self { class: Class::Always, head, key, value }
    }

    /// A column of wide tables.
    pub(super) const fn wide(head: &'static str, key: &'static str, value: fn(&Snapshot, &T) -> Value) -> Self {
        Self { class: Class::Wide, head, key, value }
    }

    /// A key of JSON and YAML only.
    pub(super) const fn data(key: &'static str, value: fn(&Snapshot, &T) -> Value) -> Self {
        Self { class: Class::Data, head: "", key, value }
    }
}

/// A list, its columns without their type.
pub(super) struct Listing {
    pub(super) what: &'static str,
    pub(super) heads: Vec<(Class, &'static str, &'static str)>,
    pub(super) items: Vec<Item>,
}

/// One object of a list.
pub(super) struct Item {
    pub(super) object: ObjectRef,
    pub(super) values: Vec<Value>,
}

impl Listing {
    /// These objects in these columns.
    pub(super) fn of<T>(
        what: &'static str,
        columns: &[Column<T>],
        snapshot: &Snapshot,
        objects: impl Iterator<Item = (ObjectRef, impl std::ops::Deref<Target = T>)>,
    ) -> Self {
        let heads = columns.iter().map(|column| (column.class, column.head, column.key)).collect();
        let values = |object: &T| columns.iter().map(|column| (column.value)(snapshot, object)).collect();
        let items = objects.map(|(object, thing)| Item { values: values(&thing), object }).collect();
        Self { what, heads, items }
    }
}

/// What a column says of an object.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// There is none, or it is not known; the state or the list of unknown things says which.
    None,
    /// A name, a word, a sentence.
    Text(String),
    /// An object: `es/name` in a table, a whole reference elsewhere.
    Ref(ObjectRef),
    /// How well something is, for programs.
    Health(Health),
    /// A state, coloured by how well it is.
    State(State),
    /// A number.
    Number(i64),
    /// Whether.
    Flag(bool),
    /// A time in the past: its age in a table.
    Since(Timestamp),
    /// A time to come: the time left in a table.
    Until(Timestamp),
    /// Several.
    List(Vec<Value>),
    /// Several with names.
    Record(Vec<(&'static str, Value)>),
}

impl Value {
    /// A text; none if it is empty.
    pub(super) fn text(text: &(impl ToString + ?Sized)) -> Self {
        let text = text.to_string();
        if text.is_empty() { Self::None } else { Self::Text(text) }
    }

    /// An object, if there is one.
    pub(super) fn object(object: Option<ObjectRef>) -> Self {
        object.map_or(Self::None, Self::Ref)
    }

    /// Several objects.
    pub(super) fn objects(objects: impl IntoIterator<Item = ObjectRef>) -> Self {
        Self::List(objects.into_iter().map(Self::Ref).collect())
    }

    /// A count.
    pub(super) fn count(count: usize) -> Self {
        Self::Number(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// A time in the past, if it is known.
    pub(super) fn since(at: Option<Timestamp>) -> Self {
        at.map_or(Self::None, Self::Since)
    }

    /// A time to come, if it is known.
    pub(super) fn until(at: Option<Timestamp>) -> Self {
        at.map_or(Self::None, Self::Until)
    }

    /// A list of texts.
    pub(super) fn texts(texts: impl IntoIterator<Item = impl ToString>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::Text(text.to_string())).collect())
    }

    /// As a cell of a table.
    pub(super) fn cell(&self, now: Timestamp) -> String {
        match self {
            Self::None => "-".to_owned(),
            Self::Text(text) => text.clone(),
            Self::Ref(object) => called(object),
            Self::Health(health) => format!("{health:?}"),
            Self::State(state) => state.word.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
            Self::Since(at) => Age::between(*at, now).to_string(),
            Self::Until(at) if *at <= now => "now".to_owned(),
            Self::Until(at) => Age::between(now, *at).to_string(),
            Self::List(values) if values.is_empty() => "-".to_owned(),
            Self::List(values) => values.iter().map(|value| value.cell(now)).collect::<Vec<_>>().join(","),
            Self::Record(fields) => fields.iter().map(|(_, value)| value.cell(now)).collect::<Vec<_>>().join(" "),
        }
    }
}

/// Who deploys an object.
pub(super) fn manager(world: &Inventory, object: &ObjectRef, meta: &Meta) -> Value {
    match world.manager_of(object, meta) {
        Some(Manager::Object(object)) => Value::Ref(object),
        Some(release) => Value::text(&release),
        None => Value::None,
    }
}

/// An object in a cell: kubectl's short name of its kind and its name, as the namespace goes without saying;
/// ours by namespace and name.
fn called(object: &ObjectRef) -> String {
    match object.kind {
        Kind::Vault | Kind::VaultReplica | Kind::VaultPath => object.short(),
        kind => match kind.short_names().first() {
            Some(word) => format!("{word}/{}", object.name),
            None => format!("{}/{}", kind.as_str().to_ascii_lowercase(), object.name),
        },
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Ref(object) => object.serialize(serializer),
            Self::Health(health) => health.serialize(serializer),
            Self::State(state) => serializer.serialize_str(&state.word),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Since(at) | Self::Until(at) => serializer.serialize_str(&rfc3339(*at)),
            Self::List(values) => serializer.collect_seq(values),
            Self::Record(fields) => serializer.collect_map(fields.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// An item with the names of its columns.
pub(super) struct Named<'a>(pub(super) &'a Listing, pub(super) &'a Item);

impl Serialize for Named<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.1.values.len() + 1))?;
        map.serialize_entry("object", &self.1.object)?;
        for ((_, _, key), value) in self.0.heads.iter().zip(&self.1.values) {
            map.serialize_entry(key, value)?;
        }
        map.end()
    }
}
