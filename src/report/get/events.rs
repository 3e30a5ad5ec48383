//! Events: the only place where External Secrets says a cause.

use super::What;
use super::column::{Column, Listing, Value};
use crate::model::Kind;
use crate::model::kinds::{Event, Watched as _};

/// Events.
pub(super) const EVENTS: What = What {
    name: "events",
    words: &[],
    about: "Events",
    kinds: &[Kind::Event],
    also: &[],
    paths: false,
    list: |what, snapshot| {
        let all = snapshot.world.all::<Event>().iter();
        Listing::of(what.name, COLUMNS, snapshot, all.map(|event| (event.object_ref(), event.as_ref())))
    },
};

const COLUMNS: &[Column<Event>] = &[
    Column::always("NAMESPACE", "namespace", |_, event| Value::text(&event.meta.namespace)),
    Column::wide("NAME", "name", |_, event| Value::text(&event.meta.name)),
    Column::always("LAST", "last", |_, event| Value::since(event.last)),
    Column::wide("FIRST", "first", |_, event| Value::since(event.first)),
    Column::always("COUNT", "count", |_, event| Value::Number(event.count.into())),
    Column::always("TYPE", "type", |_, event| Value::text(if event.warning { "Warning" } else { "Normal" })),
    Column::always("REASON", "reason", |_, event| Value::text(&event.reason)),
    Column::always("OBJECT", "about", |_, event| Value::object(event.about.clone())),
    Column::always("MESSAGE", "message", |_, event| Value::text(&event.message)),
    Column::data("seen", |snapshot, _| super::seen::at(snapshot, Kind::Event)),
];
