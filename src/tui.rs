//! The terminal face: what the engine knows, drawn, and a person's keys as commands to it.
//!
//! `app` decides (no terminal in it), `screens` draw, `widgets` are their parts; `event_loop` waits, `terminal` and
//! `watchdog` guard the terminal. Only here and in `theme` is ratatui known.

pub mod app;
mod event_loop;
mod hidden;
mod input;
pub mod process;
pub mod screens;
mod signals;
mod terminal;
mod watchdog;
pub mod widgets;

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use ratatui::crossterm::event::EventStream;
use tokio::sync::mpsc;

use crate::engine::Engine;
use crate::ports::{Clipboard, Clock};
use crate::theme::Theme;

use event_loop::{EventLoop, Sources};
use signals::Signals;
use terminal::Guard;
use watchdog::{HUNG_UP, Watchdog};

/// How the face is to look and whom it may ask.
pub struct FaceOptions {
    /// The theme, converted to the terminal's colours.
    pub theme: Theme,
    /// Whether nothing but ASCII may be drawn.
    pub ascii: bool,
    /// Where copies go.
    pub clipboard: Arc<dyn Clipboard>,
    /// Whether the mouse is listened to.
    pub mouse: bool,
    /// The time, by which ages are told.
    pub clock: Arc<dyn Clock>,
}

/// Why the face ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitReason {
    /// The person quit.
    Quit,
    /// This signal came.
    Signal(i32),
    /// The terminal is gone.
    TerminalGone,
    /// The engine ended by itself.
    EngineEnded,
}

impl ExitReason {
    /// The exit code that a shell expects.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Self::Quit => 0,
            Self::Signal(number) => 128 + number,
            Self::TerminalGone => HUNG_UP,
            Self::EngineEnded => 1,
        }
    }
}

/// Runs the console until the person quits, a signal comes or the terminal dies. The terminal is given back in
/// every case, and the engine is ended.
///
/// # Errors
/// There is no terminal, or it cannot be written.
pub async fn run(engine: Engine, options: FaceOptions) -> io::Result<ExitReason> {
    let (tell, told) = mpsc::channel(8);
    let watchdog = Watchdog::start(io::stdin().as_fd().try_clone_to_owned()?)?;
    let mut guard = Guard::take(options.mouse, tell)?;
    let mut snapshots = engine.snapshots();
    let snapshot = snapshots.borrow_and_update().clone();
    let sources = Sources {
        input: EventStream::new(),
        snapshots,
        commands: engine.commands(),
        told,
        signals: Signals::listen(Some(watchdog))?,
    };
    let ended = EventLoop::new(&mut guard, &options, snapshot)?.run(sources).await;
    // The loop may notice by a write that fails, before the signal or the watchdog tells.
    ended.or_else(|error| if is_gone(&error) { Ok(ExitReason::TerminalGone) } else { Err(error) })
}

/// Whether an error says that nobody is at the other end of the terminal any more.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}
