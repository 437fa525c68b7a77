//! What the bus tells of itself as it happens.

use core::time::Duration;

use crate::ledger::{DropReason, RefuseReason};

/// Why a batch was handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FlushReason {
    /// A batch's worth was queued.
    Full,
    /// The deadline of the oldest came, or that of a gap.
    Interval,
    /// Somebody asked for a flush: of what was queued, or of a gap.
    Flush,
    /// The bus was closed: what was queued goes, and a gap.
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HandedOn {
    /// Updates in it.
    pub size: usize,
    /// Why it was due.
    pub reason: FlushReason,
    /// How long the place in it that was taken longest has been: for how long readers have waited
    /// for this batch. That is [`Depth::oldest`] just before, and at least what each of its updates
    /// [waited](crate::Handed::waited).
    pub longest_wait: Duration,
    /// Updates still queued behind it.
    pub left: usize,
}

/// Overflow begins with the first update lost to a full queue, and ends when the queue has been
/// drained to half its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Depth {
    /// Updates queued now.
    pub queued: usize,
    /// Most updates queued at once since the last call of [`Bus::depth`](crate::Bus::depth).
    pub peak: usize,
    /// For how long the place at the front of the queue has been taken: for how long readers have
    /// waited for what comes next. An update that replaces another does not make its place younger, so
    /// that a value that changes all the time cannot hide that nothing is handed on. (Of a place that
    /// was replaced behind the front for longer than 71 minutes, the last 71 count.)
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
