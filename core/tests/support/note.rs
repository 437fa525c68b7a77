//! Updates that know their name and are counted, so that none can leak or appear twice.

use std::cell::Cell;
use std::time::Duration;

use statusbus_core::{Category, Keyed, Priority, Unkeyed, Update};

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
}

/// Updates of this test that exist, wherever they are.
pub(crate) fn alive() -> usize {
    ALIVE.get()
}

/// An update of conversation `conv` and category `info` that says its name.
pub(crate) fn note(name: impl Into<String>) -> Note {
    ALIVE.set(ALIVE.get() + 1);
    Note {
        name: name.into(),
        conversation: "conv",
        category: Category::INFO,
        key: None,
        priority: None,
        ttl: None,
    }
}

/// An update that may have a key and a priority.
pub(crate) struct Note {
    name: String,
    conversation: &'static str,
    category: Category,
    key: Option<&'static str>,
    priority: Option<Priority>,
    ttl: Option<Duration>,
}

impl Note {
    pub(crate) fn about(mut self, conversation: &'static str) -> Self {
        self.conversation = conversation;
        self
    }

    pub(crate) fn category(mut self, category: Category) -> Self {
        self.category = category;
        self
    }

    pub(crate) fn key(mut self, key: &'static str) -> Self {
        self.key = Some(key);
        self
    }

    pub(crate) fn priority(mut self, priority: Priority) -> Self {
        self.priority = Some(priority);
        self
    }

    pub(crate) fn progress(self) -> Self {
        self.priority(Priority::Progress)
    }

    pub(crate) fn terminal(self) -> Self {
        self.priority(Priority::Terminal)
    }

    pub(crate) fn ttl(mut self, ms: u64) -> Self {
        self.ttl = Some(Duration::from_millis(ms));
        self
    }

    /// The same without key and rank in the eyes of the bus.
    pub(crate) fn plain(self) -> Plain {
        Plain(self)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

impl Update for Note {
    type Topic = (&'static str, Category);
    type Keys = Keyed;

    fn topic(&self) -> Self::Topic {
        (self.conversation, self.category)
    }

    fn category(&self) -> Category {
        self.category
    }

    fn key_hash(&self) -> Option<u32> {
        let bytes = self.conversation.bytes().chain(self.key?.bytes());
        let hash = bytes.fold(0x811C_9DC5, |hash: u32, byte| {
            (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
        });
        Some(hash ^ self.category.index() as u32)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.topic() == other.topic()
    }

    fn priority(&self) -> Option<Priority> {
        self.priority
    }

    fn ttl(&self) -> Option<Duration> {
        self.ttl
    }
}

/// An update of a type that has neither keys nor ranks, whatever the note in it says.
pub(crate) struct Plain(Note);

impl Update for Plain {
    type Topic = (&'static str, Category);
    type Keys = Unkeyed;
    const RANKED: bool = false;

    fn topic(&self) -> Self::Topic {
        self.0.topic()
    }

    fn category(&self) -> Category {
        self.0.category
    }

    fn key_hash(&self) -> Option<u32> {
        self.0.key_hash()
    }

    fn same_key(&self, other: &Self) -> bool {
        self.0.same_key(&other.0)
    }

    fn priority(&self) -> Option<Priority> {
        self.0.priority
    }

    fn ttl(&self) -> Option<Duration> {
        self.0.ttl
    }
}

/// An update that the tests can name.
pub(crate) trait Told: Update<Topic = (&'static str, Category)> {
    fn name(&self) -> &str;
}

impl Told for Note {
    fn name(&self) -> &str {
        &self.name
    }
}

impl Told for Plain {
    fn name(&self) -> &str {
        &self.0.name
    }
}
