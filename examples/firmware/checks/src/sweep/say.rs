//! What the interrupt does.

use statusbus_embassy::Priority;

use super::{Bus, INTERRUPT};

/// What the interrupt does.
#[derive(Clone, Copy, Debug)]
pub enum Say {
    /// Nothing yet.
    Nothing,
    /// Counts without a lock: what cannot be right.
    Count,
    /// Sends an update.
    Sends,
    /// Sends one that ends something, with the key that the task uses too.
    Ends,
    /// Asks for a flush, after it has sent an update.
    Flushes,
}

impl Say {
    /// What each piece of work is interrupted with.
    pub const ALL: [Self; 3] = [Self::Sends, Self::Ends, Self::Flushes];

    /// How many updates it sends.
    pub(super) const fn sent(self) -> u64 {
        matches!(self, Self::Sends | Self::Ends | Self::Flushes) as u64
    }

    pub(super) fn say(self, bus: &Bus) {
        match self {
            Self::Nothing | Self::Count => {}
            Self::Sends => bus.info(INTERRUPT, "i"),
            Self::Ends => bus
                .update(INTERRUPT, statusbus_embassy::Category::PROGRESS, "i")
                .key("k")
                .priority(Priority::Terminal)
                .send(),
            Self::Flushes => {
                bus.info(INTERRUPT, "i");
                bus.request_flush();
            }
        }
    }

    /// What it is called where it is told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Nothing => "does nothing",
            Self::Count => "counts",
            Self::Sends => "sends",
            Self::Ends => "ends what has a key",
            Self::Flushes => "sends and flushes",
        }
    }
}
