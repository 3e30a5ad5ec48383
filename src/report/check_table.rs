//! The diagnosis for people who read standard output: causes first, then what stands under them, then what
//! could not be seen.

use std::io::{self, Write};

use crate::diagnosis::{Cause, Severity};
use crate::engine::Snapshot;
use crate::model::{Age, Clock};

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
    if diagnosis.broken > 0 {
        writeln!(out, "{} of {} broken objects explained.", diagnosis.explained, diagnosis.broken)?;
    } else if snapshot.is_blind() {
        writeln!(out, "Nothing can be judged: not everything could be seen.")?;
    } else if snapshot.is_empty() {
        writeln!(out, "There is nothing to look at: no store and no ExternalSecret{}.", snapshot.scope.place())?;
    } else if diagnosis.causes.is_empty() {
        writeln!(out, "Nothing is wrong as far as could be seen.")?;
    }
    for unknown in &diagnosis.unexplained {
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

fn one(snapshot: &Snapshot, cause: &Cause, out: &mut dyn Write) -> io::Result<()> {
    let since = cause.since.map_or_else(String::new, |at| format!(" since {} ({})", Clock(at), Age::between(at, snapshot.now)));
    writeln!(out, "{} {} {} [{}]{since}", word(cause.severity), cause.subject, cause.title, cause.slug)?;
    writeln!(out, "  {}", cause.summary)?;
    let (failing, radius) = (cause.failing, cause.radius);
    writeln!(
        out,
        "  fails now: {} of {} stores, {} of {} ExternalSecrets",
        failing.stores, radius.stores, failing.external_secrets, radius.external_secrets
    )?;
    if let Some(last) = cause.follows.last {
        writeln!(out, "  follows: {} ExternalSecrets, the last at {}", cause.follows.external_secrets, Clock(last))?;
    }
    if !cause.runbooks.is_empty() {
        writeln!(out, "  repaired by: sealwatch runbook run {}", cause.runbooks[0])?;
    }
    let under = cause.findings.iter().skip(1).map(|index| &snapshot.diagnosis.findings[*index]);
    for finding in under.clone().take(LISTED) {
        writeln!(out, "    {} {} {}", word(finding.severity), finding.subject, finding.summary)?;
    }
    let more = under.count().saturating_sub(LISTED);
    if more > 0 {
        writeln!(out, "    and {more} more")?;
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
