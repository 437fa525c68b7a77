//! What the bus reports of itself as it happens.

use core::time::Duration;

use crate::ledger::RefuseReason;
use crate::loss::Loss;

/// Why a batch was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[repr(u8)]
pub enum FlushReason {
    /// As many updates were queued as a batch holds.
    Full = 0,
    /// The deadline of the oldest update came, or that of a gap.
    Interval,
    /// The caller requested a flush, of queued updates or of a gap.
    Flush,
    /// The bus was closed: everything queued leaves, and a gap.
    Close,
}

impl FlushReason {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Full, Self::Interval, Self::Flush, Self::Close];

    /// The name in metrics and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Interval => "interval",
            Self::Flush => "flush",
            Self::Close => "close",
        }
    }
}

/// A batch as telemetry sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct BatchInfo {
    /// Updates in it.
    pub size: usize,
    /// Why it was due.
    pub reason: FlushReason,
    /// How long readers have waited for this batch: [`Depth::oldest`] just before, and at least what
    /// each of its updates [waited](crate::BatchUpdate::waited).
    pub longest_wait: Duration,
    /// Updates still queued behind it.
    pub left: usize,
}

/// Overflow begins with the first update that is lost to a full queue, or refused by it, and ends when
/// the queue is drained to half its limit.
///
/// [`Started`](Self::Started) is reported at once, everything else at least a second after the last report:
/// overflow that ends and begins again meanwhile is one overflow. A closed bus reports the end at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OverflowEvent {
    /// The first update was lost.
    Started,
    /// Updates are still being lost.
    Ongoing {
        /// Updates lost since it started.
        lost: u64,
    },
    /// It is over.
    Ended {
        /// Updates lost since it started.
        lost: u64,
    },
}

/// The state of the queue, for gauges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Depth {
    /// Updates queued now.
    pub queued: usize,
    /// Most updates queued at once since the last call of [`Bus::depth`](crate::Bus::depth).
    pub peak: usize,
    /// Age of the update at the front of the queue, counted from when it, or the first of the updates that
    /// it has replaced there, was pushed. So merges cannot hide a queue that is stuck.
    pub oldest: Duration,
}

/// A listener for what happens in the bus. All methods do nothing unless overridden, and what is not
/// overridden compiles to nothing. They are called inside the bus, under the caller's lock if there is one:
/// count, and leave the rest for later.
pub trait Telemetry {
    /// Whether anything listens. With `false` the code that only telemetry needs is left out.
    const ENABLED: bool = true;

    /// A batch was polled and is whole. Not called for one that is settled before that.
    fn polled(&mut self, batch: BatchInfo) {
        let _ = batch;
    }

    /// A batch was settled, this long after it was begun.
    fn settled(&mut self, latency: Duration) {
        let _ = latency;
    }

    /// A newer update took the place of a queued one.
    fn coalesced(&mut self) {}

    /// An update expired or was dropped.
    fn lost(&mut self, loss: Loss) {
        let _ = loss;
    }

    /// An update was refused.
    fn refused(&mut self, reason: RefuseReason) {
        let _ = reason;
    }

    /// Overflow began, goes on, or ended.
    fn overflow(&mut self, event: OverflowEvent) {
        let _ = event;
    }
}

/// Nothing listens.
impl Telemetry for () {
    const ENABLED: bool = false;
}
