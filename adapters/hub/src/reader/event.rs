//! What readers receive.

use statusbus_core::Losses;

use crate::batch::view::Batch;
use crate::window::loss_log::GapScope;

/// What a [`Subscription`](crate::Subscription) yields, in the order of the bus.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The retained values: the last update of each topic and key. They come first if
    /// [requested](crate::Subscribe::with_retained) or if the subscription could not resume, and after
    /// [`Event::Lagged`] with [`OnLag::Latest`](crate::OnLag::Latest). The batch may be empty.
    Retained(Batch),
    /// Updates that were delivered together, at least one.
    Batch(Batch),
    /// Updates are missing here. No reader receives them.
    Gap(Gap),
    /// This reader fell behind and missed updates that other readers may have received.
    Lagged(Lagged),
}

impl Event {
    /// The position to [resume](crate::Subscribe::resume) from after this event. `None`: another event
    /// of the same position follows, and a reader that resumed here would miss it; keep the previous
    /// resume point.
    #[must_use]
    pub const fn resume_point(&self) -> Option<u64> {
        match self {
            Self::Retained(batch) | Self::Batch(batch) => Some(batch.seq()),
            Self::Gap(gap) => gap.resume,
            Self::Lagged(lagged) => lagged.resume,
        }
    }
}

/// Updates that no reader receives: they were dropped or expired, in the queue or at the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The position of the gap: the updates are missing before the one that follows it.
    pub seq: u64,
    /// How many updates are missing, by reason.
    pub losses: Losses,
    /// Which updates are counted.
    pub scope: GapScope,
    /// The position to resume from: see [`Event::resume_point`].
    pub resume: Option<u64>,
}

impl Gap {
    /// A gap at position `seq` that is not a resume point: for tests of readers.
    #[must_use]
    pub const fn new(seq: u64, losses: Losses, scope: GapScope) -> Self {
        Self { seq, losses, scope, resume: None }
    }
}

/// Updates that this reader missed because it fell behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lagged {
    /// The position where the reader continues.
    pub seq: u64,
    /// How many updates of its selection the reader missed, in all categories.
    pub missed: u64,
    /// The position to resume from: see [`Event::resume_point`].
    pub resume: Option<u64>,
}

impl Lagged {
    /// A lag up to position `seq` that is not a resume point: for tests of readers.
    #[must_use]
    pub const fn new(seq: u64, missed: u64) -> Self {
        Self { seq, missed, resume: None }
    }
}
