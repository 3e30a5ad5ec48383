//! An `ExternalSecret` is green and is not synced any more.

use super::finding::{Finding, Source};
use super::{Case, Check, Rule, Severity};
use crate::model::kinds::{ExternalSecret, Watched as _};
use crate::model::{Clock, Health};

pub(super) const RULE: Rule = Rule {
    slug: "sync-stalled",
    title: "Sync has stalled",
    severity: Severity::Error,
    runbooks: &["restart-eso"],
    check: Check::World(check),
    explain: "\
The ExternalSecret is `Ready=True` and long overdue: its refresh time has stopped moving, without an error (external-secrets#6053,
#6019). Where one is, it may be its place in a queue; where many are, External Secrets itself is down, hangs or is far behind.

**How it is known.** The last sync plus the interval plus seven minutes (the longest back-off) is past, the policy is Periodic, and
there is no sync window. That External Secrets does not run, its Deployment says.

**How it is repaired.** Look at the Deployment of External Secrets: does a pod run, does one hold the lease, does its log move? A
restart (`kubectl rollout restart`) empties the queue. With thousands of ExternalSecrets raise `--concurrent`.
",
};

fn check(case: &Case<'_>, found: &mut Vec<Finding>) {
    let world = case.world;
    let overdue = |es: &ExternalSecret| {
        let windows = es.more.as_ref().is_some_and(|more| more.windows.is_some());
        let due = es.next_refresh().filter(|_| es.health() == Health::Healthy && !windows && es.meta.deleting.is_none())?;
        (case.now.as_second() - due.as_second() > LONGEST).then_some(due)
    };
    let stalled: Vec<_> = world.all::<ExternalSecret>().iter().filter_map(|es| Some((es, overdue(es)?))).collect();
    let dead = world.controller.as_ref().filter(|controller| controller.ready == 0);
    let many = world.controller.as_ref().filter(|_| stalled.len() >= MANY);
    let root = dead.or(many);
    if let Some(controller) = root {
        let summary = match stalled.len() {
            0 => "External Secrets does not run: nothing is synced, and no store is checked.".to_owned(),
            n if controller.ready == 0 => format!("External Secrets does not run: {n} ExternalSecrets are overdue, and no store is checked."),
            n => format!("{n} ExternalSecrets are overdue, green and without an error: External Secrets hangs or is far behind."),
        };
        let first = stalled.iter().map(|(_, due)| *due).min();
        let finding = Finding::certain(RULE.slug, RULE.severity, controller.deployment.clone(), summary).since(first);
        let what = format!("{} pods are ready; leader {}", controller.ready, controller.leader);
        let finding = finding.seen(Source::Kubernetes, what, Some(controller.seen));
        found.push(if controller.ready == 0 { finding } else { finding.suspected() });
    }
    for (es, due) in stalled {
        let read = es.refreshed.map_or_else(String::new, |at| format!(" Its last sync was at {}.", Clock(at)));
        let summary = format!("It was due at {} and was not synced since, without an error.{read}", Clock(due));
        let finding = Finding::certain(RULE.slug, RULE.severity, es.object_ref(), summary).since(Some(due));
        let finding = finding.seen(Source::Kubernetes, format!("status.refreshTime; refreshInterval {} s", es.interval), es.refreshed);
        found.push(match root {
            Some(controller) => finding.under(RULE.slug, controller.deployment.clone()),
            None => finding.suspected(),
        });
    }
}

/// Seconds that a sync may be late: the longest back-off.
const LONGEST: i64 = super::back_off::LONGEST;
/// So many at once are not a matter of their own.
const MANY: usize = 5;
