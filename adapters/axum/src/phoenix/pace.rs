//! How fast messages are read.

use std::time::{Duration, Instant};

/// Lets a burst through, and then one more each span. Who sends faster is not refused: it is read
/// later, and so feels it itself.
#[derive(Debug)]
pub(crate) struct Pace {
    every: Duration,
    /// How far ahead of its pace it may be.
    ahead: Duration,
    /// When it is back at its pace.
    even_at: Instant,
}

impl Pace {
    /// `burst` at once, at least one, and then one more `every` so often.
    pub(crate) fn new(burst: u32, every: Duration, now: Instant) -> Self {
        Self { every, ahead: every.saturating_mul(burst.max(1) - 1), even_at: now }
    }

    /// Counts one.
    pub(crate) fn count(&mut self, now: Instant) {
        self.even_at = self.even_at.max(now) + self.every;
    }

    /// How long until the next one; zero: now.
    pub(crate) fn wait(&self, now: Instant) -> Duration {
        self.even_at.saturating_duration_since(now).saturating_sub(self.ahead)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_goes_through_and_then_one_each_span() {
        let start = Instant::now();
        let mut pace = Pace::new(3, 50 * MS, start);
        for _ in 0..3 {
            assert_eq!(pace.wait(start), Duration::ZERO);
            pace.count(start);
        }
        assert_eq!(pace.wait(start), 50 * MS);
        assert_eq!(pace.wait(start + 49 * MS), MS);
        assert_eq!(pace.wait(start + 50 * MS), Duration::ZERO);
        pace.count(start + 50 * MS);
        assert_eq!(pace.wait(start + 50 * MS), 50 * MS);
    }

    #[test]
    fn being_quiet_saves_up_one_burst_and_no_more() {
        let start = Instant::now();
        let mut pace = Pace::new(2, 50 * MS, start);
        let later = start + 1_000_000 * MS;
        pace.count(later);
        assert_eq!(pace.wait(later), Duration::ZERO);
        pace.count(later);
        assert_eq!(pace.wait(later), 50 * MS);
    }
}
