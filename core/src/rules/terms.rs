//! What the rules know of a queued update.

use crate::batch::priority;
use crate::outcome::{EVICTED, EXPIRED, OUTRANKED};
use crate::time::{Ticks, Ttl, in_micros};
use crate::{Priority, SendOptions};

/// When an update arrived, on the clock of its [`Rules`](super::Rules). Arrivals of one queue can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arrival(pub(crate) Ticks);

impl Arrival {
    /// Microseconds from this arrival to a later one; zero if that is earlier.
    #[must_use]
    #[inline(always)]
    pub const fn micros_until(self, later: Self) -> u64 {
        in_micros(later.0.saturating_sub(self.0))
    }

    /// Follows a [`Shift`].
    #[inline]
    pub fn shift(&mut self, by: Shift) {
        self.0 = by.of(self.0);
    }
}

/// The terms on which an update is queued: arrival, TTL and priority. The queue stores them with the update.
// Small enough to be passed in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    pub(crate) arrival: Ticks,
    pub(crate) ttl: Ttl,
    pub(crate) priority: u8,
    pub(crate) ends_run: bool,
}

impl Terms {
    /// Those of an update with these options; `by_category` is the priority of its category.
    #[inline(always)]
    pub(crate) fn new(options: &SendOptions, arrival: Ticks, ttl: Ttl, by_category: u8) -> Self {
        let priority = match options.priority {
            Some(priority) => priority as u8,
            None => by_category,
        };
        Self { arrival, ttl, priority, ends_run: options.ends_run }
    }

    /// Those of a [plain](super::Rules::plain_categories) update, of which the queue stores only these two.
    #[must_use]
    #[inline]
    pub const fn plain(arrival: Arrival, priority: Priority) -> Self {
        Self { arrival: arrival.0, ttl: Ttl::NEVER, priority: priority as u8, ends_run: false }
    }

    /// When the update arrived.
    #[must_use]
    #[inline]
    pub const fn arrival(&self) -> Arrival {
        Arrival(self.arrival)
    }

    /// Its priority: its own, or that of its category.
    #[must_use]
    #[inline]
    pub const fn priority(&self) -> Priority {
        priority(self.priority)
    }

    /// What is left of its TTL after it has waited for so long, in microseconds; `u64::MAX` if it has none.
    #[must_use]
    #[inline]
    pub const fn ttl_left_micros(&self, waited: u64) -> u64 {
        self.ttl.left(waited)
    }

    /// Whether the update has expired, if it can.
    #[inline(always)]
    pub(crate) fn is_over(&self, now: Ticks) -> bool {
        self.ttl.is_over(now - self.arrival)
    }

    /// Whether the candidate leaves for a new update with these terms, and the loss of the one that is lost. The
    /// candidate is its priority and whether it has expired; `loss` is that of a candidate that leaves alive.
    #[inline(always)]
    pub(crate) fn displaces(&self, candidate: Option<(u8, bool)>, loss: u8) -> (bool, u8) {
        match candidate {
            None => (false, loss),
            Some((_, true)) => (true, EXPIRED),
            Some((priority, _)) if loss == EVICTED && priority > self.priority => {
                (false, OUTRANKED)
            }
            Some(_) => (true, loss),
        }
    }

    /// Follows a [`Shift`].
    #[inline]
    pub fn shift(&mut self, by: Shift) {
        self.ttl = self.ttl.moved(self.arrival, by.0);
        self.arrival = by.of(self.arrival);
    }
}

/// Where times have 32 bits, the time from which they count moves forward at most once in 17 minutes, and every
/// stored time has to follow: see [`Rules::advance`](super::Rules::advance).
#[derive(Clone, Copy, Debug)]
#[must_use = "the queued updates have to be shifted"]
pub struct Shift(pub(crate) u64);

impl Shift {
    /// A time, from the new base on.
    #[inline(always)]
    pub(crate) fn of(self, time: Ticks) -> Ticks {
        time.saturating_sub(Ticks::try_from(self.0).unwrap_or(Ticks::MAX))
    }
}
