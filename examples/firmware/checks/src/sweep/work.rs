//! What is interrupted.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};

use statusbus_embassy::{Category, Priority};

use super::{Bus, SLOTS, TASK};

/// What is interrupted.
#[derive(Clone, Copy, Debug)]
pub enum Work {
    /// Sending to an empty queue: the runner is woken.
    First,
    /// Sending to a queue that holds something.
    Next,
    /// Sending what replaces a queued update.
    Merge,
    /// Sending what replaces a queued update and raises its priority.
    Raise,
    /// Sending to a full queue: a queued update is evicted.
    Evict,
    /// Sending what is refused.
    Refuse,
    /// The runner: polls, passes a full batch to the sink, settles it.
    Deliver,
    /// Asking for a flush, and for the counters.
    Look,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 8] = [
        Self::First,
        Self::Next,
        Self::Merge,
        Self::Raise,
        Self::Evict,
        Self::Refuse,
        Self::Deliver,
        Self::Look,
    ];

    /// The name in the output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "sending to an empty queue",
            Self::Next => "sending to one that is not",
            Self::Merge => "sending what replaces",
            Self::Raise => "sending what raises the priority",
            Self::Evict => "sending to a full queue",
            Self::Refuse => "sending what is refused",
            Self::Deliver => "polling, draining, settling",
            Self::Look => "flushing and looking",
        }
    }

    /// Updates that are sent before the interrupt can come.
    pub(super) const fn before(self) -> u64 {
        match self {
            Self::First | Self::Refuse => 0,
            Self::Evict => SLOTS as u64,
            Self::Deliver => 6,
            Self::Next | Self::Merge | Self::Raise | Self::Look => 3,
        }
    }

    /// Updates that the work itself sends.
    pub(super) const fn sent(self) -> u64 {
        !matches!(self, Self::Deliver | Self::Look) as u64
    }

    pub(super) fn prepare(self, bus: &Bus) {
        for number in 0..self.before() {
            let text = TEXTS[number as usize % TEXTS.len()];
            match (self, number) {
                (Self::Merge | Self::Raise, 1) => keyed(bus, text, Priority::Low),
                _ => bus.info(TASK, text),
            }
        }
    }

    #[inline(never)]
    pub(super) fn work(self, bus: &Bus, runner: Pin<&mut impl Future>) {
        let text = TEXTS[self.before() as usize % TEXTS.len()];
        match self {
            Self::First | Self::Next | Self::Evict => bus.info(TASK, text),
            Self::Merge => keyed(bus, text, Priority::Low),
            Self::Raise => keyed(bus, text, Priority::High),
            Self::Refuse => bus.info("no:name", text),
            Self::Deliver => poll(runner, 3),
            Self::Look => {
                bus.request_flush();
                core::hint::black_box((bus.ledger(), bus.depth(), bus.seq()));
            }
        }
    }
}

/// What the task actions, in this order.
pub(super) const TEXTS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

fn keyed(bus: &Bus, text: &str, priority: Priority) {
    bus.update(TASK, Category::PROGRESS, text).key("k").priority(priority).send();
}

/// Polls a future, so many times.
pub(super) fn poll(mut future: Pin<&mut impl Future>, times: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if future.as_mut().poll(&mut cx).is_ready() {
            return;
        }
    }
}
