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
    /// Sending what ends something: the queued one goes, and this joins the end.
    End,
    /// Sending to a full queue: another one has to go.
    Evict,
    /// Sending what cannot be sent.
    Refuse,
    /// The runner: polls, hands a full batch to the sink, settles it.
    HandOn,
    /// Asking for a flush, and for the counters.
    Look,
}

impl Work {
    /// All of it.
    pub const ALL: [Self; 8] = [
        Self::First,
        Self::Next,
        Self::Merge,
        Self::End,
        Self::Evict,
        Self::Refuse,
        Self::HandOn,
        Self::Look,
    ];

    /// What it is called where it is told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "sending to an empty queue",
            Self::Next => "sending to one that is not",
            Self::Merge => "sending what replaces",
            Self::End => "sending what ends",
            Self::Evict => "sending to a full queue",
            Self::Refuse => "sending what is refused",
            Self::HandOn => "polling, draining, settling",
            Self::Look => "flushing and looking",
        }
    }

    /// Updates that are sent before the interrupt can come.
    pub(super) const fn before(self) -> u64 {
        match self {
            Self::First | Self::Refuse => 0,
            Self::Evict => SLOTS as u64,
            Self::HandOn => 6,
            Self::Next | Self::Merge | Self::End | Self::Look => 3,
        }
    }

    /// Updates that the work itself sends.
    pub(super) const fn sent(self) -> u64 {
        !matches!(self, Self::HandOn | Self::Look) as u64
    }

    pub(super) fn prepare(self, bus: &Bus) {
        for number in 0..self.before() {
            let text = TEXTS[number as usize % TEXTS.len()];
            match (self, number) {
                (Self::Merge | Self::End, 1) => keyed(bus, text, Priority::Progress),
                _ => bus.info(TASK, text),
            }
        }
    }

    #[inline(never)]
    pub(super) fn work(self, bus: &Bus, runner: Pin<&mut impl Future>) {
        let text = TEXTS[self.before() as usize % TEXTS.len()];
        match self {
            Self::First | Self::Next | Self::Evict => bus.info(TASK, text),
            Self::Merge => keyed(bus, text, Priority::Progress),
            Self::End => keyed(bus, text, Priority::Terminal),
            Self::Refuse => bus.info("no:name", text),
            Self::HandOn => poll(runner, 3),
            Self::Look => {
                bus.request_flush();
                core::hint::black_box((bus.ledger(), bus.depth(), bus.seq()));
            }
        }
    }
}

/// What the task says, in this order.
pub(super) const TEXTS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

fn keyed(bus: &Bus, text: &str, priority: Priority) {
    bus.update(TASK, Category::PROGRESS, text).key("k").priority(priority).send();
}

/// Lets a future go on, so many times.
pub(super) fn poll(mut future: Pin<&mut impl Future>, times: usize) {
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..times {
        if future.as_mut().poll(&mut cx).is_ready() {
            return;
        }
    }
}
