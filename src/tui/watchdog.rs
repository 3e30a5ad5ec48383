//! Leaves within a second when the terminal dies. crossterm 0.29 reads a dead terminal in a loop that never ends
//! and burns a core (crossterm#793), and the process would keep what was typed in memory.
//!
//! A thread of its own asks the kernel whether the terminal is still there. It first tells the event loop, which
//! leaves in order; if that takes too long, it ends the process.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, getppid};
use tokio::sync::Notify;

/// How often one looks whether the shell is still there; of the terminal the kernel tells at once.
const PERIOD: Timespec = Timespec { tv_sec: 0, tv_nsec: 400_000_000 };
/// How long the event loop may take to leave in order.
const GRACE: Duration = Duration::from_millis(500);
/// What a shell says of a process that was hung up: 128 + SIGHUP.
pub(super) const HUNG_UP: i32 = 129;

/// A watch over the terminal. It ends when this is dropped.
pub(super) struct Watchdog {
    gone: Arc<Notify>,
    over: Arc<AtomicBool>,
}

impl Watchdog {
    /// Watches this terminal from now on.
    ///
    /// # Errors
    /// No thread can be had.
    pub(super) fn start(terminal: OwnedFd) -> std::io::Result<Self> {
        let (gone, over) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let watch = Watch { terminal, parent: getppid(), gone: gone.clone(), over: over.clone() };
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(move || watch.run())?;
        Ok(Self { gone, over })
    }

    /// Ends when the terminal is gone.
    pub(super) async fn gone(&self) {
        self.gone.notified().await;
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

struct Watch {
    terminal: OwnedFd,
    parent: Option<Pid>,
    gone: Arc<Notify>,
    over: Arc<AtomicBool>,
}

impl Watch {
    fn run(&self) {
        loop {
            if self.over.load(Ordering::Relaxed) {
                return;
            }
            if self.is_gone() {
                break;
            }
        }
        // A permit is kept, should the loop be busy.
        self.gone.notify_one();
        std::thread::sleep(GRACE);
        if !self.over.load(Ordering::Relaxed) {
            leave();
        }
    }

    /// Waits for one period, or less if the terminal is gone already.
    fn is_gone(&self) -> bool {
        // No event is asked for: the kernel reports a hang-up, an error and a closed descriptor unasked.
        let mut fds = [PollFd::from_borrowed_fd(self.terminal.as_fd(), PollFlags::empty())];
        let dead = PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL;
        match poll(&mut fds, Some(&PERIOD)) {
            Ok(0) => self.is_orphaned(),
            Ok(_) => fds[0].revents().intersects(dead),
            Err(rustix::io::Errno::INTR) => false,
            Err(_) => true,
        }
    }

    /// Whether the shell is gone and the terminal with it. A shell alone may well end before us (`exec`, `nohup`).
    fn is_orphaned(&self) -> bool {
        getppid() != self.parent && rustix::termios::tcgetattr(&self.terminal).is_err()
    }
}

#[expect(clippy::disallowed_methods, reason = "the event loop did not leave, and no one is left to see why")]
fn leave() {
    std::process::exit(HUNG_UP);
}
