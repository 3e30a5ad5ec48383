//! Signals, and the watchdog's word that the terminal is gone, as one stream.

use std::io;
use std::time::Duration;

use rustix::process::{Signal as Unix, getpid, getsid, kill_current_process_group};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

use super::ExitReason;
use super::watchdog::Watchdog;

/// SIGCONT and SIGTSTP, which tokio has no names for.
#[cfg(target_os = "linux")]
const NUMBERS: (i32, i32) = (18, 20);
#[cfg(not(target_os = "linux"))]
const NUMBERS: (i32, i32) = (19, 18);

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// Stop, as the shell's `kill -TSTP` does; Ctrl-Z is a key in raw mode.
    Stop,
    /// Somebody woke us who had stopped us behind our back (SIGSTOP).
    Continued,
    /// Leave.
    Leave(ExitReason),
}

/// The listeners.
pub(super) struct Signals {
    interrupt: Listener,
    terminate: Listener,
    hang_up: Listener,
    stop: Listener,
    wake: Listener,
    watchdog: Option<Watchdog>,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen(watchdog: Option<Watchdog>) -> io::Result<Self> {
        let (wake, stop) = NUMBERS;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            stop: signal(SignalKind::from_raw(stop))?,
            wake: signal(SignalKind::from_raw(wake))?,
            watchdog,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        let Self { interrupt, terminate, hang_up, stop, wake, watchdog } = self;
        let gone = async {
            match watchdog {
                Some(watchdog) => watchdog.gone().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = gone => Signal::Leave(ExitReason::TerminalGone),
            _ = hang_up.recv() => Signal::Leave(ExitReason::Signal(1)),
            _ = terminate.recv() => Signal::Leave(ExitReason::Signal(15)),
            _ = interrupt.recv() => Signal::Leave(ExitReason::Signal(2)),
            _ = stop.recv() => Signal::Stop,
            _ = wake.recv() => Signal::Continued,
        }
    }

    /// Whether a shell could wake us: the leader of a session has none above it, and would sleep for ever.
    pub(super) fn somebody_wakes_us() -> bool {
        getsid(None).is_ok_and(|session| session != getpid())
    }

    /// Stops the whole process group, as a shell's job is, until SIGCONT. SIGSTOP and not SIGTSTP, because we
    /// listen to the latter ourselves.
    pub(super) async fn stop(&mut self) {
        if kill_current_process_group(Unix::STOP).is_ok() {
            // The kernel stops us at once; whether this thread or the signal comes first after that is open.
            let _ = tokio::time::timeout(Duration::from_millis(300), self.wake.recv()).await;
        }
    }
}
