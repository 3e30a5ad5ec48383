//! The terminal face.

pub mod app;
pub mod screens;
pub mod widgets;
