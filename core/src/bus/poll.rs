//! Putting batches out.

use core::ops::ControlFlow;

use super::{Bus, slots_mut};
use crate::batch::{Batch, Item};
use crate::gap::Gap;
use crate::index;
use crate::keys::KeyMode;
use crate::link::Link;
use crate::outcome::EXPIRED;
use crate::rules::{Polled, longest_wait};
use crate::slots::{self, Slot};
use crate::time::{Instant, Ticks};
use crate::{Telemetry, Update};

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
        if batch.head.is_whole() {
            return Polled::Batch;
        }
        let now = self.advance(now);
        let (room, capacity) = (batch.items.as_ref().len(), self.capacity());
        let kept = batch.head.filled;
        let part = match self.rules.poll_within(&mut batch.head, room, now, capacity) {
            ControlFlow::Continue(part) => part,
            ControlFlow::Break(polled) => return polled,
        };
        if part.is_first {
            batch.vacate(kept); // updates of a batch that was settled by its receipt
        }
        self.fill(batch, part.room, most.max(1), expired, now);
        self.rules.finish_part(&mut batch.head, part)
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
        self.rules.note_peak();
        let began = self.rules.began;
        let mut front_since = self.rules.front_since;
        let mut longest = batch.head.longest_wait;
        let mut at = usize::from(self.rules.head);
        let mut filled = usize::from(batch.head.filled);
        let mut left = most.min(usize::from(self.rules.len));
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
                longest = longest_wait(longest, began, front_since, slot.arrival);
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
            batch.head.longest_wait = longest;
        }
        self.rules.check_length(self.capacity());
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
        let moved = filled as u16 - batch.head.filled;
        self.rules.leave(&mut batch.head, moved, taken);
        self.rules.head = head as u16;
        if taken > 0
            && let Some(front) = self.slots().get(head)
        {
            self.rules.front_since = front.arrival;
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
        self.rules.count_lost(Some(&item.update.topic()), EXPIRED);
        expired(&mut item.update);
        if core::mem::needs_drop::<U>() {
            item.update = U::EMPTY;
        }
    }

    /// The next deadline, as a reading of the host's clock: the last reading if something is due already,
    /// `None` if the bus is idle.
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        self.rules.poll_at_within(self.capacity())
    }
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS> {
    /// The gap in front of a batch, until it is [confirmed](Self::confirm_losses) or the batch is settled.
    /// `None`: nothing is missing there.
    #[must_use]
    pub fn gap<B: ?Sized>(&self, batch: &Batch<U, B>) -> Option<&Gap<U::Topic, GAPS>> {
        self.rules.gap(batch.head.gap_seq.get())
    }
}
