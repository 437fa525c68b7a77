//! The vocabulary of the tests: a bus whose clock and delivery are in the hands of the test, and short names for what
//! readers get. There is no runtime, no thread and no real time, so that the tests run on every target that has std.

pub(crate) mod bus;
pub(crate) mod clock;
pub(crate) mod events;
pub(crate) mod follower;
pub(crate) mod naive;
pub(crate) mod random;
pub(crate) mod task;

/// `#[test]` of the target.
#[cfg(not(target_family = "wasm"))]
pub(crate) use core::prelude::v1::test;
#[cfg(target_family = "wasm")]
pub(crate) use wasm_bindgen_test::wasm_bindgen_test as test;

use std::time::Duration;

pub(crate) use bus::{Bus, Start};
pub(crate) use events::{
    config, events, everything, names, of, position, reader, seq_of, summary, texts, updates,
};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
