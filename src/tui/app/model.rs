//! The whole state of the face. The newest picture of the engine is in it, and what the person did to the view.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::board::Board;
use super::field::Field;
use super::login::LoginDialog;
use super::message::Moment;
use super::pages::Page;
use super::palette::Palette;
use super::run::Run;
use super::well::Recovery;
use super::writes::WritesDialog;
use crate::diagnosis::chain::Chain;
use crate::engine::{RunView, Snapshot};
use crate::keymap::Place;
use crate::runbooks::{Aim, Target};

/// The state of the face.
#[derive(Clone, Debug)]
pub struct Model {
    /// The newest picture.
    pub snapshot: Arc<Snapshot>,
    /// The time by which ages are told.
    pub now: Timestamp,
    /// The window, in columns and rows.
    pub size: (u16, u16),
    /// The board, always there.
    pub board: Board,
    /// The runbook's screen.
    pub run: Run,
    /// What lies on the board, the topmost last.
    pub stack: Vec<Screen>,
    /// What lies on everything and takes the keys.
    pub overlay: Option<Overlay>,
    /// The last thing that was said to the person.
    pub saying: Option<Saying>,
    /// How many characters the hidden field holds.
    pub hidden: usize,
    /// Runs that were over before the present one, the newest last; for the commands run so far.
    pub past: Vec<Arc<RunView>>,
    pub(super) recovery: Recovery,
    /// Since when there is a Vault, and none was ever heard.
    pub unheard: Option<Timestamp>,
    /// The chain that is being read, worked out once for a picture and not for each frame.
    pub(super) traced: Option<Chain>,
    /// What each runbook of the list is ready for, or why it would do nothing; worked out as the chain is.
    pub offered: Vec<Result<Target, String>>,
    pub(super) last_key: Option<Duration>,
    pub(super) quit_asked: Option<Duration>,
}

/// A screen on top of the board.
#[derive(Clone, Debug)]
pub enum Screen {
    /// The runbook that runs, or ran last.
    Runbook,
    /// The list of runbooks, and which is selected.
    Runbooks(usize),
    /// Something to read.
    Reader(Reader),
}

/// Something that is being read.
#[derive(Clone, Debug)]
pub struct Reader {
    /// What.
    pub page: Page,
    /// How many lines are above the window.
    pub scroll: usize,
}

impl Reader {
    /// From the top.
    #[must_use]
    pub const fn new(page: Page) -> Self {
        Self { page, scroll: 0 }
    }
}

/// What lies on everything.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The filter is being typed.
    Filter(Field),
    /// The palette.
    Palette(Palette),
    /// Writes are being opened.
    Writes(WritesDialog),
    /// A token or a password is being typed.
    Login(LoginDialog),
}

/// Something said to the person, until the next key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saying {
    /// A sentence.
    pub text: String,
}

/// How many runs are remembered.
const PAST: usize = 20;

impl Model {
    /// Before anything happened.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>, size: (u16, u16)) -> Self {
        let mut model = Self {
            now: snapshot.now,
            size,
            board: Board::default(),
            run: Run::default(),
            stack: Vec::new(),
            overlay: None,
            saying: None,
            hidden: 0,
            past: Vec::new(),
            recovery: Recovery::default(),
            unheard: None,
            traced: None,
            offered: Vec::new(),
            last_key: None,
            quit_asked: None,
            snapshot,
        };
        model.recovery.follow(&model.snapshot);
        model.listen();
        model.reindex();
        model.run_changed(Moment { since_start: Duration::ZERO, now: model.now });
        model
    }

    /// Takes a new picture in. Rows are worked out anew only if the world or the diagnosis is another one.
    pub(super) fn take(&mut self, snapshot: Arc<Snapshot>, at: Moment) {
        let same_world =
            self.snapshot.world.revision == snapshot.world.revision && Arc::ptr_eq(&self.snapshot.diagnosis, &snapshot.diagnosis);
        // Seals are polled every second: most pictures differ in a time only, and what costs is not worked out anew for them.
        let same_run = self.snapshot.run.as_ref().map(Arc::as_ptr) == snapshot.run.as_ref().map(Arc::as_ptr);
        let was_on = self.run_is_on();
        if let (Some(old), Some(new)) = (&self.snapshot.run, &snapshot.run)
            && old.started != new.started
        {
            self.past.push(old.clone());
            if self.past.len() > PAST {
                self.past.remove(0);
            }
        }
        if was_on && snapshot.run.as_ref().is_some_and(|run| run.is_over()) {
            // What was said of a run that goes on is not so any more.
            self.saying = None;
        }
        let errors = self.snapshot.errors.last() != snapshot.errors.last();
        if errors && let Some(notice) = snapshot.errors.last() {
            self.say(notice.text.clone());
        }
        if let Some(login) = snapshot.login.as_ref().filter(|login| self.snapshot.login.as_ref() != Some(login)) {
            self.say(login.said.clone());
        }
        self.snapshot = snapshot;
        self.now = self.snapshot.now;
        self.recovery.follow(&self.snapshot);
        self.listen();
        if !same_world {
            self.reindex();
        }
        self.retrace();
        if !same_world || was_on != self.run_is_on() {
            self.reoffer();
        }
        if !same_run {
            self.run_changed(at);
        }
        if !same_run || !same_world {
            self.look_ahead();
        }
    }

    /// Notes since when no Vault was ever heard, although there is one.
    fn listen(&mut self) {
        let world = &self.snapshot.world;
        let unheard = world.vault_seen.is_none() && !world.vaults.is_empty();
        self.unheard = unheard.then(|| self.unheard.unwrap_or(self.now));
    }

    /// Says something until the next key.
    pub(super) fn say(&mut self, text: impl Into<String>) {
        self.saying = Some(Saying { text: text.into() });
    }

    /// Puts a screen on top, unless it is there already.
    pub(super) fn open(&mut self, screen: Screen) {
        let same = |old: &Screen| std::mem::discriminant(old) == std::mem::discriminant(&screen);
        match (&screen, self.stack.last_mut()) {
            (Screen::Runbook, _) => self.stack.retain(|old| !same(old)),
            (_, Some(top)) if same(top) => {
                *top = screen;
                return;
            }
            _ => {}
        }
        self.stack.push(screen);
    }

    /// Where a key that is pressed now is looked up.
    #[must_use]
    pub fn place(&self) -> Place {
        if self.overlay.is_some() {
            return Place::Field;
        }
        match self.stack.last() {
            None => Place::Board,
            Some(Screen::Runbook) if self.typing().is_some() => Place::Field,
            Some(Screen::Runbook) => Place::Runbook,
            Some(Screen::Runbooks(_)) => Place::List,
            Some(Screen::Reader(_)) => Place::Reader,
        }
    }

    /// What `kubectl` must be told so that a command by hand does the same.
    #[must_use]
    pub fn aim(&self) -> &Aim {
        &self.snapshot.identity.aim
    }

    /// Whether a runbook goes on.
    #[must_use]
    pub fn run_is_on(&self) -> bool {
        self.snapshot.run.as_ref().is_some_and(|run| !run.is_over())
    }

    /// How far `PgUp` and `PgDn` go, in rows: on what is read a whole page but for one line, so that the eye finds its
    /// place again; in a pane of the board, which is lower than the window, half a window.
    pub(super) fn page(&self) -> isize {
        let rows = match self.stack.last() {
            Some(Screen::Reader(_)) => self.reading_height().saturating_sub(1),
            _ => usize::from(self.size.1 / 2),
        };
        isize::try_from(rows).unwrap_or(10).max(1)
    }

    /// When something changes on the screen although nothing happens, since the start: an agreement that waits
    /// for the fingers to rest.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        // A filter that not all rows have passed goes on as soon as nobody presses a key.
        if self.board.index.is_busy() { Some(Duration::ZERO) } else { self.run.deadline() }
    }
}
