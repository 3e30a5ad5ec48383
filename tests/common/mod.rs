//! What the tests of the face share: worlds as data, pictures of the engine, fingers that press keys.
#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::expect_used, clippy::panic, reason = "these are tests, although not in functions that say so")]

pub(crate) mod fingers;
pub(crate) mod pictures;
pub(crate) mod svg;
pub(crate) mod worlds;
