//! The queue: one total order, and within it the order of each priority.

use crate::index;
use crate::slots::{ByOrder, ByRank, Ends, Link, Neighbours, Place, Slot, StoredTerms, Terms};
use crate::time::Instant;
use crate::{Priority, Update};

/// Which slots hold what, in which order. All steps are O(1) (finding a key: expected).
pub(crate) struct Queue {
    order: Ends,
    /// By priority; the last one is there so that no index is out of bounds.
    ranks: [Ends; 4],
    /// Slots that were used and are free again, linked by `order.after`; the first one freed comes
    /// first. So slots are used in the order in which they lie, which a processor sees coming when
    /// it fetches them from another core.
    free: Ends,
    /// Slots that were ever used: those behind have not been touched yet.
    touched: u16,
    len: u16,
    /// As far as it was looked at: the length only shrinks where something is taken out.
    peak: u16,
    /// Since when the slot at the front has been taken.
    since: Instant,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self {
            order: Ends::NONE,
            ranks: [Ends::NONE; 4],
            free: Ends::NONE,
            touched: 0,
            len: 0,
            peak: 0,
            since: Instant::ZERO,
        }
    }

    /// Puts an update at the end. The caller has made sure that there is room.
    #[inline(always)]
    pub(crate) fn append<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        offered: &mut Place<U>,
        terms: Terms,
        hash: Option<u32>,
    ) {
        let mut link = self.free.first;
        if link == Link::NONE {
            link = Link::to(usize::from(self.touched));
            self.touched += 1;
        }
        let Some(slot) = slots.get_mut(link.index()) else { return };
        self.free.first = slot.order.after;
        slot.place.fill(offered);
        slot.terms = StoredTerms::new(&terms);
        let before = core::mem::replace(&mut self.order.last, link);
        slot.order = Neighbours { before, after: Link::NONE };
        if U::RANKED {
            let rank = self.rank(terms.priority);
            let before_in_rank = core::mem::replace(&mut rank.last, link);
            slot.rank = Neighbours { before: before_in_rank, after: Link::NONE };
            match slots.get_mut(before_in_rank.index()) {
                Some(slot) => slot.rank.after = link,
                None => rank.first = link,
            }
        }
        match slots.get_mut(before.index()) {
            Some(slot) => slot.order.after = link,
            None => (self.order.first, self.since) = (link, terms.arrival),
        }
        if let Some(hash) = hash {
            index::insert(slots, link, hash);
        }
        self.len += 1;
    }

    /// Takes updates out from the front for as long as they have not expired and `take` takes
    /// them, and answers how many. O(1) for each.
    #[inline(always)]
    pub(crate) fn drain<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        now: Instant,
        mut take: impl FnMut(&mut Place<U>, &Terms) -> bool,
    ) -> usize {
        let first = self.order.first;
        let (mut link, mut last, mut taken) = (first, Link::NONE, 0);
        while let Some(slot) = slots.get_mut(link.index()) {
            let terms = slot.terms.get();
            if terms.is_expired(now) || !take(&mut slot.place, &terms) {
                break;
            }
            let (next, next_in_rank) = (slot.order.after, slot.rank.after);
            let keyed = index::has_key(slot);
            if U::RANKED {
                let rank = self.rank(terms.priority);
                // who was raised in its place is not the first of its priority
                match rank.first == link {
                    true => rank.first = next_in_rank,
                    false => rank.remove::<ByRank, U>(slots, link),
                }
            }
            if keyed {
                index::remove(slots, link);
            }
            (last, link) = (link, next);
            taken += 1;
        }
        if taken > 0 {
            self.order.first = link;
            self.order.begin::<ByOrder, U>(slots);
            self.look_at_front(slots);
            for rank in &mut self.ranks {
                rank.begin::<ByRank, U>(slots);
            }
            self.release(slots, first, last);
            self.peak = self.peak.max(self.len);
            self.len -= taken;
        }
        usize::from(taken)
    }

    /// Frees slots that are linked by `order.after`, from `first` to `last`.
    fn release<U: Update>(&mut self, slots: &mut [Slot<U>], first: Link, last: Link) {
        if let Some(slot) = slots.get_mut(last.index()) {
            slot.order.after = Link::NONE;
        }
        match slots.get_mut(self.free.last.index()).filter(|_| self.free.first != Link::NONE) {
            Some(slot) => slot.order.after = first,
            None => self.free.first = first,
        }
        self.free.last = last;
    }

    /// Takes an update out, if there is one, into another place.
    // Never as an `Option`: that may lie in a byte of the update, which is then moved byte by byte.
    pub(crate) fn remove<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        link: Link,
        out: &mut Place<U>,
    ) -> Option<Terms> {
        let slot = slots.get_mut(link.index()).filter(|slot| !slot.place.is_vacant())?;
        let terms = slot.terms.get();
        out.fill(&mut slot.place);
        let first = self.order.first;
        self.order.remove::<ByOrder, U>(slots, link);
        if first == link {
            self.look_at_front(slots);
        }
        if U::RANKED {
            self.rank(terms.priority).remove::<ByRank, U>(slots, link);
        }
        index::remove(slots, link);
        self.release(slots, link, link);
        self.peak = self.peak.max(self.len);
        self.len -= 1;
        Some(terms)
    }

    /// Exchanges an update for another one with the same topic and key, in its place.
    ///
    /// One whose priority is raised becomes the youngest of its new priority: its place among them
    /// could only be found by searching.
    pub(crate) fn replace<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        link: Link,
        terms: Terms,
        offered: &mut Place<U>,
    ) {
        let Some(slot) = slots.get_mut(link.index()) else { return };
        let Terms { arrival, priority: old, .. } = slot.terms.get();
        index::merge(slot, terms.arrival.micros_since(arrival));
        core::mem::swap(&mut slot.place, offered);
        slot.terms = StoredTerms::new(&terms);
        if U::RANKED && old != terms.priority {
            self.rank(old).remove::<ByRank, U>(slots, link);
            self.rank(terms.priority).append::<ByRank, U>(slots, link);
        }
    }

    /// Another slot has come to the front.
    #[inline(never)] // else there are two of it
    fn look_at_front<U: Update>(&mut self, slots: &[Slot<U>]) {
        if let Some(slot) = slots.get(self.order.first.index()) {
            let arrival = slot.terms.get().arrival.as_micros();
            self.since = Instant::from_micros(arrival.saturating_sub(index::merged_after(slot)));
        }
    }

    /// What under the policy `Evict` has to leave first: what has expired among the oldest of each
    /// priority, else the oldest of the lowest priority.
    pub(crate) fn least<U: Update>(&self, slots: &[Slot<U>], now: Instant) -> Link {
        if !U::RANKED {
            return self.order.first;
        }
        let oldest = self.ranks.iter().map(|ends| ends.first);
        let expired = oldest
            .clone()
            .find(|&link| terms(slots, link).is_some_and(|terms| terms.is_expired(now)));
        expired.or_else(|| oldest.clone().find(|&link| link != Link::NONE)).unwrap_or(Link::NONE)
    }

    /// Since when the slot at the front has been taken, which is longest of all; `None` if nothing is
    /// queued. An update that replaces another one does not make its slot younger.
    pub(crate) const fn since(&self) -> Option<Instant> {
        if self.len > 0 { Some(self.since) } else { None }
    }

    pub(crate) const fn first(&self) -> Link {
        self.order.first
    }

    pub(crate) const fn last(&self) -> Link {
        self.order.last
    }

    #[inline(always)]
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    /// Most updates queued at once since the last call.
    pub(crate) fn take_peak(&mut self) -> usize {
        usize::from(core::mem::replace(&mut self.peak, self.len).max(self.len))
    }

    #[inline(always)]
    fn rank(&mut self, priority: Priority) -> &mut Ends {
        &mut self.ranks[priority as usize & 3]
    }
}

/// What was decided about the update in a slot, if there is one.
#[inline(always)]
pub(crate) fn terms<U: Update>(slots: &[Slot<U>], link: Link) -> Option<Terms> {
    slots.get(link.index()).filter(|slot| !slot.place.is_vacant()).map(|slot| slot.terms.get())
}
