//! One watch of one kind, for ever. It lists (as a stream where the server can, in pages where not), then
//! watches from there; a gap that the server cannot fill is listed again and swapped in one step.
//!
//! kube-rs' `watcher` does the same, but swallows bookmarks: then nobody could tell a quiet cluster from a
//! connection that died. Here each watch is asked for 30 s and bookmarks are passed on, so the age of the
//! data is never more than that, and silence for 40 s is a lost connection.

mod events;
mod list;
mod reach;

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::channel::Lane;
use super::faults::{Failure, of};
use super::lines::{Cut, Lines};
use super::rest::BRIEF;
use super::{KubernetesGateway, served};
use crate::gateways::network::jittered;
use crate::model::kinds::{Api, Object, System, Visitor, Watched, visit};
use crate::model::{Change, Fault, FaultKind, Kind, Name, Names, Part};
use crate::ports::Scope;
use events::Event;
pub(super) use list::{PAGE, WirePage};

/// How long one watch is asked for. The server sends a bookmark shortly before it ends.
const WATCH: Duration = Duration::from_secs(30);
/// How long one of very many watches is asked for: so many requests every 30 s would be a load. The connection that
/// they share is looked after by pings (`transport.rs`).
const SHARED_WATCH: Duration = Duration::from_secs(50);
/// The shared connections whose watches are still asked for as often as any.
const FEW_LANES: usize = 8;
/// How long beyond that nothing may come before the connection counts as lost.
const GRACE: Duration = Duration::from_secs(10);
/// Changes that wait for the engine. A list is one change, a long first one a few.
const WAITING: usize = 256;
/// The longest wait between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A right may be given: seldom, and worth a request now and then.
const FORBIDDEN: Duration = Duration::from_secs(30);

/// See [`crate::ports::Cluster::watch`].
pub(super) fn watch(gateway: &KubernetesGateway, kind: Kind, scope: &Scope) -> BoxStream<'static, Change> {
    struct Start<'a> {
        gateway: &'a KubernetesGateway,
        kind: Kind,
        scope: &'a Scope,
        stream: Option<BoxStream<'static, Change>>,
    }
    impl Visitor for Start<'_> {
        fn visit<K: Watched>(&mut self) {
            if K::KIND == self.kind {
                self.stream = Some(start(Reader::of::<K>(), self.gateway.clone(), self.scope.clone()));
            }
        }
    }
    let mut starting = Start { gateway, kind, scope, stream: None };
    visit(&mut starting);
    starting.stream.unwrap_or_else(|| {
        let fault = Fault::new(FaultKind::Invalid, &format!("sealwatch does not watch {kind}."));
        stream::iter([Change::Lost(kind.into(), fault)]).chain(stream::pending()).boxed()
    })
}

/// The work runs in a task of its own from the first poll on, and ends when the stream is dropped.
fn start(reader: Reader, gateway: KubernetesGateway, scope: Scope) -> BoxStream<'static, Change> {
    let lazily = async move {
        let (sender, receiver) = mpsc::channel(WAITING);
        let closed = sender.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = closed.closed() => {}
                _ = reach::run(reader, gateway, scope, sender) => {}
            }
        });
        stream::unfold(receiver, |mut receiver| async move { receiver.recv().await.map(|change| (change, receiver)) })
    };
    stream::once(lazily).flatten().boxed()
}

/// How a kind is read. All else of a watch is the same for every kind, and there once: fifty copies of it would be a
/// fifth of the program.
#[derive(Clone, Copy)]
struct Reader {
    kind: Kind,
    api: Api,
    line: ReadLine,
    page: fn(&[u8], &mut Names) -> Option<list::Page>,
}

impl Reader {
    const fn of<K: Watched>() -> Self {
        Self { kind: K::KIND, api: K::API, line: events::read_object::<K>, page: list::read_page::<K> }
    }
}

/// Reads one line of a watch: an object and its resource version.
type ReadLine = fn(&[u8], &mut Names) -> Event<(Object, Box<str>)>;

struct Watcher {
    reader: Reader,
    gateway: KubernetesGateway,
    part: Part,
    names: Names,
    sender: mpsc::Sender<Change>,
    /// What was last said to be wrong: it is said once, not at each attempt.
    said: Option<Fault>,
    /// The version in use, once one worked.
    version: Option<&'static str>,
    /// The resource version to go on from; none means: list.
    position: Option<Box<str>>,
    /// Whether the server can stream a list (`sendInitialEvents`, from 1.32 on by default).
    streams: bool,
    failures: u32,
    /// Whether it ends when it is refused, for parts of it that may be read.
    yields: bool,
    /// Since when it is refused what it was given before.
    refused: Option<Instant>,
    /// Whether anything of it was told.
    told: bool,
    /// How it is carried, once that was asked.
    carried: Option<Carried>,
}

/// On which connection a watch goes.
#[derive(Clone, Copy)]
enum Carried {
    /// One of its own.
    Alone,
    /// One that it shares.
    Shared(Lane),
}

/// Why an attempt ended.
enum End {
    /// The server forgot where we were: list again.
    Forgotten,
    /// The server says that there is no such collection: look again what it serves.
    Unserved,
    /// Nobody listens any more.
    Closed,
    /// It failed.
    Failed(Failure),
}

impl From<Failure> for End {
    fn from(failure: Failure) -> Self {
        if failure.code == Some(410) { Self::Forgotten } else { Self::Failed(failure) }
    }
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}

impl Watcher {
    fn new(reader: Reader, gateway: KubernetesGateway, part: Part, sender: mpsc::Sender<Change>) -> Self {
        Self {
            reader,
            gateway,
            part,
            names: Names::default(),
            sender,
            said: None,
            version: None,
            position: None,
            streams: true,
            failures: 0,
            yields: false,
            refused: None,
            told: false,
            carried: None,
        }
    }

    /// Watches until it is refused, if it yields to that, and else for ever.
    async fn run(&mut self) -> Result<(), End> {
        loop {
            let began = Instant::now();
            match self.attempt().await {
                Ok(()) if began.elapsed() > Duration::from_secs(1) => self.failures = 0,
                Ok(()) | Err(End::Forgotten) => {
                    // A server or a proxy that ends every watch at once must not be asked in a tight loop.
                    self.failures += 1;
                    if self.failures > 2 {
                        tokio::time::sleep(pause(self.failures)).await;
                    }
                }
                Err(End::Unserved) => {
                    self.version = None;
                    self.position = None;
                    self.gateway.0.served.doubt().await;
                    self.failures += 1;
                    tokio::time::sleep(pause(self.failures)).await;
                }
                Err(End::Closed) => return Err(End::Closed),
                Err(End::Failed(failure)) => {
                    self.failures += 1;
                    if self.is_refused(&failure) {
                        return Ok(());
                    }
                    let wait = match failure.fault.kind {
                        FaultKind::NotFound | FaultKind::Absent => served::FRESH,
                        FaultKind::Forbidden if !self.yields => FORBIDDEN,
                        // Not before the server wishes it, and not all watches at once then.
                        _ => failure.after.unwrap_or_default() + pause(self.failures),
                    };
                    if failure.code.is_some() && self.failures > 2 {
                        // A server that was restored from a backup may never reach a position of the future.
                        self.position = None;
                    }
                    // The storage of a custom resource is opened at the first request for it: what passes in a moment is
                    // no news, and would end a single look before there is anything to see.
                    let passes = failure.fault.kind == FaultKind::Throttled && failure.after.is_some_and(|after| after <= BRIEF);
                    if !passes || self.failures > 1 {
                        self.lose(failure.fault).await?;
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Whether it yields to this: at once if it never was allowed, else only if that lasts.
    fn is_refused(&mut self, failure: &Failure) -> bool {
        if !self.yields || failure.code != Some(403) {
            return false;
        }
        let since = *self.refused.get_or_insert_with(Instant::now);
        !self.told || since.elapsed() > reach::BELIEVED
    }

    /// Lists if it must, then watches until the server ends it.
    async fn attempt(&mut self) -> Result<(), End> {
        if self.position.is_none() {
            self.list().await?;
        }
        match self.follow().await {
            Err(End::Forgotten) => {
                self.position = None;
                Err(End::Forgotten)
            }
            other => other,
        }
    }

    /// Watches from the position on.
    async fn follow(&mut self) -> Result<(), End> {
        let kind = self.reader.kind;
        let position = self.position.clone().unwrap_or_default();
        self.lane().await;
        let term = self.term();
        let query = format!("watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={position}", term.as_secs());
        let mut lines = self.open(&query).await?;
        self.send(Change::Heard(self.part.clone())).await?;
        while let Some(line) = lines.next(term + GRACE).await.map_err(|cut| self.cut(cut))? {
            let (change, position) = match (self.reader.line)(&line, &mut self.names) {
                Event::Changed((object, position)) => (Change::Applied(object), position),
                Event::Deleted(bare) => (Change::Deleted(bare.object_ref(kind)), bare.metadata.resource_version),
                Event::Unreadable(bare, error) => (Change::Odd(bare.unreadable(kind, &error)), bare.metadata.resource_version),
                Event::Bookmark { position, .. } => (Change::Heard(self.part.clone()), position),
                // What the garbage should have said is not known, so everything is asked for anew.
                Event::Refused { code: 410, .. } | Event::Garbage => return Err(End::Forgotten),
                Event::Refused { code, message } => return Err(super::faults::refused(code, &message, &self.asked()).into()),
                Event::Nothing => continue,
            };
            if !position.is_empty() {
                self.position = Some(position);
            }
            self.send(change).await?;
        }
        Ok(())
    }

    /// Opens a watch on the served version, which is looked up where it is not known.
    async fn open(&mut self, query: &str) -> Result<Lines, End> {
        let asked = self.asked();
        let collection = self.collection().await?;
        let mut request = super::requests::get(&format!("{collection}?{query}"))?;
        // Kubernetes >= 1.37 packs each event for itself, which tower-http's decoder cannot read (tower-http#737).
        request.headers_mut().insert(http::header::ACCEPT_ENCODING, http::HeaderValue::from_static("identity"));
        if let Some(lane) = self.lane().await {
            request.extensions_mut().insert(lane);
        }
        let response = self.gateway.0.send(request, &asked).await.map_err(|failure| self.explained(failure))?;
        Ok(Lines::new(response.into_body()))
    }

    /// How long a watch is asked for.
    const fn term(&self) -> Duration {
        match self.carried {
            Some(Carried::Shared(Lane(number))) if number >= FEW_LANES => SHARED_WATCH,
            _ => WATCH,
        }
    }

    /// One watch of a kind has a connection of its own; those in many namespaces share one.
    async fn lane(&mut self) -> Option<Lane> {
        self.namespace()?;
        let carried = match self.carried {
            Some(carried) => carried,
            None => *self.carried.insert(self.gateway.0.next_lane().await.map_or(Carried::Alone, Carried::Shared)),
        };
        match carried {
            Carried::Shared(lane) => Some(lane),
            Carried::Alone => None,
        }
    }

    async fn collection(&mut self) -> Result<String, End> {
        let version = match self.version {
            Some(version) => version,
            None => *self.version.insert(self.gateway.0.served.version(&self.gateway.0, &self.reader.api).await?),
        };
        Ok(served::collection(&self.reader.api, version, self.namespace())?)
    }

    fn namespace(&self) -> Option<&Name> {
        Some(&self.part.namespace).filter(|namespace| !namespace.is_empty())
    }

    /// Where, at the end of a sentence.
    fn place(&self) -> String {
        self.namespace().map_or_else(String::new, |namespace| format!(" in {namespace}"))
    }

    fn asked(&self) -> String {
        format!("watch {}{}", self.reader.api.plural, self.place())
    }

    /// What a refusal means for a watch.
    fn explained(&self, mut failure: Failure) -> End {
        match failure.code {
            Some(404) if self.reader.api.system() != System::Kubernetes => return End::Unserved,
            Some(403) => {
                let message = format!("You may not list and watch {}{}.", self.reader.api.plural, self.place());
                failure.fault = Fault::new(FaultKind::Forbidden, &message)
                    .hinted("Ask for the verbs list and watch, or use another context.");
            }
            _ => {}
        }
        failure.into()
    }

    fn cut(&self, cut: Cut) -> End {
        let server = &self.gateway.0.server;
        match cut {
            Cut::Still => Fault::new(
                FaultKind::Timeout,
                &format!(
                    "Nothing was heard of {server} about {}{} for {} s.",
                    self.reader.api.plural,
                    self.place(),
                    (self.term() + GRACE).as_secs()
                ),
            )
            .hinted("Is the VPN up?")
            .into(),
            Cut::Broken(error) => of(&error, server, &self.asked()).into(),
            Cut::TooLong => self.gateway.0.not_kubernetes(&self.asked()).into(),
        }
    }

    async fn lose(&mut self, fault: Fault) -> Result<(), End> {
        if self.said.as_ref() == Some(&fault) {
            return Ok(());
        }
        self.said = Some(fault.clone());
        let absent = fault.kind == FaultKind::Absent;
        let change = if absent { Change::Absent } else { Change::Lost }(self.part.clone(), fault);
        self.sender.send(change).await.map_err(|_| End::Closed)
    }

    async fn send(&mut self, change: Change) -> Result<(), End> {
        self.said = None;
        self.refused = None;
        self.sender.send(change).await.map_err(|_| End::Closed)
    }
}

/// A wait that doubles, and is never the same for two watches: seven that fail together must not knock
/// together.
fn pause(failures: u32) -> Duration {
    let full = Duration::from_millis(500).saturating_mul(1 << failures.saturating_sub(1).min(6)).min(LONGEST_PAUSE);
    full / 2 + jittered(full / 2)
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
