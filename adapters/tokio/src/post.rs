//! An update on its way through the queue and to its readers.

use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{Category, Keyed, Priority, Update};

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
    pub(crate) priority: Option<Priority>,
}

/// What most updates do not have.
pub(crate) struct Extra {
    pub(crate) key: Option<Box<str>>,
    /// Of topic and key, with the bus's seed.
    pub(crate) key_hash: u32,
    pub(crate) ttl: Option<Duration>,
    pub(crate) metadata: Option<Metadata>,
    /// Microseconds for which it was on its way before it was sent here.
    pub(crate) age: u64,
}

impl Post {
    /// Nothing but a text.
    #[inline(always)]
    pub(crate) const fn plain(text: Text, about: u32, category: Category) -> Self {
        Self { text, extra: None, about, category, priority: None }
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

    fn topic(&self) -> Topic {
        Topic { conversation: self.about, category: self.category }
    }

    #[inline]
    fn category(&self) -> Category {
        self.category
    }

    #[inline]
    fn key_hash(&self) -> Option<u32> {
        let extra = self.extra.as_ref()?;
        extra.key.as_ref().map(|_| extra.key_hash)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.topic() == other.topic() && self.key() == other.key()
    }

    #[inline]
    fn priority(&self) -> Option<Priority> {
        self.priority
    }

    #[inline]
    fn ttl(&self) -> Option<Duration> {
        self.extra.as_ref()?.ttl
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

    /// What [`Builder::capacity`](crate::Builder::capacity) and
    /// [`Builder::window`](crate::Builder::window) promise.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_slot_takes_112_bytes_and_a_place_in_the_window_104() {
        assert_eq!(size_of::<statusbus_core::Slot<Post>>(), 112);
        assert_eq!(size_of::<statusbus_core::Item<Post>>(), 104);
    }
}
