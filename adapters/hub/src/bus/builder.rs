//! The settings of a bus that is to be built.

use std::hash::{BuildHasher, Hasher};
use std::sync::Arc;
use std::time::Duration;

use statusbus_core::{Categories, Category, CategoryError, Config, Priority};

use crate::bus::delivery::Delivery;
use crate::bus::host::Host;
use crate::bus::publisher::Publisher;
use crate::bus::shared::{Activity, Shared, Sizes};
use crate::bus::status::Status;
use crate::queue::Queue;
use crate::registry::names::Names;
use crate::window::bounds::{Amount, Bounds};
use crate::window::hub::Hub;

/// The settings of a bus, from [`Status::builder`]. The crate for a runtime builds it: `Spawn::spawn` of
/// `statusbus-tokio` for instance.
///
/// ```
/// use std::time::Duration;
/// use statusbus_tokio::{Config, Spawn, Status};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let status = Status::builder()
///     .with_config(Config::new().with_flush_interval(Duration::from_millis(20))?)
///     .with_category("deploy")?
///     .with_history(64)
///     .spawn();
/// # Ok(())
/// # }
/// ```
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

impl Status {
    /// The settings of a new bus; at first the defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }
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

    /// Sets how the bus queues and batches. Default: [`Config::new`]. It can be changed later by
    /// [`Status::reconfigure`].
    #[must_use]
    pub const fn with_config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Sets the largest queue limit that [`Status::reconfigure`] can set. 1 to 65,534, default: the queue limit. A
    /// value out of range becomes the nearest one in range. A queued update takes 56 bytes, and the length of its
    /// text if that has more than 44 bytes. Memory is allocated as the queue grows, and kept for the next updates.
    #[must_use]
    pub const fn with_capacity(mut self, updates: usize) -> Self {
        self.capacity = Some(updates);
        self
    }

    /// Registers a category of the application, behind the seven built-in ones.
    ///
    /// # Errors
    /// The name is invalid or registered already, or there are 32 categories.
    pub fn with_category(mut self, name: &str) -> Result<Self, CategoryError> {
        self.categories.register(name.into())?;
        Ok(self)
    }

    /// Sets the priority and the TTL of updates of a category that have none of their own. `None`: no
    /// TTL. Defaults: [`Low`](Priority::Low) for `progress`, [`High`](Priority::High) for `error`,
    /// [`Normal`](Priority::Normal) for the others, no TTL.
    #[must_use]
    pub fn with_defaults(
        mut self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) -> Self {
        self.defaults.push((category, priority, ttl));
        self
    }

    /// Sets the largest text in bytes. An update with a larger one is refused. Default: 16 KiB.
    #[must_use]
    pub const fn with_max_text(mut self, bytes: usize) -> Self {
        self.sizes.text = bytes;
        self
    }

    /// Sets the largest metadata in bytes of JSON. An update with a larger one is refused. Default:
    /// 4 KiB.
    #[must_use]
    pub const fn with_max_metadata(mut self, bytes: usize) -> Self {
        self.sizes.metadata = bytes;
        self
    }

    /// Sets the longest key in bytes. An update with a longer one is refused. Default: 128.
    #[must_use]
    pub const fn with_max_key(mut self, bytes: usize) -> Self {
        self.sizes.key = bytes;
        self
    }

    /// Sets how many delivered updates the window keeps for readers, of all conversations together. A
    /// reader that is further behind lags. Each takes 56 bytes, up to twice that while batches
    /// are not full, and what [`with_window_bytes`](Self::with_window_bytes) limits. Default: 16,384.
    #[must_use]
    pub const fn with_window(mut self, updates: usize) -> Self {
        self.bounds.window.updates = updates as u64;
        self
    }

    /// Sets how many bytes the [window](Self::with_window) may hold in texts of more than 44 bytes, keys
    /// and metadata. A reader that is further behind lags. Text that updates share counts for each of
    /// them. The newest batch is kept whole, however large. Default: 16 MiB.
    #[must_use]
    pub const fn with_window_bytes(mut self, bytes: usize) -> Self {
        self.bounds.window.bytes = bytes as u64;
        self
    }

    /// Sets how many delivered updates each conversation keeps when they have left the window, so that
    /// its readers can resume. [`with_conversation_bytes`](Self::with_conversation_bytes) limits their
    /// bytes. Default: 16.
    #[must_use]
    pub const fn with_history(mut self, updates: usize) -> Self {
        self.bounds.history.updates = updates as u64;
        self
    }

    /// Sets for how many keys each conversation retains the last update.
    /// [`with_conversation_bytes`](Self::with_conversation_bytes) limits their bytes. Default: 64.
    #[must_use]
    pub const fn with_retained_keys(mut self, keys: usize) -> Self {
        self.bounds.retained.updates = keys as u64;
        self
    }

    /// Sets how many bytes each conversation may hold in texts of more than 44 bytes, keys and metadata:
    /// once for its [history](Self::with_history), and once more for its retained values. The oldest
    /// are removed first. The last retained value is kept, however large. Default: 32 KiB.
    #[must_use]
    pub const fn with_conversation_bytes(mut self, bytes: usize) -> Self {
        self.bounds.history.bytes = bytes as u64;
        self.bounds.retained.bytes = bytes as u64;
        self
    }

    /// Sets how many conversations the bus keeps. Beyond that it removes conversations without a handle,
    /// a reader or a queued update, with their history and retained values. Default: 10,000.
    #[must_use]
    pub const fn with_conversations(mut self, max: usize) -> Self {
        self.conversations = max;
        self
    }

    /// Sets after how long without an update a conversation without readers is idle. Idle conversations
    /// are removed a few at a time, with each delivered batch. Default: 10 minutes.
    #[must_use]
    pub const fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_after = timeout;
        self
    }

    /// Sets the [epoch](Status::epoch), which names this run of the bus. It must differ from run to run.
    /// Default: a random number. `wasm32-unknown-unknown` has no source of random numbers: there the
    /// default depends on the time of day of the [`Host`] alone.
    #[must_use]
    pub const fn with_epoch(mut self, epoch: u64) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Builds the bus and its delivery, with the clock of a runtime. Nothing is delivered until
    /// [`Delivery::step`] is called.
    pub fn build_with(self, host: impl Host) -> (Status, Delivery) {
        let limit = self.config.queue_limit();
        let capacity = self.capacity.unwrap_or(limit).clamp(1, Config::MOST);
        let (categories, max_text) = (self.categories.len(), self.sizes.text);
        let mut queue =
            Queue::new(capacity, self.config, categories, max_text, Activity::default());
        for (category, priority, ttl) in self.defaults {
            queue.reconfigure_category(category, priority, ttl);
        }
        let idle_after = u64::try_from(self.idle_after.as_micros()).unwrap_or(u64::MAX);
        let hub = Hub::new(self.bounds);
        let names = Names::new(self.conversations, idle_after, &hub.index);
        let publisher = Publisher::new(self.bounds, names.by_number());
        let epoch = self.epoch.unwrap_or_else(|| random(host.wall_micros()));
        let shared =
            Shared::new(queue, hub, names, Box::new(host), self.categories, self.sizes, epoch);
        let shared = Arc::new(shared);
        (Status::new(Arc::clone(&shared)), Delivery::new(shared, publisher))
    }
}

/// A number that differs from run to run.
fn random(wall: u64) -> u64 {
    let mut hasher = std::collections::hash_map::RandomState::new().build_hasher();
    hasher.write_u64(wall);
    hasher.finish()
}
