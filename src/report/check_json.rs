//! `sealwatch/check/v1`, as `contracts` settles it: stable slugs, RFC 3339 in UTC, no escapes.

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{rfc3339, verdict};
use crate::diagnosis::cause::Counts;
use crate::diagnosis::upcoming::Upcoming;
use crate::diagnosis::{Cause, Certainty, Evidence, Finding, Severity, Unknown};
use crate::engine::Snapshot;
use crate::model::ObjectRef;

#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    verdict: &'static str,
    observed_at: String,
    world_age_s: Ages,
    causes: Vec<CauseLine<'a>>,
    findings: Vec<FindingLine<'a>>,
    unknown: Vec<&'a Unknown>,
    /// Only where it was asked for (`--within`).
    #[serde(skip_serializing_if = "Option::is_none")]
    upcoming: Option<&'a [Upcoming]>,
}

#[derive(Serialize)]
struct Ages {
    kubernetes: Option<i64>,
    vault: Option<i64>,
}

#[derive(Serialize)]
struct CauseLine<'a> {
    slug: &'static str,
    title: &'static str,
    subject: &'a ObjectRef,
    certainty: Certainty,
    severity: Severity,
    since: Option<String>,
    summary: &'a str,
    radius: Counts,
    failing: Counts,
    findings: Vec<usize>,
    runbooks: &'static [&'static str],
}

#[derive(Serialize)]
struct FindingLine<'a> {
    slug: &'static str,
    subject: &'a ObjectRef,
    certainty: Certainty,
    severity: Severity,
    summary: &'a str,
    evidence: &'a [Evidence],
    ruled_out: &'a [String],
}

/// Writes the report on one line.
///
/// # Errors
/// The output cannot be written.
pub fn write(snapshot: &Snapshot, upcoming: Option<&[Upcoming]>, out: &mut dyn Write) -> io::Result<()> {
    let age = |at: Option<Timestamp>| at.map(|at| (snapshot.now.as_second() - at.as_second()).max(0));
    let diagnosis = &snapshot.diagnosis;
    let places = diagnosis.findings.iter().enumerate().map(|(place, one)| (Arc::as_ptr(one), place)).collect();
    let report = Report {
        schema: "sealwatch/check/v1",
        verdict: verdict(snapshot),
        observed_at: rfc3339(snapshot.now),
        world_age_s: Ages { kubernetes: age(snapshot.kubernetes_seen()), vault: age(snapshot.world.vault_seen) },
        causes: diagnosis.causes.iter().map(|one| cause(one, &places)).collect(),
        findings: diagnosis.findings.iter().map(|one| finding(one)).collect(),
        unknown: diagnosis.unknown.iter().chain(&diagnosis.starting.said).chain(diagnosis.unexplained.values()).collect(),
        upcoming,
    };
    serde_json::to_writer(&mut *out, &report)?;
    writeln!(out)
}

/// Where each finding stands in the list of the report.
type Places = HashMap<*const Finding, usize>;

fn cause<'a>(cause: &'a Cause, places: &Places) -> CauseLine<'a> {
    CauseLine {
        slug: cause.slug,
        title: cause.title,
        subject: &cause.subject,
        certainty: cause.certainty,
        severity: cause.severity,
        since: cause.since.map(rfc3339),
        summary: &cause.summary,
        radius: cause.radius,
        failing: cause.failing,
        findings: cause.findings().filter_map(|one| places.get(&Arc::as_ptr(one)).copied()).collect(),
        runbooks: cause.runbooks,
    }
}

fn finding(finding: &Finding) -> FindingLine<'_> {
    FindingLine {
        slug: finding.slug,
        subject: &finding.subject,
        certainty: finding.certainty,
        severity: finding.severity,
        summary: &finding.summary,
        evidence: &finding.evidence,
        ruled_out: &finding.ruled_out,
    }
}
