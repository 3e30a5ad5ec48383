//! `sealwatch info`: which files are used.

use std::io::{self, Write as _};

use super::args::Global;
use super::{Failure, OK, config};
use crate::gateways::journal::FileJournal;

/// Prints version and paths.
pub(super) fn run(global: &Global) -> Result<u8, Failure> {
    let mut out = io::stdout().lock();
    let folder = config::folder();
    let path = |path: Option<std::path::PathBuf>| {
        path.map_or_else(|| "none: there is no home folder".to_owned(), |path| path.display().to_string())
    };
    writeln!(out, "version   {}", env!("CARGO_PKG_VERSION"))?;
    writeln!(
        out,
        "config    {}",
        path(global.config.clone().or_else(|| folder.as_ref().map(|folder| folder.join("config.toml"))))
    )?;
    writeln!(out, "themes    {}", path(folder.map(|folder| folder.join("themes"))))?;
    writeln!(out, "journal   {}", path(FileJournal::new("<cluster uid>").path()))?;
    writeln!(out, "log       {}", path(global.log.clone()).replace("none: there is no home folder", "none"))?;
    Ok(OK)
}
