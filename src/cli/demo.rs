//! `sealwatch demo`: the console on a simulated cluster.

use std::io::{self, Write as _};

use super::args::Global;
use super::{Failure, OK, console};
use crate::gateways::simulation::Scenario;

/// Lists the scenarios.
pub(super) fn list() -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    for scenario in Scenario::all() {
        writeln!(out, "{:20} {}", scenario.slug, scenario.title)?;
    }
    Ok(OK)
}

/// Opens the console on a scenario.
pub(super) async fn run(mut global: Global, scenario: String) -> Result<u8, Failure> {
    global.simulate = Some(scenario);
    console::run(&global).await
}
