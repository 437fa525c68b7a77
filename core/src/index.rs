//! Finding the queued update with a given topic and key.

use crate::slots::{Link, Slot};
use crate::{Config, Update};

/// Whether updates of a type can have a key: [`Keyed`] or [`Unkeyed`].
pub trait KeyMode: sealed::Sealed {
    #[doc(hidden)]
    type Links: Copy;
    #[doc(hidden)]
    const NONE: Self::Links;
    #[doc(hidden)]
    const KEYED: bool;
    #[doc(hidden)]
    fn read(links: &Self::Links) -> Option<&KeyLinks>;
    #[doc(hidden)]
    fn write(links: &mut Self::Links) -> Option<&mut KeyLinks>;
}

/// Updates may have a key: each slot carries 8 bytes of index, and 4 for what was merged into it.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Keyed {}

/// Updates never have a key: there is no index, in memory or in code.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unkeyed {}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Keyed {}
    impl Sealed for super::Unkeyed {}
}

impl KeyMode for Keyed {
    type Links = KeyLinks;
    const NONE: KeyLinks = KeyLinks {
        bucket: Link::NONE,
        home: Link::NONE,
        before: Link::NONE,
        after: Link::NONE,
        merged_after: 0,
    };
    const KEYED: bool = true;

    #[inline(always)]
    fn read(links: &KeyLinks) -> Option<&KeyLinks> {
        Some(links)
    }

    #[inline(always)]
    fn write(links: &mut KeyLinks) -> Option<&mut KeyLinks> {
        Some(links)
    }
}

impl KeyMode for Unkeyed {
    type Links = ();
    const NONE: () = ();
    const KEYED: bool = false;

    #[inline(always)]
    fn read((): &()) -> Option<&KeyLinks> {
        None
    }

    #[inline(always)]
    fn write((): &mut ()) -> Option<&mut KeyLinks> {
        None
    }
}

/// A slot's part of the index, which is a hash table with as many chains as slots. The newest of a
/// chain comes first, so the first match is the newest update with that key.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct KeyLinks {
    /// The first of the chain that begins in this slot: the table's part, not the update's.
    bucket: Link,
    /// The slot in which the chain of this slot's update begins; none if it has no key.
    home: Link,
    before: Link,
    after: Link,
    /// How long the slot had been taken when the update in it came, in microseconds: zero unless it has
    /// replaced another one. Saturates after 71 minutes, which is longer than any flush interval.
    merged_after: u32,
}

#[inline(always)]
fn at<U: Update>(slots: &[Slot<U>], link: Link) -> Option<&KeyLinks> {
    U::Keys::read(&slots.get(link.index())?.key)
}

#[inline(always)]
fn at_mut<U: Update>(slots: &mut [Slot<U>], link: Link) -> Option<&mut KeyLinks> {
    U::Keys::write(&mut slots.get_mut(link.index())?.key)
}

/// Where the chain for a hash begins. Multiplies, because small cores divide in software.
#[inline]
fn home<U: Update>(slots: &[Slot<U>], hash: u32) -> Link {
    let mixed = hash.wrapping_mul(0x9E37_79B9) >> 16;
    let len = slots.len().min(Config::MOST) as u32;
    Link::to(((mixed * len) >> 16) as usize)
}

/// The newest queued update with the same topic and key as `update`. O(1) expected.
pub(crate) fn find<U: Update>(slots: &[Slot<U>], hash: u32, update: &U) -> Link {
    let mut link = at(slots, home(slots, hash)).map_or(Link::NONE, |links| links.bucket);
    while let Some(slot) = slots.get(link.index()) {
        if slot.place.get().is_some_and(|queued| queued.same_key(update)) {
            return link;
        }
        link = U::Keys::read(&slot.key).map_or(Link::NONE, |links| links.after);
    }
    Link::NONE
}

/// Makes the update in `link`, which has a key of that hash, findable. O(1).
pub(crate) fn insert<U: Update>(slots: &mut [Slot<U>], link: Link, hash: u32) {
    let home = home(slots, hash);
    let Some(chain) = at_mut(slots, home) else { return };
    let after = core::mem::replace(&mut chain.bucket, link);
    if let Some(next) = at_mut(slots, after) {
        next.before = link;
    }
    if let Some(links) = at_mut(slots, link) {
        (links.home, links.before, links.after) = (home, Link::NONE, after);
        links.merged_after = 0;
    }
}

/// The update in a slot is replaced by one that came so many microseconds later.
pub(crate) fn merge<U: Update>(slot: &mut Slot<U>, later: u64) {
    if let Some(links) = U::Keys::write(&mut slot.key) {
        let later = u32::try_from(later).unwrap_or(u32::MAX);
        links.merged_after = links.merged_after.saturating_add(later);
    }
}

/// How long a slot had been taken when the update in it came, in microseconds.
pub(crate) fn merged_after<U: Update>(slot: &Slot<U>) -> u64 {
    let links = U::Keys::read(&slot.key).filter(|links| links.home != Link::NONE);
    links.map_or(0, |links| links.merged_after.into())
}

/// Whether the update in a slot can be found.
#[inline(always)]
pub(crate) fn has_key<U: Update>(slot: &Slot<U>) -> bool {
    U::Keys::read(&slot.key).is_some_and(|links| links.home != Link::NONE)
}

/// Forgets the update in `link`, if it has a key. O(1).
pub(crate) fn remove<U: Update>(slots: &mut [Slot<U>], link: Link) {
    let Some(links) = at_mut(slots, link) else { return };
    if links.home == Link::NONE {
        return;
    }
    let KeyLinks { home, before, after, .. } = *links;
    links.home = Link::NONE;
    match at_mut(slots, before) {
        Some(previous) => previous.after = after,
        None => {
            if let Some(chain) = at_mut(slots, home) {
                chain.bucket = after;
            }
        }
    }
    if let Some(next) = at_mut(slots, after) {
        next.before = before;
    }
}
