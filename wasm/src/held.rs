//! An update as the core holds it: numbers that JavaScript gave.
#![forbid(unsafe_code)]

use statusbus_core::{Category, Keyed, Update};

/// Where the payload lies, what it is about and what it replaces. 12 bytes.
#[derive(Clone, Copy)]
pub(crate) struct Held {
    /// The place of the payload, and above it the category.
    tagged: u32,
    topic: u32,
    key: u32,
}

/// Bits of the number of a place.
const PLACE_BITS: u32 = 24;

impl Held {
    /// The update in `place`, which has 24 bits. Topics and keys are numbered by the host; a key's
    /// number is its own in all topics, and zero is none.
    #[inline(always)]
    pub(crate) const fn new(place: u32, category: Category, topic: u32, key: u32) -> Self {
        let place = place & ((1 << PLACE_BITS) - 1);
        Self { tagged: place | (category.index() as u32) << PLACE_BITS, topic, key }
    }

    /// Where its payload lies.
    #[inline(always)]
    pub(crate) const fn place(self) -> u32 {
        self.tagged & ((1 << PLACE_BITS) - 1)
    }
}

impl Update for Held {
    type Topic = u32;
    type Keys = Keyed;

    #[inline(always)]
    fn topic(&self) -> u32 {
        self.topic
    }

    #[inline(always)]
    fn category(&self) -> Category {
        Category::from_index((self.tagged >> PLACE_BITS) as usize).unwrap_or(Category::INFO)
    }

    /// The number itself, which the core spreads. The host gives numbers in turn, so that nobody
    /// outside can choose keys that fall together.
    #[inline(always)]
    fn key_hash(&self) -> Option<u32> {
        (self.key != 0).then_some(self.key)
    }

    #[inline(always)]
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_and_category_share_a_word() {
        let held = Held::new(0x00ab_cdef, Category::PLANNING, 7, 0);
        assert_eq!((held.place(), held.category()), (0x00ab_cdef, Category::PLANNING));
        assert_eq!(held.key_hash(), None);
        assert_eq!(size_of::<Held>(), 12);
    }
}
