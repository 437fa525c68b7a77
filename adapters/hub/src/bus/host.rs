//! What the hub needs of the runtime.

use std::future::Future;
use std::pin::Pin;

use statusbus_core::Instant;

/// The runtime that a bus runs on, as far as the hub needs it: a clock, and a place for a warning.
pub trait Host: Send + Sync + 'static {
    /// A reading of the clock: microseconds since any start. It never goes back.
    fn now(&self) -> Instant;

    /// The time of day: microseconds since 1970.
    fn wall_micros(&self) -> u64;

    /// Waits until a reading. Only a shutdown waits.
    fn sleep_until(&self, at: Instant) -> Sleep;

    /// A shutdown timed out. `lost` updates were still queued, and `readers` had not read everything. By default
    /// it is ignored: the ledger counts the updates anyway.
    fn shutdown_timed_out(&self, lost: u64, readers: usize) {
        let _ = (lost, readers);
    }
}

/// A wait for a reading of the clock of a [`Host`].
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;
