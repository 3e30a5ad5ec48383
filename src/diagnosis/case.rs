//! What a rule is given: one object, with what belongs to it looked up once. The order of the looks is that of
//! causality: Vaults, then the stores that log in to them, then what reads through these, then the rest.

use jiff::Timestamp;

use super::finding::{CauseKey, Certainty, Finding, Severity, Source};
use super::server::{ServerState, said};
use super::{Check, RULES};
use crate::model::kinds::{ExternalSecret, SecretStore, Watched as _};
use crate::model::{Clock, Condition, Health, Inventory, ObjectRef, Status, VaultServer};

/// The world at a time.
#[derive(Clone, Copy)]
pub struct Case<'a> {
    /// The world.
    pub world: &'a Inventory,
    /// When it is judged.
    pub now: Timestamp,
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
}

/// Looks at everything in the world, in order.
pub(super) fn examine(world: &Inventory, now: Timestamp) -> Vec<Finding> {
    let case = Case { world, now };
    let mut found = Vec::new();
    for rule in RULES {
        if let Check::Vault(check) = rule.check {
            world.vaults.values().for_each(|server| check(&case, server, &mut found));
        }
    }
    let servers: Vec<Finding> = found.iter().filter(|finding| finding.because.is_none()).cloned().collect();
    let mut blamed: std::collections::HashMap<ObjectRef, Vec<CauseKey>> = std::collections::HashMap::new();
    for store in world.stores() {
        let store = case.of_store(store);
        let mut here: Vec<Finding> = servers.iter().filter_map(|root| store.under(root)).collect();
        let login = store.login();
        for rule in RULES {
            match (rule.check, &login) {
                (Check::Store(check), _) => check(&store, &mut here),
                (Check::Login(check), Some(login)) => check(login, &mut here),
                _ => {}
            }
        }
        let errors = here.iter().filter(|finding| finding.severity == Severity::Error && finding.subject == store.object);
        let mut causes: Vec<CauseKey> = errors.map(Finding::cause).collect();
        causes.dedup();
        if !causes.is_empty() {
            blamed.insert(store.object, causes);
        }
        found.append(&mut here);
    }
    for rule in RULES {
        if let Check::World(check) = rule.check {
            check(&case, &mut found);
        }
    }
    for es in world.all::<ExternalSecret>().iter() {
        let reader = case.of_reader(es);
        let start = found.len();
        if reader.word.is_some() {
            let store = es.store_ref();
            let causes = store.as_ref().and_then(|store| blamed.get(store));
            found.extend(causes.into_iter().flatten().map(|cause| reader.under(cause)));
            if causes.is_none() {
                found.extend(servers.iter().filter(|root| reader.is_hit_by(root)).map(|root| reader.under(&root.cause())));
            }
        }
        let mut here = found.split_off(start);
        let login = reader.login();
        for rule in RULES {
            match (rule.check, &login) {
                (Check::ExternalSecret(check), _) => check(&reader, &mut here),
                (Check::Failing(check), _) if reader.word.is_some() => check(&reader, &mut here),
                (Check::Login(check), Some(login)) => check(login, &mut here),
                _ => {}
            }
        }
        found.append(&mut here);
    }
    found
}

impl<'a> Case<'a> {
    fn of_store(self, store: &'a SecretStore) -> StoreCase<'a> {
        let object = store.store_ref();
        let fails = store.ready.as_ref().is_some_and(|ready| ready.status != Status::True);
        let word = fails.then(|| self.word(&object, store.ready.as_ref())).flatten();
        StoreCase { case: self, store, server: self.world.vault_of(store).map(AsRef::as_ref), word, object }
    }

    fn of_reader(self, es: &'a ExternalSecret) -> ReaderCase<'a> {
        let object = es.object_ref();
        let store = es.store_ref().and_then(|store| self.world.store(&store));
        let server = store.and_then(|store| self.world.vault_of(store)).map(AsRef::as_ref);
        let fails = es.health() == Health::Failing;
        let word = fails.then(|| self.word(&object, es.ready.as_ref())).flatten();
        ReaderCase { case: self, es, object, store, server, word }
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
    fn under(&self, root: &Finding) -> Option<Finding> {
        let server = self.server?;
        let fails = self.store.ready.as_ref().is_some_and(|ready| ready.status != Status::True);
        if !fails || server.subject() != root.subject || !drags_down(server, root, self.text()) {
            return None;
        }
        let summary = "This store cannot log in to its Vault.".to_owned();
        Some(self.finding(root.slug, Severity::Error, summary).under(root.slug, root.subject.clone()))
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

    /// How old the value is that its Secret keeps.
    #[must_use]
    pub fn last_sync(&self) -> String {
        match self.es.refreshed {
            Some(at) => format!("Its last sync was at {}; the Secret keeps the value of then.", Clock(at)),
            None => "It was never synced.".to_owned(),
        }
    }

    /// It under a cause that lies deeper.
    #[must_use]
    pub fn under(&self, (slug, root): &CauseKey) -> Finding {
        self.finding(slug, Severity::Error, self.last_sync()).under(slug, root.clone())
    }

    /// Whether what is wrong with its Vault makes it fail although its store still says that it is well.
    fn is_hit_by(&self, root: &Finding) -> bool {
        self.server.is_some_and(|server| server.subject() == root.subject && drags_down(server, root, self.text()))
    }
}

/// Whether what is wrong with a Vault makes fail what reads there and says this. Of a Vault that nobody serves
/// everything does; one that serves in part fails some requests, and says so in them.
fn drags_down(server: &VaultServer, root: &Finding, text: &str) -> bool {
    let known = root.certainty == Certainty::Certain || root.evidence.iter().any(|evidence| evidence.source == Source::Event);
    let told = text.is_empty()
        || ["Vault is sealed", "Code: 503", "Code: 500", "connection refused", "is not ready"]
            .iter()
            .any(|sign| text.contains(sign));
    root.severity == Severity::Error && known && (ServerState::of(server) != ServerState::PartlySealed || told)
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
