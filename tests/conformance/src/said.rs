//! The update that the core's own subject keeps: everything of fixed capacity, in place.

use core::hash::{Hash, Hasher};
use core::time::Duration;

use statusbus_core::{Category, Keyed, Priority, Update};

use crate::Sent;

/// Names and keys: at most 12 bytes.
pub(crate) type Name = heapless::String<12, u8>;

/// A conversation, or the whole system, and a category.
pub(crate) type About = (Option<Name>, Category);

pub(crate) struct Said {
    pub(crate) conversation: Option<Name>,
    pub(crate) category: Category,
    pub(crate) text: heapless::String<24, u8>,
    pub(crate) key: Option<Name>,
    priority: Option<Priority>,
    ttl: Option<Duration>,
}

impl Said {
    /// The update that a trace sends; `None` if a part of it does not fit.
    pub(crate) fn new(sent: &Sent<'_>, category: Category) -> Option<Self> {
        Some(Self {
            conversation: fitting(sent.conversation)?,
            category,
            text: sent.text.try_into().ok()?,
            key: fitting(sent.key)?,
            priority: sent.priority,
            ttl: sent.ttl,
        })
    }
}

fn fitting(name: Option<&str>) -> Option<Option<Name>> {
    match name {
        Some(name) => Name::try_from(name).ok().map(Some),
        None => Some(None),
    }
}

impl Update for Said {
    type Topic = About;
    type Keys = Keyed;

    fn topic(&self) -> About {
        (self.conversation.clone(), self.category)
    }

    fn category(&self) -> Category {
        self.category
    }

    fn key_hash(&self) -> Option<u32> {
        let mut fnv = Fnv(0x811C_9DC5);
        self.key.as_ref()?.hash(&mut fnv);
        self.conversation.hash(&mut fnv);
        self.category.hash(&mut fnv);
        Some(fnv.0)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
            && self.conversation == other.conversation
            && self.category == other.category
    }

    fn priority(&self) -> Option<Priority> {
        self.priority
    }

    fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}

/// FNV-1a: good enough where nobody chooses keys to make them collide.
struct Fnv(u32);

impl Hasher for Fnv {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        }
    }

    fn finish(&self) -> u64 {
        self.0.into()
    }
}
