//! Where queued updates lie: slots that are linked, never moved.

use crate::index::KeyMode;
use crate::time::Instant;
use crate::{Priority, Update};

/// Room for one queued update. The memory of a bus is an array or a boxed slice of these; vacant
/// ones are all zeros, so that a static bus costs no flash.
pub struct Slot<U: Update> {
    pub(crate) entry: Entry<U>,
    pub(crate) order: Neighbours,
    pub(crate) rank: Neighbours,
    pub(crate) key: <U::Keys as KeyMode>::Links,
}

impl<U: Update> Slot<U> {
    /// A slot with nothing in it.
    pub const VACANT: Self = Self {
        entry: Entry::Vacant,
        order: Neighbours::NONE,
        rank: Neighbours::NONE,
        key: <U::Keys as KeyMode>::NONE,
    };
}

impl<U: Update> core::fmt::Debug for Slot<U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self.entry {
            Entry::Vacant => "Slot(vacant)",
            Entry::Occupied(_) => "Slot(occupied)",
        })
    }
}

/// Like `Option`, with a promise about its bits: vacant is zero, whatever `U` is.
#[repr(u8)]
pub(crate) enum Entry<U> {
    Vacant = 0,
    Occupied(Queued<U>),
}

impl<U> Entry<U> {
    pub(crate) fn get(&self) -> Option<&Queued<U>> {
        match self {
            Self::Vacant => None,
            Self::Occupied(queued) => Some(queued),
        }
    }

    pub(crate) fn get_mut(&mut self) -> Option<&mut Queued<U>> {
        match self {
            Self::Vacant => None,
            Self::Occupied(queued) => Some(queued),
        }
    }

    pub(crate) fn take(&mut self) -> Option<Queued<U>> {
        match core::mem::replace(self, Self::Vacant) {
            Self::Vacant => None,
            Self::Occupied(queued) => Some(queued),
        }
    }
}

/// An update with what the bus has decided about it.
pub(crate) struct Queued<U> {
    pub(crate) priority: Priority,
    pub(crate) arrival: Instant,
    /// [`Instant::NEVER`] if it has no time-to-live.
    pub(crate) expiry: Instant,
    pub(crate) update: U,
}

impl<U> Queued<U> {
    pub(crate) const fn as_ref(&self) -> Queued<&U> {
        Queued {
            priority: self.priority,
            arrival: self.arrival,
            expiry: self.expiry,
            update: &self.update,
        }
    }

    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.expiry <= now
    }
}

/// A slot's number, from one; zero is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(transparent)]
pub(crate) struct Link(u16);

impl Link {
    pub(crate) const NONE: Self = Self(0);

    /// The slot at `index`, which is below [`Config::MOST`](crate::Config::MOST).
    pub(crate) const fn to(index: usize) -> Self {
        Self(index as u16 + 1)
    }

    /// The index of the slot; past the end of any slice if this is none. So one bounds check
    /// answers both whether there is a slot and whether it is one of ours.
    pub(crate) const fn index(self) -> usize {
        (self.0 as usize).wrapping_sub(1)
    }
}

/// The slots before and after one in a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbours {
    pub(crate) before: Link,
    pub(crate) after: Link,
}

impl Neighbours {
    pub(crate) const NONE: Self = Self { before: Link::NONE, after: Link::NONE };
}

/// One of the two lists that run through the slots.
pub(crate) trait Lane {
    fn neighbours<U: Update>(slot: &mut Slot<U>) -> &mut Neighbours;
}

/// The order in which updates leave.
pub(crate) struct ByOrder;

impl Lane for ByOrder {
    #[inline(always)]
    fn neighbours<U: Update>(slot: &mut Slot<U>) -> &mut Neighbours {
        &mut slot.order
    }
}

/// The order among updates of one priority.
pub(crate) struct ByRank;

impl Lane for ByRank {
    #[inline(always)]
    fn neighbours<U: Update>(slot: &mut Slot<U>) -> &mut Neighbours {
        &mut slot.rank
    }
}

/// The two ends of a list. All steps are O(1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) first: Link,
    pub(crate) last: Link,
}

impl Ends {
    pub(crate) const NONE: Self = Self { first: Link::NONE, last: Link::NONE };

    #[inline]
    pub(crate) fn append<L: Lane, U: Update>(&mut self, slots: &mut [Slot<U>], link: Link) {
        let last = core::mem::replace(&mut self.last, link);
        match slots.get_mut(last.index()) {
            Some(slot) => L::neighbours(slot).after = link,
            None => self.first = link,
        }
        if let Some(slot) = slots.get_mut(link.index()) {
            *L::neighbours(slot) = Neighbours { before: last, after: Link::NONE };
        }
    }

    #[inline]
    pub(crate) fn remove<L: Lane, U: Update>(&mut self, slots: &mut [Slot<U>], link: Link) {
        let Some(slot) = slots.get_mut(link.index()) else { return };
        let Neighbours { before, after } = *L::neighbours(slot);
        match slots.get_mut(before.index()) {
            Some(slot) => L::neighbours(slot).after = after,
            None => self.first = after,
        }
        match slots.get_mut(after.index()) {
            Some(slot) => L::neighbours(slot).before = before,
            None => self.last = before,
        }
    }
}
