//! The peak of the queue in the last moments.

use statusbus_core::Instant;

/// The highest of what it was told in this second and in the one before. It forgets by itself, so
/// that whoever asks takes nothing away from others who do.
#[derive(Debug, Default)]
pub(crate) struct Peak {
    /// Seconds on the bus's clock.
    second: u64,
    this: usize,
    before: usize,
}

impl Peak {
    /// Takes in a peak, and answers the highest.
    pub(crate) fn note(&mut self, peak: usize, now: Instant) -> usize {
        let second = now.as_micros() / 1_000_000;
        if second > self.second {
            self.before = if second == self.second + 1 { self.this } else { 0 };
            (self.second, self.this) = (second, 0);
        }
        self.this = self.this.max(peak);
        self.this.max(self.before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn a_peak_is_remembered_for_one_to_two_seconds_however_often_it_is_asked_for() {
        let mut peak = Peak::default();
        assert_eq!(peak.note(7, at(900)), 7);
        assert_eq!(peak.note(3, at(950)), 7);
        assert_eq!(peak.note(4, at(1_100)), 7);
        assert_eq!(peak.note(1, at(1_999)), 7);
        assert_eq!(peak.note(0, at(2_000)), 4, "the 7 is more than a second ago");
        assert_eq!(peak.note(0, at(3_000)), 0);
        assert_eq!(peak.note(9, at(3_999)), 9);
        assert_eq!(peak.note(0, at(10_000)), 0, "nobody has asked for long");
    }
}
