//! The generator of an `ExternalSecret` does not exist.

use super::finding::Finding;
use super::{ReaderCase, Check, Rule, Severity};

pub(super) const RULE: Rule = Rule {
    slug: "generator-missing",
    title: "Generator does not exist",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Failing(check),
    explain: "\
The ExternalSecret takes its value from a generator that is not there.

**How it is known.** The event says `unable to get generator`; the generator is not among those of its kind. A kind or group that
does not exist is not tried again until the ExternalSecret changes.

**How it is repaired.** Create the generator in the same namespace, or correct `dataFrom[].sourceRef.generatorRef`. Then annotate
the ExternalSecret.
",
};

fn check(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let world = case.case.world;
    let missing = case.es.generators.iter().find(|object| world.generator(object).is_none() && world.would_show(object));
    let told = case.text().contains("unable to get generator") || case.text().contains("using generator: could not get");
    let Some(generator) = missing.or_else(|| case.es.generators.first().filter(|_| told)) else { return };
    let summary = format!("It takes its value from {generator}, which does not exist.");
    let finding = case.finding(RULE.slug, RULE.severity, summary);
    found.push(if missing.is_some() { finding } else { finding.suspected() });
}
