//! The rules that the tokio adapter keeps (DESIGN.md), in virtual time.

#![allow(clippy::panic)] // what helps a test says by a panic what went wrong, as a test does

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod calls;
mod conversations;
mod deadline;
mod depth;
mod flush;
mod gaps;
mod lag;
mod losses_kept;
#[cfg(feature = "metrics")]
mod metrics;
mod model;
mod origin;
mod parts;
mod races;
mod resume;
mod retained;
mod shared_values;
mod shutdown;
mod sizes;
mod storms;
mod subscriptions;
mod supervision;
mod threads;
mod wake;
