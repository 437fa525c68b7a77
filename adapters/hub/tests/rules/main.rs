//! The rules of delivery (docs/design.md): resume, lags, losses, retained values. The test moves the clock and runs the
//! delivery, so that the same tests run natively and on WebAssembly.

#![allow(clippy::panic)] // a helper that panics fails the test with the reason

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod conversations;
mod depth;
mod flush;
mod gaps;
#[cfg(feature = "json")]
mod json;
mod lag;
mod losses_kept;
mod model;
mod parts;
mod resume;
mod retained;
mod shared_values;
mod shutdown;
mod sizes;
mod subscriptions;
mod wake;
mod wake_limit;
