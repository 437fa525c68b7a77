//! What matters more when not everything can be kept.

/// How much an update matters when the queue is full. `Progress` < `State` < `Terminal`.
///
/// Unless the update says otherwise, its category decides: `progress` is `Progress`, `error` is
/// `Terminal`, everything else `State` (see [`Config`](crate::Config)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Priority {
    /// One of many steps; the next one replaces it.
    Progress = 0,
    /// Something has changed.
    #[default]
    State = 1,
    /// This is over: done, failed, cancelled.
    Terminal = 2,
}

impl Priority {
    /// All priorities, the least important first.
    pub const ALL: [Self; 3] = [Self::Progress, Self::State, Self::Terminal];

    /// The name in JSON, JavaScript and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Progress => "progress",
            Self::State => "state",
            Self::Terminal => "terminal",
        }
    }

    /// The priority of that [name](Self::as_str).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|priority| priority.as_str() == name)
    }
}
