//! The states of a run.

/// The state of a run: one execution in a conversation.
///
/// A run begins as [`Running`](Self::Running) and ends in one of three final states. A final state
/// never changes. The state is a level that readers see; it does not depend on any update being
/// delivered.
///
/// ```
/// use statusbus_core::RunState;
///
/// assert_eq!("stalled".parse(), Ok(RunState::Stalled));
/// assert!(RunState::Failed.is_final() && !RunState::Waiting.is_final());
/// assert_eq!(RunState::Succeeded.to_string(), "succeeded");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RunState {
    /// At work. A run without a silence promise stays in this state until it waits or ends.
    Running,
    /// Waits for input, for example for an answer of a person. Never becomes
    /// [`Stalled`](Self::Stalled).
    Waiting,
    /// Silent for longer than the run promised; [`Running`](Self::Running) again with its next sign
    /// of life.
    Stalled,
    /// Final: completed.
    Succeeded,
    /// Final: ended by an error, or dropped without another end.
    Failed,
    /// Final: stopped before it was complete.
    Cancelled,
}

impl RunState {
    /// All states: the open ones, then the final ones.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Waiting,
        Self::Stalled,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The name in JSON, JavaScript and traces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Stalled => "stalled",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether the run has ended: succeeded, failed or cancelled.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Running | Self::Waiting | Self::Stalled => false,
            Self::Succeeded | Self::Failed | Self::Cancelled => true,
        }
    }
}
