//! What the bus tells of itself as it happens.

use core::time::Duration;

use crate::ledger::{DropReason, RefuseReason};

/// Why a batch was handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlushReason {
    /// A batch's worth was queued.
    Full,
    /// The deadline of the oldest came.
    Interval,
    /// Somebody asked for a flush.
    Flush,
    /// The bus was closed.
    Close,
}

impl FlushReason {
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
pub struct HandedOn {
    /// Updates in it.
    pub size: usize,
    /// Why it was due.
    pub reason: FlushReason,
    /// How long the update in it that waited longest was queued.
    pub longest_wait: Duration,
    /// Updates still queued behind it.
    pub left: usize,
}

/// Overflow begins with the first update lost to a full queue, and ends when the queue has been
/// drained to half its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OverflowEdge {
    /// The first update was lost.
    Started,
    /// It is over; this many updates were lost.
    Ended {
        /// Updates lost since it started.
        lost: u64,
    },
}

/// The state of the queue, for gauges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Updates queued now.
    pub queued: usize,
    /// Most updates queued at once since the last call of [`Bus::depth`](crate::Bus::depth).
    pub peak: usize,
    /// For how long the oldest has been queued.
    pub oldest: Duration,
}

/// Hears what happens in the bus. All methods do nothing unless overridden, and what is not used
/// compiles to nothing. They are called inside the bus, under whatever lock it stands: count, and
/// leave the rest for later.
pub trait Telemetry {
    /// A batch was handed on.
    fn handed_on(&mut self, batch: HandedOn) {
        let _ = batch;
    }

    /// A batch was settled, this long after it was handed on.
    fn settled(&mut self, latency: Duration) {
        let _ = latency;
    }

    /// A newer update took the place of a queued one.
    fn coalesced(&mut self) {}

    /// An update outlived its time-to-live.
    fn expired(&mut self) {}

    /// An update was dropped.
    fn dropped(&mut self, reason: DropReason) {
        let _ = reason;
    }

    /// An update was refused.
    fn refused(&mut self, reason: RefuseReason) {
        let _ = reason;
    }

    /// Overflow began or ended.
    fn overflow(&mut self, edge: OverflowEdge) {
        let _ = edge;
    }
}

/// Hears nothing.
impl Telemetry for () {}
