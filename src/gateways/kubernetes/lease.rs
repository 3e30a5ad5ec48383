//! The lease of External Secrets: who holds it, and whether anybody renews it. One that is old when it is read says little:
//! after an outage of the API server it is old because nobody could renew it, and the holder needs its time to come
//! back. So it is watched: it has lapsed where it stood still for long under eyes that were never shut.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use tokio::time::Instant;

use crate::model::Text;

/// For how long a lease must stand still to have lapsed, whatever it says of itself. client-go renews every 2 s, gives up
/// after 10 s, and another process takes over 15 s after it saw the lease first (the defaults of controller-runtime).
const LAPSES: Duration = Duration::from_secs(30);
/// Two answers that are further apart leave room for an outage between them: the API server is asked every 10 s.
const GAP: Duration = Duration::from_secs(15);

/// What a Lease says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Lease {
    pub(super) holder_identity: Text,
    pub(super) renew_time: Option<Timestamp>,
    #[serde(rename = "leaseDurationSeconds")]
    seconds: u32,
}

impl Lease {
    /// How long it must stand still: a process that takes over waits for its whole duration.
    fn lapses(&self) -> Duration {
        LAPSES.max(2 * Duration::from_secs(u64::from(self.seconds)))
    }

    /// Whether it was renewed lately, by the clock of the API server.
    pub(super) fn is_fresh(&self, now: Timestamp) -> bool {
        let age = self.renew_time.map(|at| now.as_second() - at.as_second());
        age.is_some_and(|age| age <= i64::try_from(self.lapses().as_secs()).unwrap_or(i64::MAX))
    }
}

/// What was seen of the lease, answer by answer.
#[derive(Debug, Default)]
pub(super) struct Watched(Option<Standing>);

/// A lease as it stands since an answer, up to the last one.
#[derive(Debug)]
struct Standing {
    lease: Lease,
    since: Instant,
    last: Instant,
}

impl Watched {
    /// Nothing is known of the time until the next answer: the API server did not answer, or no pod is Ready.
    pub(super) fn forget(&mut self) {
        self.0 = None;
    }

    /// Takes in an answer that came now; says whether the lease has lapsed.
    pub(super) fn takes(&mut self, lease: &Lease, now: Instant) -> bool {
        let stands = |standing: &&mut Standing| standing.lease == *lease && now - standing.last <= GAP;
        if let Some(standing) = self.0.as_mut().filter(stands) {
            standing.last = now;
            return lease.renew_time.is_some() && now - standing.since >= lease.lapses();
        }
        self.0 = Some(Standing { lease: lease.clone(), since: now, last: now });
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renewed(second: i64) -> Lease {
        let holder_identity = Text::foreign("external-secrets-0_1");
        Lease { holder_identity, renew_time: Timestamp::from_second(1_790_000_000 + second).ok(), seconds: 15 }
    }

    /// What is said after these: at which second the API server answered, and when the lease was renewed then; or that it
    /// did not answer.
    fn says(answers: &[(u64, Option<i64>)]) -> Vec<bool> {
        let (begun, mut watched) = (Instant::now(), Watched::default());
        let mut take = |(at, second): &(u64, Option<i64>)| {
            let Some(second) = second else {
                watched.forget();
                return false;
            };
            watched.takes(&renewed(*second), begun + Duration::from_secs(*at))
        };
        answers.iter().map(&mut take).collect()
    }

    #[test]
    fn a_lease_that_stands_still_under_open_eyes_has_lapsed() {
        let still = [(0, Some(0)), (10, Some(9)), (20, Some(9)), (30, Some(9)), (40, Some(9)), (50, Some(49))];
        assert_eq!(says(&still), [false, false, false, false, true, false]);
    }

    #[test]
    fn a_lease_that_is_old_when_it_is_read_may_be_so_by_an_outage() {
        // An hour old at the first look; taken over 20 s later.
        assert_eq!(says(&[(0, Some(-3600)), (10, Some(-3600)), (20, Some(-3600)), (30, Some(28))]), [false; 4]);
        // The API server was away from 10 to 100: it stands still for as long as its holder is given to come back.
        let outage = [(0, Some(0)), (10, None), (60, None), (100, Some(2)), (110, Some(2)), (120, Some(2)), (130, Some(129))];
        assert_eq!(says(&outage), [false; 7]);
        // Nobody comes back.
        let gone = [(0, Some(0)), (10, None), (100, Some(2)), (110, Some(2)), (120, Some(2)), (130, Some(2))];
        assert_eq!(says(&gone), [false, false, false, false, false, true]);
    }

    #[test]
    fn an_outage_between_two_answers_that_both_came_is_an_outage() {
        // A question that was asked at 10 and answered at 40, and a laptop that slept.
        assert_eq!(
            says(&[(0, Some(0)), (40, Some(0)), (50, Some(0)), (60, Some(0)), (70, Some(0))]),
            [false, false, false, false, true]
        );
    }

    #[test]
    fn one_that_lasts_longer_is_given_longer_and_one_that_nobody_holds_does_not_lapse() {
        let (begun, mut watched) = (Instant::now(), Watched::default());
        let long = Lease { seconds: 60, ..renewed(0) };
        let at = |second| begun + Duration::from_secs(second);
        let said: Vec<bool> = (0..=12).map(|n| watched.takes(&long, at(n * 10))).collect();
        assert_eq!(said.iter().position(|lapsed| *lapsed), Some(12));
        let said: Vec<bool> = (20..=32).map(|n| watched.takes(&Lease::default(), at(n * 10))).collect();
        assert!(!said.contains(&true));
    }

    #[test]
    fn it_is_fresh_for_as_long_as_its_holder_may_be_silent() {
        let now = renewed(0).renew_time.unwrap();
        assert!(renewed(-30).is_fresh(now));
        assert!(!renewed(-31).is_fresh(now));
        assert!(!Lease::default().is_fresh(now));
    }
}
