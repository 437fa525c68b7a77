//! The runtime's clock as the hub's.

use std::time::Duration;

use statusbus_hub::{Host, Instant, Sleep};

/// tokio as the host of a bus: its clock, so that paused time in tests is paused here too, and `tracing`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tokio {
    start: tokio::time::Instant,
}

impl Tokio {
    pub(crate) fn start() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    pub(crate) fn timer_at(&self, instant: Instant) -> tokio::time::Instant {
        let since_start = Duration::from_micros(instant.as_micros());
        // A timer that far in the future never fires.
        self.start.checked_add(since_start).unwrap_or_else(|| self.start + FAR)
    }
}

/// Ten years.
const FAR: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);

impl Host for Tokio {
    fn now(&self) -> Instant {
        let elapsed = self.start.elapsed();
        Instant::from_micros(elapsed.as_secs() * 1_000_000 + u64::from(elapsed.subsec_micros()))
    }

    fn wall_micros(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |since| since.as_micros() as u64)
    }

    fn sleep_until(&self, at: Instant) -> Sleep {
        Box::pin(tokio::time::sleep_until(self.timer_at(at)))
    }

    fn shutdown_timed_out(&self, lost: u64, readers: usize) {
        tracing::warn!(lost, readers, "the shutdown timed out before everything was read");
    }
}
