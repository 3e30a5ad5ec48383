//! What the tests of the face share: worlds as data, pictures of the engine, fingers that press keys.
#![allow(dead_code, reason = "each test uses a part of it")]

pub mod fingers;
pub mod pictures;
pub mod svg;
pub mod worlds;
