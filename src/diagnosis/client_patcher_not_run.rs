//! A placeholder waits for a client-patcher that is not there.

use super::finding::Finding;
use super::jobs::{CLIENT_PATCHER, is_planned, runs};
use super::{Alike, Case, Check, Meaning, Rule, Severity, placeholder_value};
use crate::model::Kind;

pub(super) const RULE: Rule = Rule {
    slug: "client-patcher-not-run",
    title: "Client patcher never ran",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::Together { of: placeholder_value::RULE.slug, check },
    explain: "\
A Secret holds a placeholder, and no Job is there that would replace it: it was never made, or it was deleted after its time
(`ttlSecondsAfterFinished`) without having done its work.

**How it is known.** A known placeholder by its hash; no Job and no CronJob whose name ends with `client-patcher`.

**How it is repaired.** Deploy it again: an Argo CD hook runs at the next sync, a Helm hook at the next upgrade. Or write the value.
",
};

fn check(case: &Case<'_>, held: &Alike) -> Meaning {
    let world = case.world;
    let is_there = || runs(world, CLIENT_PATCHER).next().is_some() || is_planned(world, CLIENT_PATCHER);
    if held.is_empty() || !world.is_complete(Kind::Job) || is_there() {
        return Meaning::default();
    }
    let waits = |holds: &Finding| {
        let summary = "It holds a placeholder, and there is no client-patcher that would replace it.".to_owned();
        let finding = Finding::certain(RULE.slug, RULE.severity, holds.subject.clone(), summary).suspected();
        finding.since(holds.since).under(holds.slug, holds.subject.clone())
    };
    Meaning { cause: None, found: held.iter().map(waits).collect() }
}
