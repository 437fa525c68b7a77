//! Finding the queued update with a given topic and key.

use crate::Update;
use crate::keys::{KeyLinks, KeyMode};
use crate::link::Link;
use crate::slots::Slot;

#[inline(always)]
fn links<U: Update>(slots: &[Slot<U>], link: Link) -> KeyLinks {
    slots.get(link.index()).map_or(KeyLinks::NONE, |slot| U::Keys::read(&slot.key))
}

#[inline(always)]
fn links_mut<U: Update>(slots: &mut [Slot<U>], link: Link) -> Option<&mut KeyLinks> {
    U::Keys::write(&mut slots.get_mut(link.index())?.key)
}

/// Where the chain for a hash begins. Multiplies, because small cores divide in software.
#[inline(always)]
fn home(len: usize, hash: u32) -> Link {
    let spread = hash.wrapping_mul(0x9E37_79B9) >> 16;
    Link::to(((spread * len as u32) >> 16) as u16)
}

/// The newest queued update with the topic and the key of `update`. O(1) expected.
#[inline(always)]
pub(crate) fn find<U: Update>(slots: &[Slot<U>], hash: u32, update: &U) -> Link {
    let mut link = links(slots, home(slots.len(), hash)).first;
    while let Some(slot) = slots.get(link.index()) {
        if slot.update.same_key(update) {
            break;
        }
        link = U::Keys::read(&slot.key).next;
    }
    link
}

/// Adds the update in the slot `at`, whose key has that hash, to the index. O(1).
#[inline(always)]
pub(crate) fn insert<U: Update>(slots: &mut [Slot<U>], at: u16, hash: u32) {
    let home = home(slots.len(), hash);
    let Some(chain) = links_mut(slots, home) else { return };
    let next = core::mem::replace(&mut chain.first, Link::to(at));
    if let Some(links) = links_mut(slots, Link::to(at)) {
        links.home = home;
        links.next = next;
    }
}

/// Removes the update in the slot `at`, which has a key, from the index. O(1) expected: chains are short.
#[inline(never)]
pub(crate) fn remove<U: Update>(slots: &mut [Slot<U>], at: u16) {
    let Some(removed) = links_mut(slots, Link::to(at)) else { return };
    let next = removed.next;
    let home = core::mem::replace(&mut removed.home, Link::NONE);
    let Some(chain) = links_mut(slots, home) else { return };
    let mut link = chain.first;
    if link == Link::to(at) {
        chain.first = next;
        return;
    }
    while let Some(links) = links_mut(slots, link) {
        link = links.next;
        if link == Link::to(at) {
            links.next = next;
            return;
        }
    }
    debug_assert!(false, "an update with a key is in the chain of its key");
}

#[inline(always)]
pub(crate) fn has_key<U: Update>(slot: &Slot<U>) -> bool {
    U::Keys::read(&slot.key).home != Link::NONE
}
