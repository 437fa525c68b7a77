//! Updates that have a name and are counted, so that none can leak or appear twice.

use std::cell::Cell;
use std::time::Duration;

use statusbus_core::{Category, Keyed, Priority, SendOptions, Unkeyed, Update};

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
    static LAST_ID: Cell<u64> = const { Cell::new(0) };
}

/// Updates of this test that exist, wherever they are. `EMPTY` ones do not count.
pub(crate) fn alive() -> usize {
    ALIVE.get()
}

/// An update of conversation `conv` and category `info` with a name.
pub(crate) fn note(name: impl Into<String>) -> Note {
    ALIVE.set(ALIVE.get() + 1);
    LAST_ID.set(LAST_ID.get() + 1);
    let mut note = Note::EMPTY;
    note.id = LAST_ID.get();
    note.name = name.into();
    note
}

/// An update that may have a key, a priority and a TTL.
pub(crate) struct Note {
    /// Unique in this test; zero in `EMPTY`.
    id: u64,
    name: String,
    conversation: &'static str,
    category: Category,
    key: Option<&'static str>,
    priority: Option<Priority>,
    ttl: Option<Duration>,
    ends_run: bool,
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

    pub(crate) fn low(self) -> Self {
        self.priority(Priority::Low)
    }

    pub(crate) fn high(self) -> Self {
        self.priority(Priority::High)
    }

    pub(crate) fn ends_run(mut self) -> Self {
        self.ends_run = true;
        self
    }

    pub(crate) fn ttl(mut self, ms: u64) -> Self {
        self.ttl = Some(Duration::from_millis(ms));
        self
    }

    /// The same as a type without keys and priorities.
    pub(crate) fn plain(self) -> Plain {
        Plain(self)
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        if self.id > 0 {
            ALIVE.set(ALIVE.get() - 1);
        }
    }
}

impl Update for Note {
    type Topic = (&'static str, Category);
    type Keys = Keyed;
    const EMPTY: Self = Self {
        id: 0,
        name: String::new(),
        conversation: "conv",
        category: Category::INFO,
        key: None,
        priority: None,
        ttl: None,
        ends_run: false,
    };

    fn topic(&self) -> Self::Topic {
        (self.conversation, self.category)
    }

    fn same_key(&self, other: &Self) -> bool {
        self.key == other.key && self.topic() == other.topic()
    }
}

/// An update of a type that has neither keys nor priorities, whatever its options request.
pub(crate) struct Plain(Note);

impl Update for Plain {
    type Topic = (&'static str, Category);
    type Keys = Unkeyed;
    const EMPTY: Self = Self(Note::EMPTY);
    const RANKED: bool = false;

    fn topic(&self) -> Self::Topic {
        self.0.topic()
    }
}

/// What tests need of an update besides what the bus needs.
pub(crate) trait Named: Update<Topic = (&'static str, Category)> {
    fn note(&self) -> &Note;

    fn name(&self) -> &str {
        &self.note().name
    }

    /// Unique in this test; zero in `EMPTY`.
    fn id(&self) -> u64 {
        self.note().id
    }

    fn options(&self) -> SendOptions {
        let note = self.note();
        let mut options = SendOptions::new(note.category);
        if let Some(priority) = note.priority {
            options = options.with_priority(priority);
        }
        if let Some(ttl) = note.ttl {
            options = options.with_ttl(ttl);
        }
        if let Some(key) = note.key {
            options = options.with_key_hash(hash(note.conversation, note.category, key));
        }
        if note.ends_run { options.with_run_end() } else { options }
    }
}

impl Named for Note {
    fn note(&self) -> &Note {
        self
    }
}

impl Named for Plain {
    fn note(&self) -> &Note {
        &self.0
    }
}

fn hash(conversation: &str, category: Category, key: &str) -> u32 {
    let hash = conversation
        .bytes()
        .chain(key.bytes())
        .fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    hash ^ category.index() as u32
}
