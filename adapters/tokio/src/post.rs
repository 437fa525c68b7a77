//! An update on its way through the queue.

use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{Category, Keyed, Priority, Update};

use crate::conversation::ConversationState;
use crate::{Metadata, Text};

/// An update as the queue holds it: 72 bytes, what is rare apart.
pub(crate) struct Post {
    pub(crate) conversation: Arc<ConversationState>,
    pub(crate) extra: Option<Arc<Extra>>,
    pub(crate) text: Text,
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
    pub(crate) fn key(&self) -> Option<&str> {
        self.extra.as_ref()?.key.as_deref()
    }
}

/// A conversation, or the system, and a category.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) conversation: Arc<ConversationState>,
    pub(crate) category: Category,
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        self.category == other.category && Arc::ptr_eq(&self.conversation, &other.conversation)
    }
}

impl Eq for Topic {}

impl std::hash::Hash for Topic {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (Arc::as_ptr(&self.conversation) as usize, self.category).hash(state);
    }
}

impl Update for Post {
    type Topic = Topic;
    type Keys = Keyed;

    fn topic(&self) -> Topic {
        Topic { conversation: Arc::clone(&self.conversation), category: self.category }
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
        self.category == other.category
            && Arc::ptr_eq(&self.conversation, &other.conversation)
            && self.key() == other.key()
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
