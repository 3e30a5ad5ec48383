//! One file a command, and the wiring: which gateways stand behind the ports.

pub mod args;
mod capture;
mod check;
mod config;
mod console;
mod demo;
mod explain;
mod failure;
mod get;
mod info;
mod keys;
mod log;
mod look;
mod man;
mod open;
mod runbook;
mod trace;
mod wiring;

pub use failure::Failure;

use args::{Cli, Command};

/// Exit code of a command that did what it should.
pub const OK: u8 = 0;
/// Findings, or a run that failed or was not proved.
pub const FINDINGS: u8 = 1;
/// The command line was wrong.
pub const USAGE: u8 = 2;
/// It could not look.
pub const BLIND: u8 = 3;
/// Policy, rights or closed writes refuse it.
pub const REFUSED: u8 = 4;

/// Runs a command and says with which code to exit.
///
/// # Errors
/// A sentence for the person, with a hint and an exit code.
pub async fn run(cli: Cli) -> Result<u8, Failure> {
    let Cli { global, command } = cli;
    let _log = log::start(global.log.as_deref())?;
    match command {
        None => console::run(&global).await,
        Some(Command::Demo { list: true, .. }) => demo::list(),
        Some(Command::Demo { scenario, .. }) => demo::run(global, scenario).await,
        Some(Command::Check { output, fail_on, within, timeout }) => check::run(&global, output, fail_on, within, timeout).await,
        Some(Command::Get { what, names, properties, neighbours, output, no_headers, timeout }) => {
            let more = get::More { properties, neighbours };
            get::run(&global, get::Order { what, names, more, output, no_headers, timeout }).await
        }
        Some(Command::Trace { object, output, most, timeout }) => {
            trace::run(&global, &object.join("/"), output, most, timeout).await
        }
        Some(Command::Capture { file, force, timeout }) => capture::run(&global, &file, force, timeout).await,
        Some(Command::Open { file }) => open::run(global, file).await,
        Some(Command::Runbook { command }) => runbook::run(&global, command).await,
        Some(Command::Explain { slug }) => explain::run(slug.as_deref()),
        Some(Command::Keys) => keys::run(),
        Some(Command::Completion { shell }) => man::completion(shell),
        Some(Command::Man) => man::page(),
        Some(Command::Info) => info::run(&global),
    }
}
