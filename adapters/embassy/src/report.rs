//! Telling what telemetry has heard.

use statusbus_core::Telemetry;

/// Telemetry that counts while the bus is locked, and tells when it is not.
///
/// Its [`Telemetry`] methods are called inside the lock, with interrupts off say, so they should do no
/// more than add up; they cannot send. The runner takes what has been counted, with each batch and
/// whenever else it looks, and has it told by another one, which it keeps for that.
pub trait Report: Telemetry + Default {
    /// Tells what was heard since the time before: outside of the lock, by the one that the runner
    /// keeps. Does nothing unless overridden.
    fn report(&mut self, heard: Self) {
        let _ = heard;
    }
}

/// Hears nothing, and compiles to nothing.
impl Report for () {}
