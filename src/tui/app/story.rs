//! A cause told to a person at 3 a.m.: what is hit now, what follows and when, what is not hit, what not to
//! do, what the repair needs. Every number comes from the diagnosis.

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr as _;

use super::well::is_broken;
use super::words::{counted, first_of, listed, some, until};
use crate::diagnosis::state::of_pod;
use crate::diagnosis::{Cause, Certainty, Source, rule};
use crate::engine::Snapshot;
use crate::model::kinds::Pod;
use crate::model::{Age, Clock, Inventory, Kind};
use crate::runbooks::runbook;

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
    if let Some(waiting) = waiting(cause, &snapshot.world) {
        lines.push(("waiting", waiting));
    }
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
    let Some(evidence) = cause.root().map(|finding| &finding.evidence).filter(|evidence| !evidence.is_empty()) else {
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
        // “its”: there may be more of them that do not depend on it.
        (all > 0).then(|| if now == all { counted(all, noun) } else { format!("{now} of its {}", counted(all, noun)) })
    };
    let what = listed([of(now.stores, all.stores, "store"), of(now.external_secrets, all.external_secrets, "ExternalSecret")]);
    let nothing = now.stores + now.external_secrets == 0;
    match (what, now.namespaces) {
        (None, _) => "nothing yet".to_owned(),
        (Some(_), _) if nothing => {
            let depend = if all.stores + all.external_secrets == 1 { "depends" } else { "depend" };
            let named = listed([some(all.stores, "store"), some(all.external_secrets, "ExternalSecret")]);
            format!("nothing yet; {} {depend} on it", named.unwrap_or_default())
        }
        (Some(what), 0 | 1) => what,
        (Some(what), n) => format!("{what}, in {n} namespaces"),
    }
}

/// The pods that wait for their Secrets, by name: the first few, each with what its kubelet says.
fn waiting(cause: &Cause, world: &Inventory) -> Option<String> {
    let each: Vec<(String, String)> = cause
        .waiting
        .iter()
        .map(|pod| (pod.short(), world.get::<Pod>(pod).map_or_else(String::new, |pod| of_pod(pod).word.into_owned())))
        .collect();
    let (_, reason) = each.first()?;
    let all = cause.failing.pods;
    let pods = counted(all, "pod");
    // Nearly always they wait for one and the same reason, which is said once then.
    let alike = each.iter().all(|(_, other)| other == reason);
    let names: Vec<String> =
        each.iter().map(|(name, reason)| if alike { name.clone() } else { format!("{name} ({reason})") }).collect();
    let names = first_of(&names, all);
    Some(if alike { format!("{pods}, {reason}: {names}") } else { format!("{pods}: {names}") })
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
        (spared.generators > 0).then(|| {
            let why = if spared.generators == 1 { "a generator needs" } else { "generators need" };
            format!("{} ({why} no Vault)", counted(spared.generators, "ExternalSecret"))
        }),
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
    let world = &snapshot.world;
    let Some(server) = world.vault(&cause.subject) else {
        let server = world.vault_with_space(&cause.subject)?;
        let seal = server.space(&cause.subject)?.1.said()?;
        let shares = match seal.threshold {
            1 => "1 unseal share of that namespace".to_owned(),
            threshold => format!("{threshold} different unseal shares of that namespace, of {}", seal.shares),
        };
        return Some(format!("{shares}, and a token that may give them"));
    };
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
        n if seal.threshold == 1 => format!("{shares}; each of the {n} sealed replicas gets it, typed once"),
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

/// The title of the causes: what is broken, what of it nothing explains, what cannot be seen. Parts that have no room
/// go whole; those that say that there is nothing go first.
#[must_use]
pub fn coverage(snapshot: &Snapshot, room: usize) -> String {
    let diagnosis = &snapshot.diagnosis;
    let (unexplained, unseen) = (diagnosis.unexplained.len(), diagnosis.unknown.len());
    let lead = match diagnosis.broken {
        broken if broken.total() > 0 => Some(format!("broken: {broken}")),
        _ if is_broken(snapshot) => Some("nothing fails yet".to_owned()),
        _ => None,
    };
    let explained = match unexplained {
        0 if diagnosis.broken.total() == 0 => None,
        0 => Some("all explained".to_owned()),
        n => Some(format!("{n} not explained")),
    };
    let mut parts = [(unexplained, explained), (unseen, Some(format!("{unseen} cannot be seen")))];
    // What is there is said before what is not.
    parts.sort_by_key(|(count, _)| *count == 0);
    let mut said = String::new();
    for part in lead.into_iter().chain(parts.into_iter().filter_map(|(_, part)| part)) {
        let joint = if said.is_empty() { "" } else { " · " };
        if said.is_empty() || said.width() + joint.width() + part.width() <= room {
            said = format!("{said}{joint}{part}");
        }
    }
    said
}
