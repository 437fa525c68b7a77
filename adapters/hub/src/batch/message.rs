//! An update as the queue stores it.

use std::sync::Arc;

use statusbus_core::{Category, Keyed, Update};

use super::metadata::Metadata;
use super::text::Text;

/// An update as the queue stores it: 64 bytes. What is rare is stored apart.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) text: Text,
    pub(crate) details: Option<Arc<Details>>,
    /// The number of its conversation.
    pub(crate) conversation: u32,
    pub(crate) category: Category,
}

/// What most updates do not have.
pub(crate) struct Details {
    pub(crate) key: Option<Box<str>>,
    /// Of topic and key, with the bus's seed; zero without a key.
    pub(crate) key_hash: u32,
    pub(crate) metadata: Option<Metadata>,
    /// Microseconds for which it was on its way before it was sent here.
    pub(crate) age: u64,
}

impl Message {
    /// A message without details.
    #[inline(always)]
    pub(crate) const fn plain(text: Text, conversation: u32, category: Category) -> Self {
        Self { text, details: None, conversation, category }
    }

    pub(crate) fn key(&self) -> Option<&str> {
        self.details.as_ref()?.key.as_deref()
    }

    /// Bytes that it has allocated. What it shares with others counts with each.
    pub(crate) fn allocated(&self) -> u64 {
        let details = self.details.as_ref().map_or(0, |details| details.allocated());
        (self.text.allocated() + details) as u64
    }
}

impl Details {
    pub(crate) fn allocated(&self) -> usize {
        let key = self.key.as_ref().map_or(0, |key| key.len());
        let metadata = self.metadata.as_ref().map_or(0, |metadata| metadata.as_json().len());
        size_of::<Self>() + key + metadata
    }
}

/// The number of a conversation, or of the system, and a category.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Topic {
    pub(crate) conversation: u32,
    pub(crate) category: Category,
}

impl Update for Message {
    type Topic = Topic;
    type Keys = Keyed;
    const EMPTY: Self = Self::plain(Text::from_static(""), 0, Category::INFO);

    fn topic(&self) -> Topic {
        Topic { conversation: self.conversation, category: self.category }
    }

    fn same_key(&self, other: &Self) -> bool {
        self.topic() == other.topic() && self.key() == other.key()
    }

    #[inline(always)]
    fn move_to(&mut self, to: &mut Self) {
        // Slots and items hold `EMPTY` where no update is. It owns nothing: dropping it would only cost
        // the look at what it is.
        debug_assert!(to.text.allocated() == 0 && to.details.is_none(), "the place is empty");
        std::mem::forget(std::mem::replace(
            to,
            std::mem::replace(self, Self::plain(Text::new(), 0, Category::INFO)),
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_message_takes_64_bytes() {
        assert_eq!(size_of::<Message>(), 64);
    }

    /// What [`Builder::with_capacity`](crate::Builder::with_capacity) promises.
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_slot_takes_96_bytes() {
        assert_eq!(size_of::<statusbus_core::Slot<Message>>(), 96);
    }
}
