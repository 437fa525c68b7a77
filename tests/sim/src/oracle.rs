//! The expected behaviour, computed from the operations in the simplest way. It shares no code with the
//! bus.

pub(crate) mod bus;
pub(crate) mod log;
pub(crate) mod reader;
pub(crate) mod retained;

use statusbus_tokio::{Category, Loss, Losses};

/// The number of a conversation; 0 is the system.
pub(crate) type Conversation = usize;

/// Conversation and category of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Topic {
    pub(crate) conversation: Conversation,
    pub(crate) category: Category,
}

/// The updates that a reader gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Everything,
    Conversation(Conversation),
}

impl Source {
    pub(crate) fn wants(self, conversation: Conversation) -> bool {
        match self {
            Self::Everything => true,
            Self::Conversation(own) => own == conversation,
        }
    }
}

/// Losses by reason, in the order of [`index_of`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts(pub(crate) [u64; 7]);

impl Counts {
    pub(crate) fn count(&mut self, loss: Loss) {
        self.0[index_of(loss)] += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count += more;
        }
    }

    /// The same with expired updates counted as dropped by the sink.
    pub(crate) fn with_expired_as_sink(mut self) -> Self {
        self.0[5] += std::mem::take(&mut self.0[6]);
        self
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    pub(crate) fn of(losses: &Losses) -> Self {
        let mut counts = Self::default();
        for (loss, count) in losses.iter() {
            counts.0[index_of(loss)] += count;
        }
        counts
    }
}

fn index_of(loss: Loss) -> usize {
    use statusbus_tokio::DropReason;
    match loss {
        Loss::Expired => 6,
        Loss::Dropped(reason) => {
            DropReason::ALL.iter().position(|known| *known == reason).unwrap_or(0)
        }
    }
}
