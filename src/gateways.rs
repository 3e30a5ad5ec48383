//! The only rooms that know a network, a file or a secret byte. Each implements a port of `ports.rs`;
//! every error of a client becomes a `Fault` here, before anything can print it.

pub mod recorded;
pub mod shares;
pub mod simulation;
