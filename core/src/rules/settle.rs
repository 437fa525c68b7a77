//! Settling batches, flushing and closing.

use core::time::Duration;

use super::{
    ANY, GAP_FLUSH, GAP_ON_ITS_WAY, IS_CLOSED, MISSING, OTHER_GAP, Rules, TRIED_AGAIN, UNREPORTED,
};
use crate::Telemetry;
use crate::batch::{BatchHead, Receipt};
use crate::outcome::{DELIVERED, SINK};
use crate::time::{Instant, Long};

/// How much of a batch the sink accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Accepted {
    /// All of it, and the gap in front of it.
    All,
    /// This many updates from its start, including those that [`Bus::settle_one`](crate::Bus::settle_one) has
    /// settled. With zero, the gap in front of it was not accepted either, unless it is confirmed.
    First(usize),
}

/// How far a flush reaches: see [`Bus::flush`](crate::Bus::flush).
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

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS>
where
    Topic: Clone + PartialEq,
    T: Telemetry,
{
    #[inline(always)]
    pub(crate) fn drop_in_flight(&mut self, topic: Option<&Topic>) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.count_lost(topic, SINK);
        self.report_soon();
    }

    /// Settles a single update of a batch in flight, which the sink cannot take. It counts as dropped. The queue
    /// keeps track of which ones, and calls this once for each.
    pub fn settle_one(&mut self, batch: &mut BatchHead, topic: &Topic) {
        if batch.is_open && batch.settled < batch.filled {
            batch.settled += 1;
            self.drop_in_flight(Some(topic));
        }
    }

    /// Settles a batch by its receipt: see [`Bus::settle_receipt`](crate::Bus::settle_receipt).
    #[inline]
    pub fn settle_receipt(&mut self, receipt: Receipt, accepted: Accepted) {
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

    /// Confirms that the next `count` losses of the gap at a position were passed on: see
    /// [`Bus::confirm_losses`](crate::Bus::confirm_losses).
    #[inline]
    pub fn confirm_losses(&mut self, gap_seq: u64, count: usize) {
        if self.is_on_its_way(gap_seq) && self.reported_mut().confirm(count) {
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
    pub(crate) fn take_gap_back(&mut self, seq: u64) {
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
    pub(crate) fn close_batch(&mut self, in_flight: u16, gap_seq: Long, began: Long) {
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

    /// Makes everything sent before the call due now: see [`Bus::flush`](crate::Bus::flush).
    #[inline]
    pub fn flush(&mut self) -> FlushMark {
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

    /// Refuses new updates from now on and makes everything queued due.
    pub fn close(&mut self) {
        self.close_within(ANY);
    }

    #[inline(always)]
    pub(crate) fn close_within(&mut self, capacity: usize) {
        self.flags |= IS_CLOSED;
        self.close_room(capacity);
        self.try_once_more();
    }
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS> {
    /// Whether everything that a flush was requested for has left the queue. It may still be in flight.
    #[must_use]
    #[inline]
    pub const fn is_flushed(&self, mark: FlushMark) -> bool {
        mark.is_reached_by(self.flushed())
    }

    /// The latest mark reached: it and every earlier mark are flushed.
    #[must_use]
    #[inline]
    pub const fn flushed(&self) -> FlushMark {
        FlushMark(self.passed)
    }
}
