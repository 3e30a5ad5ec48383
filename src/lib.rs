//! sealwatch: an interactive terminal console for the moment when Kubernetes Secrets stop arriving.

pub mod diagnosis;
pub mod engine;
pub mod keymap;
pub mod model;
pub mod ports;
pub mod runbooks;
pub mod theme;
pub mod tui;
