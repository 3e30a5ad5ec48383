//! A placeholder waits for a client-patcher that is not there.

use super::finding::Finding;
use super::jobs::{CLIENT_PATCHER, is_planned, runs};
use super::{Alike, Case, Check, Meaning, Rule, Severity, placeholder_value};
use crate::model::{Kind, ObjectRef};

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
    // It would stand in the namespace of the Secret, and the Jobs of who may not see them there are not missing.
    let is_seen = |holds: &&Finding| {
        let place = |kind| ObjectRef { kind, ..holds.subject.clone() };
        [Kind::Job, Kind::CronJob].into_iter().all(|kind| world.would_show(&place(kind)))
    };
    let mut seen = held.iter().filter(is_seen).peekable();
    if seen.peek().is_none() || is_there() {
        return Meaning::default();
    }
    let everywhere = [Kind::Job, Kind::CronJob].into_iter().all(|kind| world.is_complete(kind));
    let waits = |holds: &Finding| {
        let summary = if everywhere {
            "It holds a placeholder, and there is no client-patcher that would replace it."
        } else {
            "It holds a placeholder, and in the namespaces that may be seen there is no client-patcher that would replace it."
        };
        let finding = Finding::certain(RULE.slug, RULE.severity, holds.subject.clone(), summary.to_owned()).suspected();
        finding.since(holds.since).under(holds.slug, holds.subject.clone())
    };
    Meaning { cause: None, found: seen.map(waits).collect() }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::sync::Arc;

    use super::*;
    use crate::diagnosis::look::{Look, Place};
    use crate::diagnosis::readings::Readings;
    use crate::diagnosis::tally::Turn;
    use crate::model::inventory::Change;
    use crate::model::{Fault, FaultKind, Inventory, Name, Part};

    /// What is said of a placeholder in the namespace `a`, where Jobs and `CronJob`s are read in these namespaces; an empty
    /// name for everywhere.
    fn said(jobs: &[&str], cron_jobs: &[&str]) -> Option<String> {
        let now = "2026-11-25T00:00:00Z".parse().unwrap();
        let mut world = Inventory::default();
        for (kind, namespaces) in [(Kind::Job, jobs), (Kind::CronJob, cron_jobs)] {
            let names: Vec<Name> = namespaces.iter().map(|name| Name::new(name)).collect();
            if names.iter().all(|name| !name.is_empty()) {
                let refused = Fault::new(FaultKind::Forbidden, "You may not list them everywhere.");
                world.apply(Change::Narrowed(kind, names.clone(), Some(refused)), now);
            }
            for namespace in names {
                world.apply(Change::Listed(Part { kind, namespace }, Vec::new(), Vec::new()), now);
            }
        }
        let holder = ObjectRef::new(Kind::ExternalSecret, "a", "app");
        let holds = Finding::certain("placeholder-value", Severity::Error, holder, "It holds a placeholder.".to_owned());
        let mut held = Alike::default();
        held.turn(Turn::Count, &Place { look: Look::World, at: 0 }, &Arc::new(holds));
        let said = check(&Case::new(&world, now, &Readings::default(), &Cell::default()), &held);
        said.found.first().map(|finding| finding.summary.clone())
    }

    #[test]
    fn what_may_not_be_seen_is_not_missing() {
        assert!(said(&[""], &[""]).is_some_and(|said| said.contains("and there is no client-patcher")));
        assert!(said(&["a"], &["a"]).is_some_and(|said| said.contains("in the namespaces that may be seen")));
        for (jobs, cron_jobs) in [(&[""][..], &[][..]), (&[], &[""]), (&["b"], &["b"]), (&["a"], &["b"]), (&[], &[])] {
            assert_eq!(said(jobs, cron_jobs), None, "{jobs:?} {cron_jobs:?}");
        }
    }
}
