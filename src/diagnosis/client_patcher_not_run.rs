//! A placeholder waits for a client-patcher that is not there.

use super::finding::Finding;
use super::jobs::{CLIENT_PATCHER, is_planned, runs};
use super::{Case, Check, Rule, Severity};
use crate::model::Kind;

pub(super) const RULE: Rule = Rule {
    slug: "client-patcher-not-run",
    title: "Client patcher never ran",
    severity: Severity::Error,
    runbooks: &[],
    check: Check::World(check),
    explain: "\
A Secret holds a placeholder, and no Job is there that would replace it: it was never made, or it was deleted after its time
(`ttlSecondsAfterFinished`) without having done its work.

**How it is known.** A known placeholder by its hash; no Job and no CronJob whose name ends with `client-patcher`.

**How it is repaired.** Deploy it again: an Argo CD hook runs at the next sync, a Helm hook at the next upgrade. Or write the value.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let world = case.world;
    if !world.is_complete(Kind::Job) || runs(world, CLIENT_PATCHER).next().is_some() || is_planned(world, CLIENT_PATCHER) {
        return;
    }
    let waiting: Vec<Finding> = found
        .iter()
        .filter(|finding| finding.slug == "placeholder-value")
        .map(|finding| {
            let summary = "It holds a placeholder, and there is no client-patcher that would replace it.".to_owned();
            let waits = Finding::certain(RULE.slug, RULE.severity, finding.subject.clone(), summary).suspected();
            waits.since(finding.since).under(finding.slug, finding.subject.clone())
        })
        .collect();
    found.extend(waiting);
}
