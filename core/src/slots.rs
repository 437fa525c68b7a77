//! The memory of the queue: one ring of slots.
//!
//! All slots, used and free, are linked into one ring. The queued ones are those from `head` to before
//! `free`, the free ones those from `free` to before `head`. So an update joins the end, or leaves the
//! front, by moving an index, and no link is written; only an update that leaves from the middle has its
//! slot linked to another place. Links are stored as the difference to the neighbour in the array:
//! zeros are a ring in the order of the array.

use crate::Update;
use crate::keys::KeyMode;
use crate::link::Link;
use crate::time::{Ticks, Ttl};

/// Room for one queued update. The memory of a bus is an array or a boxed slice of these; vacant slots
/// are all zeros if [`Update::EMPTY`] is.
#[repr(C)]
pub struct Slot<U: Update> {
    pub(crate) update: U,
    pub(crate) arrival: Ticks,
    pub(crate) ttl: Ttl,
    before: u16,
    after: u16,
    pub(crate) rank: Ends,
    pub(crate) key: <U::Keys as KeyMode>::Links,
    pub(crate) priority: u8,
}

impl<U: Update> Slot<U> {
    /// A slot with nothing in it.
    pub const VACANT: Self = Self {
        update: U::EMPTY,
        arrival: 0,
        ttl: Ttl::from_micros(0),
        before: 0,
        after: 0,
        rank: Ends::NONE,
        key: <U::Keys as KeyMode>::NONE,
        priority: 0,
    };

    /// Whether the update's TTL has passed.
    #[inline(always)]
    pub(crate) fn is_expired(&self, now: Ticks) -> bool {
        U::EXPIRES && self.ttl.is_over(now - self.arrival)
    }
}

impl<U: Update> core::fmt::Debug for Slot<U> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Slot").finish_non_exhaustive()
    }
}

/// Two links: of a list to its first and last slot, or of a slot to its neighbours in the list. A list is
/// empty if `first` is [`Link::NONE`]; `last` is stale then.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends {
    pub(crate) first: Link,
    pub(crate) last: Link,
}

impl Ends {
    pub(crate) const NONE: Self = Self { first: Link::NONE, last: Link::NONE };

    /// Puts the slot `at` at the end of the list.
    #[inline(always)]
    pub(crate) fn append<U: Update>(&mut self, slots: &mut [Slot<U>], at: u16) {
        let link = Link::to(at);
        let last = core::mem::replace(&mut self.last, link);
        if let Some(slot) = slots.get_mut(usize::from(at)) {
            slot.rank = Self { first: last, last: Link::NONE };
        }
        if self.first == Link::NONE {
            self.first = link;
        } else if let Some(slot) = slots.get_mut(last.index()) {
            slot.rank.last = link;
        }
    }

    /// Takes the slot `at` out of the list.
    #[inline(never)]
    pub(crate) fn remove<U: Update>(&mut self, slots: &mut [Slot<U>], at: u16) {
        let Some(slot) = slots.get(usize::from(at)) else { return };
        let Self { first: before, last: after } = slot.rank;
        if self.first == Link::to(at) {
            self.first = after;
        } else if let Some(slot) = slots.get_mut(before.index()) {
            slot.rank.last = after;
        }
        if self.last == Link::to(at) {
            self.last = before;
        } else if let Some(slot) = slots.get_mut(after.index()) {
            slot.rank.first = before;
        }
    }
}

/// The slot behind this one, which is at `at` of `len`.
#[inline(always)]
pub(crate) fn following<U: Update>(slot: &Slot<U>, at: u16, len: usize) -> u16 {
    let next = at.wrapping_add(1).wrapping_add(slot.after);
    if usize::from(next) < len { next } else { 0 }
}

#[inline(always)]
pub(crate) fn next<U: Update>(slots: &[Slot<U>], at: u16) -> u16 {
    slots.get(usize::from(at)).map_or(0, |slot| following(slot, at, slots.len()))
}

#[inline(always)]
pub(crate) fn previous<U: Update>(slots: &[Slot<U>], at: u16) -> u16 {
    let Some(slot) = slots.get(usize::from(at)) else { return 0 };
    let previous = at.wrapping_sub(1).wrapping_add(slot.before);
    if usize::from(previous) < slots.len() { previous } else { (slots.len() - 1) as u16 }
}

/// Links two slots, so that `b` follows `a`.
#[inline(never)]
fn link<U: Update>(slots: &mut [Slot<U>], a: u16, b: u16) {
    if let Some(slot) = slots.get_mut(usize::from(a)) {
        slot.after = b.wrapping_sub(a).wrapping_sub(1);
    }
    if let Some(slot) = slots.get_mut(usize::from(b)) {
        slot.before = a.wrapping_sub(b).wrapping_add(1);
    }
}

/// Takes the slot `at` out of its place in the ring and puts it in front of another.
pub(crate) fn relocate<U: Update>(slots: &mut [Slot<U>], at: u16, before: u16) {
    let neighbours = (previous(slots, at), next(slots, at));
    link(slots, neighbours.0, neighbours.1);
    let last = previous(slots, before);
    link(slots, last, at);
    link(slots, at, before);
}
