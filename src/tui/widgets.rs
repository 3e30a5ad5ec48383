//! Pieces that screens are made of. They know cells and styles, and nothing of Kubernetes or Vault.

pub mod banner;
pub mod dialog;
pub mod input;
pub mod lines;
pub mod pen;
pub mod progress;
pub mod table;
