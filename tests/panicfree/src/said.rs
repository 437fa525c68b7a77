//! An update as a microcontroller has it, with keys and ranks or without, and its telemetry.

use core::marker::PhantomData;
use core::time::Duration;

use statusbus_core::{
    Category, DropReason, HandedOn, KeyMode, OverflowEdge, Priority, RefuseReason, Telemetry,
    Update,
};

use crate::input::{long, number, told, word};

/// With an alignment of 4.
pub(crate) struct Said<K, const RANKED: bool> {
    conversation: u32,
    category: Category,
    key: Option<u8>,
    priority: Option<Priority>,
    ttl: Option<u32>,
    text: [u32; 12],
    mode: PhantomData<K>,
}

impl<K, const RANKED: bool> Said<K, RANKED> {
    pub(crate) fn any() -> Self {
        let flags = word();
        Self {
            conversation: word(),
            category: Category::from_index(number()).unwrap_or(Category::INFO),
            key: (flags & 1 != 0).then_some(word() as u8),
            priority: Priority::ALL.get(number()).copied(),
            ttl: (flags & 2 != 0).then_some(word()),
            text: [word(); 12],
            mode: PhantomData,
        }
    }

    pub(crate) fn change(&mut self) {
        self.text[0] = word();
    }

    pub(crate) fn tell(&self) {
        told(self.text.iter().fold(self.conversation, |all, &word| all ^ word));
    }
}

impl<K: KeyMode, const RANKED: bool> Update for Said<K, RANKED> {
    type Topic = (u32, Category);
    type Keys = K;
    const RANKED: bool = RANKED;

    fn topic(&self) -> Self::Topic {
        (self.conversation, self.category)
    }
    fn category(&self) -> Category {
        self.category
    }
    fn key_hash(&self) -> Option<u32> {
        Some(self.conversation ^ u32::from(self.key?))
    }
    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.topic() == other.topic()
    }
    fn priority(&self) -> Option<Priority> {
        self.priority
    }
    fn ttl(&self) -> Option<Duration> {
        self.ttl.map(|ttl| Duration::new(long(), ttl.min(999_999_999)))
    }
}

/// Hears everything.
pub(crate) struct Ears {
    heard: u32,
}

impl Ears {
    pub(crate) const fn new() -> Self {
        Self { heard: 0 }
    }

    fn hear(&mut self, what: u32) {
        self.heard = self.heard.wrapping_add(what);
        told(self.heard);
    }
}

impl Telemetry for Ears {
    fn handed_on(&mut self, batch: HandedOn) {
        self.hear(batch.size as u32 ^ batch.left as u32 ^ batch.longest_wait.subsec_nanos());
        self.hear(batch.reason.as_str().len() as u32);
    }
    fn settled(&mut self, latency: Duration) {
        self.hear(latency.as_secs() as u32);
    }
    fn coalesced(&mut self) {
        self.hear(1);
    }
    fn expired(&mut self) {
        self.hear(2);
    }
    fn dropped(&mut self, reason: DropReason) {
        self.hear(reason.as_str().len() as u32);
    }
    fn refused(&mut self, reason: RefuseReason) {
        self.hear(reason.as_str().len() as u32);
    }
    fn overflow(&mut self, edge: OverflowEdge) {
        match edge {
            OverflowEdge::Started => self.hear(3),
            OverflowEdge::Ended { lost } => self.hear(lost as u32),
        }
    }
}
