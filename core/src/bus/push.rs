//! Taking updates in.
//!
//! On microcontrollers the parts of the slow path are functions, so that the path of a plain send stays short. On
//! WebAssembly inlining them takes fewer bytes.

use super::{Bus, HAS_BEGUN, IS_CLOSED, OVERFLOW_EVERY, OVERFLOW_OVER, slots_mut};
use crate::index;
use crate::keys::KeyMode;
use crate::link::Link;
use crate::outcome::{
    COALESCED, ENQUEUE, EVICTED, EXPIRED, IN_SLOT, IS_QUEUED, MERGED, NEWEST, OLDEST, OUTRANKED,
    QUEUED,
};
use crate::slots::{self, Slot};
use crate::time::{Instant, Ticks, Ttl};
use crate::{
    Leading, Outcome, Overflow, OverflowEvent, Priority, RefuseReason, SendOptions, Telemetry,
    Update,
};

const NORMAL: u8 = Priority::Normal as u8;

/// The options of an update, with the defaults of its category applied.
// Small enough to be passed in registers.
#[derive(Clone, Copy)]
struct Terms {
    now: Ticks,
    ttl: Ttl,
    priority: u8,
    ends_run: bool,
}

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// Whether updates leave from the middle of the queue; else only the oldest and the newest do.
    pub(super) const LEAVES_FROM_THE_MIDDLE: bool = U::RANKED || U::Keys::KEYED;

    /// Queues an update, or drops or refuses it: see [`Outcome`]. O(1), expected O(1) for an update with a
    /// key.
    ///
    /// The update is moved once, into its slot. The update that was merged or displaced, or the new one if it
    /// is not queued, is then in `update`, so that the caller can drop it outside its lock. If nothing comes
    /// back, `update` is empty, or a stale copy if [`Update::move_to`] copies.
    ///
    /// `now` reads the clock. It is called only if the update is the first in the queue, has a TTL, or finds
    /// the queue full. Other updates get the time of the last reading.
    #[inline(always)]
    pub fn push(
        &mut self,
        update: &mut U,
        options: SendOptions,
        now: impl FnOnce() -> Instant,
    ) -> Outcome {
        Outcome::from_code(self.push_code(update, options, now))
    }

    /// [`push`](Self::push) for hosts that pass the outcome on as a number: see [`Outcome::from_code`]. Bits 5
    /// and 6 are zero.
    #[inline(always)]
    pub fn push_code(
        &mut self,
        update: &mut U,
        options: SendOptions,
        now: impl FnOnce() -> Instant,
    ) -> u8 {
        self.take_in(update, options, now) & !(ENQUEUE | IN_SLOT)
    }

    #[inline(always)]
    fn take_in(
        &mut self,
        update: &mut U,
        options: SendOptions,
        now: impl FnOnce() -> Instant,
    ) -> u8 {
        let category = options.category.index();
        let known = category < usize::from(self.categories());
        let Some((priority, ttl)) = self.category(category).filter(|_| known) else {
            return self.refuse_unknown();
        };
        let ttl = match options.ttl {
            _ if !U::EXPIRES => Ttl::NEVER,
            Ttl::NEVER => ttl,
            ttl => ttl,
        };
        let len = self.len;
        let needs_reading = ttl != Ttl::NEVER || len == 0 || len >= self.limit();
        let now = if needs_reading { self.advance(now()) } else { self.clock.now };
        let priority = match options.priority {
            _ if !U::RANKED => NORMAL,
            Some(priority) => priority as u8,
            None => priority,
        };
        let hash = if U::Keys::KEYED { options.key_hash } else { None };
        let mut code = QUEUED;
        if len >= self.room() || hash.is_some() {
            let terms = Terms { now, ttl, priority, ends_run: options.ends_run };
            code = self.make_room(update, terms, hash);
            if code & ENQUEUE == 0 {
                return code;
            }
        }
        let at = self.free;
        let slots = slots_mut(&mut self.slots);
        let size = slots.len();
        let Some(slot) = slots.get_mut(usize::from(at)) else {
            debug_assert!(false, "where there is room there is a slot");
            return code;
        };
        if code & IN_SLOT == 0 {
            update.move_to(&mut slot.update);
            self.len = len + 1;
        }
        slot.arrival = now;
        slot.ttl = ttl;
        slot.priority = priority;
        self.free = slots::following(slot, at, size);
        if U::RANKED
            && let Some(rank) = self.ranks.get_mut(usize::from(priority))
        {
            rank.append(slots, at);
        }
        if U::Keys::KEYED
            && let Some(hash) = hash
        {
            index::insert(slots, at, hash);
        }
        if len == 0 {
            self.start_queue(now);
        }
        if self.len == self.full() {
            self.request_wake();
        }
        code
    }

    #[cold]
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    fn refuse_unknown(&mut self) -> u8 {
        self.count_refused(match self.flags & IS_CLOSED {
            0 => RefuseReason::UnknownCategory,
            _ => RefuseReason::Closed,
        })
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

    /// Handles an update that has a key, or meets a full queue or a closed bus. Returns the packed outcome,
    /// with [`ENQUEUE`] if the update must still join the end of the queue.
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    fn make_room(&mut self, update: &mut U, terms: Terms, hash: Option<u32>) -> u8 {
        if self.flags & IS_CLOSED != 0 {
            return self.count_refused(RefuseReason::Closed);
        }
        if U::Keys::KEYED
            && let Some(hash) = hash
        {
            let slots = slots_mut(&mut self.slots);
            let same = index::find(slots, hash, update);
            if let Some(slot) = slots.get(same.index())
                && terms.priority >= slot.priority
            {
                if terms.ends_run {
                    self.count_coalesced();
                    return self.exchange(same, update, terms.now, COALESCED);
                }
                return self.merge(same, update, terms);
            }
            if self.len < self.limit() {
                return QUEUED | ENQUEUE;
            }
        }
        self.push_full(update, terms)
    }

    /// Replaces the queued update of the same topic and key, in place.
    #[inline(always)]
    fn merge(&mut self, link: Link, update: &mut U, terms: Terms) -> u8 {
        let slots = slots_mut(&mut self.slots);
        let Some(slot) = slots.get_mut(link.index()) else { return MERGED };
        let old = slot.priority;
        update.swap(&mut slot.update);
        slot.arrival = terms.now;
        slot.ttl = terms.ttl;
        slot.priority = terms.priority;
        if U::RANKED && old != terms.priority {
            // It becomes the youngest of its new priority: finding its place among them would need a search.
            if let Some(rank) = self.ranks.get_mut(usize::from(old)) {
                rank.remove(slots, link.at());
            }
            if let Some(rank) = self.ranks.get_mut(usize::from(terms.priority)) {
                rank.append(slots, link.at());
            }
        }
        self.count_coalesced();
        MERGED
    }

    /// Counts a new update as lost.
    #[inline(always)]
    fn lose_new(&mut self, update: &U, loss: u8) -> u8 {
        if self.len == 0 {
            // Without slots no batch takes the gap along.
            self.report_soon();
        }
        self.count_lost(Some(&update.topic()), loss)
    }

    /// Handles an update that meets a full queue, by the overflow policy.
    #[inline(always)]
    fn push_full(&mut self, update: &mut U, terms: Terms) -> u8 {
        if U::EXPIRES && terms.ttl.is_over(0) {
            return self.lose_new(update, EXPIRED);
        }
        self.report_overflow(terms.now);
        let (link, mut loss) = match self.settings.overflow {
            Overflow::Reject => return self.count_refused(RefuseReason::Full),
            Overflow::DropNewest => (Link::NONE, NEWEST),
            Overflow::DropOldest => (Link::to(self.head), OLDEST),
            Overflow::Evict => (self.eviction_candidate(terms.now), EVICTED),
        };
        let slot = if self.len > 0 { self.slots().get(link.index()) } else { None };
        let stays = match slot {
            None => true,
            Some(slot) if slot.is_expired(terms.now) => {
                loss = EXPIRED;
                false
            }
            Some(slot) if U::RANKED && loss == EVICTED && slot.priority > terms.priority => {
                loss = OUTRANKED;
                true
            }
            Some(_) => false,
        };
        if stays {
            return self.lose_new(update, loss);
        }
        self.exchange(link, update, terms.now, loss)
    }

    /// Exchanges a queued update for a new one, which is then in the next free slot. Where updates leave from
    /// the middle, the slot of the displaced update becomes the next free one. Elsewhere the new update goes into
    /// the free slot, and the displaced one is moved out of its own. So neither moves through a third place.
    #[inline(always)]
    fn exchange(&mut self, link: Link, update: &mut U, now: Ticks, why: u8) -> u8 {
        if why != COALESCED
            && let Some(slot) = self.slots().get(link.index())
        {
            // Counted first: `swap` may leave no copy of the displaced update.
            let topic = slot.update.topic();
            self.count_lost(Some(&topic), why);
        }
        let slots = slots_mut(&mut self.slots);
        let to = if Self::LEAVES_FROM_THE_MIDDLE { link.at() } else { self.free };
        if let Some(slot) = slots.get_mut(usize::from(to)) {
            update.swap(&mut slot.update);
        }
        if to != link.at()
            && let Some(slot) = slots.get_mut(link.index())
        {
            slot.update.move_to(update);
        }
        self.leave(link.at(), now);
        why | IS_QUEUED | ENQUEUE | IN_SLOT
    }

    /// Takes the slot `at` out of the queue, which makes it the next free one. (Where only the oldest
    /// updates leave, it is the last free one instead.) Neither counts the update nor changes the length.
    #[inline]
    pub(super) fn leave(&mut self, at: u16, now: Ticks) {
        let slots = slots_mut(&mut self.slots);
        if let Some(slot) = slots.get(usize::from(at)) {
            let has_key = index::has_key(slot);
            if U::RANKED
                && let Some(rank) = self.ranks.get_mut(usize::from(slot.priority))
            {
                rank.remove(slots, at);
            }
            if has_key {
                index::remove(slots, at);
            }
        }
        if self.head == at {
            self.front_since = now;
            if self.len > 1 || !Self::LEAVES_FROM_THE_MIDDLE {
                self.head = slots::next(slots, at);
            }
            if self.len > 1
                && let Some(front) = slots.get(usize::from(self.head))
            {
                self.front_since = front.arrival;
            }
        }
        let free = self.free;
        if Self::LEAVES_FROM_THE_MIDDLE && free != at {
            slots::relocate(slots, at, free);
            self.free = at;
        }
    }

    /// The queued update that goes first when the policy is to evict: an expired one among the oldest of
    /// each priority, else the oldest of the lowest priority.
    pub(super) fn eviction_candidate(&self, now: Ticks) -> Link {
        if !U::RANKED {
            return Link::to(self.head);
        }
        let slots = self.slots();
        let mut candidate = Link::NONE;
        for rank in &self.ranks {
            let Some(slot) = slots.get(rank.first.index()) else { continue };
            if slot.is_expired(now) {
                return rank.first;
            }
            if candidate == Link::NONE {
                candidate = rank.first;
            }
        }
        candidate
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
}
