//! Telemetry that reports outside of the lock.

use statusbus_core::Telemetry;

/// Telemetry that counts under the lock of the bus and reports outside of it.
///
/// The [`Telemetry`] methods run under the lock, for example with interrupts masked, so they should only
/// add up. They cannot send. The runner takes the counts since the last time with each poll, and passes
/// them to a second value of this type that it keeps: the reporter.
pub trait Report: Telemetry + Default {
    /// Reports the counts since the last call. Called on the reporter, outside of the lock. Does
    /// nothing by default.
    fn report(&mut self, delta: Self) {
        let _ = delta;
    }
}

/// No telemetry; compiles to nothing.
impl Report for () {}
