//! Handing batches on, and settling them.

use core::time::Duration;

use super::{Bus, FlushMark};
use crate::batch::{Batch, Item, Receipt, Stamp};
use crate::gap::Loss;
use crate::queue;
use crate::slots::{Place, Slot, Terms};
use crate::{FlushReason, HandedOn, Instant, Telemetry, Update};

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// Hands on the next batch if one is due; else answers `false`. Call it again until it does.
    ///
    /// Being called early is harmless and costs energy, being called late costs latency. O(1) for
    /// each update that is handed on or found to have expired. An earlier batch that is still in
    /// the buffer unsettled counts as not accepted by the sink.
    #[must_use = "the batch has to be delivered and settled"]
    pub fn poll<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant) -> bool
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        self.poll_with(batch, |_| {}, now)
    }

    /// Like [`poll`](Self::poll); updates that have expired are handed to `expired`.
    #[must_use = "the batch has to be delivered and settled"]
    pub fn poll_with<B>(
        &mut self,
        batch: &mut Batch<U, B, GAPS>,
        mut expired: impl FnMut(U),
        now: Instant,
    ) -> bool
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        self.prepare();
        (self.asleep, self.wake) = (false, false);
        self.failed(batch, 0, now);
        let now = self.clock.advance(now);
        let room = batch.capacity().min(usize::from(self.settings.batch_size));
        let reason = match self.due(now) {
            Some(reason) if room > 0 => reason,
            _ => {
                self.asleep = true;
                return false;
            }
        };
        let mut oldest = now;
        loop {
            // Whatever the host does with what has expired, what was handed on is in the batch.
            let slots = self.slots.as_mut();
            let fill = |place: &mut Place<U>, terms: &Terms| {
                let put = batch.put(place, terms, room);
                if put {
                    oldest = oldest.min(terms.arrival);
                }
                put
            };
            let since = self.queue.since();
            let taken = self.queue.drain(slots, now, fill);
            self.passed += taken as u64;
            if taken > 0 {
                oldest = since.map_or(oldest, |since| oldest.min(since));
            }
            let first = self.queue.first();
            let is_expired = |first: Terms| first.is_expired(now);
            if batch.filled() >= room || !queue::terms(slots, first).is_some_and(is_expired) {
                break;
            }
            self.passed += 1;
            let mut place = Place::VACANT;
            let _ = self.queue.remove(slots, first, &mut place);
            self.books.lose(&place, Loss::Expired);
            if let Some(update) = place.take() {
                expired(update);
            }
        }
        let left = self.queue.len();
        if left == 0 {
            self.times.clear_deadline();
            self.passed = self.passed.max(self.flush_to);
        }
        if left <= usize::from(self.settings.limit) / 2 {
            self.books.relieve();
        }
        if self.books.tell_gap(self.seq + 1, batch.gap_mut()) {
            self.seq += 1;
        }
        let size = batch.filled();
        batch.hand_on(Stamp { first_seq: self.seq + 1, handed_on: now }, reason);
        self.seq += size as u64;
        self.books.hand_on(size);
        self.unsettled += 1;
        self.times.hand_on(now);
        self.gap_flush = false;
        let longest_wait = Duration::from_micros(now.micros_since(oldest));
        self.books.telemetry.handed_on(HandedOn { size, reason, longest_wait, left });
        true
    }

    /// When the bus next wants to be polled, in readings of the host's clock: the last reading if
    /// something is due already, `None` if it is idle.
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        if self.due(self.clock.elapsed()).is_some() {
            return Some(self.clock.reading());
        }
        self.times.next().map(|deadline| self.clock.reading_at(deadline))
    }

    /// Settles a batch: the sink accepted it. Empties the buffer.
    pub fn delivered<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let receipt = batch.receipt();
        batch.clear();
        self.settle(receipt, now);
    }

    /// Settles a batch of which the sink accepted only the first `accepted` updates (those that it
    /// [could not take](Self::failed_at) by themselves count as passed), and empties the buffer. The others are dropped for that reason; if it accepted none, the batch's gap is
    /// told with the next batch (once the bus is closed: once more by itself).
    pub fn failed<B>(&mut self, batch: &mut Batch<U, B, GAPS>, accepted: usize, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        self.clock.advance(now);
        if !batch.is_open() {
            return;
        }
        let mut receipt = batch.receipt();
        let accepted = accepted.min(batch.filled());
        let in_flight = receipt.in_flight;
        for index in accepted..batch.filled() {
            if let Some(update) = batch.in_flight_at(index) {
                self.books.fail(update.map(Update::topic));
                receipt.in_flight = receipt.in_flight.saturating_sub(1);
            }
        }
        if accepted == 0
            && let Some(gap) = batch.gap()
        {
            self.books.keep_gap(gap);
            self.try_once_more();
        }
        batch.clear();
        self.fail(receipt.in_flight < in_flight, now);
        self.settle(receipt, now);
    }

    /// The sink cannot take the update at position `seq` of a batch, because it is too large say:
    /// this one is dropped for that reason and handed back, and the others stay in flight until the
    /// batch is settled. `None` if it is not in this batch (any more). O(1).
    pub fn failed_at<B>(
        &mut self,
        batch: &mut Batch<U, B, GAPS>,
        seq: u64,
        now: Instant,
    ) -> Option<U>
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        self.clock.advance(now);
        let update = batch.leave_out(seq)?;
        self.books.fail(Some(update.topic()));
        self.fail(true, now);
        Some(update)
    }

    /// Settles a batch whose updates were [taken away](Batch::detach): the sink accepted them.
    pub fn settle(&mut self, receipt: Receipt, now: Instant) {
        let now = self.clock.advance(now);
        if !receipt.is_owed {
            return;
        }
        self.unsettled = self.unsettled.saturating_sub(1);
        if self.closed {
            self.rouse(); // whoever polls has to see that it may be drained
        }
        self.books.deliver(receipt.in_flight);
        let latency = now.micros_since(receipt.handed_on);
        self.books.telemetry.settled(Duration::from_micros(latency));
    }

    /// Settles a batch whose updates were [taken away](Batch::detach): the sink accepted only
    /// `accepted` of them. The others are dropped for that reason, and told as a loss of the whole
    /// bus: their topics are not known here any more.
    pub fn settle_failed(&mut self, receipt: Receipt, accepted: usize, now: Instant) {
        let in_flight = receipt.in_flight;
        let accepted = accepted.min(in_flight);
        for _ in accepted..in_flight {
            self.books.fail(None);
        }
        self.fail(accepted < in_flight, now);
        self.settle(Receipt { in_flight: accepted, ..receipt }, now);
    }

    fn try_once_more(&mut self) {
        if self.closed {
            self.books.try_once_more();
            self.rouse();
        }
    }

    /// What failed is to be told within the interval.
    fn fail(&mut self, some: bool, now: Instant) {
        let now = self.clock.advance(now);
        if some {
            self.times.set_gap_deadline(now.plus(self.settings.flush_interval));
            self.rouse();
        }
    }

    /// Hands on everything sent before the call, now. The mark tells when that is done:
    /// [`is_flushed`](Self::is_flushed).
    pub fn flush(&mut self, now: Instant) -> FlushMark {
        self.clock.advance(now);
        // what was removed since an earlier flush must not put its mark out of reach
        self.flush_to = self.flush_to.max(self.passed + self.queue.len() as u64);
        self.gap_flush |= self.books.has_untold();
        self.rouse();
        FlushMark(self.flush_to)
    }

    /// Whether everything that a flush was asked for has been handed on. It may still be in flight.
    #[must_use]
    pub fn is_flushed(&self, mark: FlushMark) -> bool {
        self.passed >= mark.0
    }

    /// How far flushing has come: every mark up to this one is flushed.
    #[must_use]
    pub const fn flushed(&self) -> FlushMark {
        FlushMark(self.passed)
    }

    /// Refuses new updates from now on and makes everything queued due.
    pub fn close(&mut self, now: Instant) {
        self.clock.advance(now);
        self.closed = true;
        self.settings.room = 0;
        self.try_once_more();
    }

    /// Why a batch is due, if one is.
    fn due(&self, now: Instant) -> Option<FlushReason> {
        let len = self.queue.len();
        if len > 0 && len >= usize::from(self.settings.full) {
            Some(FlushReason::Full)
        } else if len > 0 && self.passed < self.flush_to || self.gap_flush {
            Some(FlushReason::Flush)
        } else if self.closed && (len > 0 || self.books.has_untold()) {
            Some(FlushReason::Close)
        } else if self.times.next().is_some_and(|deadline| deadline.has_come(now)) {
            Some(FlushReason::Interval)
        } else {
            None
        }
    }
}
