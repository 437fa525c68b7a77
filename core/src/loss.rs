//! Losses by reason.

use crate::ledger::{DropReason, Dropped};
use crate::outcome::{EXPIRED, LOSSES, dropped};

/// Updates that readers will never see: dropped, by reason, and expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Losses {
    /// Dropped, by reason.
    pub dropped: Dropped,
    /// Found to have outlived their TTL.
    pub expired: u64,
}

impl Losses {
    /// The losses of a row of counts, by the index in [`Outcome::from_code`](crate::Outcome::from_code).
    // Hidden: a new kind of loss would change the type.
    #[doc(hidden)]
    #[must_use]
    pub fn from_counts(counts: &[u32; LOSSES]) -> Self {
        let count = |loss: u8| counts.get(usize::from(loss)).map_or(0, |&count| u64::from(count));
        Self { dropped: dropped(count), expired: count(EXPIRED) }
    }

    /// How many updates are missing.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.dropped.total().saturating_add(self.expired)
    }

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.total() == 0
    }

    /// Adds the counts of `other`.
    pub fn add(&mut self, other: &Self) {
        for reason in DropReason::ALL {
            let count = self.dropped.count_mut(reason);
            *count = count.saturating_add(other.dropped.count(reason));
        }
        self.expired = self.expired.saturating_add(other.expired);
    }

    /// The counts that are not zero, with the kind of loss.
    pub fn iter(&self) -> impl Iterator<Item = (Loss, u64)> {
        let dropped =
            DropReason::ALL.map(|reason| (Loss::Dropped(reason), self.dropped.count(reason)));
        let all = dropped.into_iter().chain([(Loss::Expired, self.expired)]);
        all.filter(|&(_, count)| count > 0)
    }
}

/// Why readers will never see an update that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Loss {
    /// It outlived its TTL.
    Expired,
    /// It was dropped.
    Dropped(DropReason),
}

impl Loss {
    /// The name in JSON, JavaScript and traces: that of the reason, or `expired`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Dropped(reason) => reason.as_str(),
        }
    }
}
