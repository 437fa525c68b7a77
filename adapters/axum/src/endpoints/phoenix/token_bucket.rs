//! The rate at which messages are read.

use std::time::{Duration, Instant};

/// A token bucket: allows a burst, and then one message per interval. Faster senders are not refused;
/// their messages are read later, which slows them down.
#[derive(Debug)]
pub(super) struct TokenBucket {
    interval: Duration,
    /// How far `full_at` may be ahead of the current time.
    tolerance: Duration,
    /// When the bucket is full again.
    full_at: Instant,
}

impl TokenBucket {
    /// Allows `burst` messages at once, at least one, and then one per `interval`.
    pub(super) fn new(burst: u32, interval: Duration, now: Instant) -> Self {
        let tolerance = interval.saturating_mul(burst.max(1) - 1);
        Self { interval, tolerance, full_at: now }
    }

    /// Takes a token, also from an empty bucket.
    pub(super) fn take(&mut self, now: Instant) {
        self.full_at = self.full_at.max(now) + self.interval;
    }

    /// The time until a token is available, zero if one is.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        self.full_at.saturating_duration_since(now).saturating_sub(self.tolerance)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_passes_and_then_one_per_interval() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(3, 50 * MS, start);
        for _ in 0..3 {
            assert_eq!(bucket.wait(start), Duration::ZERO);
            bucket.take(start);
        }
        assert_eq!(bucket.wait(start), 50 * MS);
        assert_eq!(bucket.wait(start + 49 * MS), MS);
        assert_eq!(bucket.wait(start + 50 * MS), Duration::ZERO);
        bucket.take(start + 50 * MS);
        assert_eq!(bucket.wait(start + 50 * MS), 50 * MS);
    }

    #[test]
    fn silence_saves_up_one_burst_at_most() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(2, 50 * MS, start);
        let later = start + 1_000_000 * MS;
        bucket.take(later);
        assert_eq!(bucket.wait(later), Duration::ZERO);
        bucket.take(later);
        assert_eq!(bucket.wait(later), 50 * MS);
    }
}
