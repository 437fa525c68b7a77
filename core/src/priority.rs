//! The priority of an update.

/// How much an update matters when the queue is full. `Low` < `Normal` < `High`.
///
/// An update without a priority has that of its category: by default `progress` is `Low`, `error`
/// is `High`, all others are `Normal`
/// ([`Bus::reconfigure_category`](crate::Bus::reconfigure_category) changes it).
///
/// ```
/// use statusbus_core::Priority;
///
/// assert_eq!("high".parse(), Ok(Priority::High));
/// assert_eq!(Priority::Low.to_string(), "low");
/// let error = "urgent".parse::<Priority>().unwrap_err();
/// assert_eq!(error.to_string(), "there is no such priority: choose among low, normal, high");
/// ```
// Not `non_exhaustive`: frames have two bits for it, and rule 4 is written for these three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Priority {
    /// Evicted first: one of many steps, outdated by the next one.
    Low = 0,
    /// A change of state.
    #[default]
    Normal = 1,
    /// Evicted only when nothing else is queued: a failure, the end of a run.
    High = 2,
}

impl Priority {
    /// All priorities, the lowest first.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// The name in JSON, JavaScript and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }
}
