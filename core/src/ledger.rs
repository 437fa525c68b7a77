//! Counters of every outcome.

/// Why an update was dropped: removed from the queue, left out of it, or not accepted by the sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum DropReason {
    /// The queue was full, the policy is [`DropNewest`](crate::Overflow::DropNewest), and this was
    /// the new update.
    Newest,
    /// The queue was full, the policy is [`DropOldest`](crate::Overflow::DropOldest), and this was
    /// the oldest.
    Oldest,
    /// The queue was full, the policy is [`Evict`](crate::Overflow::Evict), and this was the oldest
    /// of the lowest priority.
    Evicted,
    /// The queue was full, the policy is [`Evict`](crate::Overflow::Evict), and every queued update
    /// has a higher priority than this new one.
    Outranked,
    /// The queue limit was reduced below the number of queued updates.
    Shrunk,
    /// The sink did not accept it.
    Sink,
}

impl DropReason {
    /// All reasons, in the order of JSON and logs.
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

/// Why an update was refused: it was not queued and is returned to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RefuseReason {
    /// The queue is full and the policy is [`Reject`](crate::Overflow::Reject).
    Full,
    /// The bus is closed.
    Closed,
    /// A part of the update is invalid, for example the name of its conversation.
    Invalid,
    /// The bus has no such category.
    UnknownCategory,
    /// Text, metadata or key is longer than the bus accepts.
    TooLarge,
    /// The sender is not allowed to publish this update.
    Unauthorized,
}

impl RefuseReason {
    /// All reasons, in the order of JSON and logs.
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

/// Number of dropped updates for each [`DropReason`].
///
/// With the feature `serde` a map: `total`, and a count for each reason. On reading, `total` and
/// unknown reasons are ignored, and a reason that is absent counts zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // as the reasons
#[non_exhaustive]
pub struct Dropped {
    pub newest: u64,
    pub oldest: u64,
    pub evicted: u64,
    pub outranked: u64,
    pub shrunk: u64,
    pub sink: u64,
}

impl Dropped {
    /// Number of updates dropped for this reason.
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

    /// Number of updates dropped for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        DropReason::ALL.into_iter().map(|reason| self.count(reason)).fold(0, u64::saturating_add)
    }

    /// The same counters, but `count` for this reason.
    ///
    /// ```
    /// use statusbus_core::{DropReason, Dropped};
    ///
    /// let dropped = Dropped::default().with_count(DropReason::Evicted, 3);
    /// assert_eq!((dropped.evicted, dropped.total()), (3, 3));
    /// ```
    #[must_use]
    pub const fn with_count(mut self, reason: DropReason, count: u64) -> Self {
        *self.count_mut(reason) = count;
        self
    }

    pub(crate) const fn count_mut(&mut self, reason: DropReason) -> &mut u64 {
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

/// Number of refused updates for each [`RefuseReason`].
///
/// With the feature `serde` a map: `total`, and a count for each reason. On reading, `total` and
/// unknown reasons are ignored, and a reason that is absent counts zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(missing_docs)] // as the reasons
#[non_exhaustive]
pub struct Refused {
    pub full: u64,
    pub closed: u64,
    pub invalid: u64,
    pub unknown_category: u64,
    pub too_large: u64,
    pub unauthorized: u64,
}

impl Refused {
    /// Number of updates refused for this reason.
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

    /// Number of updates refused for any reason.
    #[must_use]
    pub fn total(&self) -> u64 {
        RefuseReason::ALL.into_iter().map(|reason| self.count(reason)).fold(0, u64::saturating_add)
    }

    /// The same counters, but `count` for this reason.
    ///
    /// ```
    /// use statusbus_core::{RefuseReason, Refused};
    ///
    /// let refused = Refused::default().with_count(RefuseReason::Full, 3);
    /// assert_eq!((refused.full, refused.total()), (3, 3));
    /// ```
    #[must_use]
    pub const fn with_count(mut self, reason: RefuseReason, count: u64) -> Self {
        *self.count_mut(reason) = count;
        self
    }

    pub(crate) const fn count_mut(&mut self, reason: RefuseReason) -> &mut u64 {
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

/// Counters of every outcome. They balance exactly after every call on the bus:
///
/// `sent = delivered + coalesced + expired + dropped + refused + queued + in_flight`
///
/// With the feature `serde` a map of these names. On reading, unknown names are ignored, and a
/// counter that is absent is zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "serde", derive(serde::Deserialize, serde::Serialize), serde(default))]
#[non_exhaustive]
pub struct Ledger {
    /// Updates passed to the bus, whatever their outcome.
    pub sent: u64,
    /// Updates accepted by the sink. An update counts once, however many readers it has.
    pub delivered: u64,
    /// Queued updates replaced by a newer one with the same topic and key.
    pub coalesced: u64,
    /// Updates removed because their TTL had passed.
    pub expired: u64,
    /// Dropped updates, by reason.
    pub dropped: Dropped,
    /// Refused updates, by reason.
    pub refused: Refused,
    /// Updates in the queue now.
    pub queued: u64,
    /// Updates in batches that are not settled yet.
    pub in_flight: u64,
}

impl Ledger {
    /// Whether the counters balance: a check for ledgers that were received, added up or changed. The ledger of a
    /// bus always balances, because the bus computes `sent` as the sum of the other counters; a test of a bus
    /// has to count its sends itself.
    #[must_use]
    pub fn is_balanced(&self) -> bool {
        let outcomes = [
            self.delivered,
            self.coalesced,
            self.expired,
            self.dropped.total(),
            self.refused.total(),
            self.queued,
            self.in_flight,
        ];
        // checked: a ledger that was read from JSON may hold anything
        outcomes.into_iter().try_fold(0, u64::checked_add) == Some(self.sent)
    }
}
