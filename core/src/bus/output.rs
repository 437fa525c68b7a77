//! Handing batches on, and settling them.

use core::time::Duration;

use super::{Bus, FlushMark};
use crate::batch::{Batch, Info, Item};
use crate::gap::Loss;
use crate::queue;
use crate::slots::Slot;
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
        let room = batch.capacity().min(self.settings.batch_size);
        let reason = match self.due(now) {
            Some(reason) if room > 0 => reason,
            _ => {
                self.asleep = true;
                return false;
            }
        };
        let mut longest_wait = 0;
        let slots = self.slots.as_mut();
        while batch.len() < room {
            let Some(terms) = queue::terms(slots, self.queue.first()) else { break };
            self.passed += 1;
            if terms.is_expired(now) {
                if let Some((update, _)) = self.queue.remove(slots, self.queue.first()) {
                    self.books.lose(update.topic(), Loss::Expired);
                    expired(update);
                }
                continue;
            }
            longest_wait = longest_wait.max(now.micros_since(terms.arrival));
            batch.put(terms, |place| self.queue.take_first(slots, place));
        }
        let left = self.queue.len();
        if left == 0 {
            self.deadline = None;
            self.passed = self.passed.max(self.flush_to);
        }
        if left <= self.settings.limit / 2 {
            self.books.relieve();
        }
        if let Some(gap) = self.books.take_gap(self.seq + 1) {
            self.seq += 1;
            batch.put_gap(gap);
        }
        let size = batch.len();
        batch.info = Info { in_flight: size, first_seq: self.seq + 1, handed_on: now, reason };
        self.seq += size as u64;
        self.books.hand_on(size);
        (self.last_flush, self.gap_deadline) = (Some(now), None);
        let longest_wait = Duration::from_micros(longest_wait);
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
        let deadline = match (self.deadline, self.gap_deadline) {
            (Some(queued), Some(gap)) => Some(queued.min(gap)),
            (queued, gap) => queued.or(gap),
        };
        deadline.map(|deadline| self.clock.reading_at(deadline))
    }

    /// Settles a batch: the sink accepted it. Empties the buffer.
    pub fn delivered<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let now = self.clock.advance(now);
        if batch.is_unsettled() {
            self.books.deliver(batch.info.in_flight);
            self.settled(batch, now);
        }
    }

    /// Settles a batch of which the sink accepted only the first `accepted` updates, and empties
    /// the buffer. The others are dropped for that reason; if it accepted none, the batch's gap is
    /// told with the next batch.
    pub fn failed<B>(&mut self, batch: &mut Batch<U, B, GAPS>, accepted: usize, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let now = self.clock.advance(now);
        if !batch.is_unsettled() {
            return;
        }
        let in_flight = batch.info.in_flight;
        let accepted = accepted.min(in_flight);
        self.books.deliver(accepted);
        for index in accepted..in_flight {
            let topic = batch.update(index).map(Update::topic);
            self.books.fail(topic);
        }
        if accepted == 0
            && let Some(gap) = batch.take_gap()
        {
            self.books.keep_gap(&gap);
        }
        if accepted < in_flight {
            let latest = now.plus(self.settings.flush_interval);
            self.gap_deadline = Some(self.gap_deadline.map_or(latest, |set| set.min(latest)));
            self.rouse();
        }
        self.settled(batch, now);
    }

    /// Hands on everything sent before the call, now. The mark tells when that is done:
    /// [`is_flushed`](Self::is_flushed).
    pub fn flush(&mut self, now: Instant) -> FlushMark {
        let now = self.clock.advance(now);
        // what was removed since an earlier flush must not put its mark out of reach
        self.flush_to = self.flush_to.max(self.passed + self.queue.len() as u64);
        if self.books.has_untold() {
            self.gap_deadline = Some(now);
        }
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
        self.rouse();
    }

    /// Why a batch is due, if one is.
    fn due(&self, now: Instant) -> Option<FlushReason> {
        let len = self.queue.len();
        let come = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if len > 0 && len >= self.settings.full {
            Some(FlushReason::Full)
        } else if len > 0 && self.passed < self.flush_to {
            Some(FlushReason::Flush)
        } else if self.closed && (len > 0 || self.books.has_untold()) {
            Some(FlushReason::Close)
        } else if come(self.deadline) || come(self.gap_deadline) {
            Some(FlushReason::Interval)
        } else {
            None
        }
    }

    fn settled<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let latency = now.micros_since(batch.info.handed_on);
        self.books.telemetry.settled(Duration::from_micros(latency));
        batch.clear();
    }
}
