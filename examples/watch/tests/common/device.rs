//! What a device writes to its line.

#![allow(dead_code)] // each test file uses a part of it

use statusbus_core::wire::{Conversation, Encoder, LossRecord, Scope, UpdateRecord};
use statusbus_core::{Category, ConversationName};

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
        let mut update = UpdateRecord::new(self.seq, Category::TOOL, text);
        update.conversation = named(conversation);
        self.frame(|encoder| encoder.update(&update))
    }

    /// The frame that tells that so many updates of `conversation` had no room in the device.
    pub(crate) fn lost(&mut self, conversation: &str, evicted: u64) -> Vec<u8> {
        self.seq += 1;
        let mut loss = LossRecord::new(self.seq, 0);
        let conversation = named(conversation);
        loss.scope = Scope::Topic { conversation, category: Category::TOOL.into() };
        loss.losses.dropped.evicted = evicted;
        self.frame(|encoder| encoder.loss(&loss))
    }

    fn frame(&self, add: impl FnOnce(&mut Encoder<'_>) -> bool) -> Vec<u8> {
        let mut buffer = [0; 256];
        let mut encoder = Encoder::new(self.epoch, &mut buffer);
        assert!(add(&mut encoder), "it is small");
        encoder.frame().expect("a record").to_vec()
    }
}

fn named(conversation: &str) -> Option<Conversation<&str>> {
    ConversationName::new(conversation).ok().map(Conversation::from)
}
