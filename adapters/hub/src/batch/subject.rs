//! What an update is about.

use statusbus_core::Category;

/// The number of a conversation, or of the system, and a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Topic {
    pub(crate) conversation: u32,
    pub(crate) category: Category,
}

/// The topic of an update in a block, and whether and where it has rare parts, in 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subject(u64);

// The conversation has the lowest 32 bits, the category 5, then come:
const IS_KEYED: u64 = 1 << 37;
const IS_RARE: u64 = 1 << 38;
const IS_HOLE: u64 = 1 << 39;
/// Where the place of the rare parts begins.
const PLACE: u32 = 40;
/// This place and those behind it are found by the index of the update.
const PLACE_MAX: u64 = u64::MAX >> (PLACE + 1);
const IS_LONG: u64 = 1 << 63;

const TOPIC: u64 = IS_KEYED - 1;

impl Subject {
    /// That of an update that has left.
    pub(super) const HOLE: Self = Self(IS_HOLE);

    #[inline(always)]
    pub(super) const fn new(topic: Topic) -> Self {
        Self((topic.category.index() as u64) << 32 | topic.conversation as u64)
    }

    /// The same with rare parts.
    pub(super) const fn with_rare(self, place: usize, is_keyed: bool, is_long: bool) -> Self {
        let place = if (place as u64) < PLACE_MAX { place as u64 } else { PLACE_MAX };
        let keyed = if is_keyed { IS_KEYED } else { 0 };
        Self(self.0 & TOPIC | IS_RARE | keyed | place << PLACE).with_long(is_long)
    }

    pub(super) const fn with_long(self, is_long: bool) -> Self {
        Self(self.0 & !IS_LONG | if is_long { IS_LONG } else { 0 })
    }

    #[inline(always)]
    pub(crate) const fn topic(self) -> Topic {
        Topic { conversation: self.conversation(), category: self.category() }
    }

    #[inline(always)]
    pub(crate) const fn conversation(self) -> u32 {
        self.0 as u32
    }

    #[inline(always)]
    pub(crate) const fn category(self) -> Category {
        match Category::from_index(self.category_index()) {
            Some(category) => category,
            None => Category::INFO,
        }
    }

    #[inline(always)]
    pub(crate) const fn category_index(self) -> usize {
        (self.0 >> 32 & 0x1F) as usize
    }

    #[inline(always)]
    pub(crate) const fn is_keyed(self) -> bool {
        self.0 & IS_KEYED != 0
    }

    #[inline(always)]
    pub(crate) const fn is_rare(self) -> bool {
        self.0 & IS_RARE != 0
    }

    /// Whether its text does not lie in its cell.
    #[inline(always)]
    pub(super) const fn is_long(self) -> bool {
        (self.0 as i64) < 0
    }

    #[inline(always)]
    pub(super) const fn is_hole(self) -> bool {
        self.0 & IS_HOLE != 0
    }

    /// The place of its rare parts, if that is known.
    #[inline(always)]
    pub(super) const fn rare_place(self) -> Option<usize> {
        let place = self.0 >> PLACE & PLACE_MAX;
        if place < PLACE_MAX { Some(place as usize) } else { None }
    }

    /// Whether both are of the same topic, and both keyed or not.
    #[inline(always)]
    pub(super) const fn continues(self, other: Self) -> bool {
        const OTHER_BITS: u32 = (TOPIC | IS_KEYED).leading_zeros();
        (self.0 ^ other.0) << OTHER_BITS == 0
    }
}
