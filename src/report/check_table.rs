//! The diagnosis for people who read standard output: causes first, then what stands under them, then what
//! could not be seen.

use std::io::{self, Write};
use std::sync::Arc;

use crate::diagnosis::upcoming::Upcoming;
use crate::diagnosis::{Cause, Finding, Severity, rule};
use crate::engine::Snapshot;
use crate::model::kinds::ExternalSecret;
use crate::model::{Age, Clock, VaultServer};

/// How many findings are listed under a cause before the rest is counted.
const LISTED: usize = 12;

/// Writes the table.
///
/// # Errors
/// The output cannot be written.
pub fn write(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let diagnosis = &snapshot.diagnosis;
    for cause in &diagnosis.causes {
        one(snapshot, cause, out)?;
    }
    if diagnosis.broken.total() > 0 {
        let explained = match diagnosis.unexplained.len() {
            0 => "all explained".to_owned(),
            n => format!("{n} not explained"),
        };
        writeln!(out, "Broken: {}; {explained}.", diagnosis.broken)?;
    } else if snapshot.is_blind() {
        blind(snapshot, out)?;
    } else if snapshot.is_empty() && diagnosis.causes.is_empty() {
        writeln!(out, "There is nothing to look at: no store and no ExternalSecret{}.", snapshot.scope.place())?;
    } else if !diagnosis.starting.said.is_empty() {
        writeln!(out, "Nothing is wrong so far, and not everything has had its first turn.")?;
    } else if diagnosis.causes.is_empty() {
        writeln!(out, "Nothing is wrong as far as could be seen.")?;
    }
    for starting in &diagnosis.starting.said {
        writeln!(out, "not yet: {}: {}", starting.subject, starting.needs)?;
    }
    for unknown in diagnosis.unexplained.values() {
        writeln!(out, "not explained: {}: {}", unknown.subject, unknown.needs)?;
    }
    for unknown in &diagnosis.unknown {
        writeln!(out, "not seen: {}: {}", unknown.subject, unknown.needs)?;
    }
    if let Some(fault) = &snapshot.offline {
        writeln!(out, "not seen: the cluster: {fault}")?;
    }
    Ok(())
}

/// Not everything could be seen: what was judged all the same, if anything was.
fn blind(snapshot: &Snapshot, out: &mut dyn Write) -> io::Result<()> {
    let known = |server: &&Arc<VaultServer>| !snapshot.is_unseen(server);
    let judged = [
        counted(snapshot.world.stores().count(), "store"),
        counted(snapshot.world.all::<ExternalSecret>().len(), "ExternalSecret"),
        counted(snapshot.world.vaults.values().filter(known).count(), "Vault"),
    ];
    let judged: Vec<String> = judged.into_iter().flatten().collect();
    if judged.is_empty() {
        return writeln!(out, "Nothing can be judged: no store, no ExternalSecret and no Vault could be seen.");
    }
    let wrong = if snapshot.diagnosis.causes.is_empty() { "Nothing is wrong" } else { "Nothing is broken" };
    writeln!(out, "{wrong} with what could be seen: {}. Not everything could be.", judged.join(", "))
}

/// `0 stores`, `1 store`, `4 stores`.
fn number(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The same; nothing for none.
fn counted(count: usize, what: &str) -> Option<String> {
    (count > 0).then(|| number(count, what))
}

fn one(snapshot: &Snapshot, cause: &Cause, out: &mut dyn Write) -> io::Result<()> {
    let since = cause.since.map_or_else(String::new, |at| format!(" since {} ({})", Clock(at), Age::between(at, snapshot.now)));
    writeln!(out, "{} {} {} [{}]{since}", word(cause.severity), cause.subject, cause.title, cause.slug)?;
    writeln!(out, "  {}", cause.summary)?;
    let (failing, radius) = (cause.failing, cause.radius);
    writeln!(
        out,
        "  fails now: {} of {}, {} of {}",
        failing.stores,
        number(radius.stores, "store"),
        failing.external_secrets,
        number(radius.external_secrets, "ExternalSecret")
    )?;
    if let Some(last) = cause.follows.last {
        writeln!(out, "  follows: {}, the last at {}", number(cause.follows.external_secrets, "ExternalSecret"), Clock(last))?;
    }
    let rule = rule(cause.slug);
    match cause.runbooks.first() {
        Some(runbook) => writeln!(out, "  repaired by: sealwatch runbook run {runbook}")?,
        None => {
            if let Some(repair) = rule.and_then(|rule| rule.section("How it is repaired")) {
                writeln!(out, "  repair: {repair}")?;
            }
        }
    }
    if let Some(root) = cause.root() {
        evidence(root, out)?;
    }
    for finding in cause.findings().skip(1).take(LISTED) {
        writeln!(out, "    {} {} {}", word(finding.severity), finding.subject, finding.summary)?;
    }
    let more = cause.more().saturating_sub(LISTED);
    if more > 0 {
        writeln!(out, "    and {more} more")?;
    }
    Ok(())
}

/// What will break, where that was asked for.
///
/// # Errors
/// The output cannot be written.
pub fn soon(upcoming: &[Upcoming], out: &mut dyn Write) -> io::Result<()> {
    for one in upcoming {
        writeln!(out, "will break at {}: {} [{}] {}", Clock(one.at), one.subject, one.slug, one.summary)?;
    }
    Ok(())
}

/// What it rests on, and what was ruled out.
fn evidence(finding: &Finding, out: &mut dyn Write) -> io::Result<()> {
    for one in finding.evidence.iter().take(LISTED) {
        let at = one.at.map_or_else(String::new, |at| format!(" {}", Clock(at)));
        let about = if one.object == finding.subject { String::new() } else { format!("{}: ", one.object) };
        writeln!(out, "  {}{at}: {about}{}", one.source.as_str(), one.what)?;
    }
    if !finding.ruled_out.is_empty() {
        writeln!(out, "  ruled out: {}", finding.ruled_out.join("; "))?;
    }
    Ok(())
}

const fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error  ",
        Severity::Warning => "warning",
        Severity::Info => "info   ",
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::engine::Policy;
    use crate::model::kinds::{self, SecretStore, Watched as _};
    use crate::model::{Change, Fault, FaultKind, Inventory, Kind, Names};
    use crate::ports::Scope;

    fn said(world: Inventory) -> String {
        let mut snapshot = Snapshot::empty(Timestamp::UNIX_EPOCH, Scope::Everywhere, Policy::simulated());
        snapshot.world = Arc::new(world);
        let mut out = Vec::new();
        write(&snapshot, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_was_judged_is_said_where_not_everything_could_be_seen() {
        let now = Timestamp::UNIX_EPOCH;
        let mut world = Inventory::default();
        for kind in kinds::all().iter().filter(|kind| **kind != Kind::Secret) {
            world.apply(Change::Listed((*kind).into(), Vec::new(), Vec::new()), now);
        }
        let forbidden = Fault::new(FaultKind::Forbidden, "You may not list and watch secrets.");
        world.apply(Change::Lost(Kind::Secret.into(), forbidden), now);
        assert_eq!(said(world.clone()), "Nothing can be judged: no store, no ExternalSecret and no Vault could be seen.\n");
        let wire = r#"{"metadata": {"name": "vault", "namespace": "a"}, "spec": {"provider": {}}}"#;
        let store = SecretStore::read(serde_json::from_str(wire).unwrap(), &mut Names::default());
        world.apply(Change::Applied(kinds::OnShelf::into_object(store)), now);
        assert_eq!(said(world), "Nothing is wrong with what could be seen: 1 store. Not everything could be.\n");
    }
}
