//! Times of 32 bits, for microcontrollers: half the memory, and a third of the instructions.
//!
//! The bus moves its base forward at most once in 17 minutes, so that no time runs out of bits. Ages are exact
//! up to 2³⁰ µs (almost 18 minutes); an update that has waited for longer shows at least that.

/// Microseconds since the base of the bus.
pub(crate) type Ticks = u32;

#[inline(always)]
pub(crate) const fn in_micros(ticks: Ticks) -> u64 {
    ticks as u64
}

/// Whether the base must move: from 2³¹ µs on, almost 36 minutes.
#[inline(always)]
pub(crate) const fn must_move_base(now: u64) -> bool {
    now >= 1 << 31
}

/// Ticks from the base to now after a move: ages up to this, almost 18 minutes, are exact.
pub(crate) const KEPT: Ticks = 1 << 30;

/// Settings are stored as the difference from their defaults, so that a bus in a static is all zeros.
pub(crate) const ZEROED: bool = true;

/// How long an update is worth delivering, from when it was sent: microseconds, or with [`COARSE`]
/// units of 1,024 of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ttl(u32);

/// From 2³¹ µs (almost 36 minutes) on a TTL is kept in units of 1.024 ms; the longest is 25 days.
const COARSE: u32 = 1 << 31;
const SHIFT: u32 = 10;

impl Ttl {
    /// For ever.
    pub(crate) const NEVER: Self = Self(u32::MAX);

    /// Rounded up.
    pub(crate) const fn from_micros(micros: u64) -> Self {
        if micros < COARSE as u64 {
            return Self(micros as u32);
        }
        let units = micros.saturating_add((1 << SHIFT) - 1) >> SHIFT;
        let longest = (COARSE - 2) as u64;
        Self(COARSE | if units < longest { units } else { longest } as u32)
    }

    /// Whether it has ended for an update that was queued for so long.
    #[inline(always)]
    pub(crate) const fn is_over(self, waited: Ticks) -> bool {
        let (waited, ttl) =
            if self.0 < COARSE { (waited, self.0) } else { (waited >> SHIFT, self.0 - COARSE) };
        waited >= ttl
    }

    /// The TTL of an update that arrived then, as counted from its new arrival: not before the new
    /// base. Its unit stays.
    #[inline(always)]
    pub(crate) const fn moved(self, arrival: Ticks, base: u64) -> Self {
        let fine = saturated(base).saturating_sub(arrival);
        let coarse = saturated(base.saturating_sub(arrival as u64) >> SHIFT);
        if self.0 < COARSE {
            Self(self.0.saturating_sub(fine))
        } else if self.0 == u32::MAX {
            self
        } else {
            Self(COARSE | (self.0 - COARSE).saturating_sub(coarse))
        }
    }

    /// The TTL in microseconds; `u64::MAX` if it never ends.
    pub(crate) const fn micros(self) -> u64 {
        match self {
            Self::NEVER => u64::MAX,
            Self(fine) if fine < COARSE => fine as u64,
            Self(coarse) => ((coarse - COARSE) as u64) << SHIFT,
        }
    }

    /// So that a category without one is all zeros.
    #[inline(always)]
    pub(crate) const fn inverted(self) -> Self {
        Self(!self.0)
    }
}

const fn saturated(micros: u64) -> u32 {
    if micros > u32::MAX as u64 { u32::MAX } else { micros as u32 }
}
