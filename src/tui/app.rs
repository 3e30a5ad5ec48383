//! What the console knows and does, without a terminal: The Elm Architecture. Messages come in, [`update`](fn@update)
//! changes the [`Model`] and says what is to be done outside as [`Effect`] values, which a test can compare.
//! Nothing here draws, waits, or imports ratatui.

pub mod board;
pub mod causes;
pub mod document;
pub mod effect;
pub mod field;
pub mod filter;
mod identity;
pub mod index;
pub mod links;
pub mod login;
mod looks;
pub mod message;
pub mod model;
mod offered;
pub mod offers;
pub mod pages;
pub mod palette;
pub mod prompt;
pub mod rows;
pub mod run;
mod shell;
pub mod status;
pub mod story;
pub mod summary;
mod traced;
mod update;
mod vault_facts;
mod well;
pub mod words;
pub mod writes;

pub use effect::{Ask, Clip, Effect};
pub use message::{Message, Moment, Spot};
pub use model::{Model, Overlay, Reader, Saying, Screen};
pub use update::update;
