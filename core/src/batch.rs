//! What `poll` puts out.

use core::time::Duration;

use crate::time::{Long, Ticks, Ttl, in_micros};
use crate::{Config, FlushReason, Priority, Update};

/// A buffer for one batch, which the caller owns: an array, a slice or a boxed slice of [`Item`]s.
///
/// [`Bus::poll`](crate::Bus::poll) moves updates into it. From then on they are in flight and the bus is
/// free, until the caller [settles](crate::Bus::settle) the batch. A caller that shares the updates with
/// its readers takes a [receipt](Self::take_receipt) instead, settles with that, and keeps the buffer for
/// as long as it is read.
#[repr(C)]
pub struct Batch<U: Update, B: ?Sized> {
    pub(crate) head: BatchHead,
    update: core::marker::PhantomData<U>,
    pub(crate) items: B,
}

/// A batch without its updates: why it was due, its positions, and what is still in flight. Queues that are driven
/// by [`Rules`](crate::Rules) keep it beside the updates.
#[derive(Debug)]
#[repr(C)]
pub struct BatchHead {
    /// Updates that were moved in.
    pub(crate) filled: u16,
    /// Updates among them that were settled one by one.
    pub(crate) settled: u16,
    /// It was polled and is not settled.
    pub(crate) is_open: bool,
    /// More may come into it.
    pub(crate) is_growing: bool,
    pub(crate) reason: FlushReason,
    /// The reading of the clock when it was begun.
    pub(crate) began: Long,
    pub(crate) longest_wait: Ticks,
    pub(crate) first_seq: Long,
    /// The position of the gap in front of it; zero without one.
    pub(crate) gap_seq: Long,
}

/// Room for one update of a batch.
#[repr(C)]
pub struct Item<U> {
    pub(crate) update: U,
    pub(crate) waited: Ticks,
    pub(crate) ttl: Ttl,
    /// A priority, or [`SETTLED`].
    pub(crate) priority: u8,
}

/// In place of a priority: [`Bus::settle_one`](crate::Bus::settle_one) has settled the update.
pub(crate) const SETTLED: u8 = u8::MAX;

impl<U: Update> Item<U> {
    /// An item without an update: all zeros if [`Update::EMPTY`] is.
    pub const VACANT: Self =
        Self { update: U::EMPTY, waited: 0, ttl: Ttl::from_micros(0), priority: 0 };
}

/// The obligation to settle a batch whose updates stay where they are: see [`Batch::take_receipt`].
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a batch that is not settled stays in flight"]
pub struct Receipt {
    /// Whether the batch was polled and not settled when the receipt was taken.
    pub(crate) is_owed: bool,
    pub(crate) in_flight: u16,
    pub(crate) gap_seq: Long,
    pub(crate) began: Long,
}

impl<U: Update, const SIZE: usize> Batch<U, [Item<U>; SIZE]> {
    /// An empty buffer for up to `SIZE` updates, in place.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(SIZE > 0 && SIZE <= Config::MOST, "a batch has 1 to 65,534 items") };
        Self::in_items([const { Item::VACANT }; SIZE])
    }
}

impl<U: Update, const SIZE: usize> Default for Batch<U, [Item<U>; SIZE]> {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Update, B: ?Sized> Batch<U, B> {
    const fn in_items(items: B) -> Self
    where
        B: Sized,
    {
        Self { head: BatchHead::new(), update: core::marker::PhantomData, items }
    }

    /// Updates in it.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.head.len()
    }

    /// Whether no update is in it; a gap may be in front of it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Why the batch was due.
    #[must_use]
    pub const fn reason(&self) -> FlushReason {
        self.head.reason
    }

    /// The position of its first update. Each next update has the next position; an update that
    /// [`Bus::settle_one`](crate::Bus::settle_one) has settled keeps its own.
    #[must_use]
    #[inline]
    pub const fn first_seq(&self) -> u64 {
        self.head.first_seq()
    }

    /// The position of the gap in front of it; `None`: nothing is missing there. See
    /// [`Bus::gap`](crate::Bus::gap).
    #[must_use]
    pub const fn gap_seq(&self) -> Option<u64> {
        self.head.gap_seq()
    }

    /// Separates settling from the buffer: settle the returned receipt by
    /// [`Bus::settle_receipt`](crate::Bus::settle_receipt). The updates stay readable in the buffer until
    /// [`clear`](Self::clear), which must come before the next poll.
    pub const fn take_receipt(&mut self) -> Receipt {
        self.head.take_receipt()
    }
}

impl BatchHead {
    /// That of an empty batch.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            filled: 0,
            settled: 0,
            is_open: false,
            is_growing: false,
            reason: FlushReason::Full,
            began: Long::ZERO,
            longest_wait: 0,
            first_seq: Long::ZERO,
            gap_seq: Long::ZERO,
        }
    }

    /// Updates in the batch that were not [settled by themselves](crate::Rules::settle_one).
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        (self.filled - self.settled) as usize
    }

    /// Whether no update is in the batch; a gap may be in front of it.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the batch is in flight: polled, at least in part, and its receipt was not taken.
    #[must_use]
    #[inline]
    pub const fn is_in_flight(&self) -> bool {
        self.is_open
    }

    /// Whether the batch is in flight and gets no more updates. Settle it before the next one is polled.
    #[must_use]
    #[inline(always)]
    pub const fn is_whole(&self) -> bool {
        self.is_open && !self.is_growing
    }

    /// Why the batch was due.
    #[must_use]
    #[inline]
    pub const fn reason(&self) -> FlushReason {
        self.reason
    }

    /// The position of its first update, once the first part is finished: a gap may come in front of it. Each next
    /// update has the next position.
    #[must_use]
    #[inline]
    pub const fn first_seq(&self) -> u64 {
        self.first_seq.get()
    }

    /// The position of the gap in front of it; `None`: nothing is missing there. See
    /// [`Rules::gap`](crate::Rules::gap).
    #[must_use]
    #[inline]
    pub const fn gap_seq(&self) -> Option<u64> {
        match self.gap_seq.get() {
            0 => None,
            seq => Some(seq),
        }
    }

    /// The obligation to settle the batch. It gets no more updates.
    #[inline]
    pub const fn take_receipt(&mut self) -> Receipt {
        self.is_growing = false;
        Receipt {
            is_owed: core::mem::replace(&mut self.is_open, false),
            in_flight: self.filled - self.settled,
            gap_seq: self.gap_seq,
            began: self.began,
        }
    }

    #[inline(always)]
    pub(crate) const fn clear(&mut self) {
        self.filled = 0;
        self.settled = 0;
        self.is_open = false;
        self.is_growing = false;
        self.gap_seq = Long::ZERO;
    }
}

impl Default for BatchHead {
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Update, B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized> Batch<U, B> {
    /// An empty buffer in items that the caller brings: a boxed slice, for instance. Items behind the
    /// first 65,534 are not used; without any item nothing is ever polled.
    #[must_use]
    pub const fn with_items(items: B) -> Self
    where
        B: Sized,
    {
        Self::in_items(items)
    }

    /// The items, vacant.
    #[must_use]
    pub fn into_items(mut self) -> B
    where
        B: Sized,
    {
        self.clear();
        self.items
    }

    /// Empties the buffer and exchanges its items for others; returns the old ones, vacant. A batch that is still
    /// to be settled stays in flight: take its receipt first.
    pub fn replace_items(&mut self, items: B) -> B
    where
        B: Sized,
    {
        self.clear();
        core::mem::replace(&mut self.items, items)
    }

    /// Most updates that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.items.as_ref().len().min(Config::MOST)
    }

    /// The updates, in the order in which they left the queue.
    #[inline]
    pub fn iter(&self) -> BatchIter<'_, U> {
        BatchIter { items: self.filled().iter(), seq: self.first_seq() }
    }

    /// Like [`iter`](Self::iter), without the first `index` updates, settled ones included.
    #[inline]
    pub fn iter_from(&self, index: usize) -> BatchIter<'_, U> {
        let items = self.filled().get(index..).unwrap_or_default();
        BatchIter { items: items.iter(), seq: self.first_seq().wrapping_add(index as u64) }
    }

    /// The update at `index`, from zero: the one at position [`first_seq`](Self::first_seq)` + index`.
    /// `None` behind the last, and for an update that [`Bus::settle_one`](crate::Bus::settle_one) has
    /// settled.
    #[must_use]
    #[inline]
    pub fn get(&self, index: usize) -> Option<BatchUpdate<'_, U>> {
        let item = self.filled().get(index)?;
        (item.priority != SETTLED).then(|| item.show(self.first_seq() + index as u64))
    }

    /// The updates themselves, in order, to be changed.
    #[inline]
    pub fn updates_mut(&mut self) -> impl Iterator<Item = &mut U> {
        let filled = usize::from(self.head.filled);
        let items = self.items.as_mut().get_mut(..filled).unwrap_or_default();
        items.iter_mut().filter(|item| item.priority != SETTLED).map(|item| &mut item.update)
    }

    /// Empties the buffer. A batch that is still to be settled stays in flight: settle it first.
    #[inline]
    pub fn clear(&mut self) {
        self.vacate(self.head.filled);
        self.head.clear();
    }

    /// Drops the updates in the first `filled` items.
    #[inline(always)]
    pub(crate) fn vacate(&mut self, filled: u16) {
        if core::mem::needs_drop::<U>() {
            let filled = usize::from(filled);
            for item in self.items.as_mut().get_mut(..filled).unwrap_or_default() {
                item.update = U::EMPTY;
            }
        }
    }

    #[inline(always)]
    pub(crate) fn filled(&self) -> &[Item<U>] {
        self.items.as_ref().get(..usize::from(self.head.filled)).unwrap_or_default()
    }
}

impl<'a, U: Update, B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized> IntoIterator
    for &'a Batch<U, B>
{
    type Item = BatchUpdate<'a, U>;
    type IntoIter = BatchIter<'a, U>;

    fn into_iter(self) -> BatchIter<'a, U> {
        self.iter()
    }
}

impl<U> Item<U> {
    #[inline(always)]
    fn show(&self, seq: u64) -> BatchUpdate<'_, U> {
        BatchUpdate {
            seq,
            priority: priority(self.priority),
            update: &self.update,
            waited: self.waited,
            ttl: self.ttl,
        }
    }
}

#[inline(always)]
pub(crate) const fn priority(stored: u8) -> Priority {
    match stored {
        0 => Priority::Low,
        1 => Priority::Normal,
        _ => Priority::High,
    }
}

/// An update of a batch.
#[derive(Debug)]
pub struct BatchUpdate<'a, U> {
    /// Its position: 1, 2, 3 … in the order of leaving the queue. Gaps have positions too.
    pub seq: u64,
    /// Its priority: its own, or that of its category.
    pub priority: Priority,
    /// The update.
    pub update: &'a U,
    waited: Ticks,
    ttl: Ttl,
}

impl<U> Clone for BatchUpdate<'_, U> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<U> Copy for BatchUpdate<'_, U> {}

impl<U> BatchUpdate<'_, U> {
    /// How long it was queued: from the push until the batch was begun.
    #[must_use]
    pub const fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_micros())
    }

    /// The same in microseconds.
    #[must_use]
    #[inline(always)]
    pub const fn waited_micros(&self) -> u64 {
        in_micros(self.waited)
    }

    /// What was left of its TTL when the batch was begun; `None` if it has none.
    #[must_use]
    pub const fn ttl_left(&self) -> Option<Duration> {
        match self.ttl_left_micros() {
            u64::MAX => None,
            left => Some(Duration::from_micros(left)),
        }
    }

    /// The same in microseconds; `u64::MAX` if it has none.
    #[must_use]
    #[inline(always)]
    pub const fn ttl_left_micros(&self) -> u64 {
        self.ttl.left(self.waited_micros())
    }
}

/// The updates of a [`Batch`], in order.
#[derive(Debug)]
pub struct BatchIter<'a, U> {
    items: core::slice::Iter<'a, Item<U>>,
    /// The position of the next item.
    seq: u64,
}

impl<U> Clone for BatchIter<'_, U> {
    fn clone(&self) -> Self {
        Self { items: self.items.clone(), seq: self.seq }
    }
}

impl<U> Default for BatchIter<'_, U> {
    fn default() -> Self {
        Self { items: [].iter(), seq: 0 }
    }
}

impl<'a, U> Iterator for BatchIter<'a, U> {
    type Item = BatchUpdate<'a, U>;

    #[inline]
    fn next(&mut self) -> Option<BatchUpdate<'a, U>> {
        loop {
            let item = self.items.next()?;
            let seq = self.seq;
            self.seq += 1;
            if item.priority != SETTLED {
                return Some(item.show(seq));
            }
        }
    }

    /// Items whose update was settled by itself are skipped.
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.items.len()))
    }

    #[inline]
    fn fold<A, F: FnMut(A, Self::Item) -> A>(self, first: A, mut each: F) -> A {
        let Self { items, mut seq } = self;
        items.fold(first, |folded, item| {
            seq += 1;
            if item.priority == SETTLED { folded } else { each(folded, item.show(seq - 1)) }
        })
    }
}

impl<U> core::iter::FusedIterator for BatchIter<'_, U> {}

impl<U> core::fmt::Debug for Item<U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Item").finish_non_exhaustive()
    }
}

impl<U: Update, B: ?Sized> core::fmt::Debug for Batch<U, B> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Batch").field("len", &self.len()).finish_non_exhaustive()
    }
}
