//! Putting batches out.

use core::time::Duration;

use super::{
    ASLEEP, Bus, GAP_FLUSH, GAP_ON_ITS_WAY, GAP_WAITS, HAS_BEGUN, IS_CLOSED, MISSING, OTHER_GAP,
    OVERFLOW_EVERY, OVERFLOW_OVER, UNREPORTED, WAKE, slots_mut,
};
use crate::batch::{Batch, Item};
use crate::gap::Gap;
use crate::index;
use crate::keys::KeyMode;
use crate::link::Link;
use crate::outcome::EXPIRED;
use crate::slots::{self, Slot};
use crate::time::{Instant, Long, Ticks, in_micros};
use crate::{BatchInfo, FlushReason, OverflowEvent, Telemetry, Update};

/// What [`Bus::poll`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a batch has to be passed on and settled, and a deadline to be waited for"]
pub enum Polled {
    /// Nothing is due. Poll again at this reading of the clock, or earlier if [`Bus::take_wake`] returns
    /// `true`; with `None` only then.
    Wait(Option<Instant>),
    /// A part of a batch is in the buffer: call [`Bus::poll_part`] again. Never the answer of
    /// [`Bus::poll`].
    More,
    /// A batch is in the buffer.
    Batch,
}

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// Puts the next batch into the buffer if one is due. Call it again until none is.
    ///
    /// A call that comes early costs energy, one that comes late costs latency; neither costs an update.
    /// O(1) for each update that leaves. If the buffer still holds a batch that was not settled, the same batch
    /// is returned again.
    pub fn poll<B>(&mut self, batch: &mut Batch<U, B>, now: Instant) -> Polled
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        self.poll_part(batch, usize::MAX, |_| {}, now)
    }

    /// Like [`poll`](Self::poll), a part at a time: no call takes more than `most` updates (at least one) out
    /// of the queue, so that a lock around the bus, or a critical section, stays short. The first part
    /// decides whether a batch is due and begins it; call it again, with the same buffer, for as long as
    /// the answer is [`Polled::More`].
    ///
    /// Updates that have expired are shown to `expired`, which may take them; they count in `most`. Updates
    /// that are sent meanwhile may still come into the batch; losses meanwhile are reported in front of the
    /// next one. A batch is in flight from its first part on and may be settled after any part. Once another
    /// batch is begun, it gets no further updates. O(`most`).
    #[inline]
    pub fn poll_part<B>(
        &mut self,
        batch: &mut Batch<U, B>,
        most: usize,
        expired: impl FnMut(&mut U),
        now: Instant,
    ) -> Polled
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        if batch.is_open && !batch.is_growing {
            return Polled::Batch;
        }
        let now = self.advance(now);
        if T::ENABLED {
            self.report_overflow_end(now);
        }
        // Never more than `Config::MOST`, as the batch size is not.
        let room = usize::from(self.settings.batch_size()).min(batch.items.as_ref().len());
        let starts = !batch.is_growing;
        if starts {
            self.flags &= !(ASLEEP | WAKE);
            let Some(reason) = self.due(now).filter(|_| room > 0) else {
                self.flags |= ASLEEP;
                return Polled::Wait(self.deadline_reading());
            };
            self.start(batch, reason, now);
        } else if batch.first_seq().wrapping_add(batch.filled.into()) as u32
            != (self.seq() as u32).wrapping_add(1)
        {
            // another one was begun
            batch.is_growing = false;
            return Polled::Batch;
        }
        self.fill(batch, room, most.max(1), expired, now);
        if starts {
            // with what was found to have expired
            self.report_gap(batch);
        }
        if self.flags & UNREPORTED != 0 {
            self.report_soon();
        }
        if self.len > 0 && usize::from(batch.filled) < room {
            return Polled::More;
        }
        batch.is_growing = false;
        if T::ENABLED {
            self.telemetry.polled(BatchInfo {
                size: batch.len(),
                reason: batch.reason,
                longest_wait: Duration::from_micros(in_micros(batch.longest_wait)),
                left: self.len.into(),
            });
        }
        Polled::Batch
    }

    /// Begins a batch.
    fn start<B>(&mut self, batch: &mut Batch<U, B>, reason: FlushReason, now: Ticks)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        batch.clear();
        batch.reason = reason;
        batch.began = Long::new(self.clock.reading().as_micros());
        batch.longest_wait = 0;
        batch.first_seq = Long::new(self.seq() + 1);
        batch.is_open = true;
        batch.is_growing = true;
        self.open = self.open.saturating_add(1);
        self.began = now;
        self.flags |= HAS_BEGUN;
    }

    /// Moves up to `most` updates out of the queue. Live ones fill the batch, up to `room`; expired ones are
    /// counted and shown to `expired`.
    #[inline(never)]
    fn fill<B>(
        &mut self,
        batch: &mut Batch<U, B>,
        room: usize,
        most: usize,
        mut expired: impl FnMut(&mut U),
        now: Ticks,
    ) where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        let began = self.began;
        let mut front_since = self.front_since;
        let mut longest_wait = batch.longest_wait;
        self.peak = self.peak.max(self.len);
        let mut at = usize::from(self.head);
        let mut filled = usize::from(batch.filled);
        let mut left = most.min(usize::from(self.len));
        let mut taken = 0;
        while left > 0 && filled < room {
            let slots = slots_mut(&mut self.slots);
            let size = slots.len();
            let Some(slot) = slots.get_mut(at) else { break };
            let Some(item) = batch.items.as_mut().get_mut(filled) else { break };
            // An expired one too: the next update overwrites it.
            slot.update.move_to(&mut item.update);
            let is_expired = slot.is_expired(now);
            item.waited = began.saturating_sub(slot.arrival);
            item.ttl = slot.ttl;
            item.priority = slot.priority;
            if T::ENABLED && !is_expired {
                let since = front_since.min(slot.arrival);
                longest_wait = longest_wait.max(began.saturating_sub(since));
            }
            // Only the front update may have merged over an older one.
            front_since = Ticks::MAX;
            let next = slots::following(slot, at as u16, size);
            let next_in_rank = slot.rank.last;
            let has_key = U::Keys::KEYED && index::has_key(slot);
            if U::RANKED
                && let Some(rank) = self.ranks.get_mut(usize::from(slot.priority))
            {
                if rank.first == Link::to(at as u16) {
                    rank.first = next_in_rank;
                } else {
                    // A merge raised its priority in place, so it is not the first of that list.
                    rank.remove(slots, at as u16);
                }
            }
            if has_key {
                index::remove(slots, at as u16);
            }
            at = usize::from(next);
            left -= 1;
            taken += 1;
            if is_expired {
                self.expire(batch, at, filled, taken, &mut expired);
                taken = 0;
            } else {
                filled += 1;
            }
        }
        self.move_front(batch, at, filled, taken);
        if T::ENABLED {
            batch.longest_wait = longest_wait;
        }
        if self.len == 0 {
            // Evicted and coalesced updates are not in `passed`: the mark must not stay out of reach. Without a
            // requested flush the two are equal already.
            self.passed = self.flush_to;
        }
        if self.overflowed > 0 && self.len <= self.limit() / 2 {
            if T::ENABLED {
                self.flags |= OVERFLOW_OVER;
                self.report_overflow_end(now);
            } else {
                self.overflowed = 0;
            }
        }
    }

    /// Reports the end of overflow, at least a second after the last report: overflow that ends and begins
    /// again meanwhile is one overflow. A closed bus reports at once, since there may be no later poll.
    fn report_overflow_end(&mut self, now: Ticks) {
        let is_early = now - self.overflow_at < OVERFLOW_EVERY
            && now < Ticks::MAX // the end of time: no second passes any more
            && self.flags & IS_CLOSED == 0;
        if self.flags & OVERFLOW_OVER != 0 && !is_early {
            self.flags &= !OVERFLOW_OVER;
            let lost = core::mem::take(&mut self.overflowed).into();
            self.telemetry.overflow(OverflowEvent::Ended { lost });
            self.overflow_at = now;
        }
    }

    /// Moves the front of the queue behind its first `taken` updates. The batch now has `filled` items; the
    /// other updates have expired.
    #[inline(never)]
    fn move_front<B: ?Sized>(
        &mut self,
        batch: &mut Batch<U, B>,
        head: usize,
        filled: usize,
        taken: u16,
    ) {
        let moved = filled as u16 - batch.filled;
        batch.filled = filled as u16;
        self.in_flight += u32::from(moved);
        self.seq.add(moved.into());
        self.head = head as u16;
        self.len -= taken;
        self.passed = self.passed.wrapping_add(taken.into());
        if !self.is_flush_requested() {
            // Else an old mark would seem to be ahead again after 2³¹ more updates.
            self.flush_to = self.passed;
        }
        if taken > 0
            && let Some(front) = self.slots().get(head)
        {
            self.front_since = front.arrival;
        }
    }

    /// Counts the update in the item at `filled` as expired, and shows it to the caller. All state is updated
    /// before, so that a panic in the callback loses no other update.
    #[cold]
    #[inline(never)]
    fn expire<B>(
        &mut self,
        batch: &mut Batch<U, B>,
        head: usize,
        filled: usize,
        taken: u16,
        expired: &mut impl FnMut(&mut U),
    ) where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]> + ?Sized,
    {
        self.move_front(batch, head, filled, taken);
        let Some(item) = batch.items.as_mut().get_mut(filled) else { return };
        self.count_lost(Some(&item.update.topic()), EXPIRED);
        expired(&mut item.update);
        if core::mem::needs_drop::<U>() {
            item.update = U::EMPTY;
        }
    }

    /// Puts the current gap, if it has losses, in front of the batch that begins. At most one gap is in
    /// flight; later losses wait until it is settled.
    fn report_gap<B: ?Sized>(&mut self, batch: &mut Batch<U, B>) {
        if self.flags & (MISSING | GAP_ON_ITS_WAY) != MISSING {
            return;
        }
        let seq = batch.first_seq;
        batch.gap_seq = seq;
        batch.first_seq.add(1);
        self.seq.add(1);
        self.gap_mut().report(seq);
        // The other gap is empty: it becomes the current one.
        self.flags ^= OTHER_GAP | GAP_ON_ITS_WAY;
        self.flags &= !(MISSING | UNREPORTED | GAP_WAITS | GAP_FLUSH);
    }

    /// Makes the current gap due within the flush interval.
    pub(super) fn report_soon(&mut self) {
        let latest = self.clock.now.saturating_add(self.settings.interval());
        if self.flags & GAP_WAITS == 0 || latest < self.gap_deadline {
            self.gap_deadline = latest;
        }
        self.flags |= GAP_WAITS;
        self.request_wake();
    }

    /// The next deadline, as a reading of the host's clock: the last reading if something is due already,
    /// `None` if the bus is idle.
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        match self.due(self.clock.now) {
            Some(_) => Some(self.clock.reading()),
            None => self.deadline_reading(),
        }
    }

    #[inline]
    fn deadline_reading(&self) -> Option<Instant> {
        let mut deadline = self.next_deadline();
        if T::ENABLED && self.flags & OVERFLOW_OVER != 0 {
            let report = self.overflow_at.saturating_add(OVERFLOW_EVERY);
            deadline = Some(deadline.map_or(report, |deadline| deadline.min(report)));
        }
        deadline.map(|deadline| self.clock.reading_at(deadline))
    }

    fn next_deadline(&self) -> Option<Ticks> {
        let gap_waits = self.flags & (GAP_WAITS | GAP_ON_ITS_WAY) == GAP_WAITS;
        match (self.len > 0, gap_waits) {
            (true, true) => Some(self.deadline.min(self.gap_deadline)),
            (true, false) => Some(self.deadline),
            (false, true) => Some(self.gap_deadline),
            (false, false) => None,
        }
    }

    /// Why a batch is due, if one is.
    #[inline(never)]
    fn due(&self, now: Ticks) -> Option<FlushReason> {
        let is_queued = self.len > 0;
        let gap = if self.flags & GAP_ON_ITS_WAY == 0 { self.flags } else { 0 };
        if is_queued && self.len >= self.full() {
            Some(FlushReason::Full)
        } else if is_queued && self.is_flush_requested() || gap & GAP_FLUSH != 0 {
            Some(FlushReason::Flush)
        } else if self.flags & IS_CLOSED != 0 && (is_queued || gap & UNREPORTED != 0) {
            Some(FlushReason::Close)
        } else if self.next_deadline().is_some_and(|deadline| deadline <= now) {
            Some(FlushReason::Interval)
        } else {
            None
        }
    }

    #[inline(always)]
    fn is_flush_requested(&self) -> bool {
        self.flush_to.wrapping_sub(self.passed) as i32 > 0
    }
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS> {
    /// The gap in front of a batch, until it is [confirmed](Self::confirm_losses) or the batch is settled.
    /// `None`: nothing is missing there.
    #[must_use]
    pub fn gap<B: ?Sized>(&self, batch: &Batch<U, B>) -> Option<&Gap<U::Topic, GAPS>> {
        self.is_on_its_way(batch.gap_seq.get()).then(|| self.reported())
    }

    /// Whether the gap at that position is the one in flight.
    #[inline(always)]
    pub(super) fn is_on_its_way(&self, gap_seq: u64) -> bool {
        self.flags & GAP_ON_ITS_WAY != 0 && self.reported().seq() == gap_seq
    }

    /// The gap in front of a batch in flight; empty without one.
    #[inline(always)]
    fn reported(&self) -> &Gap<U::Topic, GAPS> {
        if self.flags & OTHER_GAP == 0 { &self.gaps[1] } else { &self.gaps[0] }
    }

    #[inline(always)]
    pub(super) fn reported_mut(&mut self) -> &mut Gap<U::Topic, GAPS> {
        if self.flags & OTHER_GAP == 0 { &mut self.gaps[1] } else { &mut self.gaps[0] }
    }

    /// The current gap, which counts the losses since the last one was reported.
    #[inline(always)]
    pub(super) fn gap_mut(&mut self) -> &mut Gap<U::Topic, GAPS> {
        if self.flags & OTHER_GAP == 0 { &mut self.gaps[0] } else { &mut self.gaps[1] }
    }
}
