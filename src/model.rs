//! The world as plain data: no I/O, no async, no clock. Foreign text becomes safe here, on its way in.

mod beside;
pub mod controller;
pub mod fault;
pub mod fingerprint;
pub mod gitops;
pub mod health;
pub mod inventory;
pub mod kinds;
pub mod manager;
pub mod object;
pub mod pod_spec;
pub mod reloader;
pub mod selector;
pub mod shelf;
pub mod sorted_map;
pub mod source;
pub mod text;
pub mod vault;
pub mod vso;
pub mod wire;

pub use controller::Controller;
pub use fault::{Fault, FaultKind};
pub use fingerprint::Withheld;
pub use health::{Age, Clock, Condition, Health, Status};
pub use inventory::{Change, Inventory};
pub use object::{Kind, Name, Names, ObjectRef, Uid};
pub use sorted_map::{SortedMap, SortedSet};
pub use source::{Part, Source, Unreadable};
pub use text::Text;
pub use vault::{LeaderAt, MountState, PathFacts, PathState, Replica, ReplicaRole, Seal, VaultAddress, VaultServer};
