//! Telling what telemetry has heard.

use statusbus_core::Telemetry;

/// Telemetry that counts while the bus is locked, and tells when it is not.
///
/// Its [`Telemetry`] methods are called inside the lock, with interrupts off say, so they should do no
/// more than add up. When the runner is at work it takes what has been counted, leaves a new one in
/// its place, and has it [tell](Self::report), outside the lock and at most once a batch.
pub trait Report: Telemetry + Default {
    /// Tells what was heard since the time before. Does nothing unless overridden.
    fn report(self) {}
}

/// Hears nothing, and compiles to nothing.
impl Report for () {}
