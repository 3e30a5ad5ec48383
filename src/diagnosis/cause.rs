//! Findings grouped under root causes, with how far each reaches: what fails now, what follows and when,
//! and what is not hit. One cause is one thing to repair.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::finding::{CauseKey, Certainty, Finding, Severity};
use super::rule;
use super::server::ServerState;
use super::starting::Starting;
use super::unknown::{Unknown, unknown};
use crate::model::kinds::{ExternalSecret, Pod, SecretStore, Watched};
use crate::model::{Health, Inventory, Kind, ObjectRef, Status};

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
    subjects: HashMap<ObjectRef, Vec<usize>>,
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
    fn of(objects: &BTreeSet<ObjectRef>) -> Self {
        let mut broken = Self::default();
        for object in objects {
            match object.kind {
                Kind::ExternalSecret => broken.external_secrets += 1,
                Kind::VaultReplica => broken.replicas += 1,
                _ => broken.stores += 1,
            }
        }
        broken
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
    pub(super) fn of(world: &Inventory, findings: Vec<Arc<Finding>>, starting: Starting) -> Self {
        let causes = group(world, &findings);
        let mut subjects: HashMap<ObjectRef, Vec<usize>> = HashMap::new();
        for (index, finding) in findings.iter().enumerate() {
            subjects.entry(finding.subject.clone()).or_default().push(index);
        }
        let broken: BTreeSet<ObjectRef> = broken(world).into_iter().filter(|object| !starting.has(object)).collect();
        let alone = broken.iter().filter(|object| !subjects.contains_key(*object));
        let unexplained: Vec<Unknown> = alone.map(|object| unexplained(world, object)).collect();
        let found = subjects.keys().filter(|object| says_well(world, object) == Some(true));
        let early = starting.objects().filter(|object| says_well(world, object) == Some(false));
        let gainsaid = found.chain(early).cloned().collect();
        Self { unknown: unknown(world), broken: Broken::of(&broken), unexplained, gainsaid, causes, findings, starting, subjects }
    }

    /// The findings about one object.
    pub fn about(&self, object: &ObjectRef) -> impl Iterator<Item = &Finding> {
        self.subjects.get(object).into_iter().flatten().map(|index| &*self.findings[*index])
    }

    /// The worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

fn group(world: &Inventory, findings: &[Arc<Finding>]) -> Vec<Cause> {
    let mut groups: BTreeMap<CauseKey, Vec<usize>> = BTreeMap::new();
    for (index, finding) in findings.iter().enumerate() {
        let under = groups.entry(finding.cause()).or_default();
        // The root's own finding leads its group.
        if finding.because.is_none() { under.insert(0, index) } else { under.push(index) }
    }
    let mut causes: Vec<Cause> =
        groups.into_iter().filter_map(|((slug, subject), under)| cause(world, findings, slug, subject, under)).collect();
    // The same for every cause, and counted once: there may be as many causes as objects.
    let generators = || world.generating().into_iter().filter(|es| es.remote.is_empty()).count();
    let generators = if causes.is_empty() { 0 } else { generators() };
    for cause in &mut causes {
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
) -> Option<Cause> {
    let rule = rule(slug)?;
    let root = &findings[*under.first()?];
    let (failing, waiting) = failing(world, findings, &under);
    let reached = reached(world, &subject, findings, &under);
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
fn failing(world: &Inventory, findings: &[Arc<Finding>], under: &[usize]) -> (Counts, Vec<ObjectRef>) {
    let mut counts = Counts::default();
    let mut namespaces = BTreeSet::new();
    let mut pods = BTreeSet::new();
    for finding in under.iter().map(|index| &findings[*index]).filter(|finding| finding.severity == Severity::Error) {
        match finding.subject.kind {
            Kind::SecretStore | Kind::ClusterSecretStore => counts.stores += 1,
            Kind::ExternalSecret => {
                counts.external_secrets += 1;
                let Some(es) = world.get::<ExternalSecret>(&finding.subject) else { continue };
                let waiting = world.consumers_of(&es.meta.namespace, &es.target).filter(|pod| pod.wants_secret());
                pods.extend(waiting.map(|pod| pod.object_ref()));
            }
            _ => continue,
        }
        if !finding.subject.namespace.is_empty() {
            namespaces.insert(finding.subject.namespace.clone());
        }
    }
    counts.pods = pods.len();
    counts.namespaces = namespaces.len();
    (counts, pods.into_iter().take(Cause::NAMED).collect())
}

/// The stores and `ExternalSecret`s that depend on a root.
struct Reached {
    stores: BTreeSet<ObjectRef>,
    external_secrets: BTreeSet<ObjectRef>,
}

fn reached(world: &Inventory, subject: &ObjectRef, findings: &[Arc<Finding>], under: &[usize]) -> Reached {
    let named = || under.iter().map(|index| &findings[*index].subject);
    let mut stores: BTreeSet<ObjectRef> =
        named().filter(|o| matches!(o.kind, Kind::SecretStore | Kind::ClusterSecretStore)).cloned().collect();
    if subject.kind == Kind::Vault {
        stores.extend(world.stores_of(subject).map(SecretStore::store_ref));
    }
    let mut external_secrets: BTreeSet<ObjectRef> = named().filter(|o| o.kind == Kind::ExternalSecret).cloned().collect();
    for store in &stores {
        external_secrets.extend(world.readers_of(store).map(|es| es.object_ref()));
    }
    Reached { stores, external_secrets }
}

fn radius(world: &Inventory, reached: &Reached) -> (Counts, Follows, Spared) {
    let mut counts =
        Counts { stores: reached.stores.len(), external_secrets: reached.external_secrets.len(), ..Counts::default() };
    let mut follows = Follows {
        stores: reached
            .stores
            .iter()
            .filter_map(|s| world.store(s))
            .filter(|s| s.ready.as_ref().is_some_and(|r| r.status == Status::True))
            .count(),
        ..Follows::default()
    };
    let mut spared = Spared::default();
    let mut namespaces: BTreeSet<_> = reached.stores.iter().map(|s| &s.namespace).filter(|n| !n.is_empty()).collect();
    let mut pods: BTreeMap<ObjectRef, &Pod> = BTreeMap::new();
    for es in reached.external_secrets.iter().filter_map(|es| world.get::<ExternalSecret>(es)) {
        namespaces.insert(&es.meta.namespace);
        counts.secrets += usize::from(world.target_of(es).is_some());
        pods.extend(
            world
                .consumers_of(&es.meta.namespace, &es.target)
                .filter(|pod| !pod.is_over())
                .map(|pod| (pod.object_ref(), pod.as_ref())),
        );
        if let Some(due) = es.next_refresh().filter(|_| es.health() == Health::Healthy && !es.remote.is_empty()) {
            follows.external_secrets += 1;
            follows.first = Some(follows.first.map_or(due, |first| first.min(due)));
            follows.last = Some(follows.last.map_or(due, |last| last.max(due)));
        }
    }
    let workloads: BTreeSet<_> = pods.values().filter_map(|pod| Some((&pod.meta.namespace, pod.workload()?))).collect();
    counts.workloads = workloads.len();
    counts.pods = pods.len();
    counts.namespaces = namespaces.len();
    spared.secrets = counts.secrets;
    spared.pods = pods.values().filter(|pod| pod.phase.as_str() == "Running").count();
    (counts, follows, spared)
}

/// Whether a store or an `ExternalSecret` says of itself that it works.
fn says_well(world: &Inventory, object: &ObjectRef) -> Option<bool> {
    let health = match object.kind {
        Kind::ExternalSecret => world.get::<ExternalSecret>(object).map(|es| es.health()),
        Kind::SecretStore | Kind::ClusterSecretStore => world.store(object).map(SecretStore::health),
        _ => None,
    };
    health.map(|health| matches!(health, Health::Healthy | Health::Warning))
}

/// Every object that says itself, or of which Vault says, that it is broken now.
fn broken(world: &Inventory) -> BTreeSet<ObjectRef> {
    let stores = world.stores().filter(|store| store.health() == Health::Failing).map(SecretStore::store_ref);
    let external_secrets = world.failing::<ExternalSecret>().map(|es| es.object_ref());
    let replicas =
        world.vaults.values().flat_map(|server| server.sealed().map(|(pod, _)| server.replica_ref(pod)).collect::<Vec<_>>());
    stores.chain(external_secrets).chain(replicas).collect()
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
