//! A cause told to a person at 3 a.m.: what is hit now, what follows and when, what is not hit, what not to
//! do, what the repair needs. Every number comes from the diagnosis.

use super::words::{counted, listed, some, until};
use crate::diagnosis::{Cause, Certainty, Source, rule};
use crate::engine::Snapshot;
use crate::model::{Age, Clock, Kind};
use crate::runbooks::runbook;
use jiff::Timestamp;

/// One line of it: a label and a sentence.
pub type Told = (&'static str, String);

/// The lines of a cause, the most urgent first.
#[must_use]
pub fn tell(cause: &Cause, snapshot: &Snapshot, now: Timestamp) -> Vec<Told> {
    let mut lines = vec![];
    if let Some(needs) = needs(cause, snapshot) {
        lines.push(("you need", needs));
    }
    lines.push(("hit now", hit(cause)));
    if let Some(follows) = follows(cause, now) {
        lines.push(("follows", follows));
    }
    if let Some(spared) = spared(cause) {
        lines.push(("not hit", spared));
    }
    if let Some(warning) = rule(cause.slug).and_then(|rule| rule.section("What not to do")) {
        // The label says “do not” already.
        let warning = warning.strip_prefix("Do not ").unwrap_or(&warning).replace(", do not ", ", ");
        lines.push(("do not", warning.trim_end_matches('.').to_owned()));
    }
    lines
}

/// How sure it is, and by whom it was said when.
#[must_use]
pub fn certainty(cause: &Cause, snapshot: &Snapshot, now: Timestamp) -> String {
    let word = match cause.certainty {
        Certainty::Certain => "certain",
        Certainty::Suspected => "suspected",
    };
    let root = cause.findings.first().and_then(|number| snapshot.diagnosis.findings.get(*number));
    let Some(evidence) = root.map(|finding| &finding.evidence).filter(|evidence| !evidence.is_empty()) else {
        return word.to_owned();
    };
    // What a Vault says it says again at every poll, and the same answer is not diagnosed anew.
    let polled =
        snapshot.world.vault(&cause.subject).and_then(|server| server.replicas.values().filter_map(|r| r.answered).max());
    let latest = evidence.iter().filter_map(|one| one.at).max();
    let latest = if evidence[0].source == Source::Vault { polled.max(latest) } else { latest };
    let who = match evidence[0].source {
        Source::Vault => "Vault said so",
        Source::Kubernetes => "the object says so",
        Source::Event => "an event says so",
        Source::Probe => "we asked",
    };
    let when = latest.map_or_else(String::new, |at| format!(" {} ago", Age::between(at, now)));
    format!("{word}: {who}{when}")
}

fn hit(cause: &Cause) -> String {
    let (now, all) = (cause.failing, cause.radius);
    let of = |now: usize, all: usize, noun: &str| {
        (all > 0).then(|| if now == all { counted(all, noun) } else { format!("{now} of {}", counted(all, noun)) })
    };
    let what = listed([
        of(now.stores, all.stores, "store"),
        of(now.external_secrets, all.external_secrets, "ExternalSecret"),
        some(now.pods, "pod").map(|pods| {
            if now.pods == 1 { format!("{pods} waits for its Secret") } else { format!("{pods} wait for their Secrets") }
        }),
    ]);
    let nothing = now.stores + now.external_secrets + now.pods == 0;
    match (what, now.namespaces) {
        (None, _) => "nothing yet".to_owned(),
        (Some(_), _) if nothing => {
            let all = listed([some(all.stores, "store"), some(all.external_secrets, "ExternalSecret")]);
            format!("nothing yet; {} depend on it", all.unwrap_or_default())
        }
        (Some(what), 0 | 1) => what,
        (Some(what), n) => format!("{what}, in {n} namespaces"),
    }
}

fn follows(cause: &Cause, now: Timestamp) -> Option<String> {
    let follows = &cause.follows;
    let external_secrets = (follows.external_secrets > 0).then(|| {
        let fail = if follows.external_secrets == 1 { "fails" } else { "fail" };
        let first = follows.first.map_or_else(String::new, |at| format!(": first {}", until(at, now)));
        let last = follows.last.filter(|at| Some(*at) != follows.first);
        let last = last.map_or_else(String::new, |at| format!(", last at {}", Clock(at)));
        let due = if follows.external_secrets == 1 { "it comes due" } else { "they come due" };
        format!("{} {fail} as {due}{first}{last}", counted(follows.external_secrets, "more ExternalSecret"))
    });
    let stores = (follows.stores > 0).then(|| match follows.stores {
        1 => "1 store still says Valid, wrongly".to_owned(),
        n => format!("{n} stores still say Valid, wrongly"),
    });
    let parts: Vec<String> = external_secrets.into_iter().chain(stores).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn spared(cause: &Cause) -> Option<String> {
    let spared = &cause.spared;
    let parts: Vec<String> = [
        (spared.generators > 0).then(|| format!("{} (generators need no Vault)", counted(spared.generators, "ExternalSecret"))),
        (spared.secrets > 0).then(|| match (cause.radius.external_secrets, spared.secrets) {
            (all, secrets) if all > secrets => format!("{secrets} of {all} Secrets exist and stay"),
            (_, 1) => "1 Secret exists and stays".to_owned(),
            (_, secrets) => format!("{secrets} Secrets exist and stay"),
        }),
        (spared.pods > 0)
            .then(|| if spared.pods == 1 { "1 pod runs on".to_owned() } else { format!("{} pods run on", spared.pods) }),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// What the repair takes, where it is an unseal.
fn needs(cause: &Cause, snapshot: &Snapshot) -> Option<String> {
    if cause.subject.kind != Kind::Vault {
        return None;
    }
    let server = snapshot.world.vault(&cause.subject)?;
    let sealed: Vec<_> = server.sealed().collect();
    let seal = sealed.iter().filter_map(|(_, replica)| replica.seal.as_ref()).max_by_key(|seal| seal.threshold)?;
    if seal.recovery {
        return Some("the key of its auto-unseal to be reachable: shares do not open this Vault".to_owned());
    }
    let shares = match seal.threshold {
        1 => "1 unseal share".to_owned(),
        threshold => format!("{threshold} different unseal shares of {}", seal.shares),
    };
    Some(match sealed.len() {
        1 => format!("{shares} for {}", sealed[0].0),
        n => format!("{shares}; each of the {n} sealed replicas gets them, typed once"),
    })
}

/// The steps of the first runbook that repairs a cause.
#[must_use]
pub fn repair(cause: &Cause) -> Option<String> {
    let runbook = runbook(cause.runbooks.first()?)?;
    let steps: Vec<&str> = runbook.steps.iter().map(|step| step.id).collect();
    Some(format!("{}: {}", runbook.name, steps.join(" → ")))
}

/// The line under the causes: how much they explain, what stays unexplained, what cannot be seen.
#[must_use]
pub fn coverage(snapshot: &Snapshot) -> String {
    let diagnosis = &snapshot.diagnosis;
    let (broken, explained) = (diagnosis.broken, diagnosis.explained);
    let objects = if broken == 1 { "object" } else { "objects" };
    if broken == 0 {
        return format!("nothing says that it is broken yet · {} cannot be seen", diagnosis.unknown.len());
    }
    format!(
        "explains {explained} of {broken} broken {objects} · {} not explained · {} cannot be seen",
        diagnosis.unexplained.len(),
        diagnosis.unknown.len()
    )
}
