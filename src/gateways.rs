//! The rooms that know a network, a client or a secret byte: they implement the ports.

pub mod simulation;
