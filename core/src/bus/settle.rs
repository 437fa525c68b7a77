//! Settling batches, flushing and closing.

use core::time::Duration;

use super::{
    Bus, GAP_FLUSH, GAP_ON_ITS_WAY, IS_CLOSED, MISSING, OTHER_GAP, TRIED_AGAIN, UNREPORTED,
};
use crate::batch::{Batch, Item, Receipt, SETTLED};
use crate::outcome::{DELIVERED, SINK};
use crate::slots::Slot;
use crate::time::{Instant, Long};
use crate::{Telemetry, Update};

/// How much of a batch the sink accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Accepted {
    /// All of it, and the gap in front of it.
    All,
    /// This many updates from its start, including those that [`Bus::settle_one`] has settled. With zero,
    /// the gap in front of it was not accepted either, unless it is confirmed.
    First(usize),
}

/// How far a flush reaches: see [`Bus::flush`].
///
/// Marks of one bus can be compared for as long as fewer than 2³¹ updates leave between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct FlushMark(u32);

impl FlushMark {
    /// Whether `other` is this mark or a later one.
    #[must_use]
    pub const fn is_reached_by(self, other: Self) -> bool {
        other.0.wrapping_sub(self.0) as i32 >= 0
    }
}

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
            && batch.is_open
        {
            self.drop_rest(batch, accepted);
        }
        if batch.is_open {
            self.close_batch(batch.filled - batch.settled, batch.gap_seq, batch.began);
        }
        batch.clear();
    }

    /// Drops the updates from index `accepted` on, and takes the gap back if nothing was accepted.
    #[inline(always)]
    fn drop_rest<B>(&mut self, batch: &mut Batch<U, B>, accepted: usize)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        for index in accepted..usize::from(batch.filled) {
            self.drop_item(batch, index);
        }
        if accepted == 0 {
            self.take_gap_back(batch.gap_seq.get());
        }
    }

    fn drop_in_flight(&mut self, topic: Option<&U::Topic>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.count_lost(topic, SINK);
        self.report_soon();
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
        if batch.is_open { self.drop_item(batch, index) } else { None }
    }

    /// Drops the update at an index of a batch in flight; `None`: no unsettled update is there.
    #[inline(never)]
    fn drop_item<'b, B>(&mut self, batch: &'b mut Batch<U, B>, index: usize) -> Option<&'b mut U>
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        let filled = usize::from(batch.filled);
        let item = batch.items.as_mut().get_mut(..filled)?.get_mut(index)?;
        if item.priority == SETTLED {
            return None;
        }
        item.priority = SETTLED;
        batch.settled += 1;
        self.drop_in_flight(Some(&item.update.topic()));
        Some(&mut item.update)
    }

    /// Settles a batch by its [receipt](Batch::take_receipt). Updates that the sink did not accept are
    /// reported as a loss of the whole bus: the receipt does not have their topics.
    /// [`Accepted::First`] counts only updates that [`settle_one`](Self::settle_one) has not settled.
    pub fn settle_receipt(&mut self, receipt: Receipt, accepted: Accepted, now: Instant) {
        self.advance(now);
        let Receipt { is_owed, mut in_flight, gap_seq, began } = receipt;
        if !is_owed {
            return;
        }
        if let Accepted::First(accepted) = accepted {
            while usize::from(in_flight) > accepted {
                in_flight -= 1;
                self.drop_in_flight(None);
            }
            if accepted == 0 {
                self.take_gap_back(gap_seq.get());
            }
        }
        self.close_batch(in_flight, gap_seq, began);
    }

    /// Confirms that the next `count` losses of the gap in front of a batch were passed on, in the order of
    /// [`Gap::loss`](crate::Gap::loss): if the batch fails, only the others are reported again.
    /// `usize::MAX` confirms all. Behind the last one the gap is gone from the bus.
    pub fn confirm_losses<B: ?Sized>(&mut self, batch: &Batch<U, B>, count: usize) {
        if self.gap(batch).is_some() && self.reported_mut().confirm(count) {
            self.clear_reported();
        }
    }

    /// Empties the gap in flight, which was delivered or taken back, and lets the next one follow.
    fn clear_reported(&mut self) {
        self.reported_mut().clear();
        self.flags &= !GAP_ON_ITS_WAY;
        if self.flags & UNREPORTED != 0 {
            self.request_wake();
        }
    }

    /// Adds the unconfirmed losses of a gap that was not accepted to the current gap.
    #[inline(always)]
    fn take_gap_back(&mut self, seq: u64) {
        if self.is_on_its_way(seq) {
            let [first, second] = &mut self.gaps;
            if self.flags & OTHER_GAP == 0 {
                first.take_back(second);
            } else {
                second.take_back(first);
            }
            self.flags |= MISSING;
            self.clear_reported();
        }
    }

    /// Counts the updates of a batch that are still in flight, and its gap, as delivered.
    #[inline]
    fn close_batch(&mut self, in_flight: u16, gap_seq: Long, began: Long) {
        // saturating: the batch of another bus must not panic this one
        self.open = self.open.saturating_sub(1);
        self.in_flight = self.in_flight.saturating_sub(in_flight.into());
        self.count(DELIVERED, in_flight.into());
        if self.is_on_its_way(gap_seq.get()) {
            self.clear_reported();
        }
        self.try_once_more();
        if T::ENABLED {
            let began = Instant::from_micros(began.get());
            let latency = self.clock.reading().micros_since(began);
            self.telemetry.settled(Duration::from_micros(latency));
        }
    }

    /// Lets a closed bus retry a gap that was not accepted, once and without updates: there may be no next
    /// batch.
    fn try_once_more(&mut self) {
        if self.flags & IS_CLOSED == 0 {
            return;
        }
        if self.flags & (MISSING | UNREPORTED | TRIED_AGAIN) == MISSING {
            self.flags |= UNREPORTED | TRIED_AGAIN;
        }
        self.request_wake(); // the bus may be drained, too
    }

    /// Makes everything sent before the call due now. [`is_flushed`](Self::is_flushed) answers for the mark
    /// when that has left the queue.
    pub fn flush(&mut self, now: Instant) -> FlushMark {
        self.advance(now);
        let to = self.passed.wrapping_add(self.len.into());
        if to.wrapping_sub(self.flush_to) as i32 > 0 {
            self.flush_to = to;
        }
        if self.flags & UNREPORTED != 0 {
            self.flags |= GAP_FLUSH;
        }
        self.request_wake();
        FlushMark(self.flush_to)
    }

    /// Whether everything that a flush was requested for has left the queue. It may still be in flight.
    #[must_use]
    pub const fn is_flushed(&self, mark: FlushMark) -> bool {
        mark.is_reached_by(self.flushed())
    }

    /// The latest mark reached: it and every earlier mark are flushed.
    #[must_use]
    pub const fn flushed(&self) -> FlushMark {
        FlushMark(self.passed)
    }

    /// Refuses new updates from now on and makes everything queued due.
    pub fn close(&mut self, now: Instant) {
        self.advance(now);
        self.flags |= IS_CLOSED;
        self.close_room();
        self.try_once_more();
    }
}
