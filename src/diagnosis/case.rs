//! What a rule is given: one object, with what belongs to it looked up once.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::finding::{CauseKey, Certainty, Finding, Severity, Source};
use super::readings::Readings;
use super::server::{ServerState, said};
use crate::model::kinds::external_secret::RemoteRef;
use crate::model::kinds::{Event, ExternalSecret, SecretStore, Watched as _};
use crate::model::vault::{MountState, SecretPath};
use crate::model::{Clock, Condition, Health, Inventory, Kind, ObjectRef, PathState, Status, Text, VaultServer};

/// The world at a time.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The world.
    pub world: &'a Inventory,
    now: Timestamp,
    /// When Vaults were read from.
    readings: &'a Readings,
    /// When what was asked of the time is to be asked again.
    again: &'a Cell<Option<Timestamp>>,
}

/// What External Secrets says of a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// Where it was said: an event, or a condition (which says the cause in versions before 0.20 only).
    pub source: Source,
    /// In one word.
    pub reason: &'a str,
    /// The text.
    pub text: &'a str,
    /// When it was said last.
    pub at: Option<Timestamp>,
}

/// One store.
pub struct StoreCase<'a> {
    /// The world.
    pub case: Case<'a>,
    /// The store.
    pub store: &'a SecretStore,
    /// Its name.
    pub object: ObjectRef,
    /// Its Vault, if it has one.
    pub server: Option<&'a VaultServer>,
    /// Why it fails, as far as External Secrets says so; `None` for a store that does not fail.
    pub word: Option<Word<'a>>,
}

/// One `ExternalSecret`.
pub struct ReaderCase<'a> {
    /// The world.
    pub case: Case<'a>,
    /// The `ExternalSecret`.
    pub es: &'a ExternalSecret,
    /// Its name.
    pub object: ObjectRef,
    /// The store that it reads through, if there is one.
    pub store: Option<&'a SecretStore>,
    /// The Vault of that store.
    pub server: Option<&'a VaultServer>,
    /// Why it fails, as far as External Secrets says so; `None` for one that does not fail.
    pub word: Option<Word<'a>>,
    /// Whether a look at something else has already told why it fails.
    pub told: bool,
}

/// One path of a Vault that is not as it should be.
pub struct PathCase<'a> {
    /// The world.
    pub case: Case<'a>,
    /// Its Vault.
    pub server: &'a VaultServer,
    /// Its name.
    pub object: ObjectRef,
    /// What Vault says of it.
    pub path: &'a SecretPath,
}

/// One thing that an `ExternalSecret` reads.
pub struct Read<'a> {
    /// As the spec says it.
    pub remote: &'a RemoteRef,
    /// The version that it is held to; `None` for whichever is the current one.
    pub version: Option<u64>,
    /// The full path.
    pub full: Text,
    /// What Vault says of that path.
    pub path: Option<&'a SecretPath>,
}

impl<'a> Case<'a> {
    pub(super) const fn new(
        world: &'a Inventory,
        now: Timestamp,
        readings: &'a Readings,
        again: &'a Cell<Option<Timestamp>>,
    ) -> Self {
        Self { world, now, readings, again }
    }

    /// When anything was read from a Vault last.
    #[must_use]
    pub fn last_read(&self, vault: &ObjectRef) -> Option<Timestamp> {
        self.readings.last_read(self.world, vault)
    }

    /// The first time since then at which an `ExternalSecret` that fails, and reads from a Vault, began to.
    #[must_use]
    pub fn first_failure(&self, vault: &ObjectRef, then: Option<Timestamp>) -> Option<Timestamp> {
        self.readings.first_failure(self.world, vault, then)
    }

    /// Whether this time is over. A rule has no other clock: so it is known when it has to look again.
    #[must_use]
    pub fn has_passed(&self, at: Timestamp) -> bool {
        let passed = at < self.now;
        if !passed {
            self.again.set(Some(self.again.get().map_or(at, |first| first.min(at))));
        }
        passed
    }

    /// Whether this was more than so many seconds ago.
    #[must_use]
    pub fn is_longer_ago(&self, at: Timestamp, seconds: i64) -> bool {
        at.checked_add(SignedDuration::from_secs(seconds)).is_ok_and(|end| self.has_passed(end))
    }

    pub(super) fn of_store(self, store: &'a SecretStore) -> StoreCase<'a> {
        let object = store.store_ref();
        let fails = store.ready.as_ref().is_some_and(|ready| ready.status != Status::True);
        let word = fails.then(|| self.word(&object, store.ready.as_ref())).flatten();
        StoreCase { case: self, store, server: self.world.vault_of(store).map(AsRef::as_ref), word, object }
    }

    pub(super) fn of_reader(self, es: &'a ExternalSecret) -> ReaderCase<'a> {
        let object = es.object_ref();
        let store = es.store_ref().and_then(|store| self.world.store(&store));
        let server = store.and_then(|store| self.world.vault_of(store)).map(AsRef::as_ref);
        let fails = es.health() == Health::Failing;
        let word = fails.then(|| self.word(&object, es.ready.as_ref())).flatten();
        ReaderCase { case: self, es, object, store, server, word, told: false }
    }

    /// The newest failure that is told: by an event, or where these are gone (after an hour), by the condition.
    fn word(self, object: &ObjectRef, ready: Option<&'a Condition>) -> Option<Word<'a>> {
        let event = self.world.events_of(object).into_iter().rev().find(|event| event.warning);
        let told = event.map(|event| Word {
            source: Source::Event,
            reason: event.reason.as_str(),
            text: event.message.as_str(),
            at: event.last,
        });
        let condition = || {
            let ready = ready?;
            let (reason, text) = (ready.reason.as_str(), ready.message.as_str());
            Some(Word { source: Source::Kubernetes, reason, text, at: ready.since })
        };
        told.or_else(condition)
    }
}

impl StoreCase<'_> {
    /// What External Secrets says of its failure; empty where it does not fail or says nothing.
    #[must_use]
    pub fn text(&self) -> &str {
        self.word.as_ref().map_or("", |word| word.text)
    }

    /// That it fails, as its condition and the newest event say it; without a cause so far.
    #[must_use]
    pub fn finding(&self, slug: &'static str, severity: Severity, summary: String) -> Finding {
        let ready = self.store.ready.as_ref();
        with_words(Finding::certain(slug, severity, self.object.clone(), summary), ready, self.word.as_ref())
    }

    /// This store under what is wrong with its Vault, if that is why it fails.
    pub(super) fn under(&self, root: &Finding) -> Option<Finding> {
        self.server.filter(|server| self.word.is_some() && is_hit(server, self.store, root, self.text()))?;
        let summary = "This store cannot log in to its Vault.".to_owned();
        let finding = self.finding(root.slug, Severity::Error, summary).under(root.slug, root.subject.clone());
        Some(finding.as_sure_as(root.certainty))
    }
}

impl ReaderCase<'_> {
    /// What External Secrets says of its failure; empty where it does not fail or says nothing.
    #[must_use]
    pub fn text(&self) -> &str {
        self.word.as_ref().map_or("", |word| word.text)
    }

    /// That it fails, as its condition and the newest event say it; without a cause so far.
    #[must_use]
    pub fn finding(&self, slug: &'static str, severity: Severity, summary: String) -> Finding {
        let ready = self.es.ready.as_ref();
        with_words(Finding::certain(slug, severity, self.object.clone(), summary), ready, self.word.as_ref())
    }

    /// Whether External Secrets says no more than that something fails: the event that held the cause is gone.
    #[must_use]
    pub fn is_untold(&self) -> bool {
        self.word.as_ref().is_some_and(|word| word.source == Source::Kubernetes)
    }

    /// Whether what External Secrets says is about this key: it names it, or names none.
    #[must_use]
    pub fn names_key(&self, key: &Text) -> bool {
        let text = self.text();
        !text.contains("(key: ") || text.contains(&format!("(key: {key})"))
    }

    /// What it reads, with what Vault says of it.
    pub fn reads(&self) -> impl Iterator<Item = Read<'_>> {
        let vault = self.store.and_then(|store| store.vault.as_ref());
        self.es.reads().filter_map(move |(remote, version)| {
            let full = vault?.path_of(remote.key.as_str());
            let path = self.server.and_then(|server| server.paths.get(&full));
            Some(Read { remote, version, full, path })
        })
    }

    /// Whether the mount of what it reads is known to be there.
    #[must_use]
    pub fn has_mount(&self, read: &Read<'_>) -> bool {
        let mount = self.server.zip(read.path).and_then(|(server, path)| server.mount_of(path));
        mount.is_some_and(|mount| matches!(mount.state, MountState::Kv(_)))
    }

    /// When the newest version of what it reads was written.
    #[must_use]
    pub fn newest_version(&self) -> Option<Timestamp> {
        self.reads()
            .filter_map(|read| match *read.state()? {
                PathState::Present { written, .. } => written,
                _ => None,
            })
            .max()
    }

    /// Whether its Secret is not there, and would be seen if it were.
    #[must_use]
    pub fn lacks_target(&self) -> bool {
        let (namespace, name) = (self.es.meta.namespace.clone(), self.es.target.clone());
        let secret = ObjectRef { kind: Kind::Secret, namespace, name };
        self.case.world.target_of(self.es).is_none() && self.case.world.would_show(&secret)
    }

    /// The newest event with this reason.
    #[must_use]
    pub fn event(&self, reason: &str) -> Option<&Event> {
        let events = self.case.world.events_of(&self.object);
        events.into_iter().rev().find(|event| event.reason.as_str() == reason).map(AsRef::as_ref)
    }

    /// Why what it reads was not found, as Vault tells.
    #[must_use]
    pub fn absence(&self) -> Option<(String, CauseKey)> {
        let (store, server) = (self.es.store_ref()?, self.server?);
        self.reads().find_map(|read| {
            let full = &read.full;
            // Nothing is wrong with the path itself where the version is not the current one.
            let path = || if read.is_held_back() { self.object.clone() } else { server.address.path_ref(full) };
            Some(match &*read.state()? {
                PathState::NoMount => {
                    (format!("its Vault has no mount “{}”", read.path?.mount), ("mount-missing", store.clone()))
                }
                PathState::OtherVersion(version) => {
                    (format!("the mount of {full} is KV version {version}"), ("kv-version-mismatch", store.clone()))
                }
                PathState::Missing => (format!("{full} does not exist"), ("path-missing", path())),
                PathState::Deleted { version, .. } => {
                    (format!("version {version} of {full} was deleted"), ("version-deleted", path()))
                }
                PathState::Destroyed { version } => {
                    (format!("version {version} of {full} was destroyed"), ("version-destroyed", path()))
                }
                _ => return None,
            })
        })
    }

    /// Tells of each version that it is held to, is not the current one and cannot be had: of these `why` gives the words,
    /// from the full path and the state of that version, and since when it is so.
    pub(super) fn tell_held(
        &self,
        slug: &'static str,
        why: impl Fn(&Text, &PathState) -> Option<(String, Option<Timestamp>)>,
        found: &mut Vec<Finding>,
    ) {
        // Nearly all read the current version, whatever it is: of these the look at the path tells.
        if self.es.more.as_ref().is_none_or(|more| more.pinned.is_empty()) {
            return;
        }
        // One that is green fails at its next refresh, if it has one.
        let severity = if self.word.is_some() { Severity::Error } else { Severity::Warning };
        if self.word.is_none() && self.es.next_refresh().is_none() {
            return;
        }
        // Several properties of one version are one matter.
        let mut told = BTreeSet::new();
        for read in self.reads().filter(Read::is_held_back) {
            if !told.insert((read.full.clone(), read.version)) {
                continue;
            }
            let Some((summary, since)) = read.state().and_then(|state| why(&read.full, &state)) else { continue };
            let finding = self.finding(slug, severity, summary);
            let finding = if since.is_some() { finding.since(since) } else { finding };
            found.push(finding.seen(Source::Vault, "metadata of the path", read.path.and_then(|path| path.asked)));
        }
    }

    /// How old the value is that its Secret keeps.
    #[must_use]
    pub fn last_sync(&self) -> String {
        match self.es.refreshed {
            Some(at) => format!("Its last sync was at {}; the Secret keeps the value of then.", Clock(at)),
            None => "It was never synced.".to_owned(),
        }
    }

    /// It under a cause that lies deeper, as sure as that is.
    #[must_use]
    pub fn under(&self, (slug, root): &CauseKey, certainty: Certainty) -> Finding {
        self.finding(slug, Severity::Error, self.last_sync()).under(slug, root.clone()).as_sure_as(certainty)
    }

    /// Whether what is wrong with its Vault makes it fail although its store still says that it is well.
    pub(super) fn is_hit_by(&self, root: &Finding) -> bool {
        self.server.zip(self.store).is_some_and(|(server, store)| is_hit(server, store, root, self.text()))
    }
}

/// Whether what is wrong with a Vault makes fail what reads there: it is known to be so, also inside the cluster.
pub(super) fn drags_down(root: &Finding) -> bool {
    let known = root.certainty == Certainty::Certain || root.evidence.iter().any(|evidence| evidence.source == Source::Event);
    root.because.is_none() && root.severity == Severity::Error && known
}

/// Whether what reads from this Vault and says this fails because of what is wrong with a Vault. Of one that nobody
/// serves everything does; one that serves in part fails some requests, and says so in them. So does a namespace that is
/// sealed by itself.
fn is_hit(server: &VaultServer, store: &SecretStore, root: &Finding, text: &str) -> bool {
    if server.address.space_named(&root.subject).is_some() {
        let within = store.vault.as_ref().is_some_and(|vault| vault.stands_in(&root.subject));
        return within && (text.is_empty() || text.contains("namespace is sealed"));
    }
    let told = text.is_empty()
        || ["Vault is sealed", "Code: 503", "Code: 500", "connection refused", "is not ready"]
            .iter()
            .any(|sign| text.contains(sign));
    server.subject() == root.subject && (told || ServerState::of(server) != ServerState::PartlySealed)
}

/// A finding since its condition is false, with what was said about it.
pub(super) fn with_words(finding: Finding, ready: Option<&Condition>, word: Option<&Word<'_>>) -> Finding {
    let mut finding = finding.since(ready.and_then(|ready| ready.since));
    // The event first: it alone holds the cause.
    if let Some(word) = word.filter(|word| word.source == Source::Event) {
        finding = finding.seen(Source::Event, format!("{}: {}", word.reason, word.text), word.at);
    }
    if let Some(ready) = ready {
        let what = format!("Ready={} {}: {}", said(ready.status), ready.reason, ready.message);
        finding = finding.seen(Source::Kubernetes, what, ready.since);
    }
    finding
}

impl Read<'_> {
    /// What Vault says of what is read: of the version that it is held to, or of the current one.
    #[must_use]
    pub fn state(&self) -> Option<Cow<'_, PathState>> {
        Some(self.path?.facts.version(self.version))
    }

    /// Whether it is held to a version that is not the current one: then what is said of the path is not said of it.
    #[must_use]
    pub fn is_held_back(&self) -> bool {
        self.path.is_some_and(|path| !path.facts.is_current(self.version))
    }

    /// The path as a policy has to name it.
    #[must_use]
    pub fn right(&self) -> String {
        match self.path {
            Some(path) if path.kv.as_str() != "v1" => {
                let key = path.key(&self.full);
                format!("{}/data/{}", path.mount.as_str().trim_matches('/'), key.strip_prefix("data/").unwrap_or(key))
            }
            _ => self.full.to_string(),
        }
    }
}

impl<'a> PathCase<'a> {
    /// What Vault says of it.
    #[must_use]
    pub const fn state(&self) -> &'a PathState {
        &self.path.facts.state
    }

    /// Whether its mount is known to be of the version that the store expects: of another one Vault says the same as of
    /// a path that is missing.
    fn is_sure(&self) -> bool {
        let Some(mount) = self.server.mount_of(self.path) else { return false };
        let expected = if self.path.kv.as_str() == "v1" { 1 } else { 2 };
        *self.state() != PathState::Missing || mount.state == MountState::Kv(expected)
    }

    /// What reads it as it is now. Who reads only an older version of it does not mind.
    fn readers(&self) -> Vec<(&'a SecretStore, &'a Arc<ExternalSecret>)> {
        let reads = self.case.world.reads_of_path(&self.object);
        let current = reads.filter(|(.., version)| self.path.facts.is_current(*version));
        let mut readers: Vec<_> = current.map(|(store, es, _)| (store, es)).collect();
        // One that reads several properties minds once.
        readers.dedup_by(|(_, one), (_, other)| Arc::ptr_eq(one, other));
        readers
    }

    /// Adds the path as the root, and what reads it.
    pub(super) fn tell(
        &self,
        slug: &'static str,
        summary: String,
        since: Option<Timestamp>,
        vault: &str,
        found: &mut Vec<Finding>,
    ) {
        let certainty = if self.is_sure() { Certainty::Certain } else { Certainty::Suspected };
        let readers = self.readers();
        let under: Vec<Finding> = readers.iter().filter_map(|(_, es)| self.hit(slug, &self.object, es)).collect();
        let lost = readers.iter().any(|(_, es)| has_lost_its_secret(es)).then_some(Severity::Error);
        let severity = under.iter().map(|finding| finding.severity).chain(lost).max();
        // Nobody reads it again: then nothing is wrong.
        let Some(severity) = severity else { return };
        let root = Finding::certain(slug, severity, self.object.clone(), summary).since(since);
        let root = root.seen(Source::Vault, vault, self.path.asked);
        found.extend(std::iter::once(root).chain(under).map(|finding| finding.as_sure_as(certainty)));
    }

    /// Adds the stores that read there as roots, and what reads through them. `summary` is given what mounts there are.
    pub(super) fn tell_stores(
        &self,
        slug: &'static str,
        summary: impl Fn(Option<String>) -> String,
        vault: &str,
        found: &mut Vec<Finding>,
    ) {
        let mut stores: BTreeMap<ObjectRef, Vec<&Arc<ExternalSecret>>> = BTreeMap::new();
        for (store, es) in self.readers() {
            stores.entry(store.store_ref()).or_default().push(es);
        }
        let mounts: Vec<&str> = self
            .server
            .mounts
            .iter()
            .filter(|(_, mount)| matches!(mount.state, MountState::Kv(_)))
            .map(|(name, _)| name.as_str())
            .collect();
        let others = (!mounts.is_empty()).then(|| format!("It has: {}.", mounts.join(", ")));
        for (store, readers) in stores {
            let root = Finding::certain(slug, Severity::Error, store.clone(), summary(others.clone()));
            found.push(root.seen(Source::Vault, format!("{}: {vault}", self.object.name), self.path.asked));
            found.extend(readers.into_iter().filter_map(|es| self.hit(slug, &store, es)));
        }
    }

    /// One reader under a root: it fails, or will when it comes due.
    fn hit(&self, slug: &'static str, root: &ObjectRef, es: &ExternalSecret) -> Option<Finding> {
        let reader = self.case.of_reader(es);
        if reader.word.is_some() {
            return Some(reader.under(&(slug, root.clone()), Certainty::Certain));
        }
        // Of one whose Secret was deleted for it another rule tells, and puts it under the same root.
        // Nor is anything wrong with one that was read after Vault was asked: the path was written meanwhile.
        let read_since = es.refreshed > self.path.asked;
        let due = es.next_refresh().filter(|_| !has_lost_its_secret(es) && !read_since && es.health() == Health::Healthy)?;
        let summary = format!("It is green, and will fail at its next refresh, at {}.", Clock(due));
        let finding = Finding::certain(slug, Severity::Warning, reader.object.clone(), summary).under(slug, root.clone());
        Some(finding.seen(Source::Kubernetes, "status.refreshTime", es.refreshed))
    }
}

/// Whether its Secret was deleted because its source was not found.
fn has_lost_its_secret(es: &ExternalSecret) -> bool {
    es.ready.as_ref().is_some_and(|ready| ready.reason.as_str() == "SecretDeleted")
}
