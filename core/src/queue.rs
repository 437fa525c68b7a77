//! The queue: one total order, and within it the order of each priority.

use crate::index::{self, KeyMode};
use crate::slots::{ByOrder, ByRank, Ends, Entry, Link, Queued, Slot};
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

    /// Puts an update at the end. The caller has made sure that there is room: without, it is lost.
    #[inline]
    pub(crate) fn append<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        queued: Queued<U>,
        hash: Option<u32>,
    ) {
        let link = match slots.get(self.free.index()) {
            Some(slot) => core::mem::replace(&mut self.free, slot.order.after),
            None => {
                self.touched += 1;
                Link::to(usize::from(self.touched) - 1)
            }
        };
        let priority = queued.priority;
        let Some(slot) = slots.get_mut(link.index()) else { return };
        slot.entry = Entry::Occupied(queued);
        self.order.append::<ByOrder, U>(slots, link);
        if U::RANKED {
            self.rank(priority).append::<ByRank, U>(slots, link);
        }
        if let Some(hash) = hash {
            index::insert(slots, link, hash);
        }
        self.len += 1;
        self.peak = self.peak.max(self.len);
    }

    /// Takes an update out.
    #[inline]
    pub(crate) fn remove<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        link: Link,
    ) -> Option<Queued<U>> {
        let queued = slots.get_mut(link.index())?.entry.take()?;
        self.order.remove::<ByOrder, U>(slots, link);
        if U::RANKED {
            self.rank(queued.priority).remove::<ByRank, U>(slots, link);
        }
        if U::Keys::KEYED {
            index::remove(slots, link);
        }
        if let Some(slot) = slots.get_mut(link.index()) {
            slot.order.after = core::mem::replace(&mut self.free, link);
        }
        self.len -= 1;
        Some(queued)
    }

    /// Puts an update in the place of another one with the same topic and key.
    ///
    /// One whose priority is raised becomes the youngest of its new priority: its place among them
    /// could only be found by searching.
    pub(crate) fn replace<U: Update>(
        &mut self,
        slots: &mut [Slot<U>],
        link: Link,
        queued: Queued<U>,
    ) -> Queued<U> {
        let priority = queued.priority;
        let Some(old) = slots.get_mut(link.index()).and_then(|slot| slot.entry.get_mut()) else {
            return queued;
        };
        let old = core::mem::replace(old, queued);
        if U::RANKED && old.priority != priority {
            self.rank(old.priority).remove::<ByRank, U>(slots, link);
            self.rank(priority).append::<ByRank, U>(slots, link);
        }
        old
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
            .find(|&link| queued(slots, link).is_some_and(|queued| queued.is_expired(now)));
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
        usize::from(core::mem::replace(&mut self.peak, self.len))
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

/// What lies in a slot.
#[inline(always)]
pub(crate) fn queued<U: Update>(slots: &[Slot<U>], link: Link) -> Option<&Queued<U>> {
    slots.get(link.index())?.entry.get()
}
