//! Readings of the host's clock, and the shorter numbers in which the bus keeps them.

use core::time::Duration;

#[cfg_attr(
    any(statusbus_narrow, all(target_pointer_width = "32", not(target_family = "wasm"))),
    path = "time/narrow.rs"
)]
#[cfg_attr(
    not(any(statusbus_narrow, all(target_pointer_width = "32", not(target_family = "wasm")))),
    path = "time/wide.rs"
)]
mod width;

pub(crate) use width::{KEPT, Ticks, Ttl, ZEROED, in_micros, must_move_base};

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

    /// Microseconds from `earlier` to `self`; zero if `earlier` is later.
    #[inline(always)]
    pub(crate) const fn micros_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl core::ops::Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time. A fraction of a microsecond is rounded up, so that a timer set
    /// to the result never fires early.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

impl core::ops::Sub for Instant {
    type Output = Duration;

    /// The time from `earlier` to `self`; zero if `earlier` is later.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_micros(self.micros_since(earlier))
    }
}

/// Whole microseconds of a span, rounded up; saturates.
pub(crate) const fn micros(span: Duration) -> u64 {
    span.as_secs()
        .saturating_mul(1_000_000)
        .saturating_add(span.subsec_nanos().div_ceil(1_000) as u64)
}

impl Ttl {
    /// The TTL of an option; `None` never ends.
    #[inline]
    pub(crate) const fn new(span: Option<Duration>) -> Self {
        match span {
            Some(span) => Self::from_micros_or_never(micros(span)),
            None => Self::NEVER,
        }
    }

    /// What is left of it after so many microseconds, in microseconds; `u64::MAX` if it never ends.
    #[inline(always)]
    pub(crate) const fn left(self, waited: u64) -> u64 {
        match self {
            Self::NEVER => u64::MAX,
            ttl => ttl.micros().saturating_sub(waited),
        }
    }

    /// `u64::MAX` never ends.
    #[inline(always)]
    pub(crate) const fn from_micros_or_never(micros: u64) -> Self {
        match micros {
            u64::MAX => Self::NEVER,
            micros => Self::from_micros(micros),
        }
    }
}

/// 64 bits, aligned to 4: so that where registers have 32 nothing has to be aligned to 8 for them.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(crate) struct Long(u64);

impl Long {
    pub(crate) const ZERO: Self = Self(0);

    #[inline(always)]
    pub(crate) const fn new(value: u64) -> Self {
        Self(value)
    }

    #[inline(always)]
    pub(crate) const fn get(self) -> u64 {
        self.0
    }

    #[inline(always)]
    pub(crate) const fn add(&mut self, count: u32) {
        *self = Self(self.0 + count as u64);
    }
}

/// What the clock showed, and the time that has passed since the base of the bus: the sum of the
/// steps forward. A step back counts as zero.
///
/// All times that the bus stores are [`Ticks`] since its base. A clock that jumps, goes back or stops
/// neither panics the bus nor loses an update.
#[derive(Clone, Copy)]
pub(crate) struct Clock {
    reading: Long,
    pub(crate) now: Ticks,
}

impl Clock {
    pub(crate) const START: Self = Self { reading: Long::ZERO, now: 0 };

    /// Takes a reading; returns the time since the base. The caller moves the base if it
    /// [must](must_move_base).
    #[inline(always)]
    pub(crate) fn advance(&mut self, reading: Instant) -> u64 {
        let step = reading.micros_since(self.reading());
        self.reading = Long::new(reading.0);
        let now = in_micros(self.now).saturating_add(step);
        self.now = now as Ticks;
        now
    }

    /// What the clock showed last.
    #[inline(always)]
    pub(crate) const fn reading(&self) -> Instant {
        Instant(self.reading.get())
    }

    /// A stored time as a reading of the host's clock, counted from the last reading.
    #[inline(always)]
    pub(crate) const fn reading_at(self, at: Ticks) -> Instant {
        Instant(self.reading.get().saturating_add(in_micros(at.saturating_sub(self.now))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000_000;

    #[test]
    fn a_step_back_counts_as_zero() {
        let mut clock = Clock::START;
        let mut at = |micros| clock.advance(Instant::from_micros(micros));
        assert_eq!(at(1_000), 1_000);
        assert_eq!(at(1_300), 1_300);
        assert_eq!(at(200), 1_300);
        assert_eq!(at(250), 1_350);
        assert_eq!(clock.reading_at(1_400), Instant::from_micros(300));
    }

    #[test]
    fn spans_round_up_so_that_timers_never_fire_early() {
        assert_eq!(micros(Duration::from_nanos(1)), 1);
        assert_eq!(micros(Duration::from_nanos(2_000)), 2);
        assert_eq!(micros(Duration::MAX), u64::MAX);
        let end = Instant::from_micros(u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
    }

    #[test]
    fn the_span_between_two_readings_is_never_negative() {
        let (earlier, later) = (Instant::from_millis(2), Instant::from_micros(5_001));
        assert_eq!(
            (later - earlier, earlier - later),
            (Duration::from_micros(3_001), Duration::ZERO)
        );
        assert_eq!(
            (earlier.as_micros(), Instant::from_millis(u64::MAX).as_micros()),
            (2_000, u64::MAX)
        );
    }

    #[test]
    fn a_ttl_ends_when_it_should_whatever_its_length() {
        for micros in [0, 1, 1_500, 35 * MINUTE] {
            let ttl = Ttl::from_micros(micros);
            assert_eq!(ttl.micros(), micros);
            assert!(ttl.is_over(micros as Ticks));
            assert!(micros == 0 || !ttl.is_over(micros as Ticks - 1));
        }
        assert!(!Ttl::NEVER.is_over(Ticks::MAX));
        assert_eq!(Ttl::NEVER.micros(), u64::MAX);
        assert_eq!(Ttl::from_micros_or_never(u64::MAX), Ttl::NEVER);
        assert_eq!(Ttl::new(Some(Duration::MAX)), Ttl::NEVER);
        assert_ne!(Ttl::from_micros_or_never(u64::MAX - 1).micros(), 0);
        assert_eq!(Ttl::NEVER.moved(0, u64::MAX), Ttl::NEVER);
    }

    #[test]
    fn what_is_left_of_a_ttl_after_a_long_wait_is_exact_to_milliseconds() {
        let day = 24 * 60 * MINUTE;
        let mut ttl = Ttl::from_micros(day);
        for hour in 1..24 {
            ttl = ttl.moved(0, 60 * MINUTE);
            let left = ttl.micros();
            let exact = day - hour * 60 * MINUTE;
            assert!((exact..exact + 1_024 * (hour + 1)).contains(&left), "{hour} h: {left}");
        }
        assert!(ttl.moved(0, 61 * MINUTE).is_over(0));
        assert!(ttl.moved(7, u64::MAX).is_over(0));
        let minute = Ttl::from_micros(MINUTE);
        assert_eq!(minute.moved(7, 10).micros(), MINUTE - 3);
        assert_eq!(minute.moved(10, 7), minute);
        // never earlier than it should end
        let long = Ttl::from_micros(1 << 31);
        assert!(long.moved(1_023, 1_024).micros() >= (1 << 31) - 1);
    }
}
