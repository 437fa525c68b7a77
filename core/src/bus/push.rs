//! Taking updates in.
//!
//! On microcontrollers the parts of the slow path are functions, so that the path of a plain send stays short. On
//! WebAssembly inlining them takes fewer bytes.

use super::{Bus, slots_mut};
use crate::index;
use crate::keys::KeyMode;
use crate::link::Link;
use crate::outcome::{COALESCED, ENQUEUE, IN_SLOT, IS_QUEUED, MERGED, QUEUED};
use crate::rules::{Candidate, Merge, OnFull, Terms};
use crate::slots::{self, Slot};
use crate::time::{Instant, Ticks, Ttl};
use crate::{Outcome, Priority, SendOptions, Telemetry, Update};

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
        let capacity = self.capacity();
        let Some((priority, ttl)) = self.rules.category(options.category) else {
            return self.rules.refuse_unknown();
        };
        let ttl = if U::EXPIRES { options.ttl_or(ttl) } else { Ttl::NEVER };
        let mut terms = Terms::new(&options, self.rules.now(), ttl, priority);
        if !U::RANKED {
            terms.priority = Priority::Normal as u8;
        }
        let len = self.rules.len;
        if self.rules.needs_reading(len, ttl, capacity) {
            terms.arrival = self.advance(now());
        }
        let hash = if U::Keys::KEYED { options.key_hash } else { None };
        let mut code = QUEUED;
        if len >= self.rules.room_within(capacity) || hash.is_some() {
            code = self.make_room(update, terms, hash);
            if code & ENQUEUE == 0 {
                return code;
            }
        }
        let at = self.rules.free;
        let slots = slots_mut(&mut self.slots);
        let size = slots.len();
        let Some(slot) = slots.get_mut(usize::from(at)) else {
            debug_assert!(false, "where there is room there is a slot");
            return code;
        };
        if code & IN_SLOT == 0 {
            update.move_to(&mut slot.update);
            self.rules.len = len + 1;
        }
        slot.arrival = terms.arrival;
        slot.ttl = terms.ttl;
        slot.priority = terms.priority;
        self.rules.free = slots::following(slot, at, size);
        if U::RANKED
            && let Some(rank) = self.ranks.get_mut(usize::from(terms.priority))
        {
            rank.append(slots, at);
        }
        if U::Keys::KEYED
            && let Some(hash) = hash
        {
            index::insert(slots, at, hash);
        }
        self.rules.has_joined(len, terms.arrival, capacity);
        code
    }

    /// Handles an update that has a key, or meets a full queue or a closed bus. Returns the packed outcome,
    /// with [`ENQUEUE`] if the update must still join the end of the queue.
    #[cfg_attr(not(target_family = "wasm"), inline(never))]
    fn make_room(&mut self, update: &mut U, terms: Terms, hash: Option<u32>) -> u8 {
        if let Some(code) = self.rules.refuse_closed() {
            return code;
        }
        if U::Keys::KEYED
            && let Some(hash) = hash
        {
            let slots = slots_mut(&mut self.slots);
            let same = index::find(slots, hash, update);
            if let Some(slot) = slots.get(same.index()) {
                match self.rules.merge_over(&terms, slot.priority) {
                    Merge::Apart => {}
                    Merge::InPlace => return self.replace(same, update, terms),
                    Merge::AtEnd => {
                        return self.exchange(same, update, terms.arrival, COALESCED);
                    }
                }
            }
            if self.rules.len < self.rules.limit_within(self.capacity()) {
                return QUEUED | ENQUEUE;
            }
        }
        self.push_full(update, terms)
    }

    /// Replaces the queued update of the same topic and key, in place.
    #[inline(always)]
    fn replace(&mut self, link: Link, update: &mut U, terms: Terms) -> u8 {
        let slots = slots_mut(&mut self.slots);
        let Some(slot) = slots.get_mut(link.index()) else { return MERGED };
        let old = slot.priority;
        update.swap(&mut slot.update);
        slot.arrival = terms.arrival;
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
        MERGED
    }

    /// Handles an update that meets a full queue, by the overflow policy.
    #[inline(always)]
    fn push_full(&mut self, update: &mut U, terms: Terms) -> u8 {
        let candidate = match self.rules.on_full(&terms, U::EXPIRES) {
            OnFull::Lost(loss) => return self.rules.count_new_lost(&update.topic(), loss),
            OnFull::Refused(code) => return code,
            OnFull::For(candidate) => candidate,
        };
        let loss = candidate.loss();
        let link = match candidate {
            Candidate::Evicted => self.eviction_candidate(terms.arrival),
            _ => Link::to(self.rules.head),
        };
        let slot = if self.rules.len > 0 { self.slots().get(link.index()) } else { None };
        let candidate = slot.map(|slot| {
            let priority = if U::RANKED { slot.priority } else { terms.priority };
            (priority, slot.is_expired(terms.arrival))
        });
        let (is_displaced, loss) = terms.displaces(candidate, loss);
        if !is_displaced {
            return self.rules.count_new_lost(&update.topic(), loss);
        }
        self.exchange(link, update, terms.arrival, loss)
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
            self.rules.count_lost(Some(&topic), why);
        }
        let slots = slots_mut(&mut self.slots);
        let to = if Self::LEAVES_FROM_THE_MIDDLE { link.at() } else { self.rules.free };
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
        if self.rules.head == at {
            self.rules.front_since = now;
            if self.rules.len > 1 || !Self::LEAVES_FROM_THE_MIDDLE {
                self.rules.head = slots::next(slots, at);
            }
            if self.rules.len > 1
                && let Some(front) = slots.get(usize::from(self.rules.head))
            {
                self.rules.front_since = front.arrival;
            }
        }
        let free = self.rules.free;
        if Self::LEAVES_FROM_THE_MIDDLE && free != at {
            slots::relocate(slots, at, free);
            self.rules.free = at;
        }
    }

    /// The queued update that goes first when the policy is to evict: an expired one among the oldest of
    /// each priority, else the oldest of the lowest priority.
    pub(super) fn eviction_candidate(&self, now: Ticks) -> Link {
        if !U::RANKED {
            return Link::to(self.rules.head);
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
}
