//! What readers receive.

use statusbus_core::{Losses, Priority, Update};

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
    /// How many updates are missing, by reason.
    pub losses: Losses,
}

impl<U> Received<U> {
    /// Microseconds since it was sent.
    #[must_use]
    pub fn age_micros(&self) -> u64 {
        clock::now().as_micros().saturating_sub(self.sent_at_micros)
    }
}
