//! Conversion between the runtime's clock and the core's.

use std::time::Duration;

use statusbus_core::Instant;

/// The runtime's clock, so that paused time in tests is paused here too.
pub(crate) struct Clock {
    start: tokio::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { start: tokio::time::Instant::now() }
    }

    pub(crate) fn now(&self) -> Instant {
        let elapsed = self.start.elapsed();
        Instant::from_micros(elapsed.as_secs() * 1_000_000 + u64::from(elapsed.subsec_micros()))
    }

    pub(crate) fn timer_at(&self, instant: Instant) -> tokio::time::Instant {
        self.start + Duration::from_micros(instant.as_micros())
    }
}

/// The wall clock, in microseconds since 1970.
pub(crate) fn wall() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}
