//! What a device writes to its line.

#![allow(dead_code)] // each test file uses a part of it

use statusbus_core::wire::{Conversation, Encoder, Missing, Record, Scope, Update};
use statusbus_core::{Category, ConversationName, Losses};

/// A run of a device: everything that it says has a position.
pub(crate) struct Run {
    epoch: u64,
    seq: u64,
}

impl Run {
    pub(crate) const fn new(epoch: u64) -> Self {
        Self { epoch, seq: 0 }
    }

    /// The frame that says `text` in `conversation`; system-wide if that is empty.
    pub(crate) fn says(&mut self, conversation: &str, text: &str) -> Vec<u8> {
        self.seq += 1;
        let conversation = ConversationName::new(conversation).ok().map(Conversation::from);
        self.frame(Update { conversation, ..Update::new(self.seq, Category::TOOL, text) })
    }

    /// The frame that tells that so many updates of `conversation` had no room in the device.
    pub(crate) fn lost(&mut self, conversation: &str, evicted: u64) -> Vec<u8> {
        self.seq += 1;
        let conversation = ConversationName::new(conversation).ok().map(Conversation::from);
        let scope = Scope::Topic { conversation, category: Category::TOOL.into() };
        let mut losses = Losses::default();
        losses.dropped.evicted = evicted;
        self.frame(Missing { seq: self.seq, index: 0, scope, losses, other: 0, retold: 0 })
    }

    fn frame<'a>(&self, record: impl Into<Record<'a>>) -> Vec<u8> {
        let mut encoder = Encoder::new(self.epoch, std::iter::once(record.into()));
        let mut buffer = [0; 256];
        encoder.next_frame(&mut buffer).expect("a record").expect("it is small").to_vec()
    }
}
