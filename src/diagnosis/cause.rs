//! Findings grouped under root causes, with how far each reaches: what fails now, what follows and when,
//! and what is not hit. One cause is one thing to repair.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::finding::{Certainty, Finding, Severity};
use super::reach::{Part, Reach, User};
use super::rule;
use super::server::ServerState;
use super::starting::Starting;
use super::unknown::{Unknown, unknown};
use crate::model::kinds::{ExternalSecret, Role, SecretStore, Watched as _};
use crate::model::{Health, Inventory, Kind, Name, ObjectRef, Status};

/// What the diagnosis says of one revision of the world.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Root causes, the one that reaches furthest first.
    pub causes: Vec<Cause>,
    /// Every finding; causes refer to them by index.
    pub findings: Vec<Arc<Finding>>,
    /// What could not be looked at, and what would let us.
    pub unknown: Vec<Unknown>,
    /// How many objects are broken now, by what they are.
    pub broken: Broken,
    /// Those of them that stand under no cause, each with what it says of itself.
    pub unexplained: Vec<Unknown>,
    /// Stores and `ExternalSecret`s that are not as they say: something was found although they say that they are well,
    /// or they had no time yet although they say that they fail, or nothing.
    pub gainsaid: BTreeSet<ObjectRef>,
    /// What had no time yet to be well or broken.
    pub starting: Starting,
    /// The findings of each object.
    subjects: Subjects,
}

/// One root cause.
#[derive(Clone, Debug)]
pub struct Cause {
    /// The rule that names it.
    pub slug: &'static str,
    /// What a screen calls it.
    pub title: &'static str,
    /// The object that is the root.
    pub subject: ObjectRef,
    /// Certain if its root finding is.
    pub certainty: Certainty,
    /// The rule's severity.
    pub severity: Severity,
    /// Since when.
    pub since: Option<Timestamp>,
    /// One sentence.
    pub summary: String,
    /// The first [`Cause::NAMED`] of the pods that wait for their Secrets.
    pub waiting: Vec<ObjectRef>,
    /// What depends on the root.
    pub radius: Counts,
    /// What of that fails now.
    pub failing: Counts,
    /// What will fail if nothing is done.
    pub follows: Follows,
    /// What looks as if it were hit and is not.
    pub spared: Spared,
    /// Indices into [`Diagnosis::findings`], the root's own first.
    pub findings: Vec<usize>,
    /// Runbooks that repair it.
    pub runbooks: &'static [&'static str],
}

/// Objects, counted by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Counts {
    /// Stores of both kinds.
    pub stores: usize,
    /// `ExternalSecret`s.
    pub external_secrets: usize,
    /// Secrets that exist.
    pub secrets: usize,
    /// Workloads that use these Secrets.
    pub workloads: usize,
    /// Their pods.
    pub pods: usize,
    /// Namespaces.
    pub namespaces: usize,
}

/// What is broken now: what says so itself, and replicas that Vault says are sealed. Every face counts it alike, and
/// names the kinds, for a person compares the numbers with those of the lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Stores of both kinds.
    pub stores: usize,
    /// `ExternalSecret`s.
    pub external_secrets: usize,
    /// Replicas of Vaults.
    pub replicas: usize,
}

impl Broken {
    const fn add(&mut self, kind: Kind) {
        match kind {
            Kind::ExternalSecret => self.external_secrets += 1,
            Kind::VaultReplica => self.replicas += 1,
            _ => self.stores += 1,
        }
    }

    /// All of them.
    #[must_use]
    pub const fn total(self) -> usize {
        self.stores + self.external_secrets + self.replicas
    }
}

impl fmt::Display for Broken {
    /// `3 stores, 16 ExternalSecrets, 1 replica`; `nothing` if there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [(self.stores, "store"), (self.external_secrets, "ExternalSecret"), (self.replicas, "replica")];
        let said: Vec<String> = kinds
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| format!("{count} {noun}{}", if count == 1 { "" } else { "s" }))
            .collect();
        f.write_str(if said.is_empty() { "nothing" } else { "" })?;
        f.write_str(&said.join(", "))
    }
}

/// What follows when nothing is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Follows {
    /// `ExternalSecret`s that are green and will fail at their next refresh.
    pub external_secrets: usize,
    /// When the first of them is due.
    pub first: Option<Timestamp>,
    /// When the last of them is due.
    pub last: Option<Timestamp>,
    /// Stores that still say Ready.
    pub stores: usize,
}

/// What is not hit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spared {
    /// `ExternalSecret`s that only generate and need no Vault.
    pub generators: usize,
    /// Secrets that exist and keep their value.
    pub secrets: usize,
    /// Pods that run on.
    pub pods: usize,
}

impl Diagnosis {
    /// Groups what was found. It costs what was found and what that reaches, however much is well.
    pub(super) fn of(world: &Inventory, findings: Vec<Arc<Finding>>, starting: Starting, reach: &mut Reach) -> Self {
        let causes = group(world, &findings, reach);
        let subjects = Subjects::of(&findings);
        let mut broken = Broken::default();
        let mut alone = Vec::new();
        for object in broken_objects(world).filter(|object| !starting.has(object)) {
            broken.add(object.kind);
            if subjects.first(&object).is_none() {
                alone.push(object.into_owned());
            }
        }
        alone.sort_unstable();
        let unexplained: Vec<Unknown> = alone.iter().map(|object| unexplained(world, object)).collect();
        let early = starting.objects().filter(|object| says_well(world, object, reach) == Some(false)).cloned();
        let mut gainsaid: BTreeSet<ObjectRef> = early.collect();
        gainsaid.extend(subjects.all().filter(|object| says_well(world, object, reach) == Some(true)).cloned());
        Self { unknown: unknown(world), broken, unexplained, gainsaid, causes, findings, starting, subjects }
    }

    /// The findings about one object.
    pub fn about(&self, object: &ObjectRef) -> impl Iterator<Item = &Finding> {
        let first = self.subjects.first(object);
        std::iter::successors(first, |at| self.subjects.next(*at)).map(|at| &*self.findings[at])
    }

    /// The worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Where the findings of each object stand: the first, and after each the next. Nearly all have but one.
#[derive(Clone, Debug, Default)]
struct Subjects {
    first: HashMap<ObjectRef, usize>,
    next: HashMap<usize, usize>,
}

impl Subjects {
    fn of(findings: &[Arc<Finding>]) -> Self {
        let mut subjects = Self { first: HashMap::with_capacity(findings.len()), next: HashMap::new() };
        for (at, finding) in findings.iter().enumerate().rev() {
            if let Some(later) = subjects.first.insert(finding.subject.clone(), at) {
                subjects.next.insert(at, later);
            }
        }
        subjects
    }

    fn all(&self) -> impl Iterator<Item = &ObjectRef> {
        self.first.keys()
    }

    fn first(&self, object: &ObjectRef) -> Option<usize> {
        self.first.get(object).copied()
    }

    fn next(&self, at: usize) -> Option<usize> {
        self.next.get(&at).copied()
    }
}

fn group(world: &Inventory, findings: &[Arc<Finding>], reach: &mut Reach) -> Vec<Cause> {
    let mut groups: HashMap<(&'static str, &ObjectRef), Vec<usize>> = HashMap::new();
    for (index, finding) in findings.iter().enumerate() {
        groups.entry(finding.root()).or_default().push(index);
    }
    let cause = |((slug, subject), mut under): ((&'static str, &ObjectRef), Vec<usize>)| {
        // The root's own findings lead its group, the last of them first.
        under.sort_by_key(|index| findings[*index].because.is_some());
        let own = under.iter().take_while(|index| findings[**index].because.is_none()).count();
        under[..own].reverse();
        cause(world, findings, slug, subject.clone(), under, reach)
    };
    let mut causes: Vec<Cause> = groups.into_iter().filter_map(cause).collect();
    // The same for every cause, and counted once: there may be as many causes as objects.
    let generators = || world.generating().into_iter().filter(|es| es.remote.is_empty()).count();
    let generators = if causes.is_empty() { 0 } else { generators() };
    // They need no Vault: that is worth saying where a Vault or a store is the cause.
    let kinds = [Kind::Vault, Kind::SecretStore, Kind::ClusterSecretStore];
    for cause in causes.iter_mut().filter(|cause| kinds.contains(&cause.subject.kind)) {
        cause.spared.generators = generators;
    }
    causes.sort_by(|a, b| {
        b.severity.cmp(&a.severity).then(b.reach().cmp(&a.reach())).then(a.subject.cmp(&b.subject)).then(a.slug.cmp(b.slug))
    });
    causes
}

impl Cause {
    /// So many waiting pods are named; how many there are, [`Counts::pods`] of what fails says.
    pub const NAMED: usize = 3;

    /// The order of causes: by what fails now, then by what depends.
    fn reach(&self) -> (Counts, Counts) {
        (self.failing, self.radius)
    }
}

fn cause(
    world: &Inventory,
    findings: &[Arc<Finding>],
    slug: &'static str,
    subject: ObjectRef,
    under: Vec<usize>,
    reach: &mut Reach,
) -> Option<Cause> {
    let rule = rule(slug)?;
    let root = &findings[*under.first()?];
    let found = || under.iter().map(|index| &*findings[*index]);
    let (failing, waiting) = failing(world, found(), reach);
    let reached = reached(world, &subject, found, reach);
    let (radius, mut follows, spared) = radius(world, &reached);
    // A server that still serves, if badly, breaks what reads through it now and then, not one after the other.
    if world.vault(&subject).is_some_and(|server| !ServerState::of(server).is_down()) {
        follows = Follows::default();
    }
    // What is wrong with one reader does not come over others with time.
    if subject.kind == Kind::ExternalSecret {
        follows = Follows::default();
    }
    Some(Cause {
        slug,
        title: rule.title,
        certainty: root.certainty,
        severity: root.severity,
        since: root.since,
        summary: root.summary.clone(),
        waiting,
        subject,
        radius,
        failing,
        follows,
        spared,
        findings: under,
        runbooks: rule.runbooks,
    })
}

/// What fails now: the objects of error findings under a cause, and the pods that wait for their Secrets, the first of
/// them by name.
fn failing<'a>(world: &Inventory, found: impl Iterator<Item = &'a Finding>, reach: &mut Reach) -> (Counts, Vec<ObjectRef>) {
    let mut counts = Counts::default();
    let (mut stores, mut namespaces, mut pods) = (HashSet::new(), HashSet::new(), HashMap::new());
    reach.count();
    for finding in found.filter(|finding| finding.severity == Severity::Error) {
        match finding.subject.kind {
            Kind::SecretStore | Kind::ClusterSecretStore => {
                stores.insert(&finding.subject);
            }
            Kind::ExternalSecret => {
                let Some(part) = reach.first(world, &finding.subject) else { continue };
                counts.external_secrets += 1;
                let waiting = part.pods.iter().filter(|user| user.pod.wants_secret());
                pods.extend(waiting.map(|user| (Arc::as_ptr(&user.pod), user.pod.clone())));
            }
            _ => continue,
        }
        if !finding.subject.namespace.is_empty() {
            namespaces.insert(&finding.subject.namespace);
        }
    }
    let mut names: Vec<ObjectRef> = pods.values().map(|pod| pod.object_ref()).collect();
    names.sort_unstable();
    names.truncate(Cause::NAMED);
    (Counts { stores: stores.len(), pods: pods.len(), namespaces: namespaces.len(), ..counts }, names)
}

/// The stores and `ExternalSecret`s that depend on a root.
struct Reached {
    stores: HashSet<ObjectRef>,
    readers: Vec<Arc<Part>>,
}

fn reached<'a, F: Iterator<Item = &'a Finding>>(
    world: &Inventory,
    subject: &ObjectRef,
    found: impl Fn() -> F,
    reach: &mut Reach,
) -> Reached {
    let named = |is: fn(Kind) -> bool| found().map(|finding| &finding.subject).filter(move |object| is(object.kind));
    let mut stores: HashSet<ObjectRef> =
        named(|kind| matches!(kind, Kind::SecretStore | Kind::ClusterSecretStore)).cloned().collect();
    if subject.kind == Kind::Vault {
        stores.extend(world.stores_of(subject).map(SecretStore::store_ref));
    }
    reach.count();
    let mut readers: Vec<Arc<Part>> =
        named(|kind| kind == Kind::ExternalSecret).filter_map(|es| reach.first(world, es)).collect();
    for store in &stores {
        readers.extend(world.pointing_at(store, Role::ReadsThrough).filter_map(|es| reach.first(world, es)));
    }
    Reached { stores, readers }
}

fn radius(world: &Inventory, reached: &Reached) -> (Counts, Follows, Spared) {
    let mut counts = Counts { stores: reached.stores.len(), external_secrets: reached.readers.len(), ..Counts::default() };
    let is_ready = |store: &SecretStore| store.ready.as_ref().is_some_and(|ready| ready.status == Status::True);
    let ready = reached.stores.iter().filter_map(|store| world.store(store)).filter(|store| is_ready(store));
    let mut follows = Follows { stores: ready.count(), ..Follows::default() };
    let mut spared = Spared::default();
    let mut namespaces: HashSet<&Name> = reached.stores.iter().map(|s| &s.namespace).filter(|n| !n.is_empty()).collect();
    let (mut pods, mut workloads) = (HashSet::new(), HashSet::new());
    for part in &reached.readers {
        let es = &part.es;
        namespaces.insert(&es.meta.namespace);
        counts.secrets += usize::from(part.has_secret);
        for User { pod, workload } in part.pods.iter().filter(|user| !user.pod.is_over()) {
            if pods.insert(Arc::as_ptr(pod)) {
                spared.pods += usize::from(pod.phase.as_str() == "Running");
                workloads.extend(workload.as_ref().map(|workload| (&pod.meta.namespace, workload)));
            }
        }
        if let Some(due) = es.next_refresh().filter(|_| es.health() == Health::Healthy && !es.remote.is_empty()) {
            follows.external_secrets += 1;
            follows.first = Some(follows.first.map_or(due, |first| first.min(due)));
            follows.last = Some(follows.last.map_or(due, |last| last.max(due)));
        }
    }
    counts.workloads = workloads.len();
    counts.pods = pods.len();
    counts.namespaces = namespaces.len();
    spared.secrets = counts.secrets;
    (counts, follows, spared)
}

/// Whether a store or an `ExternalSecret` says of itself that it works.
fn says_well(world: &Inventory, object: &ObjectRef, reach: &mut Reach) -> Option<bool> {
    let health = match object.kind {
        Kind::ExternalSecret => reach.of(world, object).map(|part| part.es.health()),
        Kind::SecretStore | Kind::ClusterSecretStore => world.store(object).map(SecretStore::health),
        _ => None,
    };
    health.map(|health| matches!(health, Health::Healthy | Health::Warning))
}

/// Every object that says itself, or of which Vault says, that it is broken now; each once, in no order.
fn broken_objects(world: &Inventory) -> impl Iterator<Item = Cow<'_, ObjectRef>> {
    let stores = world.stores().filter(|store| store.health() == Health::Failing).map(|store| Cow::Owned(store.store_ref()));
    let external_secrets = world.failing_names(Kind::ExternalSecret).map(Cow::Borrowed);
    let replicas =
        world.vaults.values().flat_map(|server| server.sealed().map(move |(pod, _)| Cow::Owned(server.replica_ref(pod))));
    stores.chain(external_secrets).chain(replicas)
}

/// A broken object that no rule explains, with the last word about it.
fn unexplained(world: &Inventory, object: &ObjectRef) -> Unknown {
    let event = world
        .events_of(object)
        .into_iter()
        .rev()
        .find(|event| event.warning)
        .map(|event| format!("{}: {}", event.reason, event.message));
    let condition = match object.kind {
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).and_then(|es| es.ready.clone()),
        _ => world.store(object).and_then(|store| store.ready.clone()),
    };
    let said = event.or_else(|| condition.map(|ready| format!("{}: {}", ready.reason, ready.message)));
    Unknown { subject: object.to_string(), needs: format!("a cause that no rule knows; it says: {}", said.unwrap_or_default()) }
}
