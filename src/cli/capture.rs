//! `sealwatch capture FILE`: a scrubbed recording of the world, for `--world FILE` and `open FILE`. It is read again at
//! once, and it is said if it does not tell the same.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::args::Global;
use super::look::look;
use super::{Failure, OK, wiring};
use crate::engine::{Engine, Options, Policy, Ports, Snapshot};
use crate::gateways::capture::{Capture, Captured};
use crate::gateways::journal::MemoryJournal;
use crate::gateways::recorded::Recording;

/// Looks, and writes what was seen.
pub(super) async fn run(global: &Global, file: &Path, force: bool, timeout: u64) -> Result<u8, Failure> {
    if !force && file.symlink_metadata().is_ok() {
        return Err(exists(file));
    }
    let wired = wiring::wire(global).await?;
    let Ports { cluster, vault, clock, journal } = wired.ports;
    let (capture, cluster, vault) = Capture::begin(wired.raw, cluster, vault);
    let (scope, as_stores) = (wired.options.scope.clone(), vault.clone());
    let engine = Engine::start(Ports { cluster, vault, clock: clock.clone(), journal }, wired.options);
    let live = look(&mut engine.snapshots(), clock.as_ref(), timeout).await;
    let captured = match &live.offline {
        Some(fault) => Err(Failure::from(fault.clone())),
        None => capture.end(&live.world, &scope, clock.now()).await.map_err(Failure::from),
    };
    drop(engine);
    wiring::leave(as_stores.as_ref()).await;
    let Captured { text, objects, answers } = captured?;
    let other = differences(&live, read_again(&text).await?.as_ref());
    write(file, &text, force)?;
    let mut out = io::stdout().lock();
    let found = live.diagnosis.findings.len();
    writeln!(
        out,
        "Wrote {}: {objects} objects, {answers} answers of Vaults; {found} finding{}.",
        file.display(),
        if found == 1 { "" } else { "s" }
    )?;
    if !live.is_examined() {
        writeln!(out, "Not everything was asked in {timeout} s; --timeout gives it longer.")?;
    }
    if !live.diagnosis.unknown.is_empty() {
        writeln!(out, "{} things could not be seen, and stand in it so.", live.diagnosis.unknown.len())?;
    }
    for difference in other {
        writeln!(out, "{difference}")?;
    }
    out.flush()?;
    Ok(OK)
}

fn exists(file: &Path) -> Failure {
    Failure::usage(format!("{} exists.", file.display()), "Name another file, or replace it with --force.")
}

/// What the file tells.
async fn read_again(text: &str) -> Result<Arc<Snapshot>, Failure> {
    let recording = Recording::read("capture", text)
        .map_err(|why| Failure::blind(format!("What was captured cannot be read: {why}."), "This is a fault of sealwatch."))?;
    let (scope, recording) = (recording.scope(), Arc::new(recording));
    let journal = Arc::new(MemoryJournal::default());
    let ports = Ports { cluster: recording.clone(), vault: recording.clone(), clock: recording.clone(), journal };
    let engine = Engine::start(ports, Options { scope, policy: Policy::recorded(), ..Options::default() });
    Ok(look(&mut engine.snapshots(), recording.as_ref(), 30).await)
}

/// What is found live and not in the file, or the other way round, in sentences.
fn differences(live: &Snapshot, file: &Snapshot) -> Vec<String> {
    let told = |snapshot: &Snapshot| -> BTreeSet<String> {
        let said = |finding: &Arc<crate::diagnosis::Finding>| format!("{} {}", finding.slug, finding.subject);
        snapshot.diagnosis.findings.iter().map(said).collect()
    };
    let (live, file) = (told(live), told(file));
    let lost = live.difference(&file).map(|one| format!("Found live, and not from the file: {one}."));
    lost.chain(file.difference(&live).map(|one| format!("Found from the file, and not live: {one}."))).collect()
}

/// Writes the file for its owner alone. Another one of that name is replaced in one step.
fn write(file: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => exists(file),
        _ => Failure::blind(format!("{} cannot be written: {error}.", file.display()), ""),
    };
    let create = |path: &Path| OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let put = |mut opened: File| opened.write_all(text.as_bytes()).and_then(|()| opened.sync_all());
    if !force {
        return create(file).and_then(put).map_err(failed);
    }
    let mut beside = PathBuf::from(file);
    beside.set_extension(format!("{}.part", std::process::id()));
    let written = create(&beside).and_then(put).and_then(|()| std::fs::rename(&beside, file));
    written.map_err(|error| {
        // Nothing is left lying about.
        let _ = std::fs::remove_file(&beside);
        failed(error)
    })
}
