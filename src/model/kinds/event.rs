//! `Event`: the only place where External Secrets says the cause of a failure, and the only time of a
//! last attempt there is (`lastTimestamp` moves while the text stays the same).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireMeta, kind_in};
use crate::model::inventory::Inventory;
use crate::model::object::{Kind, Name, Names, ObjectRef};
use crate::model::text::Text;

/// A core/v1 Event.
#[derive(Clone, Debug)]
pub struct Event {
    /// Metadata.
    pub meta: Meta,
    /// What it tells about; `None` for kinds that sealwatch does not know.
    pub about: Option<ObjectRef>,
    /// One word.
    pub reason: Name,
    /// The sentence.
    pub message: Text,
    /// `Warning` rather than `Normal`.
    pub warning: bool,
    /// When the first with this text came.
    pub first: Option<Timestamp>,
    /// When the last with this text came.
    pub last: Option<Timestamp>,
    /// How many came with this text.
    pub count: u32,
}

/// What was told about an object for one reason. Single texts matter too: the newest may hide the cause.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    /// The newest of them.
    pub newest: &'a Event,
    /// How often anything was told for this reason.
    pub count: u32,
    /// When the first came that is still known.
    pub first: Option<Timestamp>,
}

impl Inventory {
    /// The events about an object, those for one reason in one, newest last.
    #[must_use]
    pub fn events_by_reason(&self, object: &ObjectRef) -> Vec<Folded<'_>> {
        let mut folded: Vec<Folded<'_>> = Vec::new();
        for event in self.events_of(object) {
            let first = event.first.or(event.last);
            match folded.iter().position(|one| one.newest.reason == event.reason) {
                Some(at) => {
                    let mut one = folded.remove(at);
                    one.newest = event;
                    one.count = one.count.saturating_add(event.count);
                    one.first = one.first.into_iter().chain(first).min();
                    folded.push(one);
                }
                None => folded.push(Folded { newest: event, count: event.count, first }),
            }
        }
        folded
    }
}

/// What is read off the wire.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wire {
    #[serde(default)]
    metadata: WireMeta,
    #[serde(default)]
    involved_object: WireInvolved,
    #[serde(default)]
    reason: Option<Text>,
    #[serde(default)]
    message: Option<Text>,
    #[serde(default, rename = "type")]
    kind: Option<Text>,
    #[serde(default)]
    first_timestamp: Option<Timestamp>,
    #[serde(default)]
    last_timestamp: Option<Timestamp>,
    #[serde(default)]
    event_time: Option<Timestamp>,
    #[serde(default)]
    count: Option<u32>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WireInvolved {
    api_version: Text,
    kind: Text,
    namespace: Option<Text>,
    name: Text,
}

impl Watched for Event {
    const KIND: Kind = Kind::Event;
    const API: Api = Api { group: "", versions: &["v1"], plural: "events", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let (group, kind) = (wire.involved_object.api_version.as_str(), wire.involved_object.kind.as_str());
        let about = if group.is_empty() { Kind::parse(kind) } else { kind_in(group, kind) }.map(|kind| ObjectRef {
            kind,
            namespace: names.intern_opt(wire.involved_object.namespace.as_ref()),
            name: names.intern(wire.involved_object.name.as_str()),
        });
        Self {
            meta: Meta::read(&wire.metadata, names),
            about,
            reason: names.intern_opt(wire.reason.as_ref()),
            message: wire.message.unwrap_or_default(),
            warning: wire.kind.is_some_and(|kind| kind.as_str() == "Warning"),
            first: wire.first_timestamp.or(wire.event_time),
            last: wire.last_timestamp.or(wire.event_time),
            count: wire.count.unwrap_or(1),
        }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }

    fn links(&self) -> Vec<Link> {
        self.about.iter().map(|to| Link { to: to.clone(), role: Role::Tells }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inventory::Change;
    use crate::model::kinds::OnShelf as _;

    #[test]
    fn events_for_one_reason_are_one_with_the_newest_text() {
        let mut world = Inventory::default();
        for (name, reason, minute, count, text) in
            [("a", "UpdateFailed", 1, 7, "sealed"), ("b", "Updated", 2, 1, "fine"), ("c", "UpdateFailed", 3, 2, "is not ready")]
        {
            let wire = format!(
                r#"{{"metadata": {{"name": "{name}", "namespace": "shop"}}, "reason": "{reason}", "message": "{text}", "count": {count},
                    "involvedObject": {{"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "namespace": "shop", "name": "db"}},
                    "firstTimestamp": "2026-11-25T00:00:0{minute}Z", "lastTimestamp": "2026-11-25T00:0{minute}:00Z", "type": "Warning"}}"#
            );
            let event = Event::read(serde_json::from_str(&wire).expect("an Event"), &mut Names::default());
            world.apply(Change::Applied(event.into_object()), Timestamp::UNIX_EPOCH);
        }
        let folded = world.events_by_reason(&ObjectRef::new(Kind::ExternalSecret, "shop", "db"));
        let said: Vec<_> = folded.iter().map(|one| (one.newest.reason.as_str(), one.count, one.newest.message.as_str())).collect();
        assert_eq!(said, [("Updated", 1, "fine"), ("UpdateFailed", 9, "is not ready")]);
        assert_eq!(folded[1].first, "2026-11-25T00:00:01Z".parse().ok());
    }
}
