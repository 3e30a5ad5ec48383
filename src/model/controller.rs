//! The External Secrets controller itself: does it run, does it lead, how many does it do at once.

use jiff::Timestamp;

use super::object::{Name, ObjectRef};
use super::text::Text;

/// What is known of the controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controller {
    /// The Deployment.
    pub deployment: ObjectRef,
    /// Its image, for the version.
    pub version: Text,
    /// Replicas that are ready.
    pub ready: u32,
    /// Since when too few are, as its Deployment says (`Available`); nothing where it misses none, as when it was scaled to 0.
    pub unready: Option<Timestamp>,
    /// `--concurrent`, 1 by default: how many objects of a kind it works on at once.
    pub concurrent: u32,
    /// `--store-requeue-interval` in seconds, 300 by default.
    pub store_requeue: i64,
    /// Who holds the lease; empty without leader election, and where the lease is old and it is not known yet whether
    /// anybody renews it.
    pub leader: Name,
    /// When the lease was last renewed.
    pub renewed: Option<Timestamp>,
    /// Whether it was watched for so long without being renewed, by somebody whom the API server answered all that time,
    /// that its holder does not work.
    pub lapsed: bool,
    /// When this was read.
    pub seen: Timestamp,
}

/// How long a new pod may need until it is ready, in seconds: an image to pull, a cache to fill.
const ROLLOUT: i64 = 60;

impl Controller {
    /// Whether it runs and, where it elects a leader, leads.
    #[must_use]
    pub fn works(&self) -> bool {
        self.ready > 0 && !self.lapsed
    }

    /// Whether it does not work, and this is not the moment that a new pod needs.
    #[must_use]
    pub fn is_down(&self) -> bool {
        let starts = self.ready == 0 && self.unready.is_some_and(|since| self.seen.as_second() - since.as_second() <= ROLLOUT);
        !self.works() && !starts
    }

    /// The version as a pair, `(0, 16)` for `v0.16.2`, to tell what it can do.
    #[must_use]
    pub fn release(&self) -> Option<(u32, u32)> {
        let mut parts = self.version.as_str().trim_start_matches('v').split('.');
        Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}
