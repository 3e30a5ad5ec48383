//! The loop that owns the inventory: takes changes in, has them diagnosed off the loop, publishes
//! snapshots, and obeys commands.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::door::{Door, Order, first_view};
use super::gate::{STAY_CLOSED, Writes};
use super::login::{LoggingIn, LoginView, log_out};
use super::past;
use super::run::RunView;
use super::snapshot::{Notice, Snapshot};
use super::{Command, Engine, Looks, Options, Ports, prober};
use crate::diagnosis::{Diagnosis, Memory};
use crate::model::inventory::SHAPING;
use crate::model::kinds::{Visitor, Watched, visit};
use crate::model::vault::Login;
use crate::model::{Change, Fault, Inventory, Kind, Source, Text, VaultAddress};
use crate::ports::{Identity, JournalEntry, Remembered, Typed};
use crate::runbooks::{Target, runbook};

/// Changes that may wait; a full channel holds the watches back.
const CHANGES: usize = 1024;
/// Commands that may wait.
const COMMANDS: usize = 64;
/// Changes taken in one go before a snapshot is published.
const BATCH: usize = 512;
/// A diagnosis this old, in seconds, is made anew although nothing changed: it speaks of times to come.
const DIAGNOSIS_AGE: i64 = 30;
/// After a diagnosis the next one waits so many times as long as that one took: however large the world is and
/// however fast it changes, it takes at most a fifth of a core.
const DIAGNOSIS_REST: u32 = 4;
/// Which paths are referenced is worked out by looking at every `ExternalSecret`. Then that waits so many times as
/// long as it took, so that no rollout, however large, holds up the changes that only move a row.
const SETTLING_REST: u32 = 9;
/// What takes less is not worth a wait.
const SETTLING_FREE: Duration = Duration::from_millis(1);
/// How many notices are kept.
const NOTICES: usize = 100;
/// How long until the API server is asked again who we are, while it does not answer.
const IDENTITY_RETRY: Duration = Duration::from_secs(5);

/// Starts everything.
pub(super) fn start(ports: Ports, options: Options) -> Engine {
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let now = ports.clock.now();
    let (publisher, snapshots) = watch::channel(Arc::new(Snapshot::empty(now, options.scope.clone(), options.policy.clone())));
    let mut tasks = JoinSet::new();
    tasks.spawn(World::new(ports, options, publisher).run(inbox));
    Engine { commands, snapshots, _tasks: tasks }
}

/// The state of the running program.
struct World {
    ports: Ports,
    options: Options,
    inventory: Inventory,
    published: watch::Sender<Arc<Inventory>>,
    diagnosis: Arc<Diagnosis>,
    diagnosed: (u64, Timestamp),
    /// What the last diagnosis leaves to the next one.
    memory: Box<Memory>,
    /// The revision at which everything was heard of for the first time.
    told_at: Option<u64>,
    /// The revision at which everything was asked that a finding may rest on.
    asked_at: Option<u64>,
    diagnosing: Option<JoinHandle<Diagnosed>>,
    /// When the next diagnosis may begin, if the last one is not long enough ago.
    rested: Option<Instant>,
    /// When it may be worked out again which paths are referenced, if that is not long enough ago.
    settles: Option<Instant>,
    identity: Identity,
    offline: Option<Fault>,
    writes: watch::Sender<Writes>,
    run: Option<RunHandle>,
    errors: Arc<Vec<Notice>>,
    snapshots: watch::Sender<Arc<Snapshot>>,
    /// Watches, prober and runs: ended when this loop ends, and a panic in one of them is seen here.
    tasks: JoinSet<&'static str>,
    nudge: watch::Sender<u64>,
    /// What the person looks at.
    looks: watch::Sender<Looks>,
    login: watch::Sender<Option<Arc<LoginView>>>,
}

/// What came of looking at a revision of the world, and how long it took.
struct Diagnosed {
    revision: u64,
    diagnosis: Diagnosis,
    memory: Box<Memory>,
    took: Duration,
}

/// The run that goes on, or went on last.
struct RunHandle {
    orders: mpsc::Sender<Order>,
    view: watch::Receiver<Arc<RunView>>,
}

/// What wakes the loop.
enum Wake {
    Command(Command),
    Change(Change),
    Identity(Result<Identity, Fault>),
    Diagnosed(Option<Diagnosed>),
    Rested,
    Settles,
    /// A run or a login has something new to show.
    Shown,
    Task(Result<&'static str, String>),
    End,
}

impl World {
    fn new(ports: Ports, options: Options, snapshots: watch::Sender<Arc<Snapshot>>) -> Self {
        let now = ports.clock.now();
        Self {
            inventory: Inventory::default(),
            published: watch::channel(Arc::default()).0,
            diagnosis: Arc::default(),
            diagnosed: (0, now),
            memory: Box::default(),
            told_at: None,
            asked_at: None,
            diagnosing: None,
            rested: None,
            settles: None,
            identity: Identity::default(),
            offline: None,
            writes: watch::channel(Writes::closed(options.policy.clone())).0,
            run: None,
            errors: Arc::default(),
            snapshots,
            tasks: JoinSet::new(),
            nudge: watch::channel(0).0,
            looks: watch::channel(Looks::default()).0,
            login: watch::channel(None).0,
            ports,
            options,
        }
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let (changes, mut heard) = mpsc::channel(CHANGES);
        let (identities, mut met) = mpsc::channel(1);
        self.spawn_watches(&changes);
        self.tasks.spawn(meet(self.ports.clone(), identities));
        // The first list is on its way meanwhile.
        for line in Remembered::unanswered(&self.ports.journal.history()) {
            self.note(past::told(&line), line.at);
        }
        let mut logins = self.login.subscribe();
        loop {
            let wake = tokio::select! {
                biased;
                command = commands.recv() => command.map_or(Wake::End, Wake::Command),
                () = changed(&mut self.run) => Wake::Shown,
                Ok(()) = logins.changed() => Wake::Shown,
                Some(identity) = met.recv() => Wake::Identity(identity),
                done = finished(&mut self.diagnosing) => Wake::Diagnosed(done),
                () = passed(self.rested) => Wake::Rested,
                () = passed(self.settles) => Wake::Settles,
                Some(change) = heard.recv() => Wake::Change(change),
                Some(task) = self.tasks.join_next() => Wake::Task(task.map_err(panic_text)),
            };
            let now = self.ports.clock.now();
            match wake {
                Wake::End => return,
                Wake::Command(command) => self.obey(command, &changes, now),
                Wake::Identity(identity) => self.met(identity, now),
                Wake::Shown => {}
                Wake::Rested => {
                    self.rested = None;
                    self.diagnose(now);
                    continue;
                }
                Wake::Settles => {
                    self.settles = None;
                    let before = self.inventory.revision;
                    self.settle();
                    if self.inventory.revision == before {
                        continue;
                    }
                    self.published.send_replace(Arc::new(self.inventory.clone()));
                }
                Wake::Task(Ok(_)) => continue,
                Wake::Task(Err(why)) => {
                    self.note(format!("A part of sealwatch failed and was stopped: {why}. Please report it."), now);
                }
                Wake::Diagnosed(done) => {
                    self.diagnosing = None;
                    if let Some(Diagnosed { revision, diagnosis, memory, took }) = done {
                        self.memory = memory;
                        self.diagnosis = Arc::new(diagnosis);
                        self.diagnosed = (revision, now);
                        self.rested = Some(Instant::now() + took * DIAGNOSIS_REST);
                    } else {
                        self.note("The diagnosis of this state failed; the last one is shown. Please report it.".to_owned(), now);
                        self.diagnosed = (self.inventory.revision, now);
                    }
                }
                Wake::Change(change) => {
                    self.take(change, now);
                    for _ in 0..BATCH {
                        let Ok(change) = heard.try_recv() else { break };
                        self.take(change, now);
                    }
                    self.settle();
                    self.published.send_replace(Arc::new(self.inventory.clone()));
                }
            }
            self.diagnose(now);
            self.publish(now);
        }
    }

    fn spawn_watches(&mut self, changes: &mpsc::Sender<Change>) {
        struct Spawn<'a>(&'a mut World, &'a mpsc::Sender<Change>);
        impl Visitor for Spawn<'_> {
            fn visit<K: Watched>(&mut self) {
                let Self(world, changes) = self;
                let stream = world.ports.cluster.watch(K::KIND, &world.options.scope);
                world.tasks.spawn(forward(K::KIND, stream, changes.clone(), world.published.subscribe()));
            }
        }
        visit(&mut Spawn(self, changes));
        let wishes = prober::Wishes { nudge: self.nudge.subscribe(), looks: self.looks.subscribe() };
        let (ports, worlds) = (self.ports.clone(), self.published.subscribe());
        let (for_vaults, for_controller) = (changes.clone(), changes.clone());
        let (as_stores, try_logins) = (self.options.as_stores.as_slice().into(), self.options.try_logins);
        let agreed = prober::Agreed { as_stores, try_logins };
        self.tasks.spawn(async move {
            prober::watch_vaults(ports, worlds, for_vaults, wishes, agreed).await;
            "the Vault prober"
        });
        let (ports, for_logs, worlds) = (self.ports.clone(), changes.clone(), self.published.subscribe());
        self.tasks.spawn(async move {
            prober::watch_logs(ports, worlds, for_logs).await;
            "the prober of logs"
        });
        let (ports, for_versions, worlds) = (self.ports.clone(), changes.clone(), self.published.subscribe());
        self.tasks.spawn(async move {
            prober::watch_versions(ports, worlds, for_versions).await;
            "the prober of versions"
        });
        let ports = self.ports.clone();
        self.tasks.spawn(async move {
            prober::watch_controller(ports, for_controller).await;
            "the controller prober"
        });
    }

    fn take(&mut self, change: Change, now: Timestamp) {
        match &change {
            Change::Lost(part, fault) => self.note(format!("{part}: {fault}"), now),
            Change::Narrowed(kind, _, Some(fault)) => self.note(format!("{kind}: {fault}"), now),
            // That a neighbour is not installed is nothing to tell; that it went is.
            Change::Absent(part, fault) if self.inventory.is_complete(part.kind) => self.note(format!("{part}: {fault}"), now),
            Change::Odd(odd) => self.note(odd.to_string(), now),
            Change::Listed(_, _, odd) => odd.iter().for_each(|odd| self.note(odd.to_string(), now)),
            Change::Replicas(address, Err(fault)) => self.note(format!("{address}: {fault}"), now),
            _ => {}
        }
        self.inventory.apply(change, now);
    }

    fn met(&mut self, identity: Result<Identity, Fault>, now: Timestamp) {
        match identity {
            Ok(mut identity) => {
                identity.insecure |= self.options.insecure;
                self.offline = None;
                self.writes.send_modify(|writes| writes.meet(&identity));
                self.identity = identity;
                if std::mem::take(&mut self.options.write) {
                    // `--write` stands for the name typed and for a reason.
                    let context = self.identity.context.to_string();
                    self.open(&context, "--write", now);
                }
                if self.options.try_logins
                    && let Err(fault) = self.journal("login", "--try-logins", now)
                {
                    self.note(format!("That logins are tried is not journalled: {fault}"), now);
                }
                for store in std::mem::take(&mut self.options.as_stores) {
                    // The prober logs in by itself; that it was asked to is written down here, once.
                    if let Err(fault) = self.journal("login", &format!("--login-as-store {store}"), now) {
                        self.note(format!("The login as {store} does is not journalled: {fault}"), now);
                    }
                }
            }
            Err(fault) => {
                self.note(fault.to_string(), now);
                self.offline = Some(fault);
            }
        }
    }

    fn obey(&mut self, command: Command, changes: &mpsc::Sender<Change>, now: Timestamp) {
        match command {
            Command::OpenWrites { context, reason } => self.open(&context, &reason, now),
            Command::CloseWrites => {
                self.writes.send_modify(Writes::close);
                // Nothing is at stake if this line is lost: writes are closed already.
                let _ = self.journal("close", "", now);
            }
            Command::Start { runbook, target } => self.start(runbook, target, changes, now),
            Command::Decide(decision) => self.order(Order::Decide(decision)),
            Command::Pause(pause) => self.order(Order::Pause(pause)),
            Command::Stop => self.order(Order::Stop),
            Command::Look(looks) => {
                self.looks.send_if_modified(|known| {
                    let other = *known != looks;
                    *known = looks;
                    other
                });
            }
            Command::Refresh => self.nudge.send_modify(|count| *count += 1),
            Command::LogIn { server, login, typed } => self.log_in(server, login, typed, changes, now),
            Command::LogOut => {
                let done = log_out(self.ports.clone(), self.nudge.clone(), self.login.clone());
                self.tasks.spawn(async move {
                    done.await;
                    "the end of a login"
                });
            }
        }
    }

    fn log_in(
        &mut self,
        server: VaultAddress,
        login: Login,
        typed: Option<Typed>,
        changes: &mpsc::Sender<Change>,
        now: Timestamp,
    ) {
        // Somebody else's rights are taken on: that leaves a trace, or is not done.
        if let Login::Store(store) = &login
            && let Err(fault) = self.journal("login", &format!("as {} at {server}", store.store), now)
        {
            return self.note(format!("Not logged in, because the journal cannot be written: {fault}"), now);
        }
        let logging_in = LoggingIn {
            ports: self.ports.clone(),
            world: self.published.borrow().clone(),
            server,
            login,
            typed,
            changes: changes.clone(),
            nudge: self.nudge.clone(),
            view: self.login.clone(),
        };
        self.tasks.spawn(async move {
            logging_in.run().await;
            "a login"
        });
    }

    fn order(&self, order: Order) {
        if let Some(run) = &self.run {
            // A run that is over takes no orders, and none are needed.
            let _ = run.orders.try_send(order);
        }
    }

    fn open(&mut self, context: &str, reason: &str, now: Timestamp) {
        let mut writes = self.writes.borrow().clone();
        if let Err(why) = writes.open(context, reason, &self.identity, now) {
            return self.note(why, now);
        }
        match self.journal("open", reason, now) {
            Ok(()) => {
                self.writes.send_replace(writes);
            }
            Err(fault) => self.note(format!("{STAY_CLOSED}, because the journal cannot be written: {fault}"), now),
        }
    }

    fn journal(&self, what: &'static str, note: &str, now: Timestamp) -> Result<(), Fault> {
        self.ports.journal.append(&JournalEntry {
            at: now,
            what,
            user: self.identity.user.clone(),
            context: self.identity.context.clone(),
            step: String::new(),
            object: String::new(),
            command: String::new(),
            note: Text::foreign(note).to_string(),
            run: None,
        })
    }

    fn start(&mut self, name: &str, target: Target, changes: &mpsc::Sender<Change>, now: Timestamp) {
        let Some(runbook) = runbook(name) else { return };
        if self.run.as_ref().is_some_and(RunHandle::is_on) {
            return self.note("A runbook goes on already. Stop it first (s).".to_owned(), now);
        }
        let (orders, inbox) = mpsc::channel(COMMANDS);
        let (view, shown) = watch::channel(Arc::new(first_view(runbook, &target, now)));
        let door = Door {
            ports: self.ports.clone(),
            identity: self.identity.clone(),
            worlds: self.published.subscribe(),
            writes: self.writes.subscribe(),
            orders: inbox,
            view,
            changes: changes.clone(),
            runbook,
            target,
            resume: self.options.resume,
        };
        self.tasks.spawn(async move {
            door.run().await;
            "a runbook"
        });
        self.run = Some(RunHandle { orders, view: shown });
    }

    /// Has it worked out which paths are referenced, unless that was done a moment ago.
    fn settle(&mut self) {
        if self.settles.is_some() {
            return;
        }
        let began = Instant::now();
        self.inventory.settle();
        let took = began.elapsed();
        if took > SETTLING_FREE {
            self.settles = Some(Instant::now() + took * SETTLING_REST);
        }
    }

    /// Has the world examined off this loop, if it differs from what was examined last.
    fn diagnose(&mut self, now: Timestamp) {
        let (revision, at) = self.diagnosed;
        let old = now.as_second() - at.as_second() >= DIAGNOSIS_AGE;
        if self.diagnosing.is_some() || self.rested.is_some() || (revision == self.inventory.revision && !old) {
            return;
        }
        let world = self.published.borrow().clone();
        // If it fails, the next one begins with nothing.
        let mut memory = std::mem::take(&mut self.memory);
        self.diagnosing = Some(tokio::task::spawn_blocking(move || {
            let began = Instant::now();
            let diagnosis = memory.diagnose(&world, now);
            Diagnosed { revision: world.revision, diagnosis, memory, took: began.elapsed() }
        }));
    }

    fn publish(&mut self, now: Timestamp) {
        let closed = self.writes.send_if_modified(|writes| {
            let was = writes.open;
            writes.tick(now);
            was != writes.open
        });
        if closed {
            // Writes are closed already: if this line is lost, nothing is at stake.
            let _ = self.journal("close", "the time was over", now);
        }
        let mut snapshot = Snapshot {
            now,
            identity: self.identity.clone(),
            offline: self.offline.clone(),
            scope: self.options.scope.clone(),
            world: self.published.borrow().clone(),
            diagnosis: self.diagnosis.clone(),
            diagnosed: self.diagnosed.0,
            told_at: self.told_at,
            asked_at: self.asked_at,
            writes: self.writes.borrow().clone(),
            run: self.run.as_ref().map(|run| run.view.borrow().clone()),
            login: self.login.borrow().clone(),
            errors: self.errors.clone(),
        };
        if self.told_at.is_none() && snapshot.is_told() {
            self.told_at = Some(snapshot.world.revision);
            snapshot.told_at = self.told_at;
        }
        if self.asked_at.is_none() && snapshot.is_asked() {
            self.asked_at = Some(snapshot.world.revision);
            snapshot.asked_at = self.asked_at;
        }
        self.snapshots.send_replace(Arc::new(snapshot));
    }

    /// Notes something for the errors screen; the same again only counts.
    fn note(&mut self, text: String, now: Timestamp) {
        let notices = Arc::make_mut(&mut self.errors);
        let count = match notices.iter().position(|notice| notice.text == text) {
            Some(at) => notices.remove(at).count + 1,
            None => 1,
        };
        notices.push(Notice { at: now, count, text });
        if notices.len() > NOTICES {
            notices.remove(0);
        }
    }
}

impl RunHandle {
    fn is_on(&self) -> bool {
        // A run that ended without a word has dropped its view.
        self.view.has_changed().is_ok() && !self.view.borrow().is_over()
    }
}

/// Passes a watch on for ever. A watch begins when it is first polled: those without which there is no table
/// begin at once, the others when these have told, so that thirty lists do not hold up the one that matters.
async fn forward(
    kind: Kind,
    mut stream: futures::stream::BoxStream<'static, Change>,
    changes: mpsc::Sender<Change>,
    mut worlds: watch::Receiver<Arc<Inventory>>,
) -> &'static str {
    use futures::StreamExt as _;
    let told = |world: &Inventory, kind: &Kind| world.sources.get(kind).is_some_and(Source::is_told);
    if !SHAPING.contains(&kind) && worlds.wait_for(|world| SHAPING.iter().all(|kind| told(world, kind))).await.is_err() {
        return kind.as_str();
    }
    while let Some(change) = stream.next().await {
        if changes.send(change).await.is_err() {
            break;
        }
    }
    kind.as_str()
}

/// Asks who we are until the API server says so.
async fn meet(ports: Ports, identities: mpsc::Sender<Result<Identity, Fault>>) -> &'static str {
    loop {
        let identity = ports.cluster.identity().await;
        let done = identity.is_ok();
        if identities.send(identity).await.is_err() || done {
            return "the introduction";
        }
        ports.clock.sleep(IDENTITY_RETRY).await;
    }
}

/// Ends when the run shows something new; never, if there is none.
async fn changed(run: &mut Option<RunHandle>) {
    match run {
        // A run that is over keeps its last view and never changes again.
        Some(run) => {
            if run.view.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
        None => std::future::pending().await,
    }
}

/// Ends with the diagnosis that is being made; never, if there is none.
async fn finished(diagnosing: &mut Option<JoinHandle<Diagnosed>>) -> Option<Diagnosed> {
    match diagnosing {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}

/// Ends at this time; never, if there is none.
async fn passed(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn panic_text(error: tokio::task::JoinError) -> String {
    let payload = if error.is_panic() { error.into_panic() } else { return "it was cancelled".to_owned() };
    let text = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
    Text::foreign(text.unwrap_or("without a word")).to_string()
}
