//! How well something is, and how old a fact is: conditions, health, ages in words.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::object::Name;
use super::text::Text;

/// How well an object is, as far as the object itself tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// It fails now.
    Failing,
    /// It works, with something to look at.
    Warning,
    /// It has not said, or could not be asked.
    Unknown,
    /// It works.
    Healthy,
}

/// One condition of an object's status, as the controller wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Condition {
    /// `True`, `False`, or anything else that a controller may invent.
    pub status: Status,
    /// One word; `SecretSynced`, `InvalidProviderConfig`, …
    pub reason: Name,
    /// A sentence; in External Secrets >= 0.20 it holds no cause (external-secrets#5247).
    pub message: Text,
    /// When the *status* last flipped; a repeated failure does not move it.
    pub since: Option<Timestamp>,
}

/// The status of a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// The condition holds.
    True,
    /// It does not.
    False,
    /// The controller does not know.
    Unknown,
}

impl Condition {
    /// Health as this `Ready` condition alone tells it.
    #[must_use]
    pub const fn health(&self) -> Health {
        match self.status {
            Status::True => Health::Healthy,
            Status::False => Health::Failing,
            Status::Unknown => Health::Unknown,
        }
    }
}

/// An age or a wait in one or two units: `8s`, `4m03s`, `2h15m`, `3d4h`. Negative spans (clock skew) read `0s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Age(pub i64);

impl Age {
    /// The whole seconds from `then` to `now`.
    #[must_use]
    pub fn between(then: Timestamp, now: Timestamp) -> Self {
        Self(now.as_second() - then.as_second())
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.max(0);
        let text = match s {
            0..60 => format!("{s}s"),
            60..3600 => format!("{}m{:02}s", s / 60, s % 60),
            3600..86_400 => format!("{}h{:02}m", s / 3600, s % 3600 / 60),
            _ => format!("{}d{}h", s / 86_400, s % 86_400 / 3600),
        };
        f.pad(&text)
    }
}

/// A clock time as on-call people write it: `02:31:44Z`.
#[derive(Clone, Copy, Debug)]
pub struct Clock(pub Timestamp);

impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0.as_second().rem_euclid(86_400);
        write!(f, "{:02}:{:02}:{:02}Z", s / 3600, s % 3600 / 60, s % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::Age;

    #[test]
    fn ages_read_as_people_say_them() {
        let said: Vec<String> = [-5, 0, 59, 60, 243, 3600, 8100, 90_000].iter().map(|s| Age(*s).to_string()).collect();
        assert_eq!(said, ["0s", "0s", "59s", "1m00s", "4m03s", "1h00m", "2h15m", "1d1h"]);
    }
}
