//! The Jobs that fill a Vault: which they are, which run counts, what a failed one said. Shared by the rules about them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::finding::{CauseKey, Evidence, Finding, Severity, Source};
use super::server::ServerState;
use crate::model::inventory::runs::{base_name, has_word};
use crate::model::kinds::{CronJob, Job, Pod, Role, Watched as _};
use crate::model::{Inventory, Kind, ObjectRef, Text};

pub use crate::model::inventory::runs::{BOOTSTRAP, CLIENT_PATCHER};

/// What the last lines of a run mean (the failure table of the client-patcher's own runbook).
const MEANINGS: &[(&str, &str)] = &[
    ("exec format error", "its image is built for another architecture than the node's"),
    ("jq: command not found", "its image lacks jq"),
    ("jq: not found", "its image lacks jq"),
    ("command not found", "its image lacks a program"),
    ("permission denied", "Vault does not let it write"),
    ("401", "the login that it uses is not valid there"),
    ("403", "its login may not do that there"),
    ("404", "the realm, the client or the address that it asks for is not there"),
    ("connection refused", "nobody listens where it connects to"),
    ("no such host", "the name it connects to is not known"),
];

/// The Jobs of a kind of run.
pub(super) fn runs<'a>(world: &'a Inventory, what: &'static str) -> impl Iterator<Item = &'a Arc<Job>> {
    world.all::<Job>().iter().filter(move |job| job.kept_for.is_empty() && base_name(job).contains(what))
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
        // The sign that says most is looked for in all lines first: Vault's client tells the code before the reason.
        let told = lines.and_then(|lines| told(lines));
        if let Some((line, meaning)) = told {
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

/// Why a run has failed, in a sentence.
#[must_use]
pub fn said(world: &Inventory, job: &Job) -> String {
    failure(world, job, "", Severity::Error).summary
}

/// Adds that a run has failed, under the timetable that made it, if one did.
pub(super) fn told_of(finding: Finding, cron: Option<ObjectRef>, summary: String, found: &mut Vec<Finding>) {
    let Some(cron) = cron else { return found.push(finding) };
    found.push(Finding::certain(finding.slug, finding.severity, cron.clone(), summary).since(finding.since));
    let slug = finding.slug;
    found.push(finding.under(slug, cron));
}

/// What is wrong with the Vault that a run writes to: then that is why it failed.
pub(super) fn because(world: &Inventory, job: &Job) -> Option<CauseKey> {
    let server = world.vaults.values().find(|server| server.address.host_port() == job.template.vault.as_str())?;
    Some((ServerState::of(server).slug()?, server.subject()))
}

/// The line that tells why, and what it means; the last one where none is known.
fn told(lines: &[Text]) -> Option<(&Text, Option<&'static str>)> {
    let known = MEANINGS
        .iter()
        .find_map(|(sign, meaning)| Some((lines.iter().find(|line| has_word(line.as_str(), sign))?, Some(*meaning))));
    known.or_else(|| Some((lines.last()?, None)))
}

/// The key that a failed bootstrap says its source lacks.
pub(super) fn required_key<'a>(world: &'a Inventory, job: &Job) -> Option<&'a str> {
    let object = job.object_ref();
    let logs: Vec<&[Text]> =
        pods(world, &object).filter_map(|pod| world.logs.get(&pod.object_ref())).map(AsRef::as_ref).collect();
    logs.into_iter().flatten().find_map(|line| line.as_str().split_once(LACKS)).map(|(_, key)| key.trim())
}

/// How the bootstrap says so.
const LACKS: &str = "required key missing:";

fn pods<'a>(world: &'a Inventory, job: &ObjectRef) -> impl Iterator<Item = &'a Arc<Pod>> {
    world.pointing_at(job, Role::MadeBy).filter_map(|pod| world.get::<Pod>(pod))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_by_its_words() {
        let meaning = |lines: &[&str]| {
            let lines: Vec<Text> = lines.iter().map(|line| Text::foreign(line)).collect();
            told(&lines).and_then(|(_, meaning)| meaning)
        };
        assert_eq!(meaning(&["2026-11-26T10:00:14.403Z ERROR it broke"]), None, "a time is no code");
        assert_eq!(meaning(&["ERROR login failed: 401 Unauthorized"]), Some("the login that it uses is not valid there"));
        assert_eq!(meaning(&["Code: 403. Errors:", "* permission denied"]), Some("Vault does not let it write"));
        assert_eq!(meaning(&["/run.sh: line 3: jq: command not found"]), Some("its image lacks jq"));
    }
}
