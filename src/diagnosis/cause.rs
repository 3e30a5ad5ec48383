//! Findings grouped under root causes, with how far each reaches: what fails now, what follows and when,
//! and what is not hit. One cause is one thing to repair.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::extent::Extent;
use super::finding::{Certainty, Finding, Severity};
use super::findings::Findings;
use super::groups::{Group, Root};
use super::look::Place;
use super::rule;
use super::server::ServerState;
use super::starting::Starting;
use super::tally::Turn;
use super::unknown::Unknown;
use crate::model::{Inventory, Kind, ObjectRef, SortedMap, SortedSet};

/// What the diagnosis says of one revision of the world.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    /// Root causes, the one that reaches furthest first.
    pub causes: Vec<Arc<Cause>>,
    /// Every finding.
    pub findings: Findings,
    /// What could not be looked at, and what would let us.
    pub unknown: Vec<Unknown>,
    /// How many objects are broken now, by what they are.
    pub broken: Broken,
    /// Those of them that stand under no cause, each with what it says of itself.
    pub unexplained: SortedMap<ObjectRef, Unknown>,
    /// Stores and `ExternalSecret`s that are not as they say: something was found although they say that they are well,
    /// or they had no time yet although they say that they fail, or nothing.
    pub gainsaid: SortedSet<ObjectRef>,
    /// What had no time yet to be well or broken.
    pub starting: Starting,
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
    /// That it is the cause, the last word first.
    pub own: Vec<Arc<Finding>>,
    /// What comes of it.
    pub(super) under: SortedMap<Place, Arc<Finding>>,
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
    pub(super) const fn turn(&mut self, turn: Turn, kind: Kind) {
        match kind {
            Kind::ExternalSecret => turn.on(&mut self.external_secrets),
            Kind::VaultReplica => turn.on(&mut self.replicas),
            _ => turn.on(&mut self.stores),
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
    /// The findings about one object.
    pub fn about<'a>(&'a self, object: &ObjectRef) -> impl Iterator<Item = &'a Finding> + use<'a> {
        self.findings.about(object).map(AsRef::as_ref)
    }

    /// The worst severity among the findings.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

impl Cause {
    /// So many waiting pods are named; how many there are, [`Counts::pods`] of what fails says.
    pub const NAMED: usize = 3;

    /// Every finding under it, its own first.
    pub fn findings(&self) -> impl Iterator<Item = &Arc<Finding>> {
        self.own.iter().chain(self.under.values())
    }

    /// The finding that it is told by.
    #[must_use]
    pub fn root(&self) -> Option<&Finding> {
        self.findings().next().map(AsRef::as_ref)
    }

    /// How many findings stand under it beside the one that it is told by.
    #[must_use]
    pub fn more(&self) -> usize {
        (self.own.len() + self.under.len()).saturating_sub(1)
    }

    /// What is told of a root: what was found, and what is counted under it. `generators` are the `ExternalSecret`s of
    /// this world that only generate.
    pub(super) fn of(world: &Inventory, root: &Root, group: &Group, extent: &Extent, generators: usize) -> Option<Self> {
        let (subject, slug) = root;
        let (rule, own, under) = (rule(slug)?, group.own(), group.under().clone());
        let root = own.first().or_else(|| under.values().next()).cloned()?;
        let generators = if is_of_vault(subject.kind) { generators } else { 0 };
        // A server that still serves, if badly, breaks what reads through it now and then, not one after the other.
        let serves = world.vault(subject).is_some_and(|server| !ServerState::of(server).is_down());
        // What is wrong with one reader does not come over others with time.
        let comes_over_others = !serves && subject.kind != Kind::ExternalSecret;
        Some(Self {
            slug,
            title: rule.title,
            subject: subject.clone(),
            certainty: root.certainty,
            severity: root.severity,
            since: root.since,
            summary: root.summary.clone(),
            waiting: extent.waiting(),
            radius: extent.radius(),
            failing: extent.failing(),
            follows: if comes_over_others { extent.follows() } else { Follows::default() },
            spared: extent.spared(generators),
            own,
            under,
            runbooks: rule.runbooks,
        })
    }
}

/// Whether a cause of this kind leaves alone what only generates. That needs no Vault, which is worth saying where a Vault
/// or a store is the cause.
pub(super) const fn is_of_vault(kind: Kind) -> bool {
    matches!(kind, Kind::Vault | Kind::SecretStore | Kind::ClusterSecretStore)
}
