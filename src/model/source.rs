//! How the data of each kind stands: which part of it is read, how current that is, and why the rest is not.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;

use super::fault::Fault;
use super::object::{Kind, Name, ObjectRef};
use super::text::Text;

/// What one watch tells about: a kind, in one namespace or in all of them.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Part {
    /// Of what.
    pub kind: Kind,
    /// Where; empty for everywhere.
    pub namespace: Name,
}

impl From<Kind> for Part {
    /// The kind everywhere.
    fn from(kind: Kind) -> Self {
        Self { kind, namespace: Name::empty() }
    }
}

impl Part {
    /// Whether an object in this namespace belongs to it.
    #[must_use]
    pub fn holds(&self, namespace: &Name) -> bool {
        self.namespace.is_empty() || self.namespace == *namespace
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.namespace.as_str() {
            "" => self.kind.fmt(f),
            namespace => write!(f, "{} in {namespace}", self.kind),
        }
    }
}

/// An object that is there, and whose fields are not what its kind says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unreadable {
    /// Which.
    pub object: ObjectRef,
    /// What is wrong with it.
    pub why: Text,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} could not be read: {}.", self.object, self.why)
    }
}

/// How current one part is.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// Whether its first list is complete.
    pub complete: bool,
    /// When the server was last heard of about it.
    pub heard: Option<Timestamp>,
    /// Why nothing is heard now.
    pub fault: Option<Fault>,
}

impl Reading {
    /// Whether it can be judged: listed, and heard of.
    #[must_use]
    pub const fn is_seen(&self) -> bool {
        self.complete && self.fault.is_none()
    }
}

/// How the data of one kind stands.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The parts that are read: by namespace, or one under the empty name for everywhere.
    pub parts: BTreeMap<Name, Reading>,
    /// Why only these namespaces are read, if the person did not wish it so.
    pub refused: Option<Fault>,
    /// The cluster does not serve this kind, in a sentence: there is none, and that is certain.
    pub absent: Option<Fault>,
}

impl Source {
    /// Whether everything that was asked for is listed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.refused.is_none() && !self.parts.is_empty() && self.parts.values().all(|part| part.complete)
    }

    /// Whether each part was listed or failed: nothing is waited for.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let told = self.parts.values().all(|part| part.complete || part.fault.is_some());
        told && (self.refused.is_some() || !self.parts.is_empty())
    }

    /// Whether everything that was asked for is listed and heard of now.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.is_complete() && self.fault().is_none()
    }

    /// Whether objects in this namespace were listed, so that one that is not here does not exist.
    #[must_use]
    pub fn has_listed(&self, namespace: &Name) -> bool {
        let part = self.parts.get(namespace).or_else(|| self.parts.get(""));
        part.is_some_and(|part| part.complete)
    }

    /// Why a part cannot be read now, or why nothing at all may be.
    #[must_use]
    pub fn fault(&self) -> Option<&Fault> {
        let of_a_part = self.parts.values().find_map(|part| part.fault.as_ref());
        of_a_part.or_else(|| self.refused.as_ref().filter(|_| self.parts.is_empty()))
    }

    /// When the server was last heard of about any of it.
    #[must_use]
    pub fn heard(&self) -> Option<Timestamp> {
        self.parts.values().filter_map(|part| part.heard).max()
    }

    /// The part that objects in this namespace belong to.
    pub(super) fn part(&mut self, namespace: &Name) -> &mut Reading {
        let key = if self.parts.contains_key(namespace) { namespace.clone() } else { Name::empty() };
        self.parts.entry(key).or_default()
    }
}
