//! The loop that owns the inventory. (In the making.)

use super::{Engine, Options, Ports};

pub(super) fn start(_ports: Ports, _options: Options) -> Engine {
    unimplemented!("the engine's loop")
}
