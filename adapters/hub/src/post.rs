//! An update on its way through the queue and to its readers.

use std::sync::Arc;

use statusbus_core::{Category, Keyed, Update};

use crate::{Metadata, Text};

/// An update as the queue holds it and, once it is delivered, as its readers share it: 64 bytes,
/// what is rare apart.
#[derive(Clone)]
pub(crate) struct Post {
    pub(crate) text: Text,
    pub(crate) extra: Option<Arc<Extra>>,
    /// While it is queued, the number of its conversation; once it is delivered, the index of its
    /// group in the parcel.
    pub(crate) about: u32,
    pub(crate) category: Category,
}

/// What most updates do not have.
pub(crate) struct Extra {
    pub(crate) key: Option<Box<str>>,
    /// Of topic and key, with the bus's seed; zero without a key.
    pub(crate) key_hash: u32,
    pub(crate) metadata: Option<Metadata>,
    /// Microseconds for which it was on its way before it was sent here.
    pub(crate) age: u64,
}

impl Post {
    /// Nothing but a text.
    #[inline(always)]
    pub(crate) const fn plain(text: Text, about: u32, category: Category) -> Self {
        Self { text, extra: None, about, category }
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.extra.as_ref()?.key.as_deref()
    }

    /// Bytes that it has allocated. What it shares with others counts with each.
    #[inline]
    pub(crate) fn allocated(&self) -> u64 {
        let extra = self.extra.as_ref().map_or(0, |extra| extra.allocated());
        (self.text.allocated() + extra) as u64
    }
}

impl Extra {
    fn allocated(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.len());
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.as_json().len());
        size_of::<Self>() + key + metadata
    }
}

/// The number of a conversation, or of the system, and a category.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Topic {
    pub(crate) conversation: u32,
    pub(crate) category: Category,
}

impl Update for Post {
    type Topic = Topic;
    type Keys = Keyed;
    const EMPTY: Self = Self::plain(Text::from_static(""), 0, Category::INFO);

    fn topic(&self) -> Topic {
        Topic { conversation: self.about, category: self.category }
    }

    fn same_key(&self, other: &Self) -> bool {
        self.topic() == other.topic() && self.key() == other.key()
    }

    #[inline(always)]
    fn move_to(&mut self, to: &mut Self) {
        // Slots and items hold `EMPTY` where no update is. It owns nothing: dropping it would only cost
        // the look at what it is.
        debug_assert!(to.text.allocated() == 0 && to.extra.is_none(), "the place is empty");
        std::mem::forget(std::mem::replace(
            to,
            std::mem::replace(self, Self::plain(Text::new(), 0, Category::INFO)),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slots of the queue and the window of what was delivered are made of these.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn an_update_takes_64_bytes() {
        assert_eq!(size_of::<Post>(), 64);
    }

    /// What [`Builder::with_capacity`](crate::Builder::with_capacity) and
    /// [`Builder::with_window`](crate::Builder::with_window) promise.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_slot_takes_96_bytes_and_a_place_in_the_window_88() {
        assert_eq!(size_of::<statusbus_core::Slot<Post>>(), 96);
        assert_eq!(size_of::<statusbus_core::Item<Post>>(), 88);
    }
}
