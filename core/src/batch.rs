//! What `poll` hands on.

use core::time::Duration;

use crate::gap::Gap;
use crate::slots::{Place, Terms};
use crate::time::Instant;
use crate::{FlushReason, Update};

mod detached;
mod handed;
mod item;
mod topics;

pub(crate) use handed::Stamp;

pub use detached::{Detached, DetachedIter};
pub use handed::Handed;
pub use item::Item;
pub use topics::Topic;

/// A buffer for one batch, which the caller owns: an array or a boxed slice of [`Item`]s.
///
/// [`Bus::poll`](crate::Bus::poll) moves updates into it; from then on they are in flight, and the
/// bus is free. Read them in order with [`iter`](Self::iter), by topic with
/// [`topics`](Self::topics), or take them out with [`drain`](Self::drain); then settle the batch
/// with [`Bus::delivered`](crate::Bus::delivered) or [`Bus::failed`](crate::Bus::failed). Who gives
/// the updates away for good, with the items in which they lie, [detaches](Self::detach) them.
pub struct Batch<U: Update, B, const GAPS: usize = 4> {
    held: Detached<U, B>,
    /// Items before this one have been taken out.
    taken: usize,
    /// Whether it was handed on and is not settled yet.
    is_unsettled: bool,
    /// Whether more is to come into it.
    is_growing: bool,
    /// Arrival time of the oldest slot in this batch.
    pub(crate) oldest: Instant,
    /// Updates that have come into it and were counted as in flight.
    handed_on: usize,
    /// Updates of it that are not settled yet.
    in_flight: usize,
    /// Updates in it: those in flight that have not been taken out.
    len: usize,
    reason: FlushReason,
    /// What stands in front of it; none has no position.
    gap: Gap<U::Topic, GAPS>,
}

/// The duty to settle a batch whose updates were taken away: see [`Batch::detach`].
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "what is not settled stays in flight"]
pub struct Receipt {
    /// Whether there is such a duty: the batch was handed on and not settled yet.
    pub(crate) is_owed: bool,
    pub(crate) in_flight: usize,
    pub(crate) handed_on: Instant,
}

impl<U: Update, const SIZE: usize, const GAPS: usize> Batch<U, [Item<U>; SIZE], GAPS> {
    /// An empty buffer for up to `SIZE` updates, in place.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SIZE > 0 && SIZE <= crate::Config::MOST, "a batch has 1 to 65,534 items") };
        Self::with_items_const([const { Item::VACANT }; SIZE])
    }
}

impl<U: Update, const SIZE: usize, const GAPS: usize> Default for Batch<U, [Item<U>; SIZE], GAPS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Update, B, const GAPS: usize> Batch<U, B, GAPS> {
    const fn with_items_const(items: B) -> Self {
        Self {
            held: Detached::nothing_in(items),
            taken: 0,
            is_unsettled: false,
            is_growing: false,
            oldest: Instant::ZERO,
            handed_on: 0,
            in_flight: 0,
            len: 0,
            reason: FlushReason::Full,
            gap: Gap::new(),
        }
    }

    /// The loss that stands in front of this batch.
    #[must_use]
    pub const fn gap(&self) -> Option<&Gap<U::Topic, GAPS>> {
        if self.gap.is_told() { Some(&self.gap) } else { None }
    }

    /// Takes out the loss that stands in front of this batch: the caller tells it.
    pub fn take_gap(&mut self) -> Option<Gap<U::Topic, GAPS>> {
        self.gap.is_told().then(|| core::mem::replace(&mut self.gap, Gap::new()))
    }

    /// Confirms that the next `count` losses of the gap in front of this batch were passed on: if the
    /// batch fails, only the others are reported again. Behind the last one the gap is taken out. For
    /// sinks that pass losses on one by one, in the order of [`Gap::loss`].
    pub fn confirm_losses(&mut self, count: usize) {
        if !self.gap.confirm(count) {
            self.gap.clear();
        }
    }

    /// Why the batch was due.
    #[must_use]
    pub const fn reason(&self) -> FlushReason {
        self.reason
    }

    /// Updates in it that have not been taken out, nor [dropped](crate::Bus::failed_at).
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no update is in it; a gap may be.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Takes its updates away, with the items in which they lie, and has `items` in their place. So
    /// they need not be moved once more where they stay for long. The batch is settled with the
    /// receipt: [`Bus::settle`](crate::Bus::settle). A gap stays: [take](Self::take_gap) it when it
    /// is told; one that is still there at the next poll with this buffer is told again. What was
    /// [drained](Self::drain) before is gone from them.
    pub fn detach(&mut self, items: B) -> (Detached<U, B>, Receipt) {
        let receipt = self.receipt();
        (self.taken, self.len, self.handed_on) = (0, 0, 0);
        (core::mem::replace(&mut self.held, Detached::nothing_in(items)), receipt)
    }

    /// Whether it holds something whose end the bus does not know: itself, or a gap that was left
    /// behind when its updates were taken away.
    pub(crate) const fn is_open(&self) -> bool {
        self.is_unsettled || self.gap.is_told()
    }

    /// Takes over the duty to settle it.
    pub(crate) const fn receipt(&mut self) -> Receipt {
        self.is_growing = false;
        Receipt {
            is_owed: core::mem::replace(&mut self.is_unsettled, false),
            in_flight: core::mem::replace(&mut self.in_flight, 0),
            handed_on: self.held.stamp.handed_on,
        }
    }

    /// Where the gap comes that stands in front of it.
    pub(crate) const fn gap_mut(&mut self) -> &mut Gap<U::Topic, GAPS> {
        &mut self.gap
    }

    /// It is in flight from now on, and will have updates.
    pub(crate) const fn begin(&mut self, stamp: Stamp, reason: FlushReason) {
        (self.held.stamp, self.reason) = (stamp, reason);
        (self.is_unsettled, self.is_growing) = (true, true);
    }

    /// What has come into it is in flight from now on. Answers how many updates that is.
    pub(crate) const fn hand_on(&mut self) -> usize {
        let taken = self.held.len - self.handed_on;
        self.handed_on += taken;
        self.in_flight += taken;
        self.len += taken;
        taken
    }

    pub(crate) const fn is_growing(&self) -> bool {
        self.is_growing
    }

    pub(crate) const fn end_growth(&mut self) {
        self.is_growing = false;
    }

    /// The position behind what has been handed on of it.
    pub(crate) const fn next_seq(&self) -> u64 {
        self.held.stamp.first_seq + self.handed_on as u64
    }

    /// For how long the place in it that was taken longest has been, to when it was begun.
    pub(crate) const fn longest_wait(&self) -> Duration {
        Duration::from_micros(self.held.stamp.handed_on.micros_since(self.oldest))
    }
}

impl<U: Update, B: AsRef<[Item<U>]> + AsMut<[Item<U>]>, const GAPS: usize> Batch<U, B, GAPS> {
    /// An empty buffer in items that the caller brings, a boxed slice say. What is behind the first
    /// 65,534 is not used; with no item at all, `poll` hands on nothing.
    #[must_use]
    pub fn with_items(items: B) -> Self {
        Self::with_items_const(items)
    }

    /// Most updates that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.held.items.as_ref().len().min(crate::Config::MOST)
    }

    /// The updates in the order in which they left the queue.
    pub fn iter(&self) -> impl Iterator<Item = Handed<&U>> {
        self.held.iter_from(self.taken)
    }

    /// Takes the updates out, in order. Those that are not taken stay in the batch.
    pub fn drain(&mut self) -> impl Iterator<Item = Handed<U>> {
        let Self { held: Detached { items, len: filled, stamp, .. }, taken, len, .. } = self;
        let items = items.as_mut().get_mut(*taken..*filled).unwrap_or_default();
        items.iter_mut().filter_map(move |item| {
            let index = *taken;
            *taken += 1;
            let (terms, update) = (item.terms(), item.place.take()?);
            *len = len.saturating_sub(1);
            Some(Handed::new(*stamp, index, &terms, update))
        })
    }

    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        self.held.clear();
        (self.taken, self.len, self.handed_on) = (0, 0, 0);
        self.gap.clear();
    }

    /// Moves an update in, if there are fewer than `room`; answers whether it did.
    #[inline(always)]
    pub(crate) fn put(&mut self, place: &mut Place<U>, terms: &Terms, room: usize) -> bool {
        let Detached { items, len, .. } = &mut self.held;
        let Some(item) = items.as_mut().get_mut(*len).filter(|_| *len < room) else { return false };
        item.put(place, terms);
        *len += 1;
        true
    }

    /// How many updates were put in, whatever has become of them.
    pub(crate) const fn filled(&self) -> usize {
        self.held.len
    }

    /// Takes the update at this position out for good, if it is in the batch: it is settled.
    pub(crate) fn leave_out(&mut self, seq: u64) -> Option<U> {
        let index = usize::try_from(seq.checked_sub(self.held.stamp.first_seq)?).ok()?;
        let item = self.held.items.as_mut().get_mut(..self.held.len)?.get_mut(index)?;
        let update = item.place.take()?;
        item.settle();
        self.in_flight = self.in_flight.saturating_sub(1);
        self.len = self.len.saturating_sub(1);
        Some(update)
    }

    /// The update at `index` of the batch as it was handed on, if it is in flight; nothing in its
    /// place if it has been taken out.
    pub(crate) fn in_flight_at(&self, index: usize) -> Option<Option<&U>> {
        let item = self.held.items.as_ref().get(..self.held.len)?.get(index)?;
        (!item.is_settled()).then(|| item.place.get())
    }
}

impl<U: Update, B, const GAPS: usize> core::fmt::Debug for Batch<U, B, GAPS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}
