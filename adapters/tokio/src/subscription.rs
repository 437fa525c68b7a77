//! Reading what was delivered.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use statusbus_core::{Category, CategorySet, ConversationError, Losses};

use crate::Batch;
use crate::hub::{BusPlace, Source};
use crate::parcel::{Delivered, Parcel};
use crate::ring::{Cursor, Found, Record, Ring, Ticket};
use crate::shared::Shared;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// One conversation.
    Conversation(String),
    /// What is said system-wide.
    System,
    /// Everything, in the one order of the bus.
    Everything,
}

impl Selector {
    /// One conversation.
    pub fn conversation(name: impl Into<String>) -> Self {
        Self::Conversation(name.into())
    }
}

/// What a subscription gets, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// The values that stand now: the last update of each topic and key. First, if asked for or if
    /// resuming was not possible, and after [`Event::Lagged`].
    Retained(Batch),
    /// Updates that were delivered together.
    Batch(Batch),
    /// Updates are missing here: nobody gets them.
    Gap(Gap),
    /// This reader was too slow and missed what others got.
    Lagged(Lagged),
}

impl Event {
    /// The position up to which a reader is who has read this event: resume behind it.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Retained(batch) | Self::Batch(batch) => batch.seq(),
            Self::Gap(gap) => gap.seq,
            Self::Lagged(lagged) => lagged.seq,
        }
    }
}

/// Updates that nobody gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The position that it leads up to.
    pub seq: u64,
    /// How many, and why.
    pub losses: Losses,
    /// Whose updates they were.
    pub scope: GapScope,
}

/// Whose updates a gap counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GapScope {
    /// This conversation's, of this category.
    Topic(Category),
    /// Anybody's: too many topics had losses to count them apart.
    Bus,
}

/// Updates that this reader did not get because it was too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged {
    /// The position that it leads up to.
    pub seq: u64,
    /// How many of the conversation's updates it missed, of whatever category.
    pub missed: u64,
}

/// How a subscription begins; from [`Status::subscribe`](crate::Status::subscribe).
#[must_use = "a subscription begins with `open`"]
#[derive(Debug)]
pub struct Subscribe {
    shared: Arc<Shared>,
    selector: Selector,
    categories: CategorySet,
    retained: bool,
    resume: Option<(u64, u64)>,
}

impl Subscribe {
    pub(crate) const fn new(shared: Arc<Shared>, selector: Selector) -> Self {
        Self { shared, selector, categories: CategorySet::ALL, retained: false, resume: None }
    }

    /// Only these categories.
    pub const fn categories(mut self, categories: CategorySet) -> Self {
        self.categories = categories;
        self
    }

    /// First the values that stand now.
    pub const fn retained(mut self) -> Self {
        self.retained = true;
        self
    }

    /// Goes on behind a position: with no gap and no duplicate, or
    /// [`recovered`](Subscription::recovered) is false and the values that stand now come first.
    pub const fn resume(mut self, epoch: u64, seq: u64) -> Self {
        self.resume = Some((epoch, seq));
        self
    }

    /// Begins to read. Everything that is delivered from now on is read or told as missed.
    ///
    /// # Errors
    /// The conversation's name is none.
    pub fn open(self) -> Result<Subscription, ConversationError> {
        let Self { shared, selector, categories, retained, resume } = self;
        let source = match selector {
            Selector::Everything => Source::Everything,
            Selector::System => Source::Conversation(Arc::clone(&shared.system)),
            Selector::Conversation(name) => Source::Conversation(shared.conversation(&name)?),
        };
        let count = Arc::new(AtomicU64::new(0));
        let key = shared.hub.enter(source.clone(), Arc::clone(&count));
        let mut subscription = Subscription {
            shared,
            source,
            categories,
            cursor: Cursor::default(),
            bus_place: BusPlace::default(),
            pending: VecDeque::new(),
            ticket: None,
            key: Some(key),
            count,
            recovered: false,
        };
        subscription.begin(retained, resume);
        Ok(subscription)
    }
}

/// A reader: a stream of [`Event`]s. It has its own position on what was delivered, so however slow
/// it is, it holds up nobody: when it falls behind too far it is told so, gets the values that stand
/// now, and goes on from there.
pub struct Subscription {
    shared: Arc<Shared>,
    source: Source,
    categories: CategorySet,
    cursor: Cursor,
    /// The last loss of the whole bus that it was told.
    bus_place: BusPlace,
    pending: VecDeque<Event>,
    ticket: Option<Ticket>,
    /// Its place among the readers, until it has come to the end.
    key: Option<usize>,
    count: Arc<AtomicU64>,
    recovered: bool,
}

impl Subscription {
    /// Whether it goes on exactly where it was asked to resume.
    #[must_use]
    pub const fn recovered(&self) -> bool {
        self.recovered
    }

    /// The position up to which it has read.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.cursor.seq
    }

    /// The next event; `None` when the bus was shut down and everything is read. Safe to cancel.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event if it is there already.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.poll_event(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Chooses other categories, from the next event on.
    pub fn set_categories(&mut self, categories: CategorySet) {
        self.categories = categories;
    }

    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    fn begin(&mut self, retained: bool, resume: Option<(u64, u64)>) {
        // Everything up to here has been written to the rings of all conversations.
        let head = self.shared.hub.everything().head().seq;
        let mut ring = self.shared.hub.ring(&self.source);
        if let Some((epoch, seq)) = resume
            && epoch == self.shared.epoch
            && seq <= head.max(ring.head().seq)
            && (self.is_of_everything() || self.shared.hub.knows_bus_gaps_behind(seq))
            && let Some(cursor) = ring.cursor_at(seq)
        {
            (self.cursor, self.recovered) = (cursor, true);
        } else {
            self.cursor = ring.head();
            self.cursor.seq = self.cursor.seq.max(head);
        }
        self.bus_place = self.shared.hub.bus_place(self.cursor.seq);
        let first = (retained || resume.is_some()) && !self.recovered;
        let snapshot = first.then(|| self.snapshot(&mut ring));
        drop(ring);
        self.count.store(self.cursor.count, Ordering::Relaxed);
        if let Some(snapshot) = snapshot {
            self.push_retained(snapshot);
        }
    }

    /// The values that stand now, where they can be had under the ring's lock.
    fn snapshot(&self, ring: &mut Ring) -> Option<Parcel> {
        let Source::Conversation(conversation) = &self.source else { return None };
        let mut parcel = Parcel::default();
        let now = self.shared.clock.now().as_micros();
        let mut values: Vec<&Delivered> = ring.retained.live(now).collect();
        values.sort_unstable_by_key(|delivered| delivered.seq);
        for delivered in values {
            parcel.copy(conversation.name(), delivered);
        }
        Some(parcel)
    }

    fn push_retained(&mut self, snapshot: Option<Parcel>) {
        let parcel = snapshot.unwrap_or_else(|| self.shared.everything_retained(self.cursor.seq));
        self.pending.push_back(Event::Retained(Batch {
            parcel: Arc::new(parcel),
            first: 0,
            linked: false,
            categories: self.categories,
            after: 0,
            last_seq: self.cursor.seq,
        }));
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Poll::Ready(Some(event));
            }
            if self.key.is_none() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(more) = self.look(cx) {
                match more {
                    Some(event) => return Poll::Ready(Some(event)),
                    None => continue,
                }
            }
            return Poll::Pending;
        }
    }

    /// Looks at what comes next. Ready with nothing: look again.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let shared = Arc::clone(&self.shared);
        let hub = &shared.hub;
        let source = self.source.clone();
        let mut ring = hub.ring(&source);
        let found = ring.find(self.cursor);
        // Whoever reads everything has the losses of the whole bus in its ring.
        if hub.bus_gap_seq() > self.bus_place.seq && !self.is_of_everything() {
            let through = match &found {
                Found::Entry(entry) => entry.last_seq,
                Found::Lagged => ring.head().seq,
                Found::Nothing | Found::End => u64::MAX,
            };
            let place = hub.bus_place(through);
            if place.seq > self.bus_place.seq && place.seq <= through {
                let told = std::mem::replace(&mut self.bus_place, place);
                // Who has lagged has missed these too.
                if !matches!(found, Found::Lagged) {
                    let (seq, losses) = (place.seq, place.losses_behind(&told));
                    let scope = GapScope::Bus;
                    return Poll::Ready(Some(Event::Gap(Gap { seq, losses, scope })));
                }
            }
        }
        match found {
            Found::Entry(entry) => {
                let after = self.cursor.seq;
                self.cursor = Cursor { seq: entry.last_seq, count: entry.before + entry.len };
                self.count.store(self.cursor.count, Ordering::Relaxed);
                Poll::Ready(match &entry.record {
                    Record::Updates { .. } => entry
                        .batch(after, self.categories)
                        .filter(|batch| !batch.is_empty())
                        .map(Event::Batch),
                    Record::Gap { .. } => {
                        let seq = entry.last_seq;
                        for (category, losses) in ring.gaps_at(seq) {
                            if category.is_none_or(|category| self.categories.contains(category)) {
                                let scope = category.map_or(GapScope::Bus, GapScope::Topic);
                                self.pending.push_back(Event::Gap(Gap { seq, losses, scope }));
                            }
                        }
                        None
                    }
                })
            }
            Found::Nothing => {
                self.ticket = Some(ring.wait(self.ticket, cx.waker()));
                Poll::Pending
            }
            Found::Lagged => {
                let head = ring.head();
                let missed = head.count.saturating_sub(self.cursor.count);
                self.cursor = head;
                self.count.store(self.cursor.count, Ordering::Relaxed);
                let snapshot = self.snapshot(&mut ring);
                drop(ring);
                shared.count_missed(missed);
                self.pending.push_back(Event::Lagged(Lagged { seq: head.seq, missed }));
                self.push_retained(snapshot);
                Poll::Ready(None)
            }
            Found::End => {
                drop(ring);
                self.leave();
                Poll::Ready(None)
            }
        }
    }

    const fn is_of_everything(&self) -> bool {
        matches!(self.source, Source::Everything)
    }

    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.hub.ring(&self.source).leave(self.ticket.take());
            self.shared.hub.leave(key);
            if let Source::Conversation(conversation) = &self.source {
                self.shared.names.lock().leave(conversation);
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("seq", &self.cursor.seq).finish_non_exhaustive()
    }
}
