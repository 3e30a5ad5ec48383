//! `sealwatch open FILE`: the console on a capture.

use std::path::PathBuf;

use super::args::Global;
use super::{Failure, console};

/// Opens it.
pub(super) async fn run(mut global: Global, file: PathBuf) -> Result<u8, Failure> {
    if global.simulate.is_some() {
        return Err(Failure::usage("A file is opened in place of a simulation.", "Leave --simulate out."));
    }
    global.world = Some(file);
    console::run(&global).await
}
