//! `sealwatch check`: one look, one report, an exit code.

use std::io::{self, Write as _};

use jiff::SignedDuration;

use super::args::{CheckFormat, FailOn, Global};
use super::look::look;
use super::{BLIND, FINDINGS, Failure, OK, wiring};
use crate::diagnosis::Severity;
use crate::diagnosis::upcoming::upcoming;
use crate::engine::{Engine, Snapshot};
use crate::report::{self, Format};

/// Looks, reports, and says how it stands.
pub(super) async fn run(
    global: &Global,
    output: CheckFormat,
    fail_on: FailOn,
    within: Option<u64>,
    timeout: u64,
) -> Result<u8, Failure> {
    let wired = wiring::wire(global).await?;
    let clock = wired.ports.clock.clone();
    let vault = wired.ports.vault.clone();
    let engine = Engine::start(wired.ports, wired.options);
    let snapshot = look(&mut engine.snapshots(), clock.as_ref(), timeout).await;
    drop(engine);
    wiring::leave(vault.as_ref()).await;
    let format = match output {
        CheckFormat::Table => Format::Table,
        CheckFormat::Json => Format::Json,
    };
    let mut out = io::stdout().lock();
    let within = within.map(|seconds| SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX)));
    let soon = within.map(|within| upcoming(&snapshot.world, &snapshot.diagnosis, snapshot.now, within));
    report::check(format, &snapshot, soon.as_deref(), &mut out)?;
    out.flush()?;
    if soon.is_some_and(|soon| !soon.is_empty()) {
        return Ok(FINDINGS);
    }
    Ok(code(&snapshot, fail_on))
}

/// 1 beats 3; 3 only if a kind in scope, or all replicas of a server, could not be asked.
fn code(snapshot: &Snapshot, fail_on: FailOn) -> u8 {
    let threshold = match fail_on {
        FailOn::Warning => Severity::Warning,
        FailOn::Error => Severity::Error,
    };
    if snapshot.diagnosis.worst().is_some_and(|worst| worst >= threshold) {
        return FINDINGS;
    }
    if !snapshot.diagnosis.unexplained.is_empty() {
        return FINDINGS;
    }
    if snapshot.is_blind() || snapshot.is_empty() { BLIND } else { OK }
}
