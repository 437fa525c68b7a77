//! Handing batches on, and settling them.

use core::time::Duration;

use super::{Bus, FlushMark, Part};
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
        expired: impl FnMut(U),
        now: Instant,
    ) -> bool
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        batch.end_growth();
        self.poll_part(batch, usize::MAX, expired, now) != Part::Nothing
    }

    /// Like [`poll_with`](Self::poll_with), a part at a time: no call hands on or finds expired more
    /// than `most` updates (at least one). Whoever holds a lock around the bus, or has interrupts
    /// masked, does so for one part only. The first part decides whether a batch is due and begins
    /// it; call it again, with the same buffer, until the batch is [whole](Part::Whole).
    ///
    /// What is sent meanwhile may still come into the batch; what is lost meanwhile is told in front
    /// of the next one, within the interval. A batch is in flight from its first part on, and may be
    /// settled after any; it is left as it is when another one is begun. O(`most`).
    #[must_use = "the batch has to be delivered and settled"]
    pub fn poll_part<B>(
        &mut self,
        batch: &mut Batch<U, B, GAPS>,
        most: usize,
        expired: impl FnMut(U),
        now: Instant,
    ) -> Part
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        if !batch.is_growing() {
            self.prepare();
            (self.asleep, self.wake) = (false, false);
            self.failed(batch, 0, now);
        } else if batch.next_seq() != self.seq + 1 {
            batch.end_growth(); // another one was begun
            return Part::Whole;
        }
        let now = self.clock.advance(now);
        let room = batch.capacity().min(usize::from(self.settings.batch_size));
        let begins = match batch.is_growing() {
            true => None,
            false => match self.due(now) {
                Some(reason) if room > 0 => {
                    batch.oldest = now;
                    Some(reason)
                }
                _ => {
                    self.asleep = true;
                    return Part::Nothing;
                }
            },
        };
        self.grow(batch, room, most.max(1), expired, now);
        match begins {
            // with what was found to have expired
            Some(reason) => self.begin(batch, reason, now),
            None if self.books.has_untold() => {
                self.times.set_gap_deadline(now.plus(self.settings.flush_interval));
            }
            None => {}
        }
        let taken = batch.hand_on();
        self.seq += taken as u64;
        self.books.hand_on(taken);
        let left = self.queue.len();
        if left > 0 && batch.filled() < room {
            return Part::More;
        }
        batch.end_growth();
        self.books.telemetry.handed_on(HandedOn {
            size: batch.filled(),
            reason: batch.reason(),
            longest_wait: batch.longest_wait(),
            left,
        });
        Part::Whole
    }

    /// Begins a batch, with the gap that stands in front of it.
    fn begin<B>(&mut self, batch: &mut Batch<U, B, GAPS>, reason: FlushReason, now: Instant) {
        if self.books.tell_gap(self.seq + 1, batch.gap_mut()) {
            self.seq += 1;
        }
        batch.begin(Stamp { first_seq: self.seq + 1, handed_on: now }, reason);
        self.unsettled += 1;
        self.times.hand_on(now);
        self.gap_flush = false;
    }

    /// Moves up to `most` updates out of the queue: into the batch while it has room, or, if they have
    /// expired, to their end.
    #[inline(never)] // else there are two of it, for the first part and for those behind it
    fn grow<B>(
        &mut self,
        batch: &mut Batch<U, B, GAPS>,
        room: usize,
        mut most: usize,
        mut expired: impl FnMut(U),
        now: Instant,
    ) where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        loop {
            // Whatever the host does with what has expired, what was handed on is in the batch.
            let slots = self.slots.as_mut();
            let room = room.min(batch.filled().saturating_add(most));
            let mut oldest = batch.oldest;
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
                batch.oldest = since.map_or(oldest, |since| oldest.min(since));
            }
            most -= taken;
            let first = self.queue.first();
            let is_expired = |first: Terms| first.is_expired(now);
            if batch.filled() >= room || !queue::terms(slots, first).is_some_and(is_expired) {
                break;
            }
            self.passed += 1;
            most -= 1;
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
    /// [could not take](Self::failed_at) by themselves count as passed), and empties the buffer. The
    /// others are dropped for that reason; if it accepted none, the batch's gap is told with the next
    /// batch (once the bus is closed: once more by itself).
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
