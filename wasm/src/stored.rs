//! The stored update: numbers that JavaScript assigned.
#![forbid(unsafe_code)]

use statusbus_core::{Keyed, Update};

/// An update as the core stores it: the slot of its payload in JavaScript, its topic and its key. 12 bytes.
///
/// Topics and keys are numbered by the host. The number of a key belongs to one topic; zero: no key.
#[derive(Clone, Copy)]
pub(crate) struct StoredUpdate {
    pub(crate) slot: u32,
    pub(crate) topic: u32,
    pub(crate) key: u32,
}

impl Update for StoredUpdate {
    type Topic = u32;
    type Keys = Keyed;

    const EMPTY: Self = Self { slot: 0, topic: 0, key: 0 };

    #[inline(always)]
    fn topic(&self) -> u32 {
        self.topic
    }

    #[inline(always)]
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }

    #[inline(always)]
    fn move_to(&mut self, to: &mut Self) {
        *to = *self;
    }

    // The default exchanges word by word in a loop, which keeps the new update in memory.
    #[inline(always)]
    fn swap(&mut self, with: &mut Self) {
        *self = core::mem::replace(with, *self);
    }
}
