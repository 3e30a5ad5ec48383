//! The guard of the terminal: what it changes, it gives back; on a return, on a panic, when suspended.

use std::io::{self, IsTerminal as _, Write as _};
use std::mem::ManuallyDrop;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use ratatui::crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::crossterm::{cursor, execute, queue};
use ratatui::layout::{Position, Rect, Size};
use tokio::sync::mpsc;

use crate::model::Text;

/// What the event loop draws on.
pub(super) trait Face {
    /// Draws a frame; `draw` says where the cursor is to stand.
    ///
    /// # Errors
    /// The terminal cannot be written.
    fn draw(&mut self, draw: &mut dyn FnMut(Rect, &mut Buffer) -> Option<Position>) -> io::Result<()>;
    /// How large it is.
    ///
    /// # Errors
    /// It does not say.
    fn size(&self) -> io::Result<Size>;
    /// The next frame is drawn on an unknown ground.
    ///
    /// # Errors
    /// The terminal cannot be written.
    fn forget(&mut self) -> io::Result<()>;
    /// Gives the terminal back for a while.
    ///
    /// # Errors
    /// The terminal cannot be written.
    fn leave(&mut self) -> io::Result<()>;
    /// Takes it again.
    ///
    /// # Errors
    /// The terminal cannot be written.
    fn enter(&mut self) -> io::Result<()>;
}

/// The terminal, taken. Dropping it gives it back.
pub(super) struct Guard {
    /// Never dropped: on drop ratatui shows the cursor, and where the terminal is gone it says that it could not,
    /// to the same dead terminal, and panics. `restore` shows the cursor.
    terminal: ManuallyDrop<Terminal<CrosstermBackend<io::Stdout>>>,
    mouse: bool,
    taken: Arc<AtomicBool>,
}

impl Guard {
    /// Takes the terminal. `told` hears what a panicking task said; a panic of this thread is told to the person
    /// after the terminal was given back.
    ///
    /// # Errors
    /// Standard input or output is no terminal, or it cannot be set up.
    pub(super) fn take(mouse: bool, told: mpsc::Sender<String>) -> io::Result<Self> {
        if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
            return Err(io::Error::other("standard input or output is not one"));
        }
        // crossterm would honour NO_COLOR by dropping REVERSED with the colours (crossterm#1069); the theme
        // knows what to do without colours.
        ratatui::crossterm::style::force_color_output(true);
        let taken = Arc::new(AtomicBool::new(false));
        hook(taken.clone(), told);
        let mut guard = Self { terminal: ManuallyDrop::new(Terminal::new(CrosstermBackend::new(io::stdout()))?), mouse, taken };
        guard.enter()?;
        Ok(guard)
    }
}

impl Face for Guard {
    fn draw(&mut self, draw: &mut dyn FnMut(Rect, &mut Buffer) -> Option<Position>) -> io::Result<()> {
        queue!(io::stdout(), BeginSynchronizedUpdate)?;
        let drawn = self.terminal.draw(|frame| {
            let area = frame.area();
            if let Some(position) = draw(area, frame.buffer_mut()) {
                frame.set_cursor_position(position);
            }
        });
        let ended = execute!(io::stdout(), EndSynchronizedUpdate);
        drawn.map(|_| ()).and(ended)
    }

    fn size(&self) -> io::Result<Size> {
        self.terminal.size()
    }

    fn forget(&mut self) -> io::Result<()> {
        // Not `clear`: that asks the terminal where its cursor is, and waits two seconds where none answers.
        let size = self.terminal.size()?;
        self.terminal.resize(Rect::new(0, 0, size.width, size.height))
    }

    fn leave(&mut self) -> io::Result<()> {
        if self.taken.swap(false, Ordering::SeqCst) { restore() } else { Ok(()) }
    }

    fn enter(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        self.taken.store(true, Ordering::SeqCst);
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, cursor::Hide)?;
        if self.mouse {
            execute!(io::stdout(), EnableMouseCapture)?;
        }
        self.forget()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // A terminal that is gone takes nothing back; there is nobody to tell.
        let _ = self.leave();
    }
}

/// Undoes everything that was done to the terminal, each step although another failed.
fn restore() -> io::Result<()> {
    let mut out = io::stdout();
    let drawn =
        execute!(out, EndSynchronizedUpdate, DisableMouseCapture, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let cooked = disable_raw_mode();
    drawn.and(cooked)
}

/// A panic of the thread that draws gives the terminal back before it is told. A panic of any other thread must
/// not: it would wreck a screen that goes on; it is told on the screen.
fn hook(taken: Arc<AtomicBool>, told: mpsc::Sender<String>) {
    let face = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let on_screen = taken.load(Ordering::SeqCst);
        if on_screen && std::thread::current().id() != face {
            // A full channel has enough to tell already.
            let _ = told.try_send(format!("A part of sealwatch failed: {}. The rest goes on. Please report it.", said(info)));
            return;
        }
        if taken.swap(false, Ordering::SeqCst) {
            let _ = restore();
        }
        if on_screen {
            // Without a backtrace and through the scrubber: what a panic says may hold foreign text.
            let _ = writeln!(io::stderr(), "sealwatch failed: {}. Please report it.", said(info));
        } else {
            before(info);
        }
    }));
}

/// What a panic says, made safe, with the place in our source.
fn said(info: &std::panic::PanicHookInfo<'_>) -> Text {
    let payload = info.payload();
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    let place = info.location().map_or_else(String::new, |at| format!(" ({}:{})", at.file(), at.line()));
    Text::foreign(&format!("{}{place}", text.unwrap_or("without a word")))
}
