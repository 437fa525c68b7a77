//! The queue: one total order, and within it the order of each priority.

use crate::index::{self, KeyMode};
use crate::slots::{ByOrder, ByRank, Ends, Link, Place, Slot, Terms};
use crate::time::Instant;
use crate::{Priority, Update};

/// Which slots hold what, in which order. All steps are O(1) (finding a key: expected).
pub(crate) struct Queue {
    order: Ends,
    ranks: [Ends; 3],
    /// Slots that were used and are free again, linked by `order.after`; the last one freed comes
    /// first, while it is still in the cache.
    free: Link,
    /// Slots that were ever used: those behind have not been touched yet.
    touched: u16,
    len: u16,
    /// As far as it was looked at: the length only shrinks where something is taken out.
    peak: u16,
}

impl Queue {
    pub(crate) const fn new() -> Self {
        Self {
            order: Ends::NONE,
            ranks: [Ends::NONE; 3],
            free: Link::NONE,
            touched: 0,
            len: 0,
            peak: 0,
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
        let link = match slots.get(self.free.index()) {
            Some(slot) => core::mem::replace(&mut self.free, slot.order.after),
            None => {
                self.touched += 1;
                Link::to(usize::from(self.touched) - 1)
            }
        };
        let Some(slot) = slots.get_mut(link.index()) else { return };
        core::mem::swap(&mut slot.place, offered);
        slot.set_terms(terms);
        self.order.append::<ByOrder, U>(slots, link);
        if U::RANKED {
            self.rank(terms.priority).append::<ByRank, U>(slots, link);
        }
        if let Some(hash) = hash {
            index::insert(slots, link, hash);
        }
        self.len += 1;
    }

    /// Moves the first update to `place`, which is vacant.
    #[inline(always)]
    pub(crate) fn take_first<U: Update>(&mut self, slots: &mut [Slot<U>], place: &mut Place<U>) {
        let link = self.order.first;
        let Some(slot) = slots.get_mut(link.index()) else { return };
        core::mem::swap(&mut slot.place, place);
        let priority = slot.terms().priority;
        let next = core::mem::replace(&mut slot.order.after, self.free);
        self.free = link;
        self.order.first = next;
        match slots.get_mut(next.index()) {
            Some(slot) => slot.order.before = Link::NONE,
            None => self.order.last = Link::NONE,
        }
        self.forget(slots, link, priority);
    }

    /// Takes an update out.
    pub(crate) fn remove<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        link: Link,
    ) -> Option<(U, Terms)> {
        let slot = slots.get_mut(link.index())?;
        let (update, terms) = (slot.place.take()?, slot.terms());
        self.order.remove::<ByOrder, U>(slots, link);
        if let Some(slot) = slots.get_mut(link.index()) {
            slot.order.after = core::mem::replace(&mut self.free, link);
        }
        self.forget(slots, link, terms.priority);
        Some((update, terms))
    }

    /// The rest of taking out: all but the order.
    #[inline(always)]
    fn forget<U: Update>(&mut self, slots: &mut [Slot<U>], link: Link, priority: Priority) {
        if U::RANKED {
            self.rank(priority).remove::<ByRank, U>(slots, link);
        }
        if U::Keys::KEYED {
            index::remove(slots, link);
        }
        self.peak = self.peak.max(self.len);
        self.len -= 1;
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
        core::mem::swap(&mut slot.place, offered);
        let old = slot.terms().priority;
        slot.set_terms(terms);
        if U::RANKED && old != terms.priority {
            self.rank(old).remove::<ByRank, U>(slots, link);
            self.rank(terms.priority).append::<ByRank, U>(slots, link);
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
        let [progress, state, terminal] = &mut self.ranks;
        match priority {
            Priority::Progress => progress,
            Priority::State => state,
            Priority::Terminal => terminal,
        }
    }
}

/// What was decided about the update in a slot, if there is one.
#[inline(always)]
pub(crate) fn terms<U: Update>(slots: &[Slot<U>], link: Link) -> Option<Terms> {
    slots.get(link.index()).filter(|slot| !slot.place.is_vacant()).map(Slot::terms)
}
