//! Whether one may write now: the policy of the context, whether writes are open, and until when.

use jiff::{SignedDuration, Timestamp};

use super::config::{Policy, PolicyName};
use crate::ports::Identity;

/// How long writes stay open under break-glass, in minutes.
pub const OPEN_MINUTES: i64 = 30;

/// How every reason begins or ends why they were not opened.
pub const STAY_CLOSED: &str = "Writes stay closed";

/// Whether one may write, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writes {
    /// The policy of this context.
    pub policy: Policy,
    /// Whether writes are open.
    pub open: bool,
    /// Until when, under break-glass.
    pub until: Option<Timestamp>,
    /// Why they cannot be opened at all, if so.
    pub refused: Option<&'static str>,
}

impl Writes {
    /// Closed, under this policy.
    #[must_use]
    pub const fn closed(policy: Policy) -> Self {
        let refused = policy.refuses();
        Self { policy, open: false, until: None, refused }
    }

    /// What the header says of them is true at this time: they close by themselves.
    pub fn tick(&mut self, now: Timestamp) {
        if self.until.is_some_and(|until| until <= now) {
            self.open = false;
            self.until = None;
        }
    }

    /// A server whose certificate is not verified may be anybody: no writes to it.
    pub fn meet(&mut self, identity: &Identity) {
        if identity.insecure {
            self.refused =
                Some("The API server's certificate is not verified (insecure-skip-tls-verify): nothing is written to it.");
            self.open = false;
        }
    }

    /// Whether changes go through Git here, and nothing else keeps one from them.
    #[must_use]
    pub fn leaves_to_git(&self) -> bool {
        self.policy.name == PolicyName::Gitops && self.refused == self.policy.refuses()
    }

    /// Opens them.
    ///
    /// # Errors
    /// A sentence that says why not: the policy, or a name that does not match.
    pub fn open(&mut self, typed: &str, reason: &str, identity: &Identity, now: Timestamp) -> Result<(), String> {
        if let Some(refused) = self.refused {
            return Err(refused.to_owned());
        }
        if self.policy.name == PolicyName::BreakGlass {
            if typed != identity.context.as_str() {
                return Err(format!("That is not the name of this context, “{}”. {STAY_CLOSED}.", identity.context));
            }
            if reason.trim().is_empty() {
                return Err(format!("Say why: the reason stands in the journal. {STAY_CLOSED}."));
            }
            self.until = now.checked_add(SignedDuration::from_mins(OPEN_MINUTES)).ok();
        }
        self.open = true;
        Ok(())
    }

    /// Closes them.
    pub const fn close(&mut self) {
        self.open = false;
        self.until = None;
    }

    /// Whether a write is allowed now; an unseal may be where nothing else is.
    ///
    /// # Errors
    /// A sentence that says why not, and what opens writes.
    pub fn allow(&self, unseal: bool, now: Timestamp) -> Result<(), String> {
        if self.leaves_to_git() && self.policy.unseal && unseal {
            return Ok(());
        }
        if let Some(refused) = self.refused {
            return Err(refused.to_owned());
        }
        if !self.open {
            return Err("Writes are closed. Press W to open them, or start with --write.".to_owned());
        }
        if self.until.is_some_and(|until| until <= now) {
            return Err("The time for writes is over. Press W to open them again.".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Text;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("a time")
    }

    #[test]
    fn break_glass_needs_the_name_and_a_reason_and_closes_by_itself() {
        let identity = Identity { context: Text::foreign("prod-weu"), ..Identity::default() };
        let mut writes = Writes::closed(Policy::default());
        assert!(writes.allow(false, at(0)).is_err());
        assert!(writes.open("prod", "INC-7", &identity, at(0)).is_err());
        assert!(writes.open("prod-weu", " ", &identity, at(0)).is_err());
        writes.open("prod-weu", "INC-7", &identity, at(0)).expect("name and reason are there");
        assert!(writes.allow(false, at(OPEN_MINUTES * 60 - 1)).is_ok());
        assert!(writes.allow(false, at(OPEN_MINUTES * 60)).is_err());
    }

    #[test]
    fn observe_and_an_unverified_server_never_open() {
        let mut observe = Writes::closed(Policy::recorded());
        assert!(observe.open("", "why", &Identity::default(), at(0)).is_err());
        let mut local = Writes::closed(Policy::simulated());
        let insecure = Identity { insecure: true, ..Identity::default() };
        local.open("", "", &insecure, at(0)).expect("not met yet");
        local.meet(&insecure);
        assert!(local.allow(false, at(0)).is_err());
    }
}
