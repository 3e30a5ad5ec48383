//! An `ExternalSecret` is green and is not synced any more.

use super::finding::{Finding, Source};
use super::{Alike, Case, Check, Meaning, ReaderCase, Rule, Severity};
use crate::model::{Clock, Health};

pub(super) const RULE: Rule = Rule {
    slug: "sync-stalled",
    title: "Sync has stalled",
    severity: Severity::Error,
    runbooks: &["restart-eso"],
    check: Check::Several(&[Check::ExternalSecret(overdue), Check::Together { of: "sync-stalled", check: together }]),
    explain: "\
The ExternalSecret is `Ready=True` and long overdue: its refresh time has stopped moving, without an error (external-secrets#6053,
#6019). Where one is, it may be its place in a queue; where many are, External Secrets itself is down, hangs or is far behind.

**How it is known.** The last sync plus the interval plus seven minutes (the longest back-off) is past, the policy is Periodic, and
there is no sync window. That External Secrets does not run, its Deployment says, once a new pod had a minute to become ready; that it stands still although a pod is Ready,
its lease says where it elects a leader: one that works renews it every two seconds. It has lapsed if it was not renewed for 30 s while
the API server answered all the time; one that is only old may be so by an outage of the API server.

**How it is repaired.** Look at the Deployment of External Secrets: does a pod run, does one hold the lease, does its log move? A
restart (`kubectl rollout restart`) empties the queue. With thousands of ExternalSecrets raise `--concurrent`.
",
};

fn overdue(case: &ReaderCase<'_>, found: &mut Vec<Finding>) {
    let es = case.es;
    let windows = es.more.as_ref().is_some_and(|more| more.windows.is_some());
    if es.health() != Health::Healthy || windows || es.meta.deleting.is_some() {
        return;
    }
    let Some(due) = es.next_refresh().filter(|due| case.case.is_longer_ago(*due, LONGEST)) else { return };
    let read = es.refreshed.map_or_else(String::new, |at| format!(" Its last sync was at {}.", Clock(at)));
    let summary = format!("It was due at {} and was not synced since, without an error.{read}", Clock(due));
    let finding = Finding::certain(RULE.slug, RULE.severity, case.object.clone(), summary).since(Some(due)).suspected();
    found.push(finding.seen(Source::Kubernetes, format!("status.refreshTime; refreshInterval {} s", es.interval), es.refreshed));
}

/// What many of them mean, or an External Secrets that is not Ready or lets its lease run out: that it is the cause.
fn together(case: &Case<'_>, stalled: &Alike) -> Meaning {
    let Some(controller) = &case.world.controller else { return Meaning::default() };
    let idle = controller.is_down();
    if !idle && stalled.len() < MANY {
        return Meaning::default();
    }
    let lapsed = controller.renewed.filter(|_| controller.ready > 0 && controller.lapsed);
    let state = match lapsed {
        Some(at) => format!("External Secrets stands still: its lease was last renewed at {}", Clock(at)),
        None => "External Secrets does not run".to_owned(),
    };
    let summary = match stalled.len() {
        0 => format!("{state}. Nothing is synced, and no store is checked."),
        1 => format!("{state}. 1 ExternalSecret is overdue, and no store is checked."),
        n if idle => format!("{state}. {n} ExternalSecrets are overdue, and no store is checked."),
        n => format!("{n} ExternalSecrets are overdue, green and without an error: External Secrets hangs or is far behind."),
    };
    let first = lapsed.or_else(|| stalled.since());
    let finding = Finding::certain(RULE.slug, RULE.severity, controller.deployment.clone(), summary).since(first);
    let renewed = controller.renewed.map_or_else(String::new, |at| format!(", which renewed its lease at {}", Clock(at)));
    let leader = if controller.leader.is_empty() { "nobody" } else { controller.leader.as_str() };
    let ready = if controller.ready == 1 { "1 pod is ready".to_owned() } else { format!("{} pods are ready", controller.ready) };
    let what = format!("{ready}; the leader is {leader}{renewed}");
    let finding = finding.seen(Source::Kubernetes, what, Some(controller.seen));
    let finding = if idle { finding } else { finding.suspected() };
    Meaning { cause: Some((RULE.slug, controller.deployment.clone())), found: vec![finding] }
}

/// Seconds that a sync may be late: the longest back-off.
const LONGEST: i64 = super::back_off::LONGEST;
/// So many at once are not a matter of their own.
const MANY: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::diagnose;
    use crate::model::inventory::Change;
    use crate::model::{Controller, Inventory, Kind, Name, ObjectRef, Text};
    use jiff::Timestamp;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_000 + second).unwrap()
    }

    #[test]
    fn one_that_is_ready_and_lets_its_lease_run_out_does_nothing() {
        for (ready, unready, renewed, lapsed, says) in [
            (1, None, Some(0), false, None),
            (1, None, None, false, None),
            // Only old: the API server may have been away.
            (1, None, Some(-45), false, None),
            // Scaled to nothing, a pod that starts, one that does not.
            (0, None, None, false, Some("does not run")),
            (0, Some(-60), None, false, None),
            (0, Some(-61), None, false, Some("does not run")),
            (1, None, Some(-45), true, Some("stands still: its lease was last renewed at")),
        ] {
            let controller = Controller {
                deployment: ObjectRef::new(Kind::Deployment, "external-secrets", "external-secrets"),
                version: Text::foreign("v0.16.2"),
                ready,
                unready: unready.map(at),
                concurrent: 1,
                store_requeue: 300,
                leader: Name::new("external-secrets-0"),
                renewed: renewed.map(at),
                lapsed,
                seen: at(0),
            };
            let mut world = Inventory::default();
            world.apply(Change::Controller(Some(controller)), at(0));
            let causes = diagnose(&world, at(1)).causes;
            let said = causes.iter().find(|cause| cause.slug == RULE.slug).map(|cause| cause.summary.as_str());
            assert_eq!(said.is_some(), says.is_some(), "{renewed:?}: {said:?}");
            assert!(said.unwrap_or_default().contains(says.unwrap_or_default()), "{said:?}");
        }
    }
}
