//! The Jobs that fill a Vault: which they are, which run counts, what a failed one said. Shared by the rules about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finding::{Evidence, Finding, Severity, Source};
use crate::model::inventory::runs::base_name;
use crate::model::kinds::{CronJob, Job, Pod, Role, Watched as _};
use crate::model::{Inventory, Kind, ObjectRef};

pub use crate::model::inventory::runs::{BOOTSTRAP, CLIENT_PATCHER};

/// What the last lines of a run mean (the failure table of the client-patcher's own runbook).
const MEANINGS: &[(&str, &str)] = &[
    ("exec format error", "its image is built for another architecture than the node's"),
    ("jq: command not found", "its image lacks jq"),
    ("jq: not found", "its image lacks jq"),
    ("command not found", "its image lacks a program"),
    ("401", "the login that it uses is not valid there"),
    ("403", "its login may not do that there"),
    ("404", "the realm, the client or the address that it asks for is not there"),
    ("permission denied", "Vault does not let it write"),
    ("connection refused", "nobody listens where it connects to"),
    ("no such host", "the name it connects to is not known"),
];

/// The Jobs of a kind of run.
pub(super) fn runs<'a>(world: &'a Inventory, what: &'static str) -> impl Iterator<Item = &'a Arc<Job>> {
    world.all::<Job>().iter().filter(move |job| base_name(job).contains(what))
}

/// Whether a timetable would make such a run.
pub(super) fn is_planned(world: &Inventory, what: &str) -> bool {
    world.all::<CronJob>().iter().any(|cron| cron.meta.name.as_str().contains(what))
}

/// The newest run of each timetable, and those that stand alone; each with its timetable.
pub(super) fn newest<'a>(world: &'a Inventory, what: &'static str) -> Vec<(&'a Arc<Job>, Option<ObjectRef>)> {
    let mut newest: BTreeMap<ObjectRef, &Arc<Job>> = BTreeMap::new();
    let mut alone = Vec::new();
    for job in runs(world, what) {
        match job.meta.owner().filter(|owner| owner.kind == Kind::CronJob) {
            Some(cron) => {
                let known = newest.entry(cron).or_insert(job);
                if known.started < job.started {
                    *known = job;
                }
            }
            None => alone.push((job, None)),
        }
    }
    newest.into_iter().map(|(cron, job)| (job, Some(cron))).chain(alone).collect()
}

/// That a Job has failed, with what its pods said.
pub(super) fn failure(world: &Inventory, job: &Job, slug: &'static str, severity: Severity) -> Finding {
    let failed = job.failed.as_ref();
    let object = job.object_ref();
    let mut finding =
        Finding::certain(slug, severity, object.clone(), String::new()).since(failed.and_then(|failed| failed.since));
    if let Some(failed) = failed {
        finding = finding.seen(Source::Kubernetes, format!("Failed {}: {}", failed.reason, failed.message), failed.since);
    }
    let mut why = None;
    for pod in pods(world, &object) {
        if let Some((reason, message)) = &pod.waiting {
            why = why.or_else(|| Some(format!("its pod waits: {reason}")));
            let what = format!("waits: {reason}: {message}");
            finding.evidence.push(Evidence { source: Source::Kubernetes, object: pod.object_ref(), what, at: pod.started });
        }
        let lines = world.logs.get(&pod.object_ref());
        let telling = lines.and_then(|lines| {
            lines.iter().find(|line| MEANINGS.iter().any(|(sign, _)| line.as_str().contains(sign))).or(lines.last())
        });
        if let Some(line) = telling {
            let meaning = MEANINGS.iter().find(|(sign, _)| line.as_str().contains(sign)).map(|(_, meaning)| *meaning);
            why = Some(meaning.map_or_else(|| format!("it said “{line}”"), ToOwned::to_owned));
            let what = format!("its log: {line}");
            finding.evidence.push(Evidence { source: Source::Kubernetes, object: pod.object_ref(), what, at: None });
        }
    }
    let reason = failed.map_or("", |failed| failed.reason.as_str());
    let why = why.unwrap_or_else(|| match reason {
        "DeadlineExceeded" => "it took longer than its deadline".to_owned(),
        "BackoffLimitExceeded" => "its pods failed, and what they said is not known".to_owned(),
        other => other.to_owned(),
    });
    finding.summary = format!("It has failed: {why}.");
    finding
}

/// The key that a failed bootstrap says its source lacks.
pub(super) fn required_key<'a>(world: &'a Inventory, job: &Job) -> Option<&'a str> {
    let object = job.object_ref();
    let logs: Vec<&[crate::model::Text]> =
        pods(world, &object).filter_map(|pod| world.logs.get(&pod.object_ref())).map(AsRef::as_ref).collect();
    logs.into_iter().flatten().find_map(|line| line.as_str().split_once(LACKS)).map(|(_, key)| key.trim())
}

/// How the bootstrap says so.
const LACKS: &str = "required key missing:";

fn pods<'a>(world: &'a Inventory, job: &ObjectRef) -> impl Iterator<Item = &'a Arc<Pod>> {
    world.pointing_at(job, Role::MadeBy).filter_map(|pod| world.get::<Pod>(pod))
}
