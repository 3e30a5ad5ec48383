//! The man page and the completions, made from the command line itself.

use std::io::{self, Write as _};

use clap::CommandFactory as _;

use super::args::Cli;
use super::{Failure, OK};

/// Prints the man page.
pub(super) fn page() -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    clap_mangen::Man::new(Cli::command()).render(&mut out)?;
    out.flush()?;
    Ok(OK)
}

/// Prints the completion script of a shell.
pub(super) fn completion(shell: clap_complete::Shell) -> Result<u8, Failure> {
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "sealwatch", &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(OK)
}
