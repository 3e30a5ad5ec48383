//! One line of a watch. An object that cannot be read costs itself, not the watch.

use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use crate::gateways::odd::Bare;
use crate::model::Names;
use crate::model::kinds::{Object, Watched};

/// What a line says.
pub(super) enum Event<W> {
    /// An object appeared or changed.
    Changed(W),
    /// An object is gone.
    Deleted(Bare),
    /// An object changed, and its fields are not what they should be.
    Unreadable(Bare, serde_json::Error),
    /// Nothing up to this position; the list ends here, if it says so.
    Bookmark { position: Box<str>, ends_list: bool },
    /// The server ends the watch.
    Refused { code: u16, message: String },
    /// An empty line.
    Nothing,
    /// No line of a watch: whatever it should have said is lost.
    Garbage,
}

/// What a line is about; the server says that first (`metav1.WatchEvent`).
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Tag {
    Added,
    Modified,
    Deleted,
    Bookmark,
    Error,
}

/// The parts of a line.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Part {
    Type,
    Object,
    #[serde(other)]
    Other,
}

/// A line whose object was read straight into place. serde's own tagged enums can also read an object that comes before its
/// tag, from a copy, which would be a second parser for every kind.
enum Line<W> {
    Changed(W),
    Deleted(Bare),
    Bookmark(Bare),
    Error(Status),
}

/// Any line, its object unread.
#[derive(Deserialize)]
struct Unread<'a> {
    r#type: Tag,
    #[serde(borrow)]
    object: &'a RawValue,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

impl<'de, W: DeserializeOwned> Deserialize<'de> for Line<W> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Parts(PhantomData))
    }
}

struct Parts<W>(PhantomData<W>);

impl<'de, W: DeserializeOwned> Visitor<'de> for Parts<W> {
    type Value = Line<W>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a line of a watch")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<W>, A::Error> {
        let (mut tag, mut line) = (None, None);
        while let Some(part) = map.next_key()? {
            match (part, tag) {
                (Part::Type, _) => tag = Some(map.next_value()?),
                (Part::Object, Some(tag)) => {
                    line = Some(match tag {
                        Tag::Added | Tag::Modified => Line::Changed(map.next_value()?),
                        Tag::Deleted => Line::Deleted(map.next_value()?),
                        Tag::Bookmark => Line::Bookmark(map.next_value()?),
                        Tag::Error => Line::Error(map.next_value()?),
                    });
                }
                (Part::Object | Part::Other, _) => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        line.ok_or_else(|| A::Error::missing_field("object"))
    }
}

/// The annotation of the bookmark that ends a streamed list.
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// Reads a line.
pub(super) fn read<W: DeserializeOwned>(line: &[u8]) -> Event<W> {
    match serde_json::from_slice(line) {
        Ok(Line::Changed(wire)) => Event::Changed(wire),
        Ok(Line::Deleted(bare)) => Event::Deleted(bare),
        Ok(Line::Bookmark(bare)) => bookmark(bare),
        Ok(Line::Error(status)) => refused(status),
        Err(_) if line.trim_ascii().is_empty() => Event::Nothing,
        Err(_) => read_unread(line).unwrap_or(Event::Garbage),
    }
}

/// The slow way: of an object that cannot be read its name is, and the tag may stand anywhere.
fn read_unread<W: DeserializeOwned>(line: &[u8]) -> Option<Event<W>> {
    let Unread { r#type, object } = serde_json::from_slice(line).ok()?;
    let object = object.get().as_bytes();
    let bare = || serde_json::from_slice::<Bare>(object).ok();
    Some(match r#type {
        Tag::Added | Tag::Modified => match serde_json::from_slice(object) {
            Ok(wire) => Event::Changed(wire),
            Err(error) => Event::Unreadable(bare()?, error),
        },
        Tag::Deleted => Event::Deleted(bare()?),
        Tag::Bookmark => bookmark(bare()?),
        Tag::Error => refused(serde_json::from_slice(object).ok()?),
    })
}

fn bookmark<W>(bare: Bare) -> Event<W> {
    Event::Bookmark { ends_list: bare.metadata.annotations.contains_key(END_OF_LIST), position: bare.metadata.resource_version }
}

fn refused<W>(Status { code, message }: Status) -> Event<W> {
    Event::Refused { code, message }
}

/// Reads a line about a kind: its object, and the position after it.
pub(super) fn read_object<K: Watched>(line: &[u8], names: &mut Names) -> Event<(Object, Box<str>)> {
    match read::<K::Wire>(line) {
        Event::Changed(wire) => {
            let object = K::read(wire, names);
            let position = object.meta().position();
            Event::Changed((object.into_object(), position))
        }
        Event::Deleted(bare) => Event::Deleted(bare),
        Event::Unreadable(bare, error) => Event::Unreadable(bare, error),
        Event::Bookmark { position, ends_list } => Event::Bookmark { position, ends_list },
        Event::Refused { code, message } => Event::Refused { code, message },
        Event::Nothing => Event::Nothing,
        Event::Garbage => Event::Garbage,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::kinds::ExternalSecret;

    type Wire = <ExternalSecret as Watched>::Wire;

    #[test]
    fn every_line_of_a_watch_has_a_meaning() {
        let good = br#"{"type":"MODIFIED","object":{"kind":"ExternalSecret","metadata":{"name":"a","namespace":"b","resourceVersion":"7"},"spec":{"target":{"name":"t"}},"status":{"conditions":[{"type":"New","status":"Odd"}]}}}"#;
        let Event::Changed(wire) = read::<Wire>(good) else { panic!("not read") };
        assert_eq!(ExternalSecret::read(wire, &mut crate::model::Names::default()).meta.name.as_str(), "a");
        let odd = br#"{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"8"},"spec":[1,2]}}"#;
        assert!(matches!(read::<Wire>(odd), Event::Unreadable(bare, _) if &*bare.metadata.resource_version == "8"));
        let end = br#"{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}"#;
        assert!(matches!(read::<Wire>(end), Event::Bookmark { ends_list: true, position } if &*position == "9"));
        let gone = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#;
        assert!(matches!(read::<Wire>(gone), Event::Refused { code: 410, .. }));
        let deleted = br#"{"type":"DELETED","object":{"metadata":{"name":"a"},"spec":7}}"#;
        assert!(matches!(read::<Wire>(deleted), Event::Deleted(_)));
        let late = br#"{"object":{"metadata":{"name":"a"}},"type":"ADDED"}"#;
        assert!(matches!(read::<Wire>(late), Event::Changed(_)), "the tag may stand anywhere");
        assert!(matches!(read::<Wire>(br#"{"type":"ADDED"}"#), Event::Garbage));
        assert!(matches!(read::<Wire>(b"{\"half"), Event::Garbage));
        assert!(matches!(read::<Wire>(b" "), Event::Nothing));
    }
}
