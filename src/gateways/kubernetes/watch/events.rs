//! One line of a watch. An object that cannot be read costs itself, not the watch.

use serde::Deserialize;
use serde::de::DeserializeOwned;

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

/// Adjacently tagged, and the server puts the tag first: serde reads the object straight into place.
#[derive(Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
enum Line<W> {
    Added(W),
    Modified(W),
    Deleted(Bare),
    Bookmark(Bare),
    Error(Status),
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
    message: String,
}

/// The annotation of the bookmark that ends a streamed list.
const END_OF_LIST: &str = "k8s.io/initial-events-end";

/// Reads a line.
pub(super) fn read<W: DeserializeOwned>(line: &[u8]) -> Event<W> {
    match serde_json::from_slice(line) {
        Ok(Line::Added(wire) | Line::Modified(wire)) => Event::Changed(wire),
        Ok(Line::Deleted(bare)) => Event::Deleted(bare),
        Ok(Line::Bookmark(bare)) => Event::Bookmark {
            ends_list: bare.metadata.annotations.contains_key(END_OF_LIST),
            position: bare.metadata.resource_version,
        },
        Ok(Line::Error(status)) => Event::Refused { code: status.code, message: status.message },
        Err(_) if line.trim_ascii().is_empty() => Event::Nothing,
        Err(error) => match serde_json::from_slice(line) {
            Ok(Line::Added(bare) | Line::Modified(bare)) => Event::Unreadable(bare, error),
            _ => Event::Garbage,
        },
    }
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
        assert!(matches!(read::<Wire>(b"{\"half"), Event::Garbage));
        assert!(matches!(read::<Wire>(b" "), Event::Nothing));
    }
}
