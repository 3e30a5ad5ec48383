//! The console.

use std::sync::Arc;

use super::args::Global;
use super::{Failure, wiring};
use crate::engine::Engine;
use crate::tui::{self, FaceOptions};

/// Opens the console and stays until the person leaves.
pub(super) async fn run(global: &Global) -> Result<u8, Failure> {
    let wired = wiring::wire(global).await?;
    let options = FaceOptions {
        theme: wired.theme,
        ascii: global.ascii,
        clipboard: Arc::new(crate::gateways::clipboard::SystemClipboard::new()),
        clock: wired.ports.clock.clone(),
        mouse: false,
    };
    let engine = Engine::start(wired.ports, wired.options);
    tui::run(engine, options).await
}
