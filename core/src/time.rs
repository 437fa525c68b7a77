//! Time as the core is told it.

use core::time::Duration;

/// A reading of the host's clock: microseconds since an arbitrary start.
///
/// The start may be boot, the construction of the bus, or the Unix epoch; only differences count.
/// A `u64` of microseconds lasts 584,000 years.
///
/// ```
/// use core::time::Duration;
/// use statusbus_core::Instant;
///
/// let now = Instant::from_micros(1_500);
/// assert_eq!(now + Duration::from_millis(1), Instant::from_micros(2_500));
/// assert_eq!(Instant::ZERO - now, Duration::ZERO); // never negative
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant(u64);

impl Instant {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);

    /// The end of time; nothing is ever due then.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// Where time stands still, after 146,000 years: so it fits 62 bits, and never comes to
    /// [`NEVER`](Self::NEVER).
    const LAST: Self = Self((1 << 62) - 1);

    /// An instant `micros` microseconds after the start of the clock.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// An instant `millis` milliseconds after the start of the clock; saturates.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// Microseconds since the start of the clock.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Whether it is `now` or was before. Where time stands still, every deadline has come.
    pub(crate) fn has_come(self, now: Self) -> bool {
        self.min(Self::LAST) <= now
    }

    // Microcontrollers divide in software: inside, spans are microseconds and never `Duration`.

    // These steps have 64 bits: where registers have 32, they are calls rather than copies.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn plus(self, micros: u64) -> Self {
        Self(self.0.saturating_add(micros))
    }

    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// 64 bits where they lie in great numbers: aligned to 4, so that where pointers have 32 bits nothing
/// has to be aligned to 8 for them.
#[derive(Clone, Copy)]
#[repr(C, packed(4))]
pub(crate) struct Packed(u64);

impl Packed {
    pub(crate) const ZERO: Self = Self(0);

    #[inline(always)]
    pub(crate) const fn new(bits: u64) -> Self {
        Self(bits)
    }

    #[inline(always)]
    pub(crate) const fn get(self) -> u64 {
        self.0
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time; a fraction of a microsecond is rounded up, so that a timer
    /// set to the result never fires early.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

impl core::ops::Sub for Instant {
    type Output = Duration;

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Whole microseconds of a span, rounded up; saturates.
pub(crate) const fn micros(span: Duration) -> u64 {
    span.as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(span.subsec_nanos().div_ceil(1_000) as u64)
}

/// The sum of the steps forward that the host's clock made: steps back count as zero.
///
/// Everything the core stores is in this time, so a clock that jumps, goes back or stands still
/// can neither panic it nor make it lose an update.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    elapsed: Instant,
    reading: Instant,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self { elapsed: Instant::ZERO, reading: Instant::ZERO }
    }

    /// Takes a reading and answers with the time that has passed.
    #[cfg_attr(target_pointer_width = "32", inline(never))]
    pub(crate) fn advance(&mut self, reading: Instant) -> Instant {
        let step = reading.0.saturating_sub(self.reading.0);
        self.reading = reading;
        self.elapsed = self.elapsed.plus(step).min(Instant::LAST);
        self.elapsed
    }

    /// The time that had passed at the last reading.
    pub(crate) const fn elapsed(&self) -> Instant {
        self.elapsed
    }

    /// The last reading, as the host gave it.
    pub(crate) const fn reading(&self) -> Instant {
        self.reading
    }

    /// An elapsed time as a reading of the host's clock, if it goes on as it stands now.
    pub(crate) fn reading_at(&self, elapsed: Instant) -> Instant {
        self.reading.plus(elapsed.micros_since(self.elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_back_counts_as_zero() {
        let mut clock = Clock::new();
        let at = |micros| Instant::from_micros(micros);
        assert_eq!(clock.advance(at(1_000)), at(1_000));
        assert_eq!(clock.advance(at(1_300)), at(1_300));
        assert_eq!(clock.advance(at(200)), at(1_300));
        assert_eq!(clock.advance(at(250)), at(1_350));
        assert_eq!(clock.reading_at(at(1_400)), at(300));
    }

    #[test]
    fn spans_round_up_so_that_timers_never_fire_early() {
        assert_eq!(micros(Duration::from_nanos(1)), 1);
        assert_eq!(micros(Duration::from_nanos(2_000)), 2);
        assert_eq!(micros(Duration::MAX), u64::MAX);
        assert_eq!(Instant::NEVER + Duration::from_secs(1), Instant::NEVER);
    }
}
