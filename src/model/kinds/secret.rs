//! `Secret`, as metadata only: its values never reach this program through a watch.

use serde::Deserialize;

use super::{Api, Meta, Watched, WireMeta};
use crate::model::object::{Kind, Names};
use crate::model::text::Text;

/// A Secret without its data.
#[derive(Clone, Debug)]
pub struct Secret {
    /// Metadata.
    pub meta: Meta,
    /// External Secrets' hash of the data (sha3-224): two readings that differ are a rotation.
    pub data_hash: Text,
}

const DATA_HASH: &str = "reconcile.external-secrets.io/data-hash";

/// What is read off the wire: `PartialObjectMetadata`.
#[derive(Clone, Debug, Deserialize)]
pub struct Wire {
    #[serde(default)]
    metadata: WireMeta,
}

impl Watched for Secret {
    const KIND: Kind = Kind::Secret;
    const API: Api = Api { group: "", versions: &["v1"], plural: "secrets", namespaced: true };
    type Wire = Wire;

    fn wire_meta(wire: &Wire) -> &WireMeta {
        &wire.metadata
    }

    fn read(wire: Wire, names: &mut Names) -> Self {
        let data_hash = wire.metadata.annotations.get(DATA_HASH).map_or_else(Text::default, |hash| Text::foreign(hash));
        Self { meta: Meta::read(&wire.metadata, names), data_hash }
    }

    fn meta(&self) -> &Meta {
        &self.meta
    }
}
