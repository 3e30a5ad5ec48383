//! The only rooms that know a network, a file or a secret byte. Each implements a port of `ports.rs`;
//! every error of a client becomes a `Fault` here, before anything can print it.

mod absent;
pub mod capture;
pub mod clipboard;
pub mod clock;
pub mod journal;
pub mod kubernetes;
mod network;
mod odd;
pub mod recorded;
pub mod shares;
pub mod simulation;
pub mod vault;

#[cfg(test)]
mod testing;
