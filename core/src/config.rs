//! The knobs.

use core::fmt;
use core::time::Duration;

use crate::time::micros;

/// What happens when an update comes and the queue is full. Whatever the policy, one whose
/// time-to-live is over already (one of zero) expires at once: it takes nobody's place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Overflow {
    /// What has expired goes first, then the oldest of the lowest priority; a newcomer that ranks
    /// below everything queued is dropped itself. A live [`Terminal`](crate::Priority::Terminal)
    /// stays while anything else is queued.
    #[default]
    Evict = 0,
    /// The newcomer is dropped.
    DropNewest,
    /// The oldest is dropped.
    DropOldest,
    /// The newcomer is refused and handed back to the caller.
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

    /// The policy of that [name](Self::as_str).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.as_str() == name)
    }
}

/// How a bus queues and batches. Every value of this type is valid: each setter checks its own.
///
/// ```
/// use core::time::Duration;
/// use statusbus_core::{Config, ConfigError, Overflow};
///
/// let config = Config::new()
///     .queue_limit(1_000)?
///     .batch_size(50)?
///     .flush_interval(Duration::from_millis(20))?
///     .overflow(Overflow::Reject);
/// assert_eq!(Config::new().batch_size(0), Err(ConfigError::BatchSize(0)));
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

/// When the first update after idling goes out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Leading {
    /// At once; what follows is batched.
    #[default]
    Immediate = 0,
    /// After the flush interval, like every other.
    Delayed,
}

impl Config {
    /// Most slots a bus can have, and so the largest queue limit and batch size.
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

    /// Most updates that may wait: 1 to 65,534, default 10,000. A bus with fewer slots takes the
    /// number of its slots instead.
    ///
    /// # Errors
    /// `limit` is out of range.
    pub const fn queue_limit(self, limit: usize) -> Result<Self, ConfigError> {
        if limit == 0 || limit > Self::MOST {
            return Err(ConfigError::QueueLimit(limit));
        }
        Ok(Self { queue_limit: limit as u16, ..self })
    }

    /// Most updates in a batch: 1 to 65,534, default 100. A full batch is due at once, so a smaller
    /// size costs more hand-overs under load, a larger one a larger buffer.
    ///
    /// # Errors
    /// `size` is out of range.
    pub const fn batch_size(self, size: usize) -> Result<Self, ConfigError> {
        if size == 0 || size > Self::MOST {
            return Err(ConfigError::BatchSize(size));
        }
        Ok(Self { batch_size: size as u16, ..self })
    }

    /// The longest any update waits in the queue: 1 µs to 1 h, default 50 ms. It is no tick: an
    /// idle bus does not wake.
    ///
    /// # Errors
    /// `interval` is out of range.
    pub const fn flush_interval(self, interval: Duration) -> Result<Self, ConfigError> {
        let us = micros(interval);
        if us == 0 || us > micros(Self::LONGEST_INTERVAL) {
            return Err(ConfigError::FlushInterval(interval));
        }
        Ok(Self { flush_interval: us, ..self })
    }

    /// What happens when the queue is full. Default [`Overflow::Evict`].
    #[must_use]
    pub const fn overflow(self, overflow: Overflow) -> Self {
        Self { overflow, ..self }
    }

    /// When the first update after idling goes out. Default [`Leading::Immediate`].
    #[must_use]
    pub const fn leading(self, leading: Leading) -> Self {
        Self { leading, ..self }
    }

    /// What is set.
    #[must_use]
    pub const fn values(&self) -> ConfigValues {
        ConfigValues {
            queue_limit: self.queue_limit as usize,
            batch_size: self.batch_size as usize,
            flush_interval: Duration::from_micros(self.flush_interval),
            overflow: self.overflow,
            leading: self.leading,
        }
    }
}

/// What is set in a [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct ConfigValues {
    /// Most updates that may wait.
    pub queue_limit: usize,
    /// Most updates in a batch.
    pub batch_size: usize,
    /// The longest any update waits, in whole microseconds.
    pub flush_interval: Duration,
    /// What happens when the queue is full.
    pub overflow: Overflow,
    /// When the first update after idling goes out.
    pub leading: Leading,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

/// A value that a bus cannot be configured with.
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
