//! The log file: off by default. It holds our own words only; clients' tracing, which may quote bodies
//! and headers, is never let in.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;

use super::Failure;

/// Starts logging to this file, if one is given. The guard writes out what is left when it is dropped.
pub(super) fn start(path: Option<&Path>) -> Result<Option<WorkerGuard>, Failure> {
    let Some(path) = path else { return Ok(None) };
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::usage(format!("The log {} cannot be opened: {error}.", path.display()), ""))?;
    let (writer, guard) = tracing_appender::non_blocking(file);
    let ours = Targets::new().with_target("sealwatch", LevelFilter::DEBUG);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false).with_filter(ours);
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))
        .map_err(|error| Failure::usage(format!("The log cannot be started: {error}."), ""))?;
    Ok(Some(guard))
}
