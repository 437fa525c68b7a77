//! How often something may be done: so many times in any span of that length.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Remembers when it was done last, no more times than it may be done.
#[derive(Debug)]
pub(crate) struct Changes {
    most: usize,
    within: Duration,
    /// When each of them leaves the window, the first to leave first.
    leave: VecDeque<Instant>,
}

impl Changes {
    pub(crate) const fn new(most: usize, within: Duration) -> Self {
        Self { most, within, leave: VecDeque::new() }
    }

    /// Counts one more, if there may be one.
    ///
    /// # Errors
    /// There were too many; one is free again after this span.
    pub(crate) fn count(&mut self, now: Instant) -> Result<(), Duration> {
        while self.leave.front().is_some_and(|leaves| *leaves <= now) {
            self.leave.pop_front();
        }
        if self.leave.len() < self.most {
            self.leave.push_back(now + self.within);
            return Ok(());
        }
        Err(self.leave.front().map_or(self.within, |leaves| leaves.duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let mut changes = Changes::new(2, 60 * SECOND);
        assert_eq!(changes.count(start), Ok(()));
        assert_eq!(changes.count(start + 50 * SECOND), Ok(()));
        assert_eq!(changes.count(start + 59 * SECOND), Err(SECOND));
        // The first has left the window, the second has not.
        assert_eq!(changes.count(start + 60 * SECOND), Ok(()));
        assert_eq!(changes.count(start + 61 * SECOND), Err(49 * SECOND));
        assert_eq!(changes.count(start + 110 * SECOND), Ok(()));
    }

    #[test]
    fn what_was_refused_is_not_counted() {
        let start = Instant::now();
        let mut changes = Changes::new(1, 10 * SECOND);
        assert_eq!(changes.count(start), Ok(()));
        for second in 1..10 {
            assert_eq!(changes.count(start + second * SECOND), Err((10 - second) * SECOND));
        }
        assert_eq!(changes.count(start + 10 * SECOND), Ok(()));
    }

    #[test]
    fn none_allowed_is_none_allowed() {
        assert_eq!(Changes::new(0, SECOND).count(Instant::now()), Err(SECOND));
    }
}
