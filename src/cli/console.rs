//! The console: theme, glyphs, engine, face.

use std::sync::Arc;

use super::args::Global;
use super::{Failure, config, wiring};
use crate::engine::Engine;
use crate::gateways::clipboard::SystemClipboard;
use crate::theme::{BUILT_IN, Depth, Theme, glyphs};
use crate::tui::{self, FaceOptions};

/// Opens the console and stays until the person leaves.
pub(super) async fn run(global: &Global) -> Result<u8, Failure> {
    let wired = wiring::wire(global).await?;
    let variable = |name: &str| std::env::var(name).ok();
    let name = wired.theme.as_deref().unwrap_or(BUILT_IN[0].0);
    let themes = config::folder().map(|folder| folder.join("themes"));
    let theme = Theme::load(name, themes.as_deref(), Depth::detect(variable))
        .map_err(|error| Failure::usage(error.to_string(), "`sealwatch info` says where themes are looked for."))?;
    let options = FaceOptions {
        theme,
        ascii: global.ascii || !glyphs::is_utf8(variable),
        clipboard: Arc::new(SystemClipboard::new()),
        clock: wired.ports.clock.clone(),
        mouse: !global.no_mouse,
    };
    let vault = wired.ports.vault.clone();
    let engine = Engine::start(wired.ports, wired.options);
    let ended = tui::run(engine, options).await;
    wiring::leave(vault.as_ref()).await;
    let ended = ended.map_err(|error| {
        Failure::usage(
            format!("The console needs a terminal: {error}."),
            "Without one, use `sealwatch check` or `sealwatch runbook run`.",
        )
    })?;
    Ok(u8::try_from(ended.code()).unwrap_or(super::FINDINGS))
}
