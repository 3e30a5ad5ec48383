//! Waits for signals, keys, pictures of the engine and messages, in this order; takes all that is there; draws
//! only if something changed. No tick when nothing moves: ages change with the engine's pictures, else at the next
//! second.

use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use ratatui::crossterm::event::Event;
use ratatui::layout::Rect;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::app::login::LoginDialog;
use super::app::{Ask, Effect, Message, Model, Moment, Overlay, update};
use super::hidden::{Did, Hidden};
use super::input::message;
use super::screens::{Look, draw};
use super::signals::{Signal, Signals};
use super::terminal::Face;
use super::{ExitReason, FaceOptions};
use crate::engine::{Command, Decision, Looks, Snapshot};
use crate::keymap::Key;

/// Frames that nobody pressed a key for keep this far apart.
const FRAME: Duration = Duration::from_millis(16);
/// How long ages may stand still.
const SECOND: Duration = Duration::from_secs(1);
/// Events taken in one go before a frame is drawn.
const BATCH: usize = 256;

/// What the loop listens to.
pub(super) struct Sources<I> {
    /// Keys, pastes, sizes, the mouse.
    pub(super) input: I,
    /// The engine's pictures.
    pub(super) snapshots: watch::Receiver<Arc<Snapshot>>,
    /// What the engine is told.
    pub(super) commands: mpsc::Sender<Command>,
    /// What a person is to be told.
    pub(super) told: mpsc::Receiver<String>,
    /// Signals, and the death of the terminal.
    pub(super) signals: Signals,
}

/// The loop's own state.
pub(super) struct EventLoop<'a, F> {
    face: &'a mut F,
    options: &'a FaceOptions,
    model: Model,
    hidden: Hidden,
    started: Instant,
    drawn: Instant,
    dirty: Dirty,
    /// The paths that the engine knows the person to look at.
    looks: Looks,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Dirty {
    /// Nothing changed.
    Clean,
    /// Something changed, and may wait for its frame.
    Data,
    /// A person acted, and is to see it at once.
    Hand,
}

enum Wake {
    Signal(Signal),
    Input(Option<io::Result<Event>>),
    Snapshot(bool),
    Told(String),
    Time,
}

impl<'a, F: Face> EventLoop<'a, F> {
    pub(super) fn new(face: &'a mut F, options: &'a FaceOptions, snapshot: Arc<Snapshot>) -> io::Result<Self> {
        let size = face.size()?;
        let now = Instant::now();
        let model = Model::new(snapshot, (size.width, size.height));
        Ok(Self {
            face,
            options,
            model,
            hidden: Hidden::default(),
            started: now,
            drawn: now,
            dirty: Dirty::Hand,
            looks: Looks::default(),
        })
    }

    /// Runs until the person quits, a signal comes, or the terminal dies.
    pub(super) async fn run<I>(mut self, mut sources: Sources<I>) -> io::Result<ExitReason>
    where
        I: Stream<Item = io::Result<Event>> + Unpin,
    {
        loop {
            self.look(&sources.commands);
            self.draw()?;
            let wake = tokio::select! {
                biased;
                signal = sources.signals.next() => Wake::Signal(signal),
                event = sources.input.next() => Wake::Input(event),
                changed = sources.snapshots.changed() => Wake::Snapshot(changed.is_ok()),
                Some(told) = sources.told.recv() => Wake::Told(told),
                () = tokio::time::sleep_until(self.wakes_at()) => Wake::Time,
            };
            match wake {
                Wake::Signal(Signal::Stop) => self.suspend(&mut sources.signals).await?,
                Wake::Signal(Signal::Continued) => {
                    // The shell may have changed the modes meanwhile: all of them are set anew.
                    self.face.leave()?;
                    self.face.enter()?;
                    self.dirty = Dirty::Hand;
                }
                Wake::Signal(Signal::Leave(reason)) => return Ok(reason),
                Wake::Input(None | Some(Err(_))) => return Ok(ExitReason::TerminalGone),
                Wake::Input(Some(Ok(event))) => {
                    let mut next = Some(event);
                    for _ in 0..BATCH {
                        let Some(event) = next.take() else { break };
                        if let Some(reason) = self.event(event, &mut sources).await? {
                            return Ok(reason);
                        }
                        next = match at_hand(&mut sources.input).await {
                            Some(Some(Ok(event))) => Some(event),
                            Some(None | Some(Err(_))) => return Ok(ExitReason::TerminalGone),
                            None => None,
                        };
                    }
                }
                Wake::Snapshot(true) => {
                    let snapshot = sources.snapshots.borrow_and_update().clone();
                    self.update(Message::Snapshot(snapshot), Dirty::Data);
                    self.settle_hidden();
                }
                Wake::Snapshot(false) => return Ok(ExitReason::EngineEnded),
                Wake::Told(text) => drop(self.update(Message::Told(text), Dirty::Data)),
                Wake::Time => {
                    if self.hidden.deadline().is_some_and(|deadline| deadline <= self.moment().since_start) {
                        self.hidden.wipe();
                        self.update(Message::HiddenExpired, Dirty::Hand);
                    }
                    let effects = self.update(Message::Tick, Dirty::Data);
                    if let Some(reason) = self.perform(effects, &mut sources).await? {
                        return Ok(reason);
                    }
                }
            }
        }
    }

    fn moment(&self) -> Moment {
        Moment { since_start: self.started.elapsed(), now: self.options.clock.now() }
    }

    fn update(&mut self, message: Message, dirty: Dirty) -> Vec<Effect> {
        self.dirty = self.dirty.max(dirty);
        let moment = self.moment();
        update(&mut self.model, message, moment)
    }

    /// When to wake although nothing happens.
    fn wakes_at(&self) -> Instant {
        let second = self.drawn + SECOND;
        let frame = (self.dirty != Dirty::Clean).then(|| self.drawn + FRAME);
        let deadlines = [self.model.deadline(), self.hidden.deadline()].into_iter().flatten().map(|at| self.started + at);
        deadlines.chain(frame).fold(second, Instant::min)
    }

    /// Tells the engine which paths the person looks at now, if these are others. A full channel is told next time.
    fn look(&mut self, commands: &mpsc::Sender<Command>) {
        if self.dirty == Dirty::Clean {
            return;
        }
        let looks = self.model.looks();
        if looks != self.looks && commands.try_send(Command::Look(looks.clone())).is_ok() {
            self.looks = looks;
        }
    }

    fn draw(&mut self) -> io::Result<()> {
        let due = match self.dirty {
            Dirty::Clean => false,
            Dirty::Data => self.drawn.elapsed() >= FRAME,
            Dirty::Hand => true,
        };
        if !due {
            return Ok(());
        }
        let look = Look { theme: &self.options.theme, ascii: self.options.ascii };
        let model = &self.model;
        self.face.draw(&mut |area, buffer| draw(model, look, area, buffer))?;
        self.drawn = Instant::now();
        self.dirty = Dirty::Clean;
        Ok(())
    }

    async fn event<I>(&mut self, event: Event, sources: &mut Sources<I>) -> io::Result<Option<ExitReason>> {
        let (columns, rows) = self.model.size;
        let Some(message) = message(event, &self.model, Rect::new(0, 0, columns, rows)) else { return Ok(None) };
        let dirty = if matches!(message, Message::Resized(..) | Message::Scrolled(_)) { Dirty::Data } else { Dirty::Hand };
        if self.model.hides_input() && self.hide(&message, &sources.commands).await {
            self.dirty = Dirty::Hand;
            return Ok(None);
        }
        let effects = self.update(message, dirty);
        self.settle_hidden();
        self.perform(effects, sources).await
    }

    /// Feeds the hidden field, if the message is for it. Nothing of what was typed goes further.
    async fn hide(&mut self, message: &Message, commands: &mpsc::Sender<Command>) -> bool {
        let at = self.moment().since_start;
        // Nobody sends what is asked by a step that is not the one that is shown: Enter shows it first.
        if self.model.types_elsewhere() && matches!(message, Message::Key { chord, .. } if chord.key == Key::Enter) {
            self.update(Message::ComeBack, Dirty::Hand);
            return true;
        }
        let did = match message {
            Message::Key { chord, .. } => self.hidden.key(*chord, at),
            Message::Paste(text) => self.hidden.paste(text, at),
            _ => return false,
        };
        match did {
            Did::Nothing => return false,
            Did::Holds(length) => drop(self.update(Message::Hidden(length), Dirty::Hand)),
            Did::Send => {
                let typed = self.hidden.take();
                let command = match &self.model.overlay {
                    Some(Overlay::Login(LoginDialog { server, login })) => {
                        Command::LogIn { server: server.clone(), login: login.clone(), typed: Some(typed) }
                    }
                    _ => Command::Decide(Decision::Share(typed)),
                };
                self.update(Message::HiddenSent, Dirty::Hand);
                if commands.send(command).await.is_err() {
                    self.update(Message::Told("The engine has ended: nothing was sent.".to_owned()), Dirty::Hand);
                }
            }
        }
        true
    }

    /// Whatever took the focus from the hidden field, what was typed does not outlive it.
    fn settle_hidden(&mut self) {
        if !self.hidden.is_empty() && !self.model.hides_input() {
            self.hidden.wipe();
            self.update(Message::Hidden(0), Dirty::Hand);
        }
    }

    async fn perform<I>(&mut self, effects: Vec<Effect>, sources: &mut Sources<I>) -> io::Result<Option<ExitReason>> {
        for effect in effects {
            match effect {
                Effect::Engine(ask) => {
                    if sources.commands.send(command(ask)).await.is_err() {
                        return Ok(Some(ExitReason::EngineEnded));
                    }
                }
                Effect::Copy(clip) => {
                    let refused = self.options.clipboard.copy(clip.text()).err().map(|fault| fault.to_string());
                    self.update(Message::Copied { clip, refused }, Dirty::Hand);
                }
                Effect::Redraw => {
                    self.face.forget()?;
                    self.dirty = Dirty::Hand;
                }
                Effect::Suspend => self.suspend(&mut sources.signals).await?,
                Effect::Quit => return Ok(Some(ExitReason::Quit)),
            }
        }
        Ok(None)
    }

    /// Gives the terminal back, stops, and takes it again when the shell wakes us.
    async fn suspend(&mut self, signals: &mut Signals) -> io::Result<()> {
        if !Signals::somebody_wakes_us() {
            self.update(Message::Told("Not suspended: there is no shell that could wake it again.".to_owned()), Dirty::Hand);
            return Ok(());
        }
        self.face.leave()?;
        signals.stop().await;
        self.face.enter()?;
        let size = self.face.size()?;
        self.update(Message::Resized(size.width, size.height), Dirty::Hand);
        Ok(())
    }
}

/// What the stream has without waiting. Asked with the waker of this task: crossterm's stream keeps the first waker
/// that it sees, and with any other one the next key would be heard only when something else happens.
async fn at_hand<S: Stream + Unpin>(stream: &mut S) -> Option<Option<S::Item>> {
    std::future::poll_fn(|context| {
        Poll::Ready(match stream.poll_next_unpin(context) {
            Poll::Ready(item) => Some(item),
            Poll::Pending => None,
        })
    })
    .await
}

/// The engine's command for what the model asks.
fn command(ask: Ask) -> Command {
    match ask {
        Ask::OpenWrites { context, reason } => Command::OpenWrites { context, reason },
        Ask::CloseWrites => Command::CloseWrites,
        Ask::Start { runbook, target } => Command::Start { runbook, target },
        Ask::Agree => Command::Decide(Decision::Agree),
        Ask::Name(name) => Command::Decide(Decision::Name(name)),
        Ask::SharesFromSecret => Command::Decide(Decision::SharesFromSecret),
        Ask::Pause(pause) => Command::Pause(pause),
        Ask::Stop => Command::Stop,
        Ask::Refresh => Command::Refresh,
        Ask::LogIn { server, login } => Command::LogIn { server, login, typed: None },
        Ask::LogOut => Command::LogOut,
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use jiff::Timestamp;
    use ratatui::buffer::Buffer;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
    use ratatui::layout::{Position, Size};

    use super::*;
    use crate::engine::{Policy, RunState, RunView, StepState, StepView};
    use crate::model::{Fault, Kind, ObjectRef};
    use crate::ports::{Clipboard, Clock, Scope};
    use crate::runbooks::{Confirm, Preview};
    use crate::theme::{Depth, Theme};

    struct Nothing;

    #[async_trait::async_trait]
    impl Clock for Nothing {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH
        }
        async fn sleep(&self, time: Duration) {
            tokio::time::sleep(time).await;
        }
    }

    impl Clipboard for Nothing {
        fn copy(&self, _text: &str) -> Result<(), Fault> {
            Ok(())
        }
    }

    /// A face that remembers all that was ever on it.
    #[derive(Default)]
    struct Paper(String);

    impl Face for Paper {
        fn draw(&mut self, draw: &mut dyn FnMut(Rect, &mut Buffer) -> Option<Position>) -> io::Result<()> {
            let area = Rect::new(0, 0, 80, 24);
            let mut buffer = Buffer::empty(area);
            draw(area, &mut buffer);
            self.0.extend(buffer.content.iter().map(ratatui::buffer::Cell::symbol));
            Ok(())
        }
        fn size(&self) -> io::Result<Size> {
            Ok(Size::new(80, 24))
        }
        fn forget(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn leave(&mut self) -> io::Result<()> {
            Ok(())
        }
        fn enter(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// A run that asks for a share, with writes open.
    fn asks_for_a_share() -> Snapshot {
        let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH, Scope::Everywhere, Policy::simulated());
        snapshot.writes.open = true;
        let confirm = Confirm::Share { secret: Some(ObjectRef::new(Kind::Secret, "vault", "shares")) };
        let step = &StepView {
            id: "unseal",
            explanation: "",
            state: StepState::Runs,
            started: None,
            ended: None,
            report: None,
            items: Vec::new(),
            commits: Vec::new(),
        };
        snapshot.run = Some(Arc::new(RunView {
            runbook: "unseal",
            title: "",
            target: String::new(),
            started: Timestamp::UNIX_EPOCH,
            ended: None,
            state: RunState::Asks(Preview { confirm, ..Preview::default() }),
            steps: vec![step.clone(), StepView { id: "stores", state: StepState::Next, ..step.clone() }],
            applied: Vec::new(),
            notice: None,
            answers: 0,
            taken_up: None,
            withdrawn: 0,
        }));
        snapshot
    }

    fn keys(text: &str) -> Vec<io::Result<Event>> {
        let key = |c| match c {
            '\n' => KeyCode::Enter,
            '\u{2193}' => KeyCode::Down,
            c => KeyCode::Char(c),
        };
        text.chars().map(|c| Ok(Event::Key(KeyEvent::new(key(c), KeyModifiers::NONE)))).collect()
    }

    const LONG: Duration = Duration::from_secs(60);

    /// Presses keys on a run that asks for a share. What comes to the engine, if anything does, and all that was ever on
    /// the screen.
    async fn sends(pressed: Vec<io::Result<Event>>, within: Duration) -> (Option<Decision>, String) {
        let options = FaceOptions {
            theme: Theme::load("night", None, Depth::Mono).expect("it loads"),
            ascii: false,
            clipboard: Arc::new(Nothing),
            mouse: false,
            clock: Arc::new(Nothing),
        };
        let (publish, snapshots) =
            watch::channel(Arc::new(Snapshot::empty(Timestamp::UNIX_EPOCH, Scope::Everywhere, Policy::simulated())));
        let (commands, mut asked) = mpsc::channel(8);
        let (_tell, told) = mpsc::channel(8);
        publish.send_replace(Arc::new(asks_for_a_share()));
        let pressed = stream::iter(pressed).chain(stream::pending()).boxed();
        let signals = Signals::listen(None).expect("signals");
        let sources = Sources { input: pressed, snapshots, commands, told, signals };
        let mut paper = Paper::default();
        let start = Arc::new(asks_for_a_share());
        let running = EventLoop::new(&mut paper, &options, start).expect("it starts").run(sources);
        let command = tokio::select! {
            command = asked.recv() => command,
            _ = running => None,
            () = tokio::time::sleep(within) => None,
        };
        let decision = match command {
            Some(Command::Decide(decision)) => Some(decision),
            _ => None,
        };
        (decision, paper.0)
    }

    #[tokio::test]
    async fn a_share_goes_to_the_engine_and_nowhere_else() {
        // `o` opens the run; then the share, which looks like keys that mean something, and Enter.
        let (decision, paper) = sends(keys("oqsWp!c4naryShare\n"), LONG).await;
        let Some(Decision::Share(share)) = decision else { panic!("no share was sent") };
        assert_eq!(share.reveal(), "qsWp!c4naryShare");
        assert!(!paper.contains("c4nary"), "it was on the screen");
    }

    #[tokio::test]
    async fn nothing_that_is_typed_unseen_is_sent_while_another_step_is_looked_at() {
        // Typed at the step that asks; then the next step is looked at, and Enter comes back first.
        let (decision, _) = sends(keys("oc4nary\u{2193}\n"), Duration::from_millis(300)).await;
        assert!(decision.is_none(), "it was sent unseen");
        let (decision, _) = sends(keys("oc4nary\u{2193}\n\n"), LONG).await;
        assert!(matches!(decision, Some(Decision::Share(share)) if share.reveal() == "c4nary"), "Enter at the step sends it");
        // Typed while the next step is looked at: typing comes back by itself.
        let (decision, _) = sends(keys("o\u{2193}c4nary\n"), LONG).await;
        assert!(matches!(decision, Some(Decision::Share(share)) if share.reveal() == "c4nary"), "it is back already");
    }
}
