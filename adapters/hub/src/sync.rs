//! The atomics of code whose tests run it with those of loom.

pub(crate) use std::sync::atomic::{AtomicU64, Ordering, fence};
