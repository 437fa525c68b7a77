//! A rate limit over a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Allows a number of events in any window of a given length. Memory: one instant for each allowed
/// event.
#[derive(Debug)]
pub(super) struct SlidingWindow {
    max: usize,
    length: Duration,
    /// When each counted event leaves the window, earliest first.
    leave: VecDeque<Instant>,
}

impl SlidingWindow {
    pub(super) const fn new(max: usize, length: Duration) -> Self {
        Self { max, length, leave: VecDeque::new() }
    }

    /// Counts an event.
    ///
    /// # Errors
    /// The limit is reached, and the event is not counted. The duration is the time until the next one
    /// is allowed.
    pub(super) fn count(&mut self, now: Instant) -> Result<(), Duration> {
        while self.leave.front().is_some_and(|leaves| *leaves <= now) {
            self.leave.pop_front();
        }
        if self.leave.len() < self.max {
            self.leave.push_back(now + self.length);
            return Ok(());
        }
        Err(self.leave.front().map_or(self.length, |leaves| leaves.duration_since(now)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_window_slides() {
        let start = Instant::now();
        let mut window = SlidingWindow::new(2, 60 * SECOND);
        assert_eq!(window.count(start), Ok(()));
        assert_eq!(window.count(start + 50 * SECOND), Ok(()));
        assert_eq!(window.count(start + 59 * SECOND), Err(SECOND));
        // The first event has left the window, the second has not.
        assert_eq!(window.count(start + 60 * SECOND), Ok(()));
        assert_eq!(window.count(start + 61 * SECOND), Err(49 * SECOND));
        assert_eq!(window.count(start + 110 * SECOND), Ok(()));
    }

    #[test]
    fn refused_events_are_not_counted() {
        let start = Instant::now();
        let mut window = SlidingWindow::new(1, 10 * SECOND);
        assert_eq!(window.count(start), Ok(()));
        for second in 1..10 {
            assert_eq!(window.count(start + second * SECOND), Err((10 - second) * SECOND));
        }
        assert_eq!(window.count(start + 10 * SECOND), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_refuses_every_event() {
        assert_eq!(SlidingWindow::new(0, SECOND).count(Instant::now()), Err(SECOND));
    }
}
