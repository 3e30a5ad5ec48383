//! What is left of a JSON value when only those fields stay that a type reads. The type is asked itself: it is
//! deserialized from the value, and what it takes is noted. So a capture holds what kinds read and nothing else, and
//! a field that a kind begins to read is in it from then on.

use serde::de::value::{BorrowedStrDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::{Error, Map, Value};

/// The value with the fields that `T` reads. What `T` only passes over, as long as it is there, becomes empty.
///
/// # Errors
/// It is no `T`.
pub(in crate::gateways) fn kept<T: DeserializeOwned>(value: &Value) -> Result<Value, Error> {
    let mut kept = Value::Null;
    T::deserialize(Noting { value, kept: &mut kept })?;
    Ok(kept)
}

/// A value that is read, and where it is noted what was.
struct Noting<'de, 'k> {
    value: &'de Value,
    kept: &'k mut Value,
}

/// Something of the same type with nothing in it.
fn empty(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(_) => Value::Bool(false),
        Value::Number(_) => 0.into(),
        Value::String(_) => "".into(),
        Value::Array(_) => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(Map::new()),
    }
}

impl<'de> Deserializer<'de> for Noting<'de, '_> {
    type Error = Error;

    /// A scalar. Whatever takes an object or a list without saying so looks at no more than that it is there.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.kept = empty(self.value);
        match self.value {
            Value::Array(_) => visitor.visit_seq(SeqDeserializer::<_, Error>::new(std::iter::empty::<&str>())),
            Value::Object(_) => visitor.visit_map(MapDeserializer::<_, Error>::new(std::iter::empty::<(&str, &str)>())),
            scalar => {
                *self.kept = scalar.clone();
                scalar.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        *self.kept = empty(self.value);
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.value.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        *self.kept = self.value.clone();
        visitor.visit_enum(self.value.as_str().unwrap_or_default().into_deserializer())
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Value::Array(list) = self.value else { return self.deserialize_any(visitor) };
        let mut kept = Vec::with_capacity(list.len());
        let read = visitor.visit_seq(Elements { left: list.iter(), kept: &mut kept })?;
        *self.kept = Value::Array(kept);
        Ok(read)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.fields(None, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.fields(Some(fields), visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple_struct
        identifier
    }
}

impl<'de> Noting<'de, '_> {
    fn fields<V: Visitor<'de>>(self, wanted: Option<&'static [&'static str]>, visitor: V) -> Result<V::Value, Error> {
        let Value::Object(map) = self.value else { return self.deserialize_any(visitor) };
        let mut kept = Map::new();
        let read = visitor.visit_map(Fields { left: map.iter(), wanted, value: None, kept: &mut kept })?;
        *self.kept = Value::Object(kept);
        Ok(read)
    }
}

struct Elements<'de, 'k> {
    left: std::slice::Iter<'de, Value>,
    kept: &'k mut Vec<Value>,
}

impl<'de> SeqAccess<'de> for Elements<'de, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(value) = self.left.next() else { return Ok(None) };
        let mut kept = Value::Null;
        let read = seed.deserialize(Noting { value, kept: &mut kept })?;
        self.kept.push(kept);
        Ok(Some(read))
    }
}

struct Fields<'de, 'k> {
    left: serde_json::map::Iter<'de>,
    /// Those that a struct has; a map takes any.
    wanted: Option<&'static [&'static str]>,
    /// What belongs to the key that was read.
    value: Option<(&'de String, &'de Value)>,
    kept: &'k mut Map<String, Value>,
}

impl<'de> MapAccess<'de> for Fields<'de, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let wanted = self.wanted;
        let is_wanted = |key: &str| wanted.is_none_or(|fields| fields.contains(&key));
        self.value = self.left.by_ref().find(|(key, _)| is_wanted(key));
        self.value.map(|(key, _)| seed.deserialize(BorrowedStrDeserializer::new(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((key, value)) = self.value.take() else {
            return Err(serde::de::Error::custom("a value before its key"));
        };
        let mut kept = Value::Null;
        let read = seed.deserialize(Noting { value, kept: &mut kept })?;
        self.kept.insert(key.clone(), kept);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;
    use serde::de::IgnoredAny;
    use serde_json::json;

    use super::*;
    use crate::model::Text;

    #[derive(Deserialize, Default)]
    #[serde(default, rename_all = "camelCase")]
    struct Wanted {
        some_text: Option<Text>,
        list: Vec<Inner>,
        is_there: Option<IgnoredAny>,
        by_name: crate::model::wire::Keys,
        at: Option<jiff::Timestamp>,
        number: u64,
    }

    #[derive(Deserialize, Default)]
    #[expect(dead_code, reason = "only what is read of the value matters")]
    #[serde(default)]
    struct Inner {
        a: u8,
        #[serde(flatten)]
        others: BTreeMap<String, Value>,
    }

    #[test]
    fn what_is_not_read_is_not_kept() {
        let value = json!({
            "someText": "x", "list": [{"a": 1, "other": {"deep": "canary"}}], "isThere": {"deep": "canary"},
            "byName": {"key": "canary"}, "at": "2026-11-25T00:00:00Z", "number": 7, "canary": {"canary": "canary"},
        });
        let left = kept::<Wanted>(&value).expect("a value");
        assert_eq!(
            left,
            json!({
                "someText": "x", "list": [{"a": 1, "other": {}}], "isThere": {}, "byName": {"key": ""},
                "at": "2026-11-25T00:00:00Z", "number": 7,
            })
        );
        assert!(kept::<Wanted>(&left).expect("it reads the same again") == left);
        assert!(kept::<Wanted>(&json!({"number": "x"})).is_err());
        assert!(kept::<Wanted>(&json!("x")).is_err());
    }
}
