//! The update that the core's own subject stores: everything of fixed capacity, in place.

use core::hash::{Hash, Hasher};

use statusbus_core::{Category, Keyed, SendOptions, Update};

use crate::Sent;

/// Names and keys: at most 12 bytes.
pub(crate) type Name = heapless::String<12, u8>;

pub(crate) struct StoredUpdate {
    pub(crate) conversation: Option<Name>,
    pub(crate) category: Category,
    pub(crate) text: heapless::String<24, u8>,
    pub(crate) key: Option<Name>,
}

impl StoredUpdate {
    /// The update that a trace sends; `None` if a part of it does not fit.
    pub(crate) fn new(sent: &Sent<'_>, category: Category) -> Option<Self> {
        Some(Self {
            conversation: fitting(sent.conversation)?,
            category,
            text: sent.text.try_into().ok()?,
            key: fitting(sent.key)?,
        })
    }

    /// How it is pushed.
    pub(crate) fn options(&self, sent: &Sent<'_>) -> SendOptions {
        let mut options = SendOptions::new(self.category);
        if let Some(priority) = sent.priority {
            options = options.with_priority(priority);
        }
        if let Some(ttl) = sent.ttl {
            options = options.with_ttl(ttl);
        }
        if let Some(hash) = self.key_hash() {
            options = options.with_key_hash(hash);
        }
        if sent.ends_run {
            options = options.with_run_end();
        }
        options
    }

    fn key_hash(&self) -> Option<u32> {
        let mut fnv = Fnv(0x811C_9DC5);
        self.key.as_ref()?.hash(&mut fnv);
        self.conversation.hash(&mut fnv);
        self.category.hash(&mut fnv);
        Some(fnv.0)
    }
}

fn fitting(name: Option<&str>) -> Option<Option<Name>> {
    match name {
        Some(name) => Name::try_from(name).ok().map(Some),
        None => Some(None),
    }
}

impl Update for StoredUpdate {
    /// A conversation, or the whole system, and a category.
    type Topic = (Option<Name>, Category);
    type Keys = Keyed;

    const EMPTY: Self = Self {
        conversation: None,
        category: Category::ENGINE,
        text: heapless::String::new(),
        key: None,
    };

    fn topic(&self) -> Self::Topic {
        (self.conversation.clone(), self.category)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key
            && self.conversation == other.conversation
            && self.category == other.category
    }
}

/// FNV-1a: good enough where nobody chooses keys that collide.
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
