//! The state machine.

use core::time::Duration;

use crate::batch::{Batch, Info, Item};
use crate::books::{Books, loss_of};
use crate::gap::Loss;
use crate::index::{self, KeyMode};
use crate::ledger::{DropReason, Ledger, RefuseReason};
use crate::queue::{self, Queue};
use crate::slots::{Queued, Slot};
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
    /// When a gap has to be told that nothing else is due with.
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
    /// Zero until the first call that needs the settings.
    limit: usize,
    batch_size: usize,
    /// The length of the queue at which a batch is due.
    full: usize,
    flush_interval: u64,
    overflow: Overflow,
    leading: Leading,
    categories: usize,
    by_category: [ByCategory; CATEGORIES],
}

#[derive(Clone, Copy)]
struct ByCategory {
    priority: Priority,
    /// Microseconds; zero is none.
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
                batch_size: 0,
                full: 0,
                flush_interval: 0,
                overflow: Overflow::Evict,
                leading: Leading::Immediate,
                categories: 0,
                by_category: [ByCategory { priority: Priority::Progress, ttl: 0 }; CATEGORIES],
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
    /// it was told that nothing is due. True once: at most one wake-up is outstanding.
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

    /// Whether updates are being lost to a full queue: see [`OverflowEdge`].
    #[must_use]
    pub const fn is_overflowing(&self) -> bool {
        self.books.is_overflowing()
    }

    /// Who hears what happens.
    pub const fn telemetry(&mut self) -> &mut T {
        &mut self.books.telemetry
    }

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
    ///
    /// A fresh reading of the clock is only needed if [`last_reading`](Self::last_reading) says so.
    #[inline]
    pub fn push(&mut self, update: U, now: Instant) -> Pushed<U> {
        let now = self.clock.advance(now);
        self.books.attempt();
        // A new bus has a limit of zero: so it costs no test of its own to prepare it here.
        let full = self.queue.len() >= self.settings.limit && !self.prepare();
        if self.closed {
            return self.books.refuse(update, RefuseReason::Closed);
        }
        let category = update.category().index();
        let Some(&defaults) = self.settings.by_category.get(category) else {
            return self.books.refuse(update, RefuseReason::UnknownCategory);
        };
        if category >= self.settings.categories {
            return self.books.refuse(update, RefuseReason::UnknownCategory);
        }
        let queued = Queued {
            priority: match U::RANKED {
                true => update.priority().unwrap_or(defaults.priority),
                false => Priority::State,
            },
            arrival: now,
            expiry: expiry(&update, defaults.ttl, now),
            update,
        };
        let hash = if U::Keys::KEYED { queued.update.key_hash() } else { None };
        if let Some(hash) = hash {
            return self.push_keyed(queued, hash, full, now);
        }
        if full {
            return self.push_full(queued, None, now);
        }
        self.join(queued, None, now);
        Pushed::Queued
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
            let Some(queued) = self.queue.remove(slots, self.queue.first()) else { break };
            self.passed += 1;
            if queued.is_expired(now) {
                expired(self.books.lose(queued, Loss::Expired));
                continue;
            }
            longest_wait = longest_wait.max(now.micros_since(queued.arrival));
            batch.put(queued);
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
        let gap = self.gap_deadline.filter(|_| self.books.has_untold());
        let deadline = match (self.deadline, gap) {
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
            self.books.keep_gap(gap);
        }
        if accepted < in_flight {
            self.gap_deadline = Some(now.plus(self.settings.flush_interval));
            self.rouse();
        }
        self.settled(batch, now);
    }

    /// Hands on everything sent before the call, now. The mark tells when that is done:
    /// [`is_flushed`](Self::is_flushed).
    pub fn flush(&mut self, now: Instant) -> FlushMark {
        let now = self.clock.advance(now);
        self.flush_to = self.passed + self.queue.len() as u64;
        self.gap_deadline = Some(now);
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
        self.rouse();
    }

    /// Changes the configuration. A queue limit above the number of slots becomes that number. If
    /// more is queued than the new limit allows, updates leave as the new overflow policy says
    /// (`DropNewest` and `Reject`: the newest first) and are handed to `left`. Linear in those.
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
            let Some(queued) = self.queue.remove(slots, link) else { break };
            let loss = loss_of(&queued, DropReason::Shrunk, now);
            left(self.books.lose(queued, loss), loss);
        }
        if let Some(deadline) = self.deadline {
            self.deadline = Some(deadline.min(now.plus(self.settings.flush_interval)));
        }
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
            *by_category = ByCategory { priority, ttl: ttl.map_or(0, |ttl| micros(ttl).max(1)) };
        }
    }

    /// How many categories there are, the built-in ones among them: at least those, at most
    /// `CATEGORIES`. Updates of a category behind them are refused.
    pub fn set_categories(&mut self, categories: usize) {
        self.prepare();
        self.settings.categories = categories.min(CATEGORIES);
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
        if settings.limit == 0 {
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
        let oldest = queue::queued(self.slots.as_ref(), self.queue.first());
        let oldest = oldest.map_or(0, |queued| self.clock.elapsed().micros_since(queued.arrival));
        Depth {
            queued: self.queue.len(),
            peak: self.queue.take_peak(),
            oldest: Duration::from_micros(oldest),
        }
    }

    /// The last reading of the clock if `update` may be pushed with it; `None` if it needs a fresh
    /// one, because it would be the first in the queue or has a time-to-live.
    #[inline]
    #[must_use]
    pub fn last_reading(&self, update: &U) -> Option<Instant> {
        let by_category = self.settings.by_category.get(update.category().index());
        let expires =
            by_category.is_some_and(|defaults| defaults.ttl > 0) || update.ttl().is_some();
        (self.queue.len() > 0 && !expires).then(|| self.clock.reading())
    }

    /// An update with a key: in the place of the queued one, or behind everything.
    fn push_keyed(&mut self, queued: Queued<U>, hash: u32, full: bool, now: Instant) -> Pushed<U> {
        let slots = self.slots.as_mut();
        let link = index::find(slots, hash, &queued.update);
        match queue::queued(slots, link).map(|old| old.priority) {
            Some(_) if queued.priority == Priority::Terminal => {
                let old = self.queue.remove(slots, link);
                self.join(queued, Some(hash), now);
                old.map_or(Pushed::Queued, |old| Pushed::Merged(self.books.coalesce(old)))
            }
            Some(old) if queued.priority >= old => {
                let old = self.queue.replace(slots, link, queued);
                Pushed::Merged(self.books.coalesce(old))
            }
            _ if full => self.push_full(queued, Some(hash), now),
            _ => {
                self.join(queued, Some(hash), now);
                Pushed::Queued
            }
        }
    }

    /// An update that finds the queue full.
    #[cold]
    fn push_full(&mut self, queued: Queued<U>, hash: Option<u32>, now: Instant) -> Pushed<U> {
        self.books.overflow();
        let slots = self.slots.as_mut();
        let (link, reason) = match self.settings.overflow {
            Overflow::Reject => return self.books.refuse(queued.update, RefuseReason::Full),
            Overflow::DropNewest => return self.drop_newcomer(queued, DropReason::Newest),
            Overflow::DropOldest => (self.queue.first(), DropReason::Oldest),
            Overflow::Evict => {
                let least = self.queue.least(slots, now);
                let stays =
                    |old: &Queued<U>| old.priority > queued.priority && !old.is_expired(now);
                if queue::queued(slots, least).is_some_and(stays) {
                    return self.drop_newcomer(queued, DropReason::Outranked);
                }
                (least, DropReason::Evicted)
            }
        };
        let Some(old) = self.queue.remove(slots, link) else {
            return self.drop_newcomer(queued, reason); // a bus without slots
        };
        let loss = loss_of(&old, reason, now);
        let old = self.books.lose(old, loss);
        self.join(queued, hash, now);
        Pushed::Displaced(old, loss)
    }

    fn drop_newcomer(&mut self, queued: Queued<U>, reason: DropReason) -> Pushed<U> {
        Pushed::Dropped(self.books.lose(queued, Loss::Dropped(reason)), reason)
    }

    /// Puts an update at the end. There is room.
    #[inline]
    fn join(&mut self, queued: Queued<U>, hash: Option<u32>, now: Instant) {
        if self.deadline.is_none() {
            self.set_deadline(now);
        }
        self.queue.append(self.slots.as_mut(), queued, hash);
        if self.queue.len() == self.settings.full {
            self.rouse();
        }
    }

    /// The deadline of an update that comes now and is the oldest.
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
        } else if come(self.deadline) || (self.books.has_untold() && come(self.gap_deadline)) {
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

    /// Sets up a new bus with the defaults, and answers whether it has just done so. Done on first
    /// use, so that a bus in a `static` is all zeros.
    #[cold]
    fn prepare(&mut self) -> bool {
        if self.settings.limit > 0 {
            return false;
        }
        for (index, defaults) in self.settings.by_category.iter_mut().enumerate() {
            defaults.priority = match Category::from_index(index) {
                Some(Category::PROGRESS) => Priority::Progress,
                Some(Category::ERROR) => Priority::Terminal,
                _ => Priority::State,
            };
        }
        self.settings.categories = Category::BUILT_IN.len().min(CATEGORIES);
        self.apply(Config::new());
        self.settings.limit > 0
    }

    fn apply(&mut self, config: Config) {
        let limit = usize::from(config.queue_limit).min(self.capacity());
        let batch_size = usize::from(config.batch_size);
        let settings = &mut self.settings;
        settings.limit = limit;
        settings.batch_size = batch_size;
        settings.full = batch_size.min(limit);
        settings.flush_interval = config.flush_interval;
        settings.overflow = config.overflow;
        settings.leading = config.leading;
    }
}

/// When an update that comes now expires.
#[inline]
fn expiry<U: Update>(update: &U, default: u64, now: Instant) -> Instant {
    match update.ttl() {
        Some(ttl) => now.plus(micros(ttl)),
        None if default > 0 => now.plus(default),
        None => Instant::NEVER,
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
