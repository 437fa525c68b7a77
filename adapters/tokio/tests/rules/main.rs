//! The rules of the adapter for tokio: tasks, timers, threads, supervision, memory, metrics and logs. The rules of
//! delivery itself are in the tests of the hub.

#![allow(clippy::panic)] // a helper that panics fails the test with the reason

#[path = "../support/mod.rs"]
mod support;

mod deadline;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
mod origin;
mod races;
mod resume;
mod shutdown;
mod storms;
mod supervision;
mod threads;
