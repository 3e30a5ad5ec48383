//! `Namespace`: its labels decide which stores it may use, and whether a login is bound to it.

use serde::Deserialize;

use super::{Api, Meta, Watched, WireMeta};
use crate::model::object::{Kind, Name, Names};
use crate::model::text::Text;

/// A `Namespace`.
#[derive(Clone, Debug)]
pub struct Namespace {
    /// Metadata; it has no namespace itself.
    pub meta: Meta,
    /// Its labels, in order.
    pub labels: Box<[(Name, Text)]>,
}

/// What is read off the wire.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Wire {
    metadata: WireMeta,
}

impl Watched for Namespace {
    const KIND: Kind = Kind::Namespace;
    const API: Api = Api { group: "", versions: &["v1"], plural: "namespaces", namespaced: false };
    type Wire = Wire;

    fn read(wire: Wire, names: &mut Names) -> Self {
        let labels = wire.metadata.labels.iter();
        let labels = labels.map(|(key, value)| (names.intern(Text::foreign(key).as_str()), Text::foreign(value)));
        Self { labels: labels.collect(), meta: Meta::read(&wire.metadata, names) }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
