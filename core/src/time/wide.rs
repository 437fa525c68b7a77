//! Times of 64 bits, where they cost nothing: servers, browsers and edge workers.

/// Microseconds since the base of the bus.
pub(crate) type Ticks = u64;

#[inline(always)]
pub(crate) const fn in_micros(ticks: Ticks) -> u64 {
    ticks
}

/// Whether the base must move: never. Time saturates after 584,000 years; every deadline has passed then.
#[inline(always)]
pub(crate) const fn must_move_base(_now: u64) -> bool {
    false
}

/// Ticks from the base to now after a move; unused, as the base never moves.
pub(crate) const KEPT: Ticks = 0;

/// Settings are stored as they are.
pub(crate) const ZEROED: bool = false;

/// How long an update is worth delivering, from when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ttl(Ticks);

impl Ttl {
    /// For ever.
    pub(crate) const NEVER: Self = Self(Ticks::MAX);

    #[inline(always)]
    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Whether it has ended for an update that was queued for so long.
    #[inline(always)]
    pub(crate) const fn is_over(self, waited: Ticks) -> bool {
        waited >= self.0 && self.0 < Ticks::MAX
    }

    /// The TTL of an update that arrived then, as counted from its new arrival: not before the new
    /// base.
    pub(crate) const fn moved(self, arrival: Ticks, base: u64) -> Self {
        match self {
            Self::NEVER => self,
            Self(ttl) => Self(ttl.saturating_sub(base.saturating_sub(arrival))),
        }
    }

    /// It in microseconds; `u64::MAX` for ever.
    #[inline(always)]
    pub(crate) const fn micros(self) -> u64 {
        self.0
    }

    /// So that a category without one is all zeros.
    #[inline(always)]
    pub(crate) const fn inverted(self) -> Self {
        Self(!self.0)
    }
}
