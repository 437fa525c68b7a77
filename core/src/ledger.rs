//! What became of everything that was sent.

/// Why an update that was taken in, or could have been, was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum DropReason {
    /// The queue was full and the policy is to drop the newcomer.
    Newest,
    /// The queue was full and the policy is to drop the oldest.
    Oldest,
    /// The queue was full and this was the oldest of the lowest priority.
    Evicted,
    /// The queue was full of updates that matter more than this newcomer.
    Outranked,
    /// The queue limit was made smaller.
    Shrunk,
    /// The sink did not accept it.
    Sink,
}

impl DropReason {
    /// All reasons, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::Newest, Self::Oldest, Self::Evicted, Self::Outranked, Self::Shrunk, Self::Sink];

    /// The name in JSON, JavaScript and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
            Self::Evicted => "evicted",
            Self::Outranked => "outranked",
            Self::Shrunk => "shrunk",
            Self::Sink => "sink",
        }
    }
}

/// Why an update was not taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RefuseReason {
    /// The queue is full and the policy is to reject.
    Full,
    /// The bus is closed.
    Closed,
    /// The conversation's name, or another part, is not of the form it must have.
    Invalid,
    /// The bus has no such category.
    UnknownCategory,
    /// Text, metadata or key is larger than the bus takes.
    TooLarge,
    /// The sender may not say this.
    Unauthorized,
}

impl RefuseReason {
    /// All reasons, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Full,
        Self::Closed,
        Self::Invalid,
        Self::UnknownCategory,
        Self::TooLarge,
        Self::Unauthorized,
    ];

    /// The name in JSON, JavaScript and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Closed => "closed",
            Self::Invalid => "invalid",
            Self::UnknownCategory => "unknown_category",
            Self::TooLarge => "too_large",
            Self::Unauthorized => "unauthorized",
        }
    }
}

/// Dropped updates by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // the reasons say it
pub struct Dropped {
    pub newest: u64,
    pub oldest: u64,
    pub evicted: u64,
    pub outranked: u64,
    pub shrunk: u64,
    pub sink: u64,
}

impl Dropped {
    pub(crate) const NONE: Self =
        Self { newest: 0, oldest: 0, evicted: 0, outranked: 0, shrunk: 0, sink: 0 };

    /// How many were dropped for this reason.
    #[must_use]
    pub const fn count(&self, reason: DropReason) -> u64 {
        match reason {
            DropReason::Newest => self.newest,
            DropReason::Oldest => self.oldest,
            DropReason::Evicted => self.evicted,
            DropReason::Outranked => self.outranked,
            DropReason::Shrunk => self.shrunk,
            DropReason::Sink => self.sink,
        }
    }

    /// How many were dropped.
    #[must_use]
    pub fn total(&self) -> u64 {
        DropReason::ALL.into_iter().map(|reason| self.count(reason)).sum()
    }

    pub(crate) fn count_mut(&mut self, reason: DropReason) -> &mut u64 {
        match reason {
            DropReason::Newest => &mut self.newest,
            DropReason::Oldest => &mut self.oldest,
            DropReason::Evicted => &mut self.evicted,
            DropReason::Outranked => &mut self.outranked,
            DropReason::Shrunk => &mut self.shrunk,
            DropReason::Sink => &mut self.sink,
        }
    }
}

/// Refused updates by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // the reasons say it
pub struct Refused {
    pub full: u64,
    pub closed: u64,
    pub invalid: u64,
    pub unknown_category: u64,
    pub too_large: u64,
    pub unauthorized: u64,
}

impl Refused {
    pub(crate) const NONE: Self =
        Self { full: 0, closed: 0, invalid: 0, unknown_category: 0, too_large: 0, unauthorized: 0 };

    /// How many were refused for this reason.
    #[must_use]
    pub const fn count(&self, reason: RefuseReason) -> u64 {
        match reason {
            RefuseReason::Full => self.full,
            RefuseReason::Closed => self.closed,
            RefuseReason::Invalid => self.invalid,
            RefuseReason::UnknownCategory => self.unknown_category,
            RefuseReason::TooLarge => self.too_large,
            RefuseReason::Unauthorized => self.unauthorized,
        }
    }

    /// How many were refused.
    #[must_use]
    pub fn total(&self) -> u64 {
        RefuseReason::ALL.into_iter().map(|reason| self.count(reason)).sum()
    }

    pub(crate) fn count_mut(&mut self, reason: RefuseReason) -> &mut u64 {
        match reason {
            RefuseReason::Full => &mut self.full,
            RefuseReason::Closed => &mut self.closed,
            RefuseReason::Invalid => &mut self.invalid,
            RefuseReason::UnknownCategory => &mut self.unknown_category,
            RefuseReason::TooLarge => &mut self.too_large,
            RefuseReason::Unauthorized => &mut self.unauthorized,
        }
    }
}

/// What became of everything that was sent. After every call on the bus
///
/// `sent = delivered + coalesced + expired + dropped + refused + queued + in_flight`
///
/// holds exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ledger {
    /// Attempts to send, whatever became of them.
    pub sent: u64,
    /// Accepted by the sink; counted once, however many read it.
    pub delivered: u64,
    /// Replaced, while queued, by a newer update with the same topic and key.
    pub coalesced: u64,
    /// Found to have outlived their time-to-live.
    pub expired: u64,
    /// Dropped, by reason.
    pub dropped: Dropped,
    /// Refused, by reason.
    pub refused: Refused,
    /// Waiting in the queue.
    pub queued: u64,
    /// Handed on in a batch that is not settled yet.
    pub in_flight: u64,
}

impl Ledger {
    /// Whether the counters add up. They do; tests and monitors may want to see it.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        self.sent
            == self.delivered
                + self.coalesced
                + self.expired
                + self.dropped.total()
                + self.refused.total()
                + self.queued
                + self.in_flight
    }
}
