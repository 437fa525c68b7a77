//! Losses by reason.

use crate::ledger::{DropReason, Dropped};

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
