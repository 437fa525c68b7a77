//! What a subscription gets.

use statusbus_core::{Category, CategorySet, Losses};

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
    /// The position to [resume](crate::Subscribe::resume) from after this event. `None`: more of the
    /// same position follows, and a reader that resumed here would miss it. Keep the last one then.
    #[must_use]
    pub const fn resume_point(&self) -> Option<u64> {
        match self {
            Self::Retained(batch) | Self::Batch(batch) => Some(batch.seq()),
            Self::Gap(gap) => gap.resume,
            Self::Lagged(lagged) => lagged.resume,
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
    /// See [`Event::resume_point`].
    pub resume: Option<u64>,
}

/// Whose updates a gap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapScope {
    /// This conversation's, of this category.
    Topic(Category),
    /// Anybody's: too many topics had losses to count them apart.
    Bus,
}

impl GapScope {
    /// Whether a reader of these categories gets such a gap.
    pub(crate) const fn is_of(self, categories: CategorySet) -> bool {
        match self {
            Self::Topic(category) => categories.contains(category),
            Self::Bus => true,
        }
    }
}

/// Updates that this reader did not get because it was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// The position that it leads up to.
    pub seq: u64,
    /// How many of the conversation's updates it missed, of whatever category.
    pub missed: u64,
    /// See [`Event::resume_point`].
    pub resume: Option<u64>,
}
