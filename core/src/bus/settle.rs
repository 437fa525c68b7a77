//! Settling batches, flushing and closing.

use super::Bus;
use crate::batch::{Batch, Item, Receipt, SETTLED};
use crate::rules::{Accepted, FlushMark};
use crate::slots::Slot;
use crate::time::Instant;
use crate::{Telemetry, Update};

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// Settles a batch, and empties the buffer. Updates that the sink did not accept are dropped, with the
    /// reason `sink`, and reported within the flush interval. If it accepted nothing, the gap of the batch is
    /// reported again with the next one (once the bus is closed: once more by itself). O(batch) if not all is
    /// accepted or updates have to be dropped, else O(1).
    pub fn settle<B>(&mut self, batch: &mut Batch<U, B>, accepted: Accepted, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        self.advance(now);
        if let Accepted::First(accepted) = accepted
            && batch.head.is_open
        {
            self.drop_rest(batch, accepted);
        }
        if batch.head.is_open {
            let head = &batch.head;
            self.rules.close_batch(head.filled - head.settled, head.gap_seq, head.began);
        }
        batch.clear();
    }

    /// Drops the updates from index `accepted` on, and takes the gap back if nothing was accepted.
    #[inline(always)]
    fn drop_rest<B>(&mut self, batch: &mut Batch<U, B>, accepted: usize)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        for index in accepted..usize::from(batch.head.filled) {
            self.drop_item(batch, index);
        }
        if accepted == 0 {
            self.rules.take_gap_back(batch.head.gap_seq.get());
        }
    }

    /// Settles a single update of a batch, at the position `seq`, that the sink cannot take, for example
    /// because it is too large. It counts as dropped, and is returned so that the caller can inspect or take
    /// it. The others stay in flight. `None` if the batch has no unsettled update at that position. O(1).
    pub fn settle_one<'b, B>(
        &mut self,
        batch: &'b mut Batch<U, B>,
        seq: u64,
        now: Instant,
    ) -> Option<&'b mut U>
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        self.advance(now);
        let index = usize::try_from(seq.checked_sub(batch.first_seq())?).ok()?;
        if batch.head.is_open { self.drop_item(batch, index) } else { None }
    }

    /// Drops the update at an index of a batch in flight; `None`: no unsettled update is there.
    #[inline(never)]
    fn drop_item<'b, B>(&mut self, batch: &'b mut Batch<U, B>, index: usize) -> Option<&'b mut U>
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        let filled = usize::from(batch.head.filled);
        let item = batch.items.as_mut().get_mut(..filled)?.get_mut(index)?;
        if item.priority == SETTLED {
            return None;
        }
        item.priority = SETTLED;
        batch.head.settled += 1;
        self.rules.drop_in_flight(Some(&item.update.topic()));
        Some(&mut item.update)
    }

    /// Settles a batch by its [receipt](Batch::take_receipt). Updates that the sink did not accept are
    /// reported as a loss of the whole bus: the receipt does not have their topics.
    /// [`Accepted::First`] counts only updates that [`settle_one`](Self::settle_one) has not settled.
    pub fn settle_receipt(&mut self, receipt: Receipt, accepted: Accepted, now: Instant) {
        self.advance(now);
        self.rules.settle_receipt(receipt, accepted);
    }

    /// Confirms that the next `count` losses of the gap in front of a batch were passed on, in the order of
    /// [`Gap::loss`](crate::Gap::loss): if the batch fails, only the others are reported again.
    /// `usize::MAX` confirms all. Behind the last one the gap is gone from the bus.
    pub fn confirm_losses<B: ?Sized>(&mut self, batch: &Batch<U, B>, count: usize) {
        self.rules.confirm_losses(batch.head.gap_seq.get(), count);
    }

    /// Makes everything sent before the call due now. [`is_flushed`](Self::is_flushed) answers for the mark
    /// when that has left the queue.
    pub fn flush(&mut self, now: Instant) -> FlushMark {
        self.advance(now);
        self.rules.flush()
    }

    /// Whether everything that a flush was requested for has left the queue. It may still be in flight.
    #[must_use]
    pub const fn is_flushed(&self, mark: FlushMark) -> bool {
        self.rules.is_flushed(mark)
    }

    /// The latest mark reached: it and every earlier mark are flushed.
    #[must_use]
    pub const fn flushed(&self) -> FlushMark {
        self.rules.flushed()
    }

    /// Refuses new updates from now on and makes everything queued due.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        self.rules.close_within(self.capacity());
    }
}
