//! The state machine.

use core::time::Duration;

use crate::batch::{Batch, Info, Item};
use crate::books::{Books, loss_of};
use crate::gap::Loss;
use crate::index::{self, KeyMode};
use crate::ledger::{DropReason, Ledger, RefuseReason};
use crate::queue::{self, Queue};
use crate::slots::{Link, Place, Slot, Terms};
use crate::time::{Clock, Instant, micros};
use crate::{
    Category, Config, Depth, FlushReason, HandedOn, Leading, Overflow, Priority, Telemetry, Update,
};

/// A status bus: a bounded queue of updates that leave in batches, in order, with every loss
/// counted.
///
/// It has no clock, no thread and no timer: it is told the time with each call, hands on what is
/// due when it is [polled](Self::poll), and says [when it next wants to be](Self::poll_at). It
/// stands in memory that is fixed at construction: slots `S` are an array or a boxed slice of
/// [`Slot`]s.
///
/// `T` hears what happens ([`Telemetry`]), `CATEGORIES` is how many categories it can have and
/// `GAPS` for how many topics it counts losses apart. A new bus is all zeros, so that one in a
/// `static` costs no flash, whatever it holds.
///
/// ```
/// use statusbus_core::{Batch, Bus, Category, Config, Instant, Slot, Unkeyed, Update};
///
/// struct Said(&'static str);
///
/// impl Update for Said {
///     type Topic = ();
///     type Keys = Unkeyed;
///     fn topic(&self) {}
///     fn category(&self) -> Category { Category::INFO }
/// }
///
/// let mut bus: Bus<Said, [Slot<Said>; 32]> = Bus::new();
/// let mut batch: Batch<Said, [_; 16]> = Batch::new();
/// let now = Instant::from_millis(1_000);
///
/// let _ = bus.push(Said("hello"), now);
/// assert_eq!(bus.poll_at(), Some(now)); // the first after idling is due at once
/// assert!(bus.poll(&mut batch, now));
/// assert_eq!(batch.iter().map(|handed| handed.update.0).collect::<Vec<_>>(), ["hello"]);
/// bus.delivered(&mut batch, now);
/// assert_eq!(bus.poll_at(), None); // idle: no timer
/// assert_eq!(bus.ledger().delivered, 1);
/// ```
pub struct Bus<U: Update, S, T = (), const CATEGORIES: usize = 7, const GAPS: usize = 4> {
    queue: Queue,
    clock: Clock,
    books: Books<U::Topic, T, GAPS>,
    settings: Settings<CATEGORIES>,
    /// When what is queued has to go. Set when the queue stops being empty, and never later.
    deadline: Option<Instant>,
    /// When a gap has to be told that nothing else is due with. None unless there is one.
    gap_deadline: Option<Instant>,
    last_flush: Option<Instant>,
    /// The last position that was given.
    seq: u64,
    /// Places that have left the front of the queue.
    passed: u64,
    /// A flush was asked for up to this place.
    flush_to: u64,
    closed: bool,
    /// Whoever polls was told that nothing is due, and is not woken yet.
    asleep: bool,
    wake: bool,
    slots: S,
}

/// The configuration as the bus uses it. All zeros means: not prepared yet, and the defaults hold.
struct Settings<const CATEGORIES: usize> {
    /// Zero until the first call that needs the settings, and without slots.
    limit: usize,
    /// The length of the queue from which on an update cannot simply join: the limit, or zero once
    /// the bus is closed.
    room: usize,
    /// Zero until the first call that needs the settings.
    batch_size: usize,
    /// The length of the queue at which a batch is due.
    full: usize,
    flush_interval: u64,
    overflow: Overflow,
    leading: Leading,
    by_category: [ByCategory; CATEGORIES],
}

#[derive(Clone, Copy)]
struct ByCategory {
    /// Whether the bus has it; none does until the first call that needs the settings.
    known: bool,
    priority: Priority,
    /// Microseconds and one more; zero is none.
    ttl: u64,
}

/// What `push` did. Every update that is not queued, or had to leave for the new one, is handed
/// back here.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "it may hand an update back; `let _ =` says that its end does not matter"]
pub enum Pushed<U> {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue and replaced this one, which had the same topic and key.
    Merged(U),
    /// It waits in the queue, and this one had to leave for it.
    Displaced(U, Loss),
    /// It was dropped.
    Dropped(U, DropReason),
    /// It was refused.
    Refused(U, RefuseReason),
}

/// What [`Bus::offer`] did. The update that came back, if one did, lies where the new one was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It waits in the queue.
    Queued,
    /// It waits in the queue and replaced the one that came back, which had the same topic and key.
    Merged,
    /// It waits in the queue, and the one that came back had to leave for it.
    Displaced(Loss),
    /// It was dropped and came back.
    Dropped(DropReason),
    /// It was refused and came back.
    Refused(RefuseReason),
}

/// How far a flush reaches; see [`Bus::flush`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlushMark(u64);

impl<U: Update, T, const N: usize, const CATEGORIES: usize, const GAPS: usize>
    Bus<U, [Slot<U>; N], T, CATEGORIES, GAPS>
{
    /// A bus with `N` slots, 1 to 65,534, in place, that tells `telemetry` what happens.
    #[must_use]
    pub const fn with_telemetry(telemetry: T) -> Self {
        const { assert!(N > 0 && N <= Config::MOST, "a bus has 1 to 65,534 slots") };
        Self::in_slots([const { Slot::VACANT }; N], telemetry)
    }
}

impl<U: Update, const N: usize, const CATEGORIES: usize, const GAPS: usize>
    Bus<U, [Slot<U>; N], (), CATEGORIES, GAPS>
{
    /// A bus with `N` slots, 1 to 65,534, in place and all zeros. It has the default
    /// [`Config`]; for another one call [`reconfigure`](Self::reconfigure).
    #[must_use]
    pub const fn new() -> Self {
        Self::with_telemetry(())
    }
}

impl<U: Update, const N: usize, const CATEGORIES: usize, const GAPS: usize> Default
    for Bus<U, [Slot<U>; N], (), CATEGORIES, GAPS>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS> {
    const fn in_slots(slots: S, telemetry: T) -> Self {
        const { assert!(CATEGORIES > 0 && CATEGORIES <= Category::MAX, "1 to 32 categories") };
        Self {
            queue: Queue::new(),
            clock: Clock::new(),
            books: Books::new(telemetry),
            settings: Settings {
                limit: 0,
                room: 0,
                batch_size: 0,
                full: 0,
                flush_interval: 0,
                overflow: Overflow::Evict,
                leading: Leading::Immediate,
                by_category: [ByCategory { known: false, priority: Priority::Progress, ttl: 0 };
                    CATEGORIES],
            },
            deadline: None,
            gap_deadline: None,
            last_flush: None,
            seq: 0,
            passed: 0,
            flush_to: 0,
            closed: false,
            asleep: false,
            wake: false,
            slots,
        }
    }

    /// Whether whoever polls has to be woken: [`poll_at`](Self::poll_at) has moved forward since
    /// it was told that nothing is due. True once: at most one wake-up is outstanding; and not any
    /// more once it has polled.
    ///
    /// Ask after every call that is not made by the one who polls.
    #[must_use = "the answer is given once"]
    pub fn take_wake(&mut self) -> bool {
        core::mem::take(&mut self.wake)
    }

    /// Whether the bus refuses new updates.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether the bus is closed and has handed on everything, gaps included.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.closed && self.queue.len() == 0 && !self.books.has_untold()
    }

    /// The position that was given last; zero before the first.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The counters.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.books.ledger(self.queue.len())
    }

    /// Whether updates are being lost to a full queue: see [`OverflowEdge`](crate::OverflowEdge).
    #[must_use]
    pub const fn is_overflowing(&self) -> bool {
        self.books.is_overflowing()
    }

    /// Who hears what happens.
    pub const fn telemetry(&mut self) -> &mut T {
        &mut self.books.telemetry
    }

    #[cold]
    fn rouse(&mut self) {
        if self.asleep {
            (self.asleep, self.wake) = (false, true);
        }
    }
}

impl<U, S, T, const CATEGORIES: usize, const GAPS: usize> Bus<U, S, T, CATEGORIES, GAPS>
where
    U: Update,
    S: AsRef<[Slot<U>]> + AsMut<[Slot<U>]>,
    T: Telemetry,
{
    /// A bus in slots that the caller brings, a boxed slice say: nothing is built on the stack.
    /// What is behind the first 65,534 slots is not used.
    #[must_use]
    pub fn with_slots(slots: S, config: Config, telemetry: T) -> Self {
        let mut bus = Self::in_slots(slots, telemetry);
        bus.prepare();
        bus.apply(config);
        bus
    }

    /// Takes an update in. O(1), expected where it has a key.
    #[inline]
    pub fn push(&mut self, update: U, now: Instant) -> Pushed<U> {
        self.clock.advance(now);
        let mut offered = Place::new(update);
        let outcome = self.offer(&mut offered, || now);
        match (outcome, offered.take()) {
            (Outcome::Merged, Some(update)) => Pushed::Merged(update),
            (Outcome::Displaced(loss), Some(update)) => Pushed::Displaced(update, loss),
            (Outcome::Dropped(reason), Some(update)) => Pushed::Dropped(update, reason),
            (Outcome::Refused(reason), Some(update)) => Pushed::Refused(update, reason),
            _ => Pushed::Queued,
        }
    }

    /// Like [`push`](Self::push), for hosts that count instructions.
    ///
    /// The update is moved once, into its slot, and what comes back is left in its place; the place
    /// must not be empty. The clock is only read if a reading is needed: because the update is the
    /// first in the queue, has a time-to-live, or finds the queue full. Others take the last reading
    /// for theirs.
    #[inline]
    pub fn offer(&mut self, offered: &mut Place<U>, reading: impl FnOnce() -> Instant) -> Outcome {
        let Some(update) = offered.get() else { return Outcome::Queued };
        self.books.attempt();
        let category = update.category();
        let defaults = match self.settings.by_category.get(category.index()) {
            Some(defaults) if defaults.known => *defaults,
            _ => match self.prepared(category) {
                Some(defaults) => defaults,
                None => return self.refuse_unknown(),
            },
        };
        let ttl = match update.ttl() {
            Some(ttl) => Some(micros(ttl)),
            None => defaults.ttl.checked_sub(1),
        };
        // Who has expired is looked at when the queue is full, so the time has to be right then too.
        let len = self.queue.len();
        let now = match ttl.is_some() || len == 0 || len >= self.settings.limit {
            true => self.clock.advance(reading()),
            false => self.clock.elapsed(),
        };
        let terms = Terms {
            priority: match U::RANKED {
                true => update.priority().unwrap_or(defaults.priority),
                false => Priority::State,
            },
            arrival: now,
            expiry: ttl.map_or(Instant::NEVER, |ttl| now.plus(ttl)),
        };
        let hash = if U::Keys::KEYED { update.key_hash() } else { None };
        if len >= self.settings.room || hash.is_some() {
            return self.offer_slowly(offered, terms, hash);
        }
        self.join(offered, terms, None);
        Outcome::Queued
    }

    /// Hands on the next batch if one is due; else answers `false`. Call it again until it does.
    ///
    /// Being called early is harmless and costs energy, being called late costs latency. O(1) for
    /// each update that is handed on or found to have expired. An earlier batch that is still in
    /// the buffer unsettled counts as not accepted by the sink.
    #[must_use = "the batch has to be delivered and settled"]
    pub fn poll<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant) -> bool
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        self.poll_with(batch, |_| {}, now)
    }

    /// Like [`poll`](Self::poll); updates that have expired are handed to `expired`.
    #[must_use = "the batch has to be delivered and settled"]
    pub fn poll_with<B>(
        &mut self,
        batch: &mut Batch<U, B, GAPS>,
        mut expired: impl FnMut(U),
        now: Instant,
    ) -> bool
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        self.prepare();
        (self.asleep, self.wake) = (false, false);
        self.failed(batch, 0, now);
        let now = self.clock.advance(now);
        let room = batch.capacity().min(self.settings.batch_size);
        let reason = match self.due(now) {
            Some(reason) if room > 0 => reason,
            _ => {
                self.asleep = true;
                return false;
            }
        };
        let mut longest_wait = 0;
        let slots = self.slots.as_mut();
        while batch.len() < room {
            let Some(terms) = queue::terms(slots, self.queue.first()) else { break };
            self.passed += 1;
            if terms.is_expired(now) {
                if let Some((update, _)) = self.queue.remove(slots, self.queue.first()) {
                    self.books.lose(update.topic(), Loss::Expired);
                    expired(update);
                }
                continue;
            }
            longest_wait = longest_wait.max(now.micros_since(terms.arrival));
            batch.put(terms, |place| self.queue.take_first(slots, place));
        }
        let left = self.queue.len();
        if left == 0 {
            self.deadline = None;
            self.passed = self.passed.max(self.flush_to);
        }
        if left <= self.settings.limit / 2 {
            self.books.relieve();
        }
        if let Some(gap) = self.books.take_gap(self.seq + 1) {
            self.seq += 1;
            batch.put_gap(gap);
        }
        let size = batch.len();
        batch.info = Info { in_flight: size, first_seq: self.seq + 1, handed_on: now, reason };
        self.seq += size as u64;
        self.books.hand_on(size);
        (self.last_flush, self.gap_deadline) = (Some(now), None);
        let longest_wait = Duration::from_micros(longest_wait);
        self.books.telemetry.handed_on(HandedOn { size, reason, longest_wait, left });
        true
    }

    /// When the bus next wants to be polled, in readings of the host's clock: the last reading if
    /// something is due already, `None` if it is idle.
    #[must_use]
    pub fn poll_at(&self) -> Option<Instant> {
        if self.due(self.clock.elapsed()).is_some() {
            return Some(self.clock.reading());
        }
        let deadline = match (self.deadline, self.gap_deadline) {
            (Some(queued), Some(gap)) => Some(queued.min(gap)),
            (queued, gap) => queued.or(gap),
        };
        deadline.map(|deadline| self.clock.reading_at(deadline))
    }

    /// Settles a batch: the sink accepted it. Empties the buffer.
    pub fn delivered<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let now = self.clock.advance(now);
        if batch.is_unsettled() {
            self.books.deliver(batch.info.in_flight);
            self.settled(batch, now);
        }
    }

    /// Settles a batch of which the sink accepted only the first `accepted` updates, and empties
    /// the buffer. The others are dropped for that reason; if it accepted none, the batch's gap is
    /// told with the next batch.
    pub fn failed<B>(&mut self, batch: &mut Batch<U, B, GAPS>, accepted: usize, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let now = self.clock.advance(now);
        if !batch.is_unsettled() {
            return;
        }
        let in_flight = batch.info.in_flight;
        let accepted = accepted.min(in_flight);
        self.books.deliver(accepted);
        for index in accepted..in_flight {
            let topic = batch.update(index).map(Update::topic);
            self.books.fail(topic);
        }
        if accepted == 0
            && let Some(gap) = batch.take_gap()
        {
            self.books.keep_gap(&gap);
        }
        if accepted < in_flight {
            let latest = now.plus(self.settings.flush_interval);
            self.gap_deadline = Some(self.gap_deadline.map_or(latest, |set| set.min(latest)));
            self.rouse();
        }
        self.settled(batch, now);
    }

    /// Hands on everything sent before the call, now. The mark tells when that is done:
    /// [`is_flushed`](Self::is_flushed).
    pub fn flush(&mut self, now: Instant) -> FlushMark {
        let now = self.clock.advance(now);
        // what was removed since an earlier flush must not put its mark out of reach
        self.flush_to = self.flush_to.max(self.passed + self.queue.len() as u64);
        if self.books.has_untold() {
            self.gap_deadline = Some(now);
        }
        self.rouse();
        FlushMark(self.flush_to)
    }

    /// Whether everything that a flush was asked for has been handed on. It may still be in flight.
    #[must_use]
    pub fn is_flushed(&self, mark: FlushMark) -> bool {
        self.passed >= mark.0
    }

    /// How far flushing has come: every mark up to this one is flushed.
    #[must_use]
    pub const fn flushed(&self) -> FlushMark {
        FlushMark(self.passed)
    }

    /// Refuses new updates from now on and makes everything queued due.
    pub fn close(&mut self, now: Instant) {
        self.clock.advance(now);
        self.closed = true;
        self.settings.room = 0;
        self.rouse();
    }

    /// Changes the configuration. A queue limit above the number of slots becomes that number. If
    /// more is queued than the new limit allows, updates leave as the new overflow policy says
    /// (`DropNewest` and `Reject`: the newest first) and are handed to `left`. Linear in those. From
    /// then on nothing that is queued waits longer than the new flush interval.
    pub fn reconfigure(&mut self, config: Config, mut left: impl FnMut(U, Loss), now: Instant) {
        self.prepare();
        let now = self.clock.advance(now);
        self.apply(config);
        while self.queue.len() > self.settings.limit {
            let slots = self.slots.as_mut();
            let link = match self.settings.overflow {
                Overflow::Evict => self.queue.least(slots, now),
                Overflow::DropOldest => self.queue.first(),
                Overflow::DropNewest | Overflow::Reject => self.queue.last(),
            };
            let Some((update, terms)) = self.queue.remove(slots, link) else { break };
            let loss = loss_of(&terms, DropReason::Shrunk, now);
            self.books.lose(update.topic(), loss);
            left(update, loss);
        }
        let interval = self.settings.flush_interval;
        if let Some(oldest) = queue::terms(self.slots.as_ref(), self.queue.first()) {
            let latest = oldest.arrival.plus(interval);
            self.deadline = self.deadline.map(|set| set.min(latest));
        }
        let latest = now.plus(interval);
        self.gap_deadline = self.gap_deadline.map(|set| set.min(latest));
        self.rouse();
    }

    /// Changes what holds for updates of a category that do not say otherwise: their priority, and
    /// their time-to-live (whole microseconds, `None`: they do not expire). Updates that are queued
    /// already stay as they are. A category that the bus does not have is ignored.
    pub fn reconfigure_category(
        &mut self,
        category: Category,
        priority: Priority,
        ttl: Option<Duration>,
    ) {
        self.prepare();
        if let Some(by_category) = self.settings.by_category.get_mut(category.index()) {
            let ttl = ttl.map_or(0, |ttl| micros(ttl).saturating_add(1));
            (by_category.priority, by_category.ttl) = (priority, ttl);
        }
    }

    /// How many categories there are, the built-in ones among them: at least those, at most
    /// `CATEGORIES`. Updates of a category behind them are refused.
    pub fn set_categories(&mut self, categories: usize) {
        self.prepare();
        let categories = categories.max(Category::BUILT_IN.len());
        for (index, by_category) in self.settings.by_category.iter_mut().enumerate() {
            by_category.known = index < categories;
        }
    }

    /// Counts an update that the host refused before it could be pushed.
    pub fn refuse(&mut self, reason: RefuseReason) {
        self.books.attempt();
        self.books.count_refused(reason);
    }

    /// The configuration that holds.
    #[must_use]
    pub fn config(&self) -> Config {
        let settings = &self.settings;
        if settings.batch_size == 0 {
            let config = Config::new();
            let limit = usize::from(config.queue_limit).min(self.capacity());
            return Config { queue_limit: limit as u16, ..config };
        }
        Config {
            queue_limit: settings.limit as u16,
            batch_size: settings.batch_size as u16,
            overflow: settings.overflow,
            leading: settings.leading,
            flush_interval: settings.flush_interval,
        }
    }

    /// Most updates that this bus could ever queue: its slots.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slots.as_ref().len().min(Config::MOST)
    }

    /// The depth of the queue, and its peak since the last call.
    pub fn depth(&mut self) -> Depth {
        let oldest = queue::terms(self.slots.as_ref(), self.queue.first());
        let oldest = oldest.map_or(0, |oldest| self.clock.elapsed().micros_since(oldest.arrival));
        Depth {
            queued: self.queue.len(),
            peak: self.queue.take_peak(),
            oldest: Duration::from_micros(oldest),
        }
    }

    /// The settings of a category, if the bus has it. The first call prepares the bus.
    #[cold]
    fn prepared(&mut self, category: Category) -> Option<ByCategory> {
        self.prepare();
        let defaults = self.settings.by_category.get(category.index());
        defaults.copied().filter(|defaults| defaults.known)
    }

    #[cold]
    fn refuse_unknown(&mut self) -> Outcome {
        self.books.refuse(match self.closed {
            true => RefuseReason::Closed,
            false => RefuseReason::UnknownCategory,
        })
    }

    /// The last reading of the clock if `update` may be pushed with it; `None` if it needs a fresh
    /// one, because it would be the first in the queue, has a time-to-live, or finds the queue full.
    #[must_use]
    pub fn last_reading(&self, update: &U) -> Option<Instant> {
        let by_category = self.settings.by_category.get(update.category().index());
        let expires =
            by_category.is_some_and(|defaults| defaults.ttl > 0) || update.ttl().is_some();
        let fits = self.queue.len() > 0 && self.queue.len() < self.settings.limit;
        (fits && !expires).then(|| self.clock.reading())
    }

    /// An update that has a key, finds the queue full, or comes when the bus is closed.
    #[inline(never)]
    fn offer_slowly(&mut self, offered: &mut Place<U>, terms: Terms, hash: Option<u32>) -> Outcome {
        if self.closed {
            return self.books.refuse(RefuseReason::Closed);
        }
        let slots = self.slots.as_mut();
        let same = match (hash, offered.get()) {
            (Some(hash), Some(update)) => index::find(slots, hash, update),
            _ => Link::NONE,
        };
        match queue::terms(slots, same).map(|old| old.priority) {
            Some(_) if terms.priority == Priority::Terminal => {
                let old = self.queue.remove(slots, same);
                self.join(offered, terms, hash);
                *offered = old.map_or(Place::VACANT, |(old, _)| Place::new(old));
            }
            Some(old) if terms.priority >= old => {
                self.queue.replace(slots, same, terms, offered);
            }
            _ if self.queue.len() >= self.settings.limit => {
                return self.offer_full(offered, terms, hash);
            }
            _ => {
                self.join(offered, terms, hash);
                return Outcome::Queued;
            }
        }
        self.books.coalesce();
        Outcome::Merged
    }

    /// An update that finds the queue full.
    fn offer_full(&mut self, offered: &mut Place<U>, terms: Terms, hash: Option<u32>) -> Outcome {
        self.books.overflow();
        let slots = self.slots.as_mut();
        let (link, reason) = match self.settings.overflow {
            Overflow::Reject => return self.books.refuse(RefuseReason::Full),
            Overflow::DropNewest => return self.drop_newcomer(offered, DropReason::Newest),
            Overflow::DropOldest => (self.queue.first(), DropReason::Oldest),
            Overflow::Evict => {
                let least = self.queue.least(slots, terms.arrival);
                let stays =
                    |old: Terms| old.priority > terms.priority && !old.is_expired(terms.arrival);
                if queue::terms(slots, least).is_some_and(stays) {
                    return self.drop_newcomer(offered, DropReason::Outranked);
                }
                (least, DropReason::Evicted)
            }
        };
        let Some((old, old_terms)) = self.queue.remove(slots, link) else {
            return self.drop_newcomer(offered, reason); // a bus without slots
        };
        let loss = loss_of(&old_terms, reason, terms.arrival);
        self.books.lose(old.topic(), loss);
        self.join(offered, terms, hash);
        *offered = Place::new(old);
        Outcome::Displaced(loss)
    }

    fn drop_newcomer(&mut self, offered: &mut Place<U>, reason: DropReason) -> Outcome {
        if let Some(update) = offered.get() {
            self.books.lose(update.topic(), Loss::Dropped(reason));
        }
        Outcome::Dropped(reason)
    }

    /// Puts an update at the end. There is room.
    #[inline(always)]
    fn join(&mut self, offered: &mut Place<U>, terms: Terms, hash: Option<u32>) {
        if self.deadline.is_none() {
            self.set_deadline(terms.arrival);
        }
        self.queue.append(self.slots.as_mut(), offered, terms, hash);
        if self.queue.len() == self.settings.full {
            self.rouse();
        }
    }

    /// The deadline of an update that comes now and is the oldest.
    #[cold]
    fn set_deadline(&mut self, now: Instant) {
        let interval = self.settings.flush_interval;
        let latest = now.plus(interval);
        self.deadline = Some(match (self.settings.leading, self.last_flush) {
            (Leading::Delayed, _) => latest,
            (Leading::Immediate, None) => now,
            (Leading::Immediate, Some(last)) => latest.min(now.max(last.plus(interval))),
        });
        self.rouse();
    }

    /// Why a batch is due, if one is.
    fn due(&self, now: Instant) -> Option<FlushReason> {
        let len = self.queue.len();
        let come = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if len > 0 && len >= self.settings.full {
            Some(FlushReason::Full)
        } else if len > 0 && self.passed < self.flush_to {
            Some(FlushReason::Flush)
        } else if self.closed && (len > 0 || self.books.has_untold()) {
            Some(FlushReason::Close)
        } else if come(self.deadline) || come(self.gap_deadline) {
            Some(FlushReason::Interval)
        } else {
            None
        }
    }

    fn settled<B>(&mut self, batch: &mut Batch<U, B, GAPS>, now: Instant)
    where
        B: AsRef<[Item<U>]> + AsMut<[Item<U>]>,
    {
        let latency = now.micros_since(batch.info.handed_on);
        self.books.telemetry.settled(Duration::from_micros(latency));
        batch.clear();
    }

    /// Sets up a new bus with the defaults. Done on first
    /// use, so that a bus in a `static` is all zeros.
    fn prepare(&mut self) {
        if self.settings.batch_size > 0 {
            return;
        }
        for (index, defaults) in self.settings.by_category.iter_mut().enumerate() {
            defaults.known = index < Category::BUILT_IN.len();
            defaults.priority = match Category::from_index(index) {
                Some(Category::PROGRESS) => Priority::Progress,
                Some(Category::ERROR) => Priority::Terminal,
                _ => Priority::State,
            };
        }
        self.apply(Config::new());
    }

    fn apply(&mut self, config: Config) {
        let limit = usize::from(config.queue_limit).min(self.capacity());
        let batch_size = usize::from(config.batch_size);
        let settings = &mut self.settings;
        settings.limit = limit;
        settings.room = if self.closed { 0 } else { limit };
        settings.batch_size = batch_size;
        settings.full = batch_size.min(limit);
        settings.flush_interval = config.flush_interval;
        settings.overflow = config.overflow;
        settings.leading = config.leading;
    }
}

impl<U: Update, S, T, const CATEGORIES: usize, const GAPS: usize> core::fmt::Debug
    for Bus<U, S, T, CATEGORIES, GAPS>
{
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let ledger = self.ledger();
        f.debug_struct("Bus")
            .field("closed", &self.closed)
            .field("ledger", &ledger)
            .finish_non_exhaustive()
    }
}
