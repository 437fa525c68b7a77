//! Putting batches out.

use core::ops::ControlFlow;
use core::time::Duration;

use super::{
    ANY, ASLEEP, Arrival, GAP_FLUSH, GAP_ON_ITS_WAY, GAP_WAITS, HAS_BEGUN, IS_CLOSED, MISSING,
    OTHER_GAP, OVERFLOW_EVERY, OVERFLOW_OVER, Rules, UNREPORTED, WAKE,
};
use crate::batch::BatchHead;
use crate::gap::Gap;
use crate::outcome::EXPIRED;
use crate::time::{Instant, Long, Ticks, in_micros};
use crate::{BatchInfo, FlushReason, OverflowEvent, Telemetry};

/// What [`Bus::poll`](crate::Bus::poll) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "a batch has to be passed on and settled, and a deadline to be waited for"]
pub enum Polled {
    /// Nothing is due. Poll again at this reading of the clock, or earlier if
    /// [`Bus::take_wake`](crate::Bus::take_wake) returns `true`; with `None` only then.
    Wait(Option<Instant>),
    /// A part of a batch is in the buffer: call [`Bus::poll_part`](crate::Bus::poll_part) again. Never the answer of
    /// [`Bus::poll`](crate::Bus::poll).
    More,
    /// A batch is in the buffer.
    Batch,
}

/// A part of a batch that a queue puts out.
#[derive(Debug)]
#[must_use = "a part has to be finished"]
pub struct Part {
    /// Most updates in the batch.
    pub(crate) room: usize,
    pub(crate) is_first: bool,
}

/// The longest wait in a batch that an update joins: readers have waited for it since then, or since it arrived.
#[inline(always)]
pub(crate) fn longest_wait(so_far: Ticks, began: Ticks, since: Ticks, arrival: Ticks) -> Ticks {
    so_far.max(began.saturating_sub(since.min(arrival)))
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS>
where
    Topic: Clone + PartialEq,
    T: Telemetry,
{
    /// Begins the next batch if one is due, or continues one that was polled in part. The batch has room for so many
    /// updates, those of earlier parts included, but no more than the batch size.
    ///
    /// A batch that is [whole](BatchHead::is_whole) stays as it is; test that before [`advance`](Self::advance). Else
    /// the queue lets updates leave the front until the part has no [room](Part::room), or until it has taken as
    /// many as it likes, [finishes](Self::finish) the part, and polls again if more follow.
    #[inline]
    pub fn poll(&mut self, batch: &mut BatchHead, room: usize) -> ControlFlow<Polled, Part> {
        if batch.is_whole() {
            return ControlFlow::Break(Polled::Batch);
        }
        let step = self.poll_within(batch, room, self.clock.now, ANY);
        if step.is_continue() {
            self.note_peak();
        }
        step
    }

    #[inline(always)]
    pub(crate) fn poll_within(
        &mut self,
        batch: &mut BatchHead,
        room: usize,
        now: Ticks,
        capacity: usize,
    ) -> ControlFlow<Polled, Part> {
        if T::ENABLED {
            self.report_overflow_end(now);
        }
        // Never more than `Config::MOST`, as the batch size is not.
        let room = usize::from(self.settings.batch_size()).min(room);
        let is_first = !batch.is_growing;
        if is_first {
            self.flags &= !(ASLEEP | WAKE);
            let Some(reason) = self.due(now, capacity).filter(|_| room > 0) else {
                self.flags |= ASLEEP;
                return ControlFlow::Break(Polled::Wait(self.deadline_reading()));
            };
            self.start(batch, reason, now);
        } else if batch.first_seq().wrapping_add(batch.filled.into()) as u32
            != (self.seq() as u32).wrapping_add(1)
        {
            // another one was begun
            batch.is_growing = false;
            return ControlFlow::Break(Polled::Batch);
        }
        ControlFlow::Continue(Part { room, is_first })
    }

    #[inline(always)]
    pub(crate) fn note_peak(&mut self) {
        self.peak = self.peak.max(self.len);
    }

    /// Begins a batch.
    #[inline(always)]
    fn start(&mut self, batch: &mut BatchHead, reason: FlushReason, now: Ticks) {
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

    /// When the last batch was begun: the ages of its updates count up to then.
    #[must_use]
    #[inline]
    pub const fn began(&self) -> Arrival {
        Arrival(self.began)
    }

    /// So many updates that have not expired have left the front and are in the batch. `oldest`: the earliest arrival
    /// among them; `front`: the arrival of the update that is at the front now, if one is.
    #[inline]
    pub fn left(
        &mut self,
        batch: &mut BatchHead,
        updates: usize,
        oldest: Arrival,
        front: Option<Arrival>,
    ) {
        if T::ENABLED {
            batch.longest_wait =
                longest_wait(batch.longest_wait, self.began, self.front_since, oldest.0);
        }
        debug_assert!(updates <= self.len(), "what leaves was queued");
        let updates = updates as u16;
        self.leave(batch, updates, updates);
        self.move_front(front);
    }

    /// The update at the front has left it, because it [has expired](Self::is_expired). `front`: as in
    /// [`left`](Self::left).
    pub fn expired(&mut self, batch: &mut BatchHead, topic: &Topic, front: Option<Arrival>) {
        debug_assert!(!self.is_empty(), "what leaves was queued");
        self.leave(batch, 0, 1);
        self.move_front(front);
        self.count_lost(Some(topic), EXPIRED);
    }

    /// So many updates have left the front; so many of them are in the batch.
    #[inline(always)]
    pub(crate) fn leave(&mut self, batch: &mut BatchHead, moved: u16, taken: u16) {
        batch.filled += moved;
        self.in_flight += u32::from(moved);
        self.seq.add(moved.into());
        self.len -= taken;
        self.passed = self.passed.wrapping_add(taken.into());
        if !self.is_flush_requested() {
            // Else an old mark would seem to be ahead again after 2³¹ more updates.
            self.flush_to = self.passed;
        }
    }

    /// Finishes a part. The answer is [`More`](Polled::More) if the batch has room for more and more are queued.
    #[inline]
    pub fn finish(&mut self, batch: &mut BatchHead, part: Part) -> Polled {
        self.check_length(ANY);
        self.finish_part(batch, part)
    }

    /// What follows from the length of the queue after updates have left.
    #[inline(always)]
    pub(crate) fn check_length(&mut self, capacity: usize) {
        if self.len == 0 {
            // Evicted and coalesced updates are not in `passed`: the mark must not stay out of reach. Without a
            // requested flush the two are equal already.
            self.passed = self.flush_to;
        }
        if self.overflowed > 0 && self.len <= self.limit_within(capacity) / 2 {
            if T::ENABLED {
                self.flags |= OVERFLOW_OVER;
                self.report_overflow_end(self.clock.now);
            } else {
                self.overflowed = 0;
            }
        }
    }

    #[inline(always)]
    pub(crate) fn finish_part(&mut self, batch: &mut BatchHead, part: Part) -> Polled {
        if part.is_first {
            // with what was found to have expired
            self.report_gap(batch);
        }
        if self.flags & UNREPORTED != 0 {
            self.report_soon();
        }
        if self.len > 0 && usize::from(batch.filled) < part.room {
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

    /// Puts the current gap, if it has losses, in front of the batch that begins. At most one gap is in
    /// flight; later losses wait until it is settled.
    fn report_gap(&mut self, batch: &mut BatchHead) {
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

    /// See [`Bus::poll_at`](crate::Bus::poll_at).
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        self.poll_at_within(ANY)
    }

    #[inline(always)]
    pub(crate) fn poll_at_within(&self, capacity: usize) -> Option<Instant> {
        match self.due(self.clock.now, capacity) {
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
    fn due(&self, now: Ticks, capacity: usize) -> Option<FlushReason> {
        let is_queued = self.len > 0;
        let gap = if self.flags & GAP_ON_ITS_WAY == 0 { self.flags } else { 0 };
        if is_queued && self.len >= self.full_within(capacity) {
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

impl Part {
    /// How many more updates the batch may get.
    #[must_use]
    #[inline]
    pub const fn room(&self, batch: &BatchHead) -> usize {
        self.room.saturating_sub(batch.filled as usize)
    }
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS> {
    /// The gap at a position, until it is [confirmed](Self::confirm_losses) or the batch behind it is settled.
    #[must_use]
    #[inline(always)]
    pub fn gap(&self, gap_seq: u64) -> Option<&Gap<Topic, GAPS>> {
        self.is_on_its_way(gap_seq).then(|| self.reported())
    }

    /// Whether the gap at that position is the one in flight.
    #[inline(always)]
    pub(super) fn is_on_its_way(&self, gap_seq: u64) -> bool {
        self.flags & GAP_ON_ITS_WAY != 0 && self.reported().seq() == gap_seq
    }

    /// The gap in front of a batch in flight; empty without one.
    #[inline(always)]
    fn reported(&self) -> &Gap<Topic, GAPS> {
        if self.flags & OTHER_GAP == 0 { &self.gaps[1] } else { &self.gaps[0] }
    }

    #[inline(always)]
    pub(super) fn reported_mut(&mut self) -> &mut Gap<Topic, GAPS> {
        if self.flags & OTHER_GAP == 0 { &mut self.gaps[1] } else { &mut self.gaps[0] }
    }

    /// The current gap, which counts the losses since the last one was reported.
    #[inline(always)]
    pub(super) fn gap_mut(&mut self) -> &mut Gap<Topic, GAPS> {
        if self.flags & OTHER_GAP == 0 { &mut self.gaps[0] } else { &mut self.gaps[1] }
    }
}
