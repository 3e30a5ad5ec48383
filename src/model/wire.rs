//! What the objects of all kinds have in common on the wire. Only the fields that are named are read; serde
//! skips the rest, however large it is.

use serde::de::{DeserializeOwned, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::kinds::WireMeta;

/// An object, by the parts that a kind reads.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Whole<Spec, Status = IgnoredAny> {
    /// Metadata.
    pub metadata: WireMeta,
    /// What a person wants.
    pub spec: Spec,
    /// What a controller says.
    pub status: Status,
}

/// A name in a reference.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Named {
    /// The name; empty if it is left out.
    pub name: super::text::Text,
}

/// Go writes an empty list as `null` where its type does not say otherwise (`EndpointSlice.endpoints`).
///
/// # Errors
/// The value is neither null nor what it should be.
pub fn or_default<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// The keys of `f:data` in a `fieldsV1`: names, never a value (there is none in managed fields).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataKeys(pub Vec<String>);

impl<'de> Deserialize<'de> for DataKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

/// The owned fields of an object.
struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = DataKeys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the fields that a manager owns")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<DataKeys, A::Error> {
        let mut keys = Vec::new();
        while let Some(field) = map.next_key::<std::borrow::Cow<'_, str>>()? {
            if field == "f:data" {
                let owned: std::collections::BTreeMap<String, IgnoredAny> = map.next_value()?;
                keys.extend(owned.into_keys().filter_map(|key| key.strip_prefix("f:").map(ToOwned::to_owned)));
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(DataKeys(keys))
    }
}

/// The keys of an object, whatever their values are; these are not kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keys(pub Vec<String>);

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Keys;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
                let mut keys = Vec::new();
                while let Some(key) = map.next_key()? {
                    map.next_value::<IgnoredAny>()?;
                    keys.push(key);
                }
                Ok(Keys(keys))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
