//! An update as a microcontroller stores it, with keys and ranks or without, and its telemetry.

use core::marker::PhantomData;
use core::time::Duration;

use statusbus_core::{
    BatchInfo, Category, KeyMode, Loss, OverflowEvent, Priority, RefuseReason, SendOptions,
    Telemetry, Update,
};

use crate::input::{long, number, told, word};

/// With an alignment of 4.
pub(crate) struct Stored<K, const RANKED: bool> {
    conversation: u32,
    category: Category,
    key: Option<u8>,
    text: [u32; 12],
    mode: PhantomData<K>,
}

impl<K, const RANKED: bool> Stored<K, RANKED> {
    pub(crate) fn any() -> Self {
        Self {
            conversation: word(),
            category: Category::from_index(number()).unwrap_or(Category::INFO),
            key: (word() == 0).then_some(word() as u8),
            text: [word(); 12],
            mode: PhantomData,
        }
    }

    pub(crate) fn options(&self) -> SendOptions {
        let mut options = SendOptions::new(self.category);
        if let Some(priority) = Priority::ALL.get(number()) {
            options = options.with_priority(*priority);
        }
        if word() == 0 {
            options = options.with_ttl(Duration::new(long(), word() % 1_000_000_000));
        }
        if let Some(key) = self.key {
            options = options.with_key_hash(self.conversation ^ u32::from(key));
        }
        if word() == 0 {
            options = options.with_run_end();
        }
        told(options.category().index() as u32);
        told(options.priority().map_or(0, |priority| priority as u32));
        options
    }

    pub(crate) fn change(&mut self) {
        self.text[0] = word();
    }

    pub(crate) fn output(&self) {
        told(self.text.iter().fold(self.conversation, |all, &word| all ^ word));
    }
}

impl<K: KeyMode, const RANKED: bool> Update for Stored<K, RANKED> {
    type Topic = (u32, Category);
    type Keys = K;

    const EMPTY: Self = Self {
        conversation: 0,
        category: Category::ENGINE,
        key: None,
        text: [0; 12],
        mode: PhantomData,
    };
    const RANKED: bool = RANKED;

    fn topic(&self) -> Self::Topic {
        (self.conversation, self.category)
    }
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.topic() == other.topic()
    }
}

/// Uses everything that it gets.
pub(crate) struct Listener {
    all: u32,
}

impl Listener {
    pub(crate) const fn new() -> Self {
        Self { all: 0 }
    }

    fn add(&mut self, what: u32) {
        self.all = self.all.wrapping_add(what);
        told(self.all);
    }
}

impl Telemetry for Listener {
    fn polled(&mut self, batch: BatchInfo) {
        self.add(batch.size as u32 ^ batch.left as u32 ^ batch.longest_wait.subsec_nanos());
        self.add(batch.reason.as_str().len() as u32);
    }
    fn settled(&mut self, latency: Duration) {
        self.add(latency.as_secs() as u32);
    }
    fn coalesced(&mut self) {
        self.add(1);
    }
    fn lost(&mut self, loss: Loss) {
        self.add(loss.as_str().len() as u32);
    }
    fn refused(&mut self, reason: RefuseReason) {
        self.add(reason.as_str().len() as u32);
    }
    fn overflow(&mut self, event: OverflowEvent) {
        match event {
            OverflowEvent::Started => self.add(3),
            OverflowEvent::Ongoing { lost } | OverflowEvent::Ended { lost } => {
                self.add(lost as u32);
            }
            _ => self.add(4),
        }
    }
}
