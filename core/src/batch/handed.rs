//! An update on its way out.

use core::time::Duration;

use crate::Priority;
use crate::slots::Terms;
use crate::time::Instant;

/// An update as it left the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Handed<U> {
    /// Its position: 1, 2, 3 … in the order of leaving. Gaps have positions too.
    pub seq: u64,
    /// Its priority: its own, or its category's.
    pub priority: Priority,
    /// The update.
    pub update: U,
    waited: u64,
    left: u64,
}

impl<U> Handed<U> {
    #[inline(always)]
    pub(super) fn new(stamp: Stamp, index: usize, terms: &Terms, update: U) -> Self {
        Self {
            seq: stamp.first_seq + index as u64,
            priority: terms.priority,
            update,
            waited: stamp.handed_on.micros_since(terms.arrival),
            left: match terms.expiry {
                Instant::NEVER => u64::MAX,
                expiry => expiry.micros_since(stamp.handed_on),
            },
        }
    }

    /// How long it was queued: from when it was pushed until the batch was handed on.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        Duration::from_micros(self.waited)
    }

    /// The same in microseconds.
    #[must_use]
    pub const fn waited_micros(&self) -> u64 {
        self.waited
    }

    /// What was left of its time-to-live when the batch was handed on, in microseconds; `u64::MAX`
    /// if it has none.
    #[must_use]
    pub const fn ttl_left_micros(&self) -> u64 {
        self.left
    }

    /// What was left of its time-to-live when the batch was handed on; `None` if it has none.
    #[must_use]
    pub const fn ttl_left(&self) -> Option<Duration> {
        match self.left {
            u64::MAX => None,
            left => Some(Duration::from_micros(left)),
        }
    }
}

/// What the updates of a batch have in common.
#[derive(Clone, Copy)]
pub(crate) struct Stamp {
    pub(crate) first_seq: u64,
    pub(crate) handed_on: Instant,
}

impl core::fmt::Debug for Stamp {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "from {}", self.first_seq)
    }
}
