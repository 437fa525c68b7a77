//! Admitting updates.

use super::{ANY, Arrival, HAS_BEGUN, IS_CLOSED, OVERFLOW_EVERY, OVERFLOW_OVER, Rules, Terms};
use crate::outcome::{EVICTED, EXPIRED, IS_QUEUED, NEWEST, OLDEST};
use crate::time::{Ticks, Ttl};
use crate::{
    Leading, Outcome, Overflow, OverflowEvent, Priority, RefuseReason, SendOptions, Telemetry,
};

/// A queued update that leaves, or may have to, by the overflow policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Candidate {
    /// The one at the front.
    Oldest,
    /// The one at the end.
    Newest,
    /// Of the oldest of each priority one that has [expired](Rules::is_expired), the lowest priority first; else
    /// the oldest of the lowest priority. An update that a merge has raised in place is the youngest of its new
    /// priority.
    Evicted,
}

impl Candidate {
    /// The loss if it leaves a full queue alive.
    #[inline(always)]
    pub(crate) const fn loss(self) -> u8 {
        match self {
            Self::Evicted => EVICTED,
            Self::Oldest | Self::Newest => OLDEST,
        }
    }
}

/// What becomes of an update that has a key, and of the queued one with the same topic and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Merge {
    /// The queued one has a higher priority and stays; the new one needs a place of its own.
    Apart,
    /// The new one takes the place of the queued one, with its own terms.
    InPlace,
    /// The queued one is removed, and the new one joins the end: see [`Rules::exchanged`].
    AtEnd,
}

/// What becomes of an update that meets a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Overflowed {
    /// It is not queued.
    Out(Outcome),
    /// This one may have to leave for it, the oldest or the one to evict: see [`Rules::displace`].
    For(Candidate),
}

/// The decision of [`Rules::on_full`].
pub(crate) enum OnFull {
    /// The new update is lost.
    Lost(u8),
    Refused(u8),
    For(Candidate),
}

impl<Topic, T, const CATEGORIES: usize, const GAPS: usize> Rules<Topic, T, CATEGORIES, GAPS>
where
    Topic: Clone + PartialEq,
    T: Telemetry,
{
    /// The arrival of a plain update that joins now: the last reading of the clock.
    #[must_use]
    #[inline(always)]
    pub const fn arrival(&self) -> Arrival {
        Arrival(self.clock.now)
    }

    /// How many [plain](Self::plain_categories) updates may join before the rules have to be asked again. Zero while
    /// nothing is queued, because the first update needs a reading of the clock and a deadline; and while the queue
    /// is full or closed. It ends in front of the length at which a batch is due, because the update that reaches
    /// that requests a wake-up.
    ///
    /// Between this and [`join`](Self::join) nothing may be called that changes the rules.
    #[must_use]
    #[inline]
    pub fn free(&self) -> usize {
        let end = match self.full_within(ANY) {
            full if self.len < full => full - 1,
            _ => self.room_within(ANY),
        };
        match self.len {
            0 => 0,
            len if len < self.room_within(ANY) => end.saturating_sub(len).into(),
            _ => 0,
        }
    }

    /// So many plain updates have joined the end, at most as many as were [free](Self::free).
    #[inline]
    pub fn join(&mut self, updates: usize) {
        debug_assert!(updates <= self.free(), "the rules have to be asked");
        self.len += updates as u16;
    }

    /// Admits an update: the terms on which it may be queued, or why it is refused. `read` is called if the update
    /// needs a reading of the clock, which is to [advance](Self::advance) the rules: if it is the first in the
    /// queue, has a TTL, or finds the queue full.
    ///
    /// # Errors
    /// The category is not known, or the queue is closed.
    #[inline]
    pub fn admit(
        &mut self,
        options: &SendOptions,
        read: impl FnOnce(&mut Self),
    ) -> Result<Terms, Outcome> {
        let Some((priority, ttl)) = self.category(options.category) else {
            return Err(Outcome::from_code(self.refuse_unknown()));
        };
        let ttl = options.ttl_or(ttl);
        if self.needs_reading(self.len, ttl, ANY) {
            read(self);
        }
        match self.refuse_closed() {
            Some(code) => Err(Outcome::from_code(code)),
            None => Ok(Terms::new(options, self.clock.now, ttl, priority)),
        }
    }

    #[inline(always)]
    pub(crate) fn needs_reading(&self, len: u16, ttl: Ttl, capacity: usize) -> bool {
        ttl != Ttl::NEVER || len == 0 || len >= self.limit_within(capacity)
    }

    #[cold]
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    pub(crate) fn refuse_unknown(&mut self) -> u8 {
        self.count_refused(match self.flags & IS_CLOSED {
            0 => RefuseReason::UnknownCategory,
            _ => RefuseReason::Closed,
        })
    }

    #[inline(always)]
    pub(crate) fn refuse_closed(&mut self) -> Option<u8> {
        self.is_closed().then(|| self.count_refused(RefuseReason::Closed))
    }

    /// Decides about an update that was admitted and has a key, if one with the same topic and key is queued: the
    /// newest of them. Unless they stay [apart](Merge::Apart), the queued one counts as coalesced.
    #[inline(always)]
    pub fn merge(&mut self, new: &Terms, queued: Priority) -> Merge {
        self.merge_over(new, queued as u8)
    }

    #[inline(always)]
    pub(crate) fn merge_over(&mut self, new: &Terms, queued: u8) -> Merge {
        if new.priority < queued {
            return Merge::Apart;
        }
        self.count_coalesced();
        if new.ends_run { Merge::AtEnd } else { Merge::InPlace }
    }

    /// Whether the queue is full: an update that was admitted and not merged then [overflows](Self::overflow) it, and
    /// else joins the end.
    #[must_use]
    #[inline]
    pub fn is_full(&self) -> bool {
        self.len >= self.limit_within(ANY)
    }

    /// Decides about an update that was admitted and meets a full queue. An update that is out is counted.
    #[inline]
    pub fn overflow(&mut self, new: &Terms, topic: &Topic) -> Overflowed {
        match self.on_full(new, true) {
            OnFull::Lost(loss) => {
                Overflowed::Out(Outcome::from_code(self.count_new_lost(topic, loss)))
            }
            OnFull::Refused(code) => Overflowed::Out(Outcome::from_code(code)),
            OnFull::For(candidate) => Overflowed::For(candidate),
        }
    }

    /// Decides, after [`overflow`](Self::overflow), between the new update and the queued one that was asked for.
    /// `None`: nothing is queued. The one that loses is counted. If the new one is queued, the other has to leave:
    /// see [`exchanged`](Self::exchanged).
    #[inline]
    pub fn displace(
        &mut self,
        candidate: Candidate,
        new: (&Terms, &Topic),
        queued: Option<(&Terms, &Topic)>,
    ) -> Outcome {
        let now = self.clock.now;
        let old = queued.map(|(terms, _)| (terms.priority, terms.is_over(now)));
        let (is_displaced, loss) = new.0.displaces(old, candidate.loss());
        match queued {
            Some((_, topic)) if is_displaced => {
                Outcome::from_code(self.count_lost(Some(topic), loss) | IS_QUEUED)
            }
            _ => Outcome::from_code(self.count_new_lost(new.1, loss)),
        }
    }

    /// Counts a new update as lost.
    #[inline(always)]
    pub(crate) fn count_new_lost(&mut self, topic: &Topic, loss: u8) -> u8 {
        if self.len == 0 {
            // Without memory for any update no batch takes the gap along.
            self.report_soon();
        }
        self.count_lost(Some(topic), loss)
    }

    #[inline(always)]
    pub(crate) fn on_full(&mut self, new: &Terms, expires: bool) -> OnFull {
        if expires && new.ttl.is_over(0) {
            return OnFull::Lost(EXPIRED);
        }
        self.report_overflow(new.arrival);
        match self.settings.overflow {
            Overflow::Reject => OnFull::Refused(self.count_refused(RefuseReason::Full)),
            Overflow::DropNewest => OnFull::Lost(NEWEST),
            Overflow::DropOldest => OnFull::For(Candidate::Oldest),
            Overflow::Evict => OnFull::For(Candidate::Evicted),
        }
    }

    /// An update that was admitted has joined the end.
    #[inline]
    pub fn joined(&mut self, new: &Terms) {
        self.len += 1;
        self.has_joined(self.len - 1, new.arrival, ANY);
    }

    /// An update that was admitted has joined the end after another one has left for it. `front`: the arrival of the
    /// update that is at the front now, if the one that left was there; the new one, if no other is queued.
    #[inline]
    pub fn exchanged(&mut self, new: &Terms, front: Option<Arrival>) {
        self.move_front(front);
        self.has_joined(self.len, new.arrival, ANY);
    }

    #[inline(always)]
    pub(super) fn move_front(&mut self, front: Option<Arrival>) {
        if let Some(front) = front {
            self.front_since = front.0;
        }
    }

    /// An update has joined the end; so many were queued before, with one that has left for it.
    #[inline(always)]
    pub(crate) fn has_joined(&mut self, before: u16, arrival: Ticks, capacity: usize) {
        if before == 0 {
            self.start_queue(arrival);
        }
        if self.len == self.full_within(capacity) {
            self.request_wake();
        }
    }

    /// The first update is in the queue: it gets its deadline.
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    fn start_queue(&mut self, now: Ticks) {
        self.front_since = now;
        let interval = self.settings.interval();
        // What comes within an interval of the last batch is batched, what comes later leaves at once.
        let is_idle = self.flags & HAS_BEGUN == 0 || now - self.began >= interval;
        self.deadline = match self.settings.leading {
            Leading::Immediate if is_idle => now,
            Leading::Immediate => self.began.saturating_add(interval),
            Leading::Delayed => now.saturating_add(interval),
        };
        self.request_wake();
    }

    /// Counts and reports that the full queue is about to cost an update, queued or new.
    #[inline(always)]
    fn report_overflow(&mut self, now: Ticks) {
        if T::ENABLED {
            self.flags &= !OVERFLOW_OVER;
            let lost = u64::from(self.overflowed);
            if lost == 0 {
                self.telemetry.overflow(OverflowEvent::Started);
                self.overflow_at = now;
            } else if now - self.overflow_at >= OVERFLOW_EVERY {
                self.telemetry.overflow(OverflowEvent::Ongoing { lost });
                self.overflow_at = now;
            }
        }
        self.overflowed = self.overflowed.saturating_add(1);
    }

    /// Whether the TTL of a queued update has passed at the last reading of the clock.
    #[must_use]
    #[inline(always)]
    pub fn is_expired(&self, queued: &Terms) -> bool {
        queued.is_over(self.clock.now)
    }
}
