//! The time of this machine. Nobody else asks the system for it.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::ports::Clock;

/// The clock of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Now, for the other gateways: when a token ends, how far the server's clock is away.
#[expect(clippy::disallowed_methods, reason = "this is the one place that knows the time")]
pub(in crate::gateways) fn now() -> Timestamp {
    Timestamp::now()
}
