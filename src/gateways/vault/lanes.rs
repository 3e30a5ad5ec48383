//! Several connections to one replica for reads that need a token, and the patience that a server asks for.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::classify::AT_ONCE;
use super::connection::Line;

/// The first wait after a 429 that names none; it doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// No server is waited for longer than this at a time, whatever it says.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The connections to one replica, at most [`AT_ONCE`]; one carries one question at a time.
pub(super) struct Lanes {
    permits: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Line>,
    /// Until when the server asked to be left alone.
    quiet: Option<Instant>,
    /// How many 429s came in a row.
    refused: u32,
}

impl Default for Lanes {
    fn default() -> Self {
        Self { permits: Semaphore::new(AT_ONCE), state: Mutex::default() }
    }
}

impl Lanes {
    /// Does something over a free connection. One that is given up on the way is not used again.
    pub(super) async fn with<T>(&self, work: impl AsyncFnOnce(&Line) -> T) -> T {
        // It is never closed.
        let _permit = self.permits.acquire().await;
        let line = self.state().idle.pop().unwrap_or_default();
        let done = work(&line).await;
        self.state().idle.push(line);
        done
    }

    /// Waits as long as the server asked for.
    pub(super) async fn patience(&self) {
        loop {
            let Some(until) = self.state().quiet.filter(|until| *until > Instant::now()) else { return };
            tokio::time::sleep_until(until).await;
        }
    }

    /// The server answered; with this wait if it was a 429. Every lane keeps to it.
    pub(super) fn answered(&self, throttled: bool, wait: Option<Duration>) {
        let mut state = self.state();
        if !throttled {
            state.refused = 0;
            return;
        }
        let now = Instant::now();
        // Those that were out together are one refusal, not sixteen.
        if wait.is_none() && state.quiet.is_some_and(|until| until > now) {
            return;
        }
        let wait = wait.unwrap_or_else(|| FIRST_WAIT * 2_u32.pow(state.refused.min(6))).min(LONGEST_WAIT);
        state.refused += 1;
        state.quiet = state.quiet.max(Some(now + wait));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_throttled_server_is_left_alone_for_as_long_as_it_says() {
        let lanes = Lanes::default();
        let waited = async || {
            let start = Instant::now();
            lanes.patience().await;
            start.elapsed().as_secs()
        };
        assert_eq!(waited().await, 0);
        lanes.answered(true, Some(Duration::from_secs(7)));
        assert_eq!(waited().await, 7);
        lanes.answered(false, None);
        for (refusals, seconds) in [(1, 1), (3, 2), (1, 4)] {
            (0..refusals).for_each(|_| lanes.answered(true, None));
            assert_eq!(waited().await, seconds, "refusals that come together count once");
        }
        lanes.answered(true, Some(Duration::from_secs(86_400)));
        assert_eq!(waited().await, 60);
    }

    #[tokio::test]
    async fn a_connection_is_used_again_unless_it_was_given_up() {
        let lanes = Lanes::default();
        lanes.with(async |_| ()).await;
        assert_eq!(lanes.state().idle.len(), 1);
        let given_up = tokio::time::timeout(Duration::from_millis(1), lanes.with(async |_| std::future::pending::<()>().await));
        assert!(given_up.await.is_err());
        assert_eq!((lanes.state().idle.len(), lanes.permits.available_permits()), (0, AT_ONCE));
    }
}
