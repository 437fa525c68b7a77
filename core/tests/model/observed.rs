//! What can be seen of a bus from outside, in one form for the core and for the model.

use statusbus_core::{
    Batch, BatchInfo, BatchUpdate, DropReason, FlushReason, Gap, Item, KeyMode, Loss, Losses,
    Outcome, OverflowEvent, Priority, RefuseReason, Telemetry,
};

use crate::case::{Sent, Stored, Topic};
use crate::tally::GAPS;

/// Ages are compared up to here: on microcontrollers longer ones show at least this.
const KNOWN_AGE: u64 = 1 << 30;

pub(crate) fn age(micros: u64) -> u64 {
    micros.min(KNOWN_AGE)
}

/// What a push did, with what came back.
#[derive(Debug, PartialEq)]
pub(crate) enum Pushed {
    Queued,
    Merged(Sent),
    Displaced(Sent, Loss),
    Expired(Sent),
    Dropped(Sent, DropReason),
    Refused(Sent, RefuseReason),
}

impl Pushed {
    /// The same of an outcome, and of what is left where the update was.
    pub(crate) fn of(outcome: Outcome, back: Sent) -> Option<Self> {
        Some(match outcome {
            Outcome::Queued if back == Sent::EMPTY => Self::Queued,
            Outcome::Merged => Self::Merged(back),
            Outcome::Displaced(loss) => Self::Displaced(back, loss),
            Outcome::Expired => Self::Expired(back),
            Outcome::Dropped(reason) => Self::Dropped(back, reason),
            Outcome::Refused(reason) => Self::Refused(back, reason),
            _ => return None,
        })
    }
}

/// An event of the telemetry. Times are in microseconds.
#[derive(Debug, PartialEq)]
pub(crate) enum Event {
    /// Size, reason, longest wait, left in the queue.
    Polled(usize, FlushReason, u64, usize),
    Settled(u64),
    Coalesced,
    Lost(Loss),
    Refused(RefuseReason),
    Overflow(OverflowEvent),
}

#[derive(Default)]
pub(crate) struct Events(pub(crate) Vec<Event>);

impl Telemetry for Events {
    fn polled(&mut self, batch: BatchInfo) {
        let longest = age(batch.longest_wait.as_micros() as u64);
        self.0.push(Event::Polled(batch.size, batch.reason, longest, batch.left));
    }
    fn settled(&mut self, latency: std::time::Duration) {
        self.0.push(Event::Settled(latency.as_micros() as u64));
    }
    fn coalesced(&mut self) {
        self.0.push(Event::Coalesced);
    }
    fn lost(&mut self, loss: Loss) {
        self.0.push(Event::Lost(loss));
    }
    fn refused(&mut self, reason: RefuseReason) {
        self.0.push(Event::Refused(reason));
    }
    fn overflow(&mut self, event: OverflowEvent) {
        self.0.push(Event::Overflow(event));
    }
}

/// A gap: position, losses by topic in the order in which they came up, and of the whole bus.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeenGap {
    pub(crate) seq: u64,
    pub(crate) topics: Vec<(Topic, Losses)>,
    pub(crate) elsewhere: Losses,
    pub(crate) retold: u64,
    pub(crate) confirmed: usize,
}

impl SeenGap {
    pub(crate) fn of(gap: &Gap<Topic, GAPS>) -> Self {
        Self {
            seq: gap.seq(),
            topics: gap.topics().map(|(topic, losses)| (*topic, losses)).collect(),
            elsewhere: gap.elsewhere(),
            retold: gap.retold(),
            confirmed: gap.confirmed(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.elsewhere == Losses::default()
    }

    /// How many losses it has, one by one.
    pub(crate) fn losses(&self) -> usize {
        self.topics.len() + usize::from(self.elsewhere != Losses::default())
    }

    /// Counts losses of a topic, if it is known and the table has or gets a row for it.
    pub(crate) fn add(&mut self, topic: Option<Topic>, losses: Losses) {
        let known = self.topics.iter().position(|(known, _)| Some(*known) == topic);
        match (known, topic) {
            (Some(row), _) => self.topics[row].1.add(&losses),
            (None, Some(topic)) if self.topics.len() < GAPS => self.topics.push((topic, losses)),
            _ => self.elsewhere.add(&losses),
        }
    }
}

/// An update of a batch. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SeenUpdate {
    pub(crate) seq: u64,
    pub(crate) sent: Sent,
    pub(crate) priority: Priority,
    pub(crate) waited: u64,
    pub(crate) ttl_left: Option<u64>,
}

impl SeenUpdate {
    pub(crate) fn of<K, const RANKED: bool>(seen: &BatchUpdate<'_, Stored<K, RANKED>>) -> Self {
        let left = seen.ttl_left().map(|left| left.as_micros() as u64);
        Self {
            seq: seen.seq,
            sent: seen.update.sent,
            priority: seen.priority,
            waited: age(seen.waited_micros()),
            ttl_left: left.map(ttl),
        }
    }
}

/// What is left of a TTL as far as it is compared: with times of 32 bits long ones are rounded up.
pub(crate) fn ttl(left: u64) -> u64 {
    if cfg!(statusbus_narrow) { left.min(1 << 31) } else { left }
}

pub(crate) type Buffer<U> = Batch<U, Box<[Item<U>]>>;

/// What is left in a buffer, and why it was due, if it is in flight.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SeenBatch {
    pub(crate) updates: Vec<SeenUpdate>,
    pub(crate) gap_seq: Option<u64>,
    pub(crate) reason: Option<FlushReason>,
}

impl SeenBatch {
    /// `in_flight`: whether it was polled and is not settled.
    pub(crate) fn of<K: KeyMode, const RANKED: bool>(
        batch: &Buffer<Stored<K, RANKED>>,
        in_flight: bool,
    ) -> Self {
        Self {
            updates: batch.iter().map(|update| SeenUpdate::of(&update)).collect(),
            gap_seq: batch.gap_seq(),
            reason: in_flight.then_some(batch.reason()),
        }
    }
}
