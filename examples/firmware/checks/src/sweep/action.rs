//! What the interrupt does.

use statusbus_embassy::Priority;

use super::{Bus, INTERRUPT};

/// What the interrupt does.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Nothing yet.
    Nothing,
    /// Counts without a lock, which must lose counts.
    Count,
    /// Sends an update.
    Sends,
    /// Sends one of high priority, with the key that the task uses too.
    Raises,
    /// Asks for a flush, after it has sent an update.
    Flushes,
}

impl Action {
    /// The actions that interrupt each work.
    pub const ALL: [Self; 3] = [Self::Sends, Self::Raises, Self::Flushes];

    /// How many updates it sends.
    pub(super) const fn sent(self) -> u64 {
        matches!(self, Self::Sends | Self::Raises | Self::Flushes) as u64
    }

    pub(super) fn run(self, bus: &Bus) {
        match self {
            Self::Nothing | Self::Count => {}
            Self::Sends => bus.info(INTERRUPT, "i"),
            Self::Raises => bus
                .update(INTERRUPT, statusbus_embassy::Category::PROGRESS, "i")
                .key("k")
                .priority(Priority::High)
                .send(),
            Self::Flushes => {
                bus.info(INTERRUPT, "i");
                bus.request_flush();
            }
        }
    }

    /// The name in the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "does nothing",
            Self::Count => "counts",
            Self::Sends => "sends",
            Self::Raises => "raises what has a key",
            Self::Flushes => "sends and flushes",
        }
    }
}
