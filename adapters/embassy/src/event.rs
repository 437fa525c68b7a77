//! What readers receive.

use core::fmt;

use statusbus_core::{DropReason, Losses, Priority, Update};

use crate::clock;

/// What a [`Subscription`](crate::Subscription) yields.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Event<U: Update> {
    /// An update.
    Update(Received<U>),
    /// Updates are missing here. Each topic of a gap is an event of its own, with the same position.
    Gap(GapEntry<U::Topic>),
    /// The reader fell behind the ring: this many updates and gap entries are gone, selected or not. It
    /// continues with the oldest that the ring holds.
    Lagged(u64),
}

/// An update as a reader receives it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Received<U> {
    /// Its position.
    pub seq: u64,
    /// Its priority.
    pub priority: Priority,
    /// The update.
    pub update: U,
    pub(crate) sent_at_micros: u64,
}

/// One entry of a gap: the losses of one topic, or of all topics that the gap does not list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct GapEntry<T> {
    /// The position of the gap; all its entries have the same.
    pub seq: u64,
    /// Which entry of the gap it is, from 0.
    pub index: u16,
    /// How many earlier gaps were not delivered and are reported again here. The first entry of a gap
    /// has the count.
    pub retold: u64,
    /// The topic; `None`: any topic of the bus.
    pub topic: Option<T>,
    pub(crate) counts: Counts,
}

/// Losses in a third of the memory of [`Losses`]: for each reason, then those that have expired.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [u32; DropReason::ALL.len() + 1]);

impl Counts {
    pub(crate) fn losses(&self) -> Losses {
        Losses::from_counts(&self.0)
    }

    #[cfg(feature = "wire")]
    pub(crate) fn clear(&mut self, reason: DropReason) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = 0;
        }
    }
}

impl fmt::Debug for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.losses().fmt(f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Counts {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}", self.losses());
    }
}

impl<T> GapEntry<T> {
    /// How many updates are missing.
    #[must_use]
    pub fn missing(&self) -> u64 {
        // Without a loop the counts need no memory.
        let [a, b, c, d, e, f, g] = self.counts.0.map(u64::from);
        a + b + c + d + e + f + g
    }

    /// How many updates are missing, by reason.
    #[must_use]
    pub fn losses(&self) -> Losses {
        self.counts.losses()
    }
}

impl<U> Received<U> {
    /// Microseconds since it was sent.
    #[must_use]
    pub fn age_micros(&self) -> u64 {
        clock::now().as_micros().saturating_sub(self.sent_at_micros)
    }
}
