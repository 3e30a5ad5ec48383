//! Counting and timing in words, as every screen says them.

use jiff::Timestamp;

use crate::model::{Age, Clock, Kind, ObjectRef};

/// `1 store`, `3 stores`.
#[must_use]
pub fn counted(count: usize, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "replica of") => format!("{count} replicas of"),
        _ => format!("{count} {noun}s"),
    }
}

/// The first names of many: `a, b and 3 more`.
#[must_use]
pub fn first_of(names: &[String], all: usize) -> String {
    let more = all.saturating_sub(names.len());
    let said = names.join(", ");
    if more == 0 { said } else { format!("{said} and {more} more") }
}

/// The parts that are not empty, with commas; `None` if none is.
#[must_use]
pub fn listed<const N: usize>(parts: [Option<String>; N]) -> Option<String> {
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// `n things` if there are any.
#[must_use]
pub fn some(count: usize, noun: &str) -> Option<String> {
    (count > 0).then(|| counted(count, noun))
}

/// `02:31:44Z (8m23s)`.
#[must_use]
pub fn since(at: Timestamp, now: Timestamp) -> String {
    format!("{} ({})", Clock(at), Age::between(at, now))
}

/// `in 41s`, or `now` if that is over.
#[must_use]
pub fn until(at: Timestamp, now: Timestamp) -> String {
    let age = Age::between(now, at);
    if age.0 <= 0 { "now".to_owned() } else { format!("in {age}") }
}

/// An object by its names alone. A path goes without its Vault, which takes half a line; its page names that.
#[must_use]
pub fn short(object: &ObjectRef) -> String {
    if object.kind == Kind::VaultPath { object.name.to_string() } else { object.short() }
}

/// An object as a person names it: `SecretStore payments/vault`; ours without the word for their kind.
#[must_use]
pub fn named(object: &ObjectRef) -> String {
    match object.kind {
        Kind::Vault => format!("Vault {}", object.short()),
        Kind::VaultReplica => format!("replica {}", object.short()),
        Kind::VaultPath => format!("path {}", object.name),
        kind => format!("{kind} {}", object.short()),
    }
}
