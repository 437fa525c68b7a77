//! Building a bus.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{Bus, Categories, Category, CategoryError, Config, Priority, Slot};

use crate::bounds::{Amount, Bounds};
use crate::clock::Clock;
use crate::names::Names;
use crate::publisher::Publisher;
use crate::runner::{Runner, need_timers};
use crate::shared::{Heard, Shared, Sizes};
use crate::status::Status;

/// Settings of a bus that is to be built. See [`Config`] for how it queues and batches.
#[derive(Debug)]
pub struct Builder {
    config: Config,
    capacity: Option<usize>,
    categories: Categories<Box<str>>,
    defaults: Vec<(Category, Priority, Option<Duration>)>,
    sizes: Sizes,
    bounds: Bounds,
    conversations: usize,
    idle_after: Duration,
    epoch: Option<u64>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            config: Config::new(),
            capacity: None,
            categories: Categories::new(),
            defaults: Vec::new(),
            sizes: Sizes { text: 16 * 1024, metadata: 4 * 1024, key: 128 },
            bounds: Bounds {
                window: Amount { updates: 16_384, bytes: 16 << 20 },
                history: Amount { updates: 16, bytes: 32 << 10 },
                retained: Amount { updates: 64, bytes: 32 << 10 },
            },
            conversations: 10_000,
            idle_after: Duration::from_secs(600),
            epoch: None,
        }
    }

    /// How the bus queues and batches.
    #[must_use]
    pub const fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Slots of the queue: what the queue limit can be raised to while the bus runs. 1 to 65,534;
    /// default: the queue limit. A slot takes 112 bytes.
    #[must_use]
    pub const fn capacity(mut self, slots: usize) -> Self {
        self.capacity = Some(slots);
        self
    }

    /// Adds a category to the seven that every bus has.
    ///
    /// # Errors
    /// The name is none or taken, or there are 32 categories.
    pub fn category(mut self, name: &str) -> Result<Self, CategoryError> {
        self.categories.register(name.into())?;
        Ok(self)
    }

    /// The priority and the time-to-live of updates of a category that do not say otherwise.
    #[must_use]
    pub fn defaults(
        mut self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Self {
        self.defaults.push((category, priority, ttl));
        self
    }

    /// The largest text, in bytes; larger ones are refused. Default 16 KiB.
    #[must_use]
    pub const fn max_text(mut self, bytes: usize) -> Self {
        self.sizes.text = bytes;
        self
    }

    /// The largest metadata, in bytes of JSON; larger ones are refused. Default 4 KiB.
    #[must_use]
    pub const fn max_metadata(mut self, bytes: usize) -> Self {
        self.sizes.metadata = bytes;
        self
    }

    /// The longest key, in bytes; longer ones are refused. Default 128.
    #[must_use]
    pub const fn max_key(mut self, bytes: usize) -> Self {
        self.sizes.key = bytes;
        self
    }

    /// Delivered updates that are kept for readers to come to, of all conversations together:
    /// whoever is further behind lags. Each takes about 105 bytes, or up to twice that while batches
    /// are not full, and what counts for [`window_bytes`](Self::window_bytes). Default 16,384.
    #[must_use]
    pub const fn window(mut self, updates: usize) -> Self {
        self.bounds.window.updates = updates as u64;
        self
    }

    /// What the updates of the [`window`](Self::window) may take together for texts of more than 40
    /// bytes, keys and metadata, in bytes: whoever is further behind lags, too. Text that updates
    /// share counts with each. The newest batch is kept whole, however large. Default 16 MiB.
    #[must_use]
    pub const fn window_bytes(mut self, bytes: usize) -> Self {
        self.bounds.window.bytes = bytes as u64;
        self
    }

    /// Delivered updates that each conversation keeps at least, also when others have pushed them
    /// out of the window, so that its readers can resume; as far as they fit
    /// [`conversation_bytes`](Self::conversation_bytes). Default 16.
    #[must_use]
    pub const fn history(mut self, updates: usize) -> Self {
        self.bounds.history.updates = updates as u64;
        self
    }

    /// Keys whose last update each conversation retains, as far as they fit
    /// [`conversation_bytes`](Self::conversation_bytes). Default 64.
    #[must_use]
    pub const fn retained_keys(mut self, keys: usize) -> Self {
        self.bounds.retained.updates = keys as u64;
        self
    }

    /// What each conversation may take for texts of more than 40 bytes, keys and metadata, in bytes:
    /// as much for its [`history`](Self::history) as for its retained values. Of both the oldest are
    /// forgotten first; the last retained value stays, however large. Default 32 KiB.
    #[must_use]
    pub const fn conversation_bytes(mut self, bytes: usize) -> Self {
        self.bounds.history.bytes = bytes as u64;
        self.bounds.retained.bytes = bytes as u64;
        self
    }

    /// Conversations that are remembered. When there are more, those that nobody holds or reads
    /// are forgotten, with what was delivered in them. Default 10,000.
    #[must_use]
    pub const fn conversations(mut self, most: usize) -> Self {
        self.conversations = most;
        self
    }

    /// After how long without an update a conversation that nobody reads is forgotten, with the
    /// next ones that are delivered. Default 10 minutes.
    #[must_use]
    pub const fn idle_after(mut self, idle: Duration) -> Self {
        self.idle_after = idle;
        self
    }

    /// Names the run of the bus. Default: a random number.
    #[must_use]
    pub const fn epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Builds the bus and spawns its runner on the current runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime, or on one without timers; [`build`](Self::build) does not need
    /// one.
    #[must_use]
    pub fn spawn(self) -> Status {
        need_timers();
        let (status, runner) = self.build();
        tokio::spawn(runner.run());
        status
    }

    /// Builds the bus. Nothing is delivered until the runner is run.
    pub fn build(self) -> (Status, Runner) {
        let limit = self.config.values().queue_limit;
        let slots = self.capacity.unwrap_or(limit).clamp(1, Config::MOST);
        let slots: Box<[Slot<_>]> = (0..slots).map(|_| Slot::VACANT).collect();
        let mut bus = Bus::with_slots(slots, self.config, Heard::default());
        bus.set_categories(self.categories.len());
        for (category, priority, ttl) in self.defaults {
            bus.reconfigure_category(category, priority, ttl);
        }
        let idle_after = u64::try_from(self.idle_after.as_micros()).unwrap_or(u64::MAX);
        let names = Names::new(self.conversations, idle_after);
        let epoch = self.epoch.unwrap_or_else(random);
        let shared = Shared::new(bus, names, Clock::start(), self.categories, self.sizes, epoch);
        let shared = Arc::new(shared);
        let publisher = Publisher::new(self.bounds);
        (Status::new(Arc::clone(&shared)), Runner::new(shared, publisher))
    }
}

/// A number that differs from run to run.
fn random() -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(crate::clock::wall());
    hasher.finish()
}
