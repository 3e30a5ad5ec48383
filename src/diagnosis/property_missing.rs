//! A path lacks a property that an `ExternalSecret` reads.

use super::finding::Finding;
use super::case::Read;
use super::{Check, ReaderCase, Rule, Severity};
use crate::model::Health;
use crate::model::vault::Has;

pub(super) const RULE: Rule = Rule {
    slug: "property-missing",
    title: "Property does not exist",
    severity: Severity::Error,
    runbooks: &["write-value"],
    check: Check::Failing(check),
    explain: "\
The path exists and lacks the property that the ExternalSecret names.

**How it is known.** The event says `cannot find secret data for key` while the store is ready (with a store that is not, the same words
speak of a Kubernetes Secret). Where the event is gone, the names of the path's properties tell (`subkeys`, no values).

**How it is repaired.** Correct `remoteRef.property`, or write the property: `bao kv patch <mount>/<path> <property>=…`. Then annotate
the ExternalSecret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    if case.store.is_none_or(|store| store.health() != Health::Healthy) {
        return;
    }
    let told = case.text().split_once(SIGN).and_then(|(_, rest)| rest.split('"').next());
    let lacking = case.reads().find(|read| {
        let property = read.remote.property.as_str();
        let told = told.is_some_and(|told| property == told && case.names_key(&read.remote.key));
        told || (!property.is_empty() && case.is_untold() && has_not(read, property))
    });
    let Some(read) = lacking else {
        if let Some(property) = told {
            let summary = format!("What it reads has no property “{property}”.");
            found.push(case.finding(RULE.slug, RULE.severity, summary));
        }
        return;
    };
    let names = read.path.and_then(|path| path.properties.names.said()).map(|names| {
        let names: Vec<&str> = names.iter().take(NAMED).map(crate::model::Text::as_str).collect();
        format!(" It has: {}.", names.join(", "))
    });
    let (full, property) = (&read.full, &read.remote.property);
    let summary = format!("The path {full} has no property “{property}”.{}", names.unwrap_or_default());
    found.push(case.finding(RULE.slug, RULE.severity, summary));
}

/// Whether its names are known, and this is not among them. They are those of the current version.
fn has_not(read: &Read<'_>, property: &str) -> bool {
    !read.is_held_back() && read.path.is_some_and(|path| path.properties.has(property) == Has::No)
}

/// What External Secrets says before the name.
const SIGN: &str = "cannot find secret data for key: \"";
/// How many of the others are named.
const NAMED: usize = 8;
