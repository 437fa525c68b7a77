//! What a subscription gets.

use statusbus_core::{Category, Losses};

use crate::Batch;

/// What a subscription gets, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// The values that stand now: the last update of each topic and key. First, if asked for or if
    /// resuming was not possible, and after [`Event::Lagged`], unless
    /// [`OnLag::Oldest`](crate::OnLag::Oldest) was chosen.
    Retained(Batch),
    /// Updates that were delivered together.
    Batch(Batch),
    /// Updates are missing here: nobody gets them.
    Gap(Gap),
    /// This reader was too slow and missed what others got.
    Lagged(Lagged),
}

impl Event {
    /// The position up to which a reader is who has read this event: resume behind it.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Retained(batch) | Self::Batch(batch) => batch.seq(),
            Self::Gap(gap) => gap.seq,
            Self::Lagged(lagged) => lagged.seq,
        }
    }
}

/// Updates that nobody gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The position that it leads up to.
    pub seq: u64,
    /// How many, and why.
    pub losses: Losses,
    /// Whose updates they were.
    pub scope: GapScope,
}

/// Whose updates a gap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapScope {
    /// This conversation's, of this category.
    Topic(Category),
    /// Anybody's: too many topics had losses to count them apart.
    Bus,
}

/// Updates that this reader did not get because it was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// The position that it leads up to.
    pub seq: u64,
    /// How many of the conversation's updates it missed, of whatever category.
    pub missed: u64,
}
