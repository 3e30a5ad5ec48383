//! `Event`: the only place where External Secrets says the cause of a failure, and the only time of a
//! last attempt there is (`lastTimestamp` moves while the text stays the same).

use jiff::Timestamp;
use serde::Deserialize;

use super::{Api, Link, Meta, Role, Watched, WireMeta};
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
#[serde(default)]
struct WireInvolved {
    kind: Text,
    namespace: Option<Text>,
    name: Text,
}

impl Watched for Event {
    const KIND: Kind = Kind::Event;
    const API: Api = Api { group: "", versions: &["v1"], plural: "events", namespaced: true };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let about = Kind::parse(wire.involved_object.kind.as_str()).map(|kind| ObjectRef {
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
