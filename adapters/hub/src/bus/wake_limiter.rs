//! When readers who wait are woken for losses of the whole bus.

use std::time::Duration;

use statusbus_core::Instant;

/// A loss of the whole bus is news for every reader, so that each would be woken with each batch
/// that tells of one, by the thousand, just when there is too much to do. Instead they are called at
/// once for the first loss, then at most once in an interval for all that have come since, and the
/// last one always. Whoever looks in between finds what there is.
#[derive(Debug, Default)]
pub(crate) struct WakeLimiter {
    /// The position of the last loss that everyone was called for.
    told: u64,
    last_call: Option<Instant>,
}

impl WakeLimiter {
    /// Whether there is a loss that nobody was called for; `last_loss` is the position of the last one.
    pub(crate) const fn is_owed(&self, last_loss: u64) -> bool {
        last_loss > self.told
    }

    /// Whether everyone is to be called now; `last_loss` is the position of the last loss.
    pub(crate) fn is_due(&mut self, last_loss: u64, interval: Duration, now: Instant) -> bool {
        let due = self.due_at(last_loss, interval).is_some_and(|due| due <= now);
        if due {
            (self.told, self.last_call) = (last_loss, Some(now));
        }
        due
    }

    /// When everyone is to be called: a time that has passed is at once, `None` not before there is
    /// another loss.
    pub(crate) fn due_at(&self, last_loss: u64, interval: Duration) -> Option<Instant> {
        let after = self.last_call.map_or(Instant::from_micros(0), |last| last + interval);
        self.is_owed(last_loss).then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    const INTERVAL: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn the_first_loss_calls_at_once_and_the_rest_once_an_interval() {
        let mut call = WakeLimiter::default();
        assert!(!call.is_due(0, INTERVAL, at(7)), "nothing is lost");
        assert!(call.is_due(1, INTERVAL, at(7)));
        for loss in 2..9 {
            assert!(!call.is_due(loss, INTERVAL, at(56)));
        }
        assert_eq!(call.due_at(8, INTERVAL), Some(at(57)));
        assert!(call.is_due(8, INTERVAL, at(57)));
        assert_eq!(call.due_at(8, INTERVAL), None, "idle: everyone was called for the last one");
        assert!(!call.is_due(8, INTERVAL, at(1_000)));
        assert!(call.is_due(9, INTERVAL, at(1_000)), "at once again");
    }
}
