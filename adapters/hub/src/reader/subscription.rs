//! Subscriptions: how they begin, and what they yield.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_core::stream::FusedStream;
use statusbus_core::CategorySet;

use crate::batch::block::Block;
use crate::batch::view::Batch;
use crate::bus::shared::Shared;
use crate::reader::event::{Event, Gap, Lagged};
use crate::reader::reported::Reported;
use crate::registry::selector::Selector;
use crate::sync::{AtomicU64, CountedArc, MappedMutexGuard, Ordering};
use crate::window::hub::Source;
use crate::window::loss_log::LossRecord;
use crate::window::ring::{Cursor, Found, Ring, Ticket};
use crate::window::snapshot::Start;

/// What a subscription does after it fell behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnLag {
    /// It skips to the end: the retained values follow, and then new updates. For views of the current
    /// state.
    #[default]
    Latest,
    /// It continues with the oldest update in the window and so misses as few as possible. For logs. A
    /// reader that stays slower than the bus lags again and again, with an [`Event::Lagged`] each time.
    Oldest,
}

/// The settings of a subscription: from [`Status::subscribe`](crate::Status::subscribe) or
/// [`Conversation::subscribe`](crate::Conversation::subscribe). [`open`](Self::open) begins it.
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
            Selector::System => Source::Conversation(CountedArc::clone(&shared.system)),
            Selector::Conversation(name) => Source::Conversation(shared.conversation_of(&name)),
        };
        Self::of_source(shared, source)
    }

    pub(crate) const fn of_source(shared: Arc<Shared>, source: Source) -> Self {
        Self {
            shared,
            source,
            categories: CategorySet::ALL,
            retained: false,
            resume: None,
            on_lag: OnLag::Latest,
        }
    }

    /// Selects only these categories. Default: all.
    pub const fn with_categories(mut self, categories: CategorySet) -> Self {
        self.categories = categories;
        self
    }

    /// Begins with the current [retained values](Event::Retained). Default: with the next update.
    pub const fn with_retained(mut self) -> Self {
        self.retained = true;
        self
    }

    /// Resumes after a position: the [epoch](crate::Status::epoch) of the bus and an
    /// [`Event::resume_point`]. The subscription continues without a missing or repeated update. If that is
    /// not possible (another epoch, or the updates have left the window),
    /// [`recovered`](Subscription::recovered) is `false` and the [retained values](Event::Retained) come
    /// first.
    pub const fn resume(mut self, epoch: u64, seq: u64) -> Self {
        self.resume = Some((epoch, seq));
        self
    }

    /// Sets what it does after it fell behind. Default: [`OnLag::Latest`].
    pub const fn with_on_lag(mut self, on_lag: OnLag) -> Self {
        self.on_lag = on_lag;
        self
    }

    /// Begins the subscription. Every update that is delivered from now on is read or counted as missed.
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
            entries: 0,
            reported: Reported::default(),
            pending: VecDeque::new(),
            ticket: None,
            key: Some(key),
            count,
            recovered: false,
            resume_point: None,
            is_behind_batch: false,
        };
        subscription.begin(retained, resume);
        subscription
    }
}

/// A reader: a stream of [`Event`]s with a position of its own, so that a slow reader delays neither the
/// bus nor other readers. When the next update has left the window, the reader receives
/// [`Event::Lagged`] and continues as [`OnLag`] defines.
pub struct Subscription {
    shared: Arc<Shared>,
    source: Source,
    categories: CategorySet,
    on_lag: OnLag,
    cursor: Cursor,
    /// Entries of the ring up to the cursor, if it is between two of them.
    entries: u64,
    reported: Reported,
    pending: VecDeque<Event>,
    ticket: Option<Ticket>,
    /// Its place among the readers, until it has come to the end.
    key: Option<usize>,
    count: Arc<AtomicU64>,
    recovered: bool,
    resume_point: Option<u64>,
    /// The last event was a batch, into which it can rewind.
    is_behind_batch: bool,
}

impl Subscription {
    /// Whether the subscription resumed at the [requested](Subscribe::resume) position. `false` without a
    /// request.
    #[must_use]
    pub const fn recovered(&self) -> bool {
        self.recovered
    }

    /// The position to [resume](Subscribe::resume) from: that of the last event with an
    /// [`Event::resume_point`], at first the position where the subscription began. `None` until the
    /// retained values that come first have been read.
    #[must_use]
    pub const fn resume_point(&self) -> Option<u64> {
        self.resume_point
    }

    /// How many delivered updates of its selection, in all categories, it has not read yet; those that
    /// it will miss count too. Costs a lock.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.shared.hub.ring(&self.source).appended().saturating_sub(self.cursor.count)
    }

    /// Waits for the next event. `None`: the bus was closed and everything is read. Safe to cancel.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event, if there is one already. `None` is also the end.
    pub fn try_next(&mut self) -> Option<Event> {
        match self.poll_event(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    /// Rewinds into `batch`: its updates after position `seq` come again as the next event, or count as
    /// missed if they have left the window by then. A reader that forwards a large batch in parts can so
    /// keep a position instead of the batch. `batch` must be the [`Event::Batch`] that was read last; any
    /// other has no effect. O(n) in the number of updates that were delivered together.
    pub fn rewind(&mut self, batch: &Batch, seq: u64) {
        let is_last = self.is_behind_batch && batch.last_seq == self.cursor.seq;
        if !is_last || seq >= self.cursor.seq {
            return;
        }
        let seq = seq.max(batch.after);
        let all = Batch { categories: CategorySet::ALL, after: seq, ..batch.clone() };
        let rest = all.len() as u64;
        self.cursor = Cursor { seq, count: self.cursor.count.saturating_sub(rest) };
        self.resume_point = Some(seq);
        self.count.store(self.cursor.count, Ordering::Relaxed);
    }

    /// Selects other categories, from the next [resume point](Event::resume_point) on.
    pub fn set_categories(&mut self, categories: CategorySet) {
        self.categories = categories;
    }

    /// Counts a panic of a handler: see [`Status::panics`](crate::Status::panics). For the crate of a runtime.
    #[doc(hidden)]
    pub fn count_panic(&self) {
        self.shared.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls a function. If it panics, the panic ends here and is [counted](crate::Status::panics). For the crate
    /// of a runtime.
    #[doc(hidden)]
    pub fn contain(&self, call: impl FnOnce()) {
        self.shared.contain(call);
    }

    fn begin(&mut self, retained: bool, resume: Option<(u64, u64)>) {
        let Self { shared, source, .. } = self;
        // Everything up to here has been written to the rings of all conversations.
        let head = shared.hub.everything().head().seq;
        let ring = shared.hub.ring(source);
        let resume_at = resume
            .filter(|&(epoch, seq)| epoch == shared.epoch && seq <= head.max(ring.head().seq));
        let resumed = resume_at.and_then(|(_, seq)| {
            let reported = Reported::known_at(seq, source, &shared.hub, &ring)?;
            Some((ring.cursor_at(seq)?, reported))
        });
        self.recovered = resumed.is_some();
        let mut cursor = ring.head();
        cursor.seq = cursor.seq.max(head);
        let (values, cursor, reported) = match resumed {
            Some((cursor, reported)) => {
                drop(ring);
                (None, cursor, reported)
            }
            None if retained || resume.is_some() => {
                let (values, cursor, reported) = with_retained(shared, source, ring, cursor);
                (Some(values), cursor, reported)
            }
            None => {
                let reported = Reported::up_to(cursor.seq, source, &shared.hub, &ring);
                drop(ring);
                (None, cursor, reported)
            }
        };
        (self.cursor, self.reported) = (cursor, reported);
        self.count.store(self.cursor.count, Ordering::Relaxed);
        match values {
            Some(values) => self.push_retained(values),
            None => self.resume_point = Some(self.cursor.seq),
        }
    }

    fn push_retained(&mut self, block: Arc<Block>) {
        self.pending.push_back(Event::Retained(Batch {
            block,
            part: None,
            categories: self.categories,
            after: 0,
            last_seq: self.cursor.seq,
        }));
    }

    #[inline]
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if self.pending.is_empty() && self.key.is_some() {
            match self.next_batch(cx) {
                Quick::Batch(batch) => return Poll::Ready(Some(Event::Batch(batch))),
                Quick::Pending => return Poll::Pending,
                Quick::Unknown => {}
            }
        }
        self.poll_any(cx)
    }

    /// The next batch, in the case that is common: the reader is between two batches of the window, reads every
    /// update of the next one or one of its categories, and has no loss to report.
    #[inline]
    fn next_batch(&mut self, cx: &Context<'_>) -> Quick {
        let Self { shared, source, cursor, .. } = self;
        let hub = &shared.hub;
        let mut ring = hub.ring(source);
        if !self.reported.is_complete(source, hub, &ring) {
            return Quick::Unknown;
        }
        let Some(entry) = ring.entry_behind(self.entries, *cursor) else {
            if !ring.is_at_end(self.entries, *cursor) {
                return Quick::Unknown;
            }
            self.ticket = Some(ring.wait(self.ticket, cx.waker()));
            return Quick::Pending;
        };
        let has_all = entry.categories.intersection(self.categories) == entry.categories;
        let Some(batch) = entry.batch(cursor.seq, self.categories) else { return Quick::Unknown };
        if entry.part.is_some() && !has_all {
            return Quick::Unknown;
        }
        *cursor = Cursor { seq: entry.last_seq, count: entry.before + entry.len };
        drop(ring);
        self.entries += 1;
        self.count.store(self.cursor.count, Ordering::Relaxed);
        self.resume_point = Some(self.cursor.seq);
        self.is_behind_batch = true;
        Quick::Batch(batch)
    }

    #[inline(never)]
    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        let next = self.poll_pending(cx);
        if let Poll::Ready(Some(event)) = &next {
            self.resume_point = event.resume_point().or(self.resume_point);
            self.is_behind_batch = matches!(event, Event::Batch(_));
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
        // Behind the ring's lock: a reader that is not woken for losses, because it does not wait yet,
        // sees that they are published.
        let published = hub.losses_published();
        let found = ring.find(self.cursor);
        // The losses in front of what was found come first.
        let limit = match &found {
            Found::Entry(entry) => entry.last_seq,
            Found::Past(past) => ring.past_seq(past.start).unwrap_or_default(),
            Found::Lagged => 0,
            // What a ring holds by itself is published with it; a closed one gets nothing more.
            Found::Nothing if source.conversation().is_some() => published,
            Found::Nothing | Found::End => u64::MAX,
        };
        if let Some(through) = self.reported.next(limit, source, hub, &ring) {
            let later = self.reported.advanced(through, source, hub, &ring);
            let count = self.cursor.count;
            drop(ring);
            self.report(later, through);
            self.end_position(through);
            self.cursor = Cursor { seq: self.cursor.seq.max(through), count };
            return Poll::Ready(None);
        }
        let after = self.cursor.seq;
        let batch = match found {
            Found::Entry(entry) => {
                self.cursor = Cursor { seq: entry.last_seq, count: entry.before + entry.len };
                self.entries = ring.entries_up_to(entry.last_seq);
                entry.batch(after, self.categories)
            }
            Found::Past(past) => {
                let until = self.reported.first_behind(source, hub, &ring).unwrap_or(u64::MAX);
                let (batch, cursor) = ring.past(past, until, source.name(), after, self.categories);
                self.cursor = cursor;
                Some(batch)
            }
            Found::Nothing => {
                self.entries = ring.entries_up_to(self.cursor.seq);
                self.ticket = Some(ring.wait(self.ticket, cx.waker()));
                return Poll::Pending;
            }
            Found::Lagged => {
                let (values, cursor, later) = match self.on_lag {
                    OnLag::Latest => {
                        let head = ring.head();
                        let (values, cursor, later) = with_retained(shared, source, ring, head);
                        (Some(values), cursor, later.latest(&self.reported))
                    }
                    OnLag::Oldest => {
                        let cursor = ring.tail();
                        let later = self.reported.advanced(cursor.seq, source, hub, &ring);
                        drop(ring);
                        (None, cursor, later)
                    }
                };
                self.catch_up(cursor, later, values);
                return Poll::Ready(None);
            }
            Found::End => {
                drop(ring);
                self.leave();
                return Poll::Ready(None);
            }
        };
        self.count.store(self.cursor.count, Ordering::Relaxed);
        Poll::Ready(batch.filter(Batch::has_updates).map(Event::Batch))
    }

    /// Hands out the losses up to later records, at position `seq`, of the chosen categories.
    fn report(&mut self, later: Reported, seq: u64) {
        let earlier = std::mem::replace(&mut self.reported, later);
        for (scope, losses) in self.reported.since(&earlier) {
            if scope.is_of(self.categories) {
                self.pending.push_back(Event::Gap(Gap { seq, losses, scope, resume: None }));
            }
        }
    }

    /// What is pending ends at a position, to resume behind.
    fn end_position(&mut self, seq: u64) {
        match self.pending.back_mut() {
            Some(Event::Gap(gap)) => gap.resume = Some(seq),
            Some(Event::Lagged(lagged)) => lagged.resume = Some(seq),
            Some(Event::Retained(_) | Event::Batch(_)) | None => {}
        }
    }

    /// It was too slow: how many it missed, the losses among them, and the retained values there where
    /// it goes on.
    fn catch_up(&mut self, behind: Cursor, later: Reported, values: Option<Arc<Block>>) {
        let missed = behind.count.saturating_sub(self.cursor.count);
        self.cursor = behind;
        self.count.store(self.cursor.count, Ordering::Relaxed);
        self.shared.count_missed(missed);
        let lagged = Lagged { seq: behind.seq, missed, resume: None };
        self.pending.push_back(Event::Lagged(lagged));
        self.report(later, behind.seq);
        match values {
            Some(values) => self.push_retained(values),
            None => self.end_position(behind.seq),
        }
    }

    fn leave(&mut self) {
        if let Some(key) = self.key.take() {
            self.shared.hub.ring(&self.source).leave(self.ticket.take());
            self.shared.hub.leave(key);
            if let Source::Conversation(conversation) = &self.source {
                self.shared.names.lock().leave(conversation, &self.shared.hub.index);
            }
        }
    }
}

/// What a quick look finds.
enum Quick {
    Batch(Batch),
    Pending,
    /// A closer look is needed.
    Unknown,
}

/// The retained values of a source, and where a reader goes on behind them: at `head` if it reads a
/// conversation.
fn with_retained(
    shared: &Shared,
    source: &Source,
    mut ring: MappedMutexGuard<'_, Ring>,
    head: Cursor,
) -> (Arc<Block>, Cursor, Reported) {
    match source {
        Source::Conversation(conversation) => {
            let values = ring.snapshot(conversation.name(), shared.host.now().as_micros());
            (values, head, Reported::up_to(head.seq, source, &shared.hub, &ring))
        }
        Source::Everything => {
            drop(ring);
            let (values, Start { cursor, reported }) = shared.snapshot_of_everything();
            (values, cursor, Reported { own: reported, of_bus: LossRecord::default() })
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave();
    }
}

/// It ends when the bus was closed and everything is read.
impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.poll_event(cx)
    }
}

impl FusedStream for Subscription {
    fn is_terminated(&self) -> bool {
        self.key.is_none() && self.pending.is_empty()
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
