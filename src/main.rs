//! Parses the command line, runs the command, maps errors to exit codes.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use sealwatch::cli::args::Cli;
use sealwatch::cli::{self, Failure};

fn main() -> ExitCode {
    // Before any thread: a core dump would hold what was typed.
    // Where the system refuses, everything else still holds.
    let _ = sealwatch::tui::process::harden();
    let _ = sealwatch::tui::process::open_many();
    let cli = Cli::parse();
    let ended =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failure::from).and_then(
            |runtime| {
                let ended = runtime.block_on(cli::run(cli));
                // A call that hangs must not hold the person.
                runtime.shutdown_background();
                ended
            },
        );
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
