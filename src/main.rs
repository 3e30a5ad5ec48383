//! Parses the command line, runs the command, maps errors to exit codes.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;
use sealwatch::cli::args::Cli;
use sealwatch::cli::{self, Failure};
use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    // Before any thread: a core dump would hold what was typed.
    // Where the system refuses, everything else still holds.
    let _ = sealwatch::tui::process::harden();
    let _ = sealwatch::tui::process::open_many();
    let cli = Cli::parse();
    let ended = runtime().map_err(Failure::from).and_then(|runtime| {
        let ended = runtime.block_on(cli::run(cli));
        // A call that hangs must not hold the person.
        runtime.shutdown_background();
        ended
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) if failure.message.is_empty() => ExitCode::from(failure.code),
        Err(failure) => {
            // If standard error is closed there is nobody to tell; the exit code still says it.
            let _ = writeln!(std::io::stderr().lock(), "sealwatch: {failure}");
            ExitCode::from(failure.code)
        }
    }
}

/// How long a thread stays that has nothing to do. Those that stay take turns, and each keeps in its own part of the heap what
/// one diagnosis of everything took (glibc's arenas: 7 MiB for each thread at 10,000 `ExternalSecret`s); those that end leave
/// that to the next.
const IDLE: Duration = Duration::from_millis(1);

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread().worker_threads(2).thread_keep_alive(IDLE).enable_all().build()
}
