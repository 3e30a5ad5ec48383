//! sealwatch: an interactive terminal console for the moment when Kubernetes Secrets stop arriving.
//!
//! The rooms, from the ground up; each may import those above it in this list, never one below
//! (`ARCHITECTURE.md` says more, `tests/architecture.rs` holds them to it):
//!
//! - [`model`]: the world as plain data; start with [`model::inventory`].
//! - [`keymap`], [`theme`]: the key table; colours by meaning.
//! - [`diagnosis`]: from a world to its few root causes, one file a rule.
//! - [`runbooks`]: guided repairs, as pure functions of the world and of what was done.
//! - [`ports`]: what the program asks of the outside.
//! - [`gateways`]: the outside: Kubernetes, Vault, the simulation. The only room that holds a secret byte.
//! - [`engine`]: the running program without a face.
//! - [`tui`], [`report`]: its faces.
//! - [`cli`]: the commands, and which gateways stand behind the ports.

pub mod cli;
pub mod diagnosis;
pub mod engine;
pub mod gateways;
pub mod keymap;
pub mod model;
pub mod ports;
pub mod report;
pub mod runbooks;
pub mod theme;
pub mod tui;
