//! Reading what was delivered.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use futures_core::Stream;
use statusbus_core::CategorySet;

use crate::Batch;
use crate::conversation::ConversationState;
use crate::event::{Event, Gap, GapScope, Lagged};
use crate::hub::{BusPlace, Source};
use crate::parcel::{Delivered, Parcel};
use crate::ring::{Cursor, Found, Record, Ring, Ticket};
use crate::selector::Selector;
use crate::shared::Shared;

/// What a subscription does when it was too slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLag {
    /// Skips what it has not read: gets the values that stand now, and goes on with what comes next.
    /// For whoever shows how things are.
    #[default]
    Latest,
    /// Goes on with the oldest update that is still kept, and misses as little as it can. For
    /// whoever writes down what was said. As long as it stays slower than what is sent it lags again
    /// and again, and is told so each time.
    Oldest,
}

/// How a subscription begins; from [`Status::subscribe`](crate::Status::subscribe).
#[must_use = "a subscription begins with `open`"]
pub struct Subscribe {
    shared: Arc<Shared>,
    source: Source,
    categories: CategorySet,
    retained: bool,
    resume: Option<(u64, u64)>,
    on_lag: OnLag,
}

impl Subscribe {
    pub(crate) fn new(shared: Arc<Shared>, selector: Selector) -> Self {
        let source = match selector {
            Selector::Everything => Source::Everything,
            Selector::System => Source::Conversation(Arc::clone(&shared.system)),
            Selector::Conversation(name) => Source::Conversation(shared.conversation_of(&name)),
        };
        Self {
            shared,
            source,
            categories: CategorySet::ALL,
            retained: false,
            resume: None,
            on_lag: OnLag::Latest,
        }
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

    /// What it does when it was too slow. Default [`OnLag::Latest`].
    pub const fn on_lag(mut self, on_lag: OnLag) -> Self {
        self.on_lag = on_lag;
        self
    }

    /// Begins to read. Everything that is delivered from now on is read or told as missed.
    #[must_use]
    pub fn open(self) -> Subscription {
        let Self { shared, source, categories, retained, resume, on_lag } = self;
        let count = Arc::new(AtomicU64::new(0));
        let key = shared.hub.enter(source.clone(), Arc::clone(&count));
        let mut subscription = Subscription {
            shared,
            source,
            categories,
            on_lag,
            cursor: Cursor::default(),
            bus_place: BusPlace::default(),
            pending: VecDeque::new(),
            ticket: None,
            key: Some(key),
            count,
            recovered: false,
            resume_point: None,
        };
        subscription.begin(retained, resume);
        subscription
    }
}

/// A reader: a stream of [`Event`]s. It has its own position on what was delivered, so however slow
/// it is, it holds up nobody: when it falls behind too far it is told so, gets the values that stand
/// now, and goes on from there, or goes on with what is still kept ([`OnLag`]).
pub struct Subscription {
    shared: Arc<Shared>,
    source: Source,
    categories: CategorySet,
    on_lag: OnLag,
    cursor: Cursor,
    /// The last loss of the whole bus that it was told.
    bus_place: BusPlace,
    pending: VecDeque<Event>,
    ticket: Option<Ticket>,
    /// Its place among the readers, until it has come to the end.
    key: Option<usize>,
    count: Arc<AtomicU64>,
    recovered: bool,
    resume_point: Option<u64>,
}

impl Subscription {
    /// Whether it goes on exactly where it was asked to resume.
    #[must_use]
    pub const fn recovered(&self) -> bool {
        self.recovered
    }

    /// The position to [resume](Subscribe::resume) from after the last event: that of the last one
    /// with an [`Event::resume_point`], or where the subscription began. `None` until the retained
    /// values that come first have been taken.
    #[must_use]
    pub const fn resume_point(&self) -> Option<u64> {
        self.resume_point
    }

    /// Updates of its conversation, or of all, of whatever category, that it has not come to: those
    /// that it will find and those that it will be told as missed. Costs a lock.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.shared.hub.ring(&self.source).appended().saturating_sub(self.cursor.count)
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

    /// Rewinds into `batch`, which has to be the [`Event::Batch`] that was read last: its updates
    /// behind position `seq` come again as the next event, or count as missed if they have left the
    /// window by then. A reader that passes a large batch on in parts holds a position in between
    /// instead of the batch. Linear in the updates that were delivered together; any other batch
    /// rewinds nothing.
    pub fn rewind(&mut self, batch: &Batch, seq: u64) {
        if batch.last_seq != self.cursor.seq || seq >= self.cursor.seq {
            return;
        }
        let seq = seq.max(batch.after);
        let all = batch.parcel.walk(batch.group);
        let rest = all.filter(|(_, update)| update.seq > seq).count() as u64;
        self.cursor = Cursor { seq, count: self.cursor.count.saturating_sub(rest) };
        self.resume_point = Some(seq);
        self.count.store(self.cursor.count, Ordering::Relaxed);
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
        let values = first.then(|| values_of(&self.shared, self.source.conversation(), &mut ring));
        drop(ring);
        self.count.store(self.cursor.count, Ordering::Relaxed);
        match values {
            Some(values) => self.push_retained(values),
            None => self.resume_point = Some(self.cursor.seq),
        }
    }

    /// `values` are those of its conversation, if it reads one.
    fn push_retained(&mut self, values: Option<Parcel>) {
        let parcel = values.unwrap_or_else(|| self.shared.everything_retained(self.cursor.seq));
        self.pending.push_back(Event::Retained(Batch {
            parcel: Arc::new(parcel),
            group: None,
            categories: self.categories,
            after: 0,
            last_seq: self.cursor.seq,
        }));
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let next = self.poll_pending(cx);
        if let Poll::Ready(Some(event)) = &next {
            self.resume_point = event.resume_point().or(self.resume_point);
        }
        next
    }

    fn poll_pending(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                return Poll::Ready(Some(event));
            }
            if self.key.is_none() {
                return Poll::Ready(None);
            }
            match self.look(cx) {
                Poll::Ready(Some(event)) => return Poll::Ready(Some(event)),
                Poll::Ready(None) if self.pending.is_empty() => {
                    self.resume_point = Some(self.cursor.seq);
                }
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Looks at what comes next. Ready with nothing: look again.
    fn look(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let Self { shared, source, .. } = self;
        let hub = &shared.hub;
        let mut ring = hub.ring(source);
        let found = ring.find(self.cursor);
        // Whoever reads everything has the losses of the whole bus in its ring.
        if hub.bus_gap_seq() > self.bus_place.seq && !matches!(source, Source::Everything) {
            let through = match &found {
                Found::Entry(entry) => entry.last_seq,
                Found::Past(past) => ring.behind(past).seq,
                Found::Lagged => self.on_lag.behind(&ring).seq,
                Found::Nothing | Found::End => u64::MAX,
            };
            let place = hub.bus_place(through);
            if place.seq > self.bus_place.seq && place.seq <= through {
                let told = std::mem::replace(&mut self.bus_place, place);
                // Who has lagged has missed these too.
                if !matches!(found, Found::Lagged) {
                    let (seq, losses) = (place.seq, place.losses_behind(&told));
                    let scope = GapScope::Bus;
                    let more = ring.gaps_at(seq).next().is_some();
                    let resume = (!more).then_some(seq);
                    return Poll::Ready(Some(Event::Gap(Gap { seq, losses, scope, resume })));
                }
            }
        }
        let after = self.cursor.seq;
        let batch = match found {
            Found::Entry(entry) => {
                self.cursor = Cursor { seq: entry.last_seq, count: entry.before + entry.len };
                if matches!(entry.record, Record::Gap(_)) {
                    push_gaps(&mut self.pending, &ring, entry.last_seq, self.categories);
                }
                entry.batch(after, self.categories)
            }
            Found::Past(past) => {
                self.cursor = ring.behind(&past);
                let batch = ring.past(past, source.name(), after, self.categories);
                if batch.is_none() {
                    push_gaps(&mut self.pending, &ring, self.cursor.seq, self.categories);
                }
                batch
            }
            Found::Nothing => {
                self.ticket = Some(ring.wait(self.ticket, cx.waker()));
                return Poll::Pending;
            }
            Found::Lagged => {
                let behind = self.on_lag.behind(&ring);
                let values = (self.on_lag == OnLag::Latest)
                    .then(|| values_of(shared, source.conversation(), &mut ring));
                drop(ring);
                self.catch_up(behind, values);
                return Poll::Ready(None);
            }
            Found::End => {
                drop(ring);
                self.leave();
                return Poll::Ready(None);
            }
        };
        self.count.store(self.cursor.count, Ordering::Relaxed);
        Poll::Ready(batch.filter(Batch::has_news).map(Event::Batch))
    }

    /// It was too slow: tells it so, and the values that stand where it goes on.
    fn catch_up(&mut self, behind: Cursor, values: Option<Option<Parcel>>) {
        let missed = behind.count.saturating_sub(self.cursor.count);
        self.cursor = behind;
        self.count.store(self.cursor.count, Ordering::Relaxed);
        self.shared.count_missed(missed);
        let resume = values.is_none().then_some(behind.seq);
        self.pending.push_back(Event::Lagged(Lagged { seq: behind.seq, missed, resume }));
        if let Some(values) = values {
            self.push_retained(values);
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

/// The values of a conversation that stand now, where they can be had under the ring's lock.
fn values_of(
    shared: &Shared,
    conversation: Option<&ConversationState>,
    ring: &mut Ring,
) -> Option<Parcel> {
    let name = conversation?.name();
    let mut values: Vec<_> = ring.retained(shared.clock.now().as_micros()).collect();
    values.sort_unstable_by_key(|value| value.seq);
    let mut parcel = Parcel::default();
    for value in values {
        parcel.copy(name, Delivered::of(value));
    }
    Some(parcel)
}

/// The losses at one position, as far as they are of these categories.
fn push_gaps(pending: &mut VecDeque<Event>, ring: &Ring, seq: u64, categories: CategorySet) {
    for (category, losses) in ring.gaps_at(seq) {
        if category.is_none_or(|category| categories.contains(category)) {
            let scope = category.map_or(GapScope::Bus, GapScope::Topic);
            pending.push_back(Event::Gap(Gap { seq, losses, scope, resume: None }));
        }
    }
    if let Some(Event::Gap(last)) = pending.back_mut() {
        last.resume = Some(last.seq);
    }
}

impl OnLag {
    /// Where a reader goes on that was too slow.
    fn behind(self, ring: &Ring) -> Cursor {
        match self {
            Self::Latest => ring.head(),
            Self::Oldest => ring.tail(),
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

impl fmt::Debug for Subscribe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscribe").field("resume", &self.resume).finish_non_exhaustive()
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("seq", &self.cursor.seq).finish_non_exhaustive()
    }
}
