//! What can be seen of a bus from outside, in one form for the core and for the model.

use statusbus_core::{
    Batch, DropReason, FlushReason, Gap, Handed, HandedOn, Item, KeyMode, Loss, Losses, Outcome,
    OverflowEdge, Priority, Pushed, RefuseReason, Telemetry,
};

use crate::said::{About, Facts, Said};
use crate::tally::TOLD;

/// What a push did.
#[derive(Debug, PartialEq)]
pub(crate) enum Became {
    Queued,
    Merged(Facts),
    Displaced(Facts, Loss),
    Expired(Facts),
    Dropped(Facts, DropReason),
    Refused(Facts, RefuseReason),
}

impl Became {
    /// The same of an offer, with what lies in its place afterwards.
    pub(crate) fn of(outcome: Outcome, back: Option<Facts>) -> Option<Self> {
        Some(match (outcome, back) {
            (Outcome::Queued, None) => Self::Queued,
            (Outcome::Merged, Some(old)) => Self::Merged(old),
            (Outcome::Displaced(loss), Some(old)) => Self::Displaced(old, loss),
            (Outcome::Expired, Some(new)) => Self::Expired(new),
            (Outcome::Dropped(reason), Some(new)) => Self::Dropped(new, reason),
            (Outcome::Refused(reason), Some(new)) => Self::Refused(new, reason),
            _ => return None,
        })
    }
}

impl<K, const RANKED: bool> From<Pushed<Said<K, RANKED>>> for Became {
    fn from(pushed: Pushed<Said<K, RANKED>>) -> Self {
        match pushed {
            Pushed::Queued => Self::Queued,
            Pushed::Merged(old) => Self::Merged(old.facts),
            Pushed::Displaced(old, loss) => Self::Displaced(old.facts, loss),
            Pushed::Expired(new) => Self::Expired(new.facts),
            Pushed::Dropped(new, reason) => Self::Dropped(new.facts, reason),
            Pushed::Refused(new, reason) => Self::Refused(new.facts, reason),
        }
    }
}

/// What telemetry heard. Times are in microseconds.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    /// Size, reason, longest wait, left in the queue.
    HandedOn(usize, FlushReason, u64, usize),
    Settled(u64),
    Coalesced,
    Lost(Loss),
    Refused(RefuseReason),
    Overflow(OverflowEdge),
}

#[derive(Default)]
pub(crate) struct Ears(pub(crate) Vec<Heard>);

impl Telemetry for Ears {
    fn handed_on(&mut self, batch: HandedOn) {
        let longest = batch.longest_wait.as_micros() as u64;
        self.0.push(Heard::HandedOn(batch.size, batch.reason, longest, batch.left));
    }
    fn settled(&mut self, latency: std::time::Duration) {
        self.0.push(Heard::Settled(latency.as_micros() as u64));
    }
    fn coalesced(&mut self) {
        self.0.push(Heard::Coalesced);
    }
    fn expired(&mut self) {
        self.0.push(Heard::Lost(Loss::Expired));
    }
    fn dropped(&mut self, reason: DropReason) {
        self.0.push(Heard::Lost(Loss::Dropped(reason)));
    }
    fn refused(&mut self, reason: RefuseReason) {
        self.0.push(Heard::Refused(reason));
    }
    fn overflow(&mut self, edge: OverflowEdge) {
        self.0.push(Heard::Overflow(edge));
    }
}

/// A gap: position, losses by topic in the order in which they came up, and of the whole bus.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SeenGap {
    pub(crate) seq: u64,
    pub(crate) topics: Vec<(About, Losses)>,
    pub(crate) elsewhere: Losses,
}

impl SeenGap {
    pub(crate) fn of(gap: &Gap<About, TOLD>) -> Self {
        Self { seq: gap.seq(), topics: gap.topics().to_vec(), elsewhere: *gap.elsewhere() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.topics.is_empty() && self.elsewhere == Losses::default()
    }

    /// Counts losses of a topic, if it is known and the table has or gets a place for it.
    pub(crate) fn add(&mut self, topic: Option<About>, losses: Losses, places: usize) {
        let known = self.topics.iter().position(|(known, _)| Some(*known) == topic);
        match (known, topic) {
            (Some(place), _) => self.topics[place].1.add(&losses),
            (None, Some(topic)) if self.topics.len() < places => self.topics.push((topic, losses)),
            _ => self.elsewhere.add(&losses),
        }
    }
}

/// An update as it was handed on. Times are in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct SeenUpdate {
    pub(crate) seq: u64,
    pub(crate) facts: Facts,
    pub(crate) priority: Priority,
    pub(crate) waited: u64,
    pub(crate) ttl_left: Option<u64>,
}

impl SeenUpdate {
    pub(crate) fn of<U>(handed: &Handed<U>, facts: Facts) -> Self {
        let ttl_left = handed.ttl_left().map(|left| left.as_micros() as u64);
        let (seq, priority, waited) = (handed.seq, handed.priority, handed.waited_micros());
        Self { seq, facts, priority, waited, ttl_left }
    }
}

pub(crate) type Buffer<U> = Batch<U, Box<[Item<U>]>, TOLD>;

/// Updates by topic, in the order in which the topics come up.
pub(crate) type ByTopic = Vec<(About, Vec<SeenUpdate>)>;

/// What is left in a buffer, and why it was due, if it is in flight.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SeenBatch {
    pub(crate) updates: Vec<SeenUpdate>,
    pub(crate) gap: Option<SeenGap>,
    pub(crate) reason: Option<FlushReason>,
}

impl SeenBatch {
    /// `in_flight`: whether it was handed on and is not settled.
    pub(crate) fn of<K: KeyMode, const RANKED: bool>(
        batch: &Buffer<Said<K, RANKED>>,
        in_flight: bool,
    ) -> Self {
        let seen = batch.iter();
        Self {
            updates: seen.map(|handed| SeenUpdate::of(&handed, handed.update.facts)).collect(),
            gap: batch.gap().map(SeenGap::of),
            reason: in_flight.then_some(batch.reason()),
        }
    }

    pub(crate) fn topics(&self) -> ByTopic {
        let mut topics = ByTopic::new();
        for &update in &self.updates {
            let about = update.facts.about;
            match topics.iter_mut().find(|(known, _)| *known == about) {
                Some((_, updates)) => updates.push(update),
                None => topics.push((about, vec![update])),
            }
        }
        topics
    }
}
