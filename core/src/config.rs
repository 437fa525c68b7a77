//! The settings of a bus.

use core::fmt;
use core::time::Duration;

use crate::time::micros;

/// What happens to a new update when the queue is full. Under every policy, a new update whose TTL
/// has passed already (a TTL of zero) expires at once and removes nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
#[non_exhaustive]
pub enum Overflow {
    /// The oldest update of each priority is examined: an expired one is removed first, else the
    /// oldest of the lowest priority present. A new update with a lower priority than all queued ones
    /// is dropped itself. A [`High`](crate::Priority::High) update that has not expired is never
    /// removed while anything else is queued.
    #[default]
    Evict = 0,
    /// The new update is dropped.
    DropNewest,
    /// The oldest update is dropped.
    DropOldest,
    /// The new update is refused and returned to the caller.
    Reject,
}

impl Overflow {
    /// All policies.
    pub const ALL: [Self; 4] = [Self::Evict, Self::DropNewest, Self::DropOldest, Self::Reject];

    /// The name in JSON, JavaScript and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evict => "evict",
            Self::DropNewest => "drop_newest",
            Self::DropOldest => "drop_oldest",
            Self::Reject => "reject",
        }
    }
}

/// How a bus queues and batches. Every value of this type is valid: each setter checks its argument.
///
/// ```
/// use core::time::Duration;
/// use statusbus_core::{Config, ConfigError, Overflow};
///
/// let config = Config::new()
///     .with_queue_limit(1_000)?
///     .with_batch_size(50)?
///     .with_flush_interval(Duration::from_millis(20))?
///     .with_overflow(Overflow::Reject);
/// assert_eq!(Config::new().with_batch_size(0), Err(ConfigError::BatchSize(0)));
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    pub(crate) queue_limit: u16,
    pub(crate) batch_size: u16,
    pub(crate) overflow: Overflow,
    pub(crate) leading: Leading,
    pub(crate) flush_interval: u64,
}

/// When the first update after an idle period is due.
// Not `non_exhaustive`: it is an on/off setting by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Leading {
    /// At once; the updates behind it are batched.
    #[default]
    Immediate = 0,
    /// After the flush interval, as every other update.
    Delayed,
}

impl Leading {
    /// Both modes.
    pub const ALL: [Self; 2] = [Self::Immediate, Self::Delayed];

    /// The name in JSON and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Immediate => "immediate",
            Self::Delayed => "delayed",
        }
    }
}

impl Config {
    /// The largest number of slots of a bus, and so the largest queue limit and batch size.
    pub const MOST: usize = 65_534;

    /// The longest flush interval: one hour.
    pub const LONGEST_INTERVAL: Duration = Duration::from_secs(3_600);

    /// The defaults: a queue limit of 10,000, batches of 100, a flush interval of 50 ms,
    /// [`Overflow::Evict`], [`Leading::Immediate`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queue_limit: 10_000,
            batch_size: 100,
            overflow: Overflow::Evict,
            leading: Leading::Immediate,
            flush_interval: 50_000,
        }
    }

    /// Sets the queue limit: 1 to 65,534 updates, default 10,000. A bus with fewer slots uses the
    /// number of its slots instead.
    ///
    /// # Errors
    /// `limit` is out of range.
    pub const fn with_queue_limit(self, limit: usize) -> Result<Self, ConfigError> {
        if limit == 0 || limit > Self::MOST {
            return Err(ConfigError::QueueLimit(limit));
        }
        Ok(Self { queue_limit: limit as u16, ..self })
    }

    /// Sets the batch size: 1 to 65,534 updates, default 100. A batch is due as soon as that many
    /// updates are queued. A smaller size costs more deliveries under load, a larger one a larger
    /// buffer.
    ///
    /// # Errors
    /// `size` is out of range.
    pub const fn with_batch_size(self, size: usize) -> Result<Self, ConfigError> {
        if size == 0 || size > Self::MOST {
            return Err(ConfigError::BatchSize(size));
        }
        Ok(Self { batch_size: size as u16, ..self })
    }

    /// Sets the flush interval, the longest time that an update waits in the queue: 1 µs to 1 h,
    /// default 50 ms. Fractions of a microsecond are rounded up. An idle bus has no deadline.
    ///
    /// # Errors
    /// `interval` is out of range.
    pub const fn with_flush_interval(self, interval: Duration) -> Result<Self, ConfigError> {
        match self.with_flush_interval_micros(micros(interval)) {
            Some(config) => Ok(config),
            None => Err(ConfigError::FlushInterval(interval)),
        }
    }

    /// [`with_flush_interval`](Self::with_flush_interval) in microseconds, for hosts whose clocks count them.
    /// `None`: out of range.
    #[must_use]
    pub const fn with_flush_interval_micros(self, interval: u64) -> Option<Self> {
        if interval == 0 || interval > micros(Self::LONGEST_INTERVAL) {
            return None;
        }
        Some(Self { flush_interval: interval, ..self })
    }

    /// Sets what happens when the queue is full. Default [`Overflow::Evict`].
    #[must_use]
    pub const fn with_overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    /// Sets when the first update after an idle period is due. Default [`Leading::Immediate`].
    #[must_use]
    pub const fn with_leading(self, leading: Leading) -> Self {
        Self { leading, ..self }
    }

    /// Most updates that may be queued.
    #[must_use]
    pub const fn queue_limit(self) -> usize {
        self.queue_limit as usize
    }

    /// Most updates in a batch.
    #[must_use]
    pub const fn batch_size(self) -> usize {
        self.batch_size as usize
    }

    /// The longest time that an update waits in the queue, in whole microseconds.
    #[must_use]
    pub const fn flush_interval(self) -> Duration {
        Duration::from_micros(self.flush_interval)
    }

    /// What happens when the queue is full.
    #[must_use]
    pub const fn overflow(self) -> Overflow {
        self.overflow
    }

    /// When the first update after an idle period is due.
    #[must_use]
    pub const fn leading(self) -> Leading {
        self.leading
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A value that is out of the range of its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ConfigError {
    /// A queue limit outside 1 to 65,534.
    QueueLimit(usize),
    /// A batch size outside 1 to 65,534.
    BatchSize(usize),
    /// A flush interval outside 1 µs to 1 h.
    FlushInterval(Duration),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::QueueLimit(limit) => {
                write!(f, "a queue limit of {limit}: give it 1 to 65534")
            }
            Self::BatchSize(size) => write!(f, "a batch size of {size}: give it 1 to 65534"),
            Self::FlushInterval(interval) => write!(
                f,
                "a flush interval of {} ns: give it 1 microsecond to 1 hour",
                interval.as_nanos()
            ),
        }
    }
}

impl core::error::Error for ConfigError {}
