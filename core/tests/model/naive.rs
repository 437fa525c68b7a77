//! The rules of docs/design.md, as plainly as they can be written: one list, searched from end to
//! end, and times as numbers that never run out. Choices that the rules leave open are marked "decided".

use statusbus_core::{
    Category, DropReason, FlushReason, Leading, Ledger, Loss, Overflow, OverflowEvent, Priority,
    RefuseReason,
};

use crate::case::{CATEGORIES, Knobs, Sent};
use crate::observed::{Event, Pushed, SeenGap, age};
use crate::tally::Tally;

mod output;

pub(crate) use output::Out;

/// Microseconds since the start of the bus.
type Time = u128;

/// Decided: with times of 64 bits time ends after 584,000 years, and every deadline has come then.
const END: Time = if cfg!(statusbus_narrow) { Time::MAX } else { u64::MAX as Time };

#[derive(Clone, Copy)]
struct Waiting {
    sent: Sent,
    priority: Priority,
    arrival: Time,
    expiry: Option<Time>,
    /// Grows with each update that comes to a priority: the smallest is the oldest of it.
    rank: u64,
}

pub(crate) struct Naive {
    keyed: bool,
    ranked: bool,
    slots: usize,
    knobs: Knobs,
    categories: usize,
    defaults: [(Priority, Option<u64>); CATEGORIES],
    queue: Vec<Waiting>,
    ranks: u64,
    elapsed: Time,
    reading: u64,
    tally: Tally,
    /// When the update at the front came, or the first of those that were replaced there.
    front_since: Time,
    deadline: Option<Time>,
    gap_deadline: Option<Time>,
    /// A flush was requested while something was unreported.
    gap_flush: bool,
    /// The gap in front of a batch in flight.
    on_its_way: Option<SeenGap>,
    last_flush: Option<Time>,
    /// Ages in a batch count to when the last one was begun.
    began_at: Time,
    overflow_reported: Time,
    /// Overflow is over, which is not reported yet.
    overflow_over: bool,
    seq: u64,
    /// Updates that have left from the front, and up to where a flush was requested.
    left: u64,
    flush_to: u64,
    closed: bool,
    /// Batches in flight.
    open: usize,
    asleep: bool,
    wake: bool,
    peak: usize,
}

impl Naive {
    pub(crate) fn new(keyed: bool, ranked: bool, slots: usize, knobs: Knobs) -> Self {
        let mut defaults = [(Priority::Normal, None); CATEGORIES];
        defaults[Category::PROGRESS.index()].0 = Priority::Low;
        defaults[Category::ERROR.index()].0 = Priority::High;
        Self {
            keyed,
            ranked,
            slots,
            knobs,
            categories: 7,
            defaults,
            queue: Vec::new(),
            ranks: 0,
            elapsed: 0,
            reading: 0,
            tally: Tally::default(),
            front_since: 0,
            deadline: None,
            gap_deadline: None,
            gap_flush: false,
            on_its_way: None,
            last_flush: None,
            began_at: 0,
            overflow_reported: 0,
            overflow_over: false,
            seq: 0,
            left: 0,
            flush_to: 0,
            closed: false,
            open: 0,
            asleep: false,
            wake: false,
            peak: 0,
        }
    }

    fn limit(&self) -> usize {
        self.knobs.limit.min(self.slots)
    }

    fn interval(&self) -> Time {
        self.knobs.interval.into()
    }

    /// Rule 2: time is the sum of the steps forward.
    fn advance(&mut self, reading: u64) {
        self.elapsed += Time::from(reading.saturating_sub(self.reading));
        self.elapsed = self.elapsed.min(END);
        self.reading = reading;
    }

    fn is_expired(&self, waiting: &Waiting) -> bool {
        waiting.expiry.is_some_and(|expiry| expiry <= self.elapsed)
    }

    // Rules 1 and 13

    /// Answers also whether a reading of the clock was needed.
    pub(crate) fn push(&mut self, sent: Sent, reading: u64) -> (Pushed, bool) {
        let category = sent.topic.1;
        self.tally.ledger.sent += 1;
        if category >= self.categories {
            let reason = match self.closed {
                true => RefuseReason::Closed,
                false => RefuseReason::UnknownCategory,
            };
            return (self.tally.refused(sent, reason), false);
        }
        let (priority, ttl) = self.defaults[category];
        let ttl = sent.ttl.or(ttl);
        // decided: expired updates are looked for when the queue is full, so that the time is needed too
        let full = self.queue.len() >= self.limit();
        let needs_reading = self.queue.is_empty() || full || ttl.is_some();
        if needs_reading {
            self.advance(reading);
        }
        let priority =
            if sent.ends_run { Priority::High } else { sent.priority.unwrap_or(priority) };
        self.ranks += 1;
        let new = Waiting {
            sent,
            priority: if self.ranked { priority } else { Priority::Normal },
            arrival: self.elapsed,
            expiry: ttl.map(|ttl| self.elapsed + Time::from(ttl)),
            rank: self.ranks,
        };
        (self.take_in(new), needs_reading)
    }

    fn take_in(&mut self, new: Waiting) -> Pushed {
        if self.closed {
            return self.tally.refused(new.sent, RefuseReason::Closed);
        }
        // Rule 4. Decided: of several with its key the newest is the one merged with, also if it has
        // expired.
        if self.keyed && new.sent.key.is_some() {
            let same =
                |old: &Waiting| (old.sent.topic, old.sent.key) == (new.sent.topic, new.sent.key);
            if let Some(place) = self.queue.iter().rposition(same) {
                let old = self.queue[place];
                if new.priority >= old.priority && new.sent.ends_run {
                    self.remove(place);
                    self.enqueue(new);
                    return self.tally.coalesced(old.sent);
                }
                if new.priority >= old.priority {
                    // decided: one that is raised in place is the youngest of its new priority
                    let rank = if new.priority > old.priority { new.rank } else { old.rank };
                    self.queue[place] = Waiting { rank, ..new };
                    return self.tally.coalesced(old.sent);
                }
            }
        }
        if self.queue.len() < self.limit() {
            self.enqueue(new);
            return Pushed::Queued;
        }
        self.push_full(new)
    }

    // Rule 5

    fn push_full(&mut self, new: Waiting) -> Pushed {
        let refuses = self.knobs.overflow == Overflow::Reject && !self.is_expired(&new);
        if self.queue.is_empty() && !refuses {
            self.report_soon(); // without slots no batch takes the gap along
        }
        // decided: one whose TTL has ended when it comes takes no place
        if self.is_expired(&new) {
            return self.tally.expired(new.sent);
        }
        // Rule 10
        self.overflow_over = false;
        match self.tally.overflow {
            None => {
                self.tally.events.push(Event::Overflow(OverflowEvent::Started));
                self.overflow_reported = self.elapsed;
            }
            Some(lost) if self.elapsed - self.overflow_reported >= 1_000_000 => {
                self.tally.events.push(Event::Overflow(OverflowEvent::Ongoing { lost }));
                self.overflow_reported = self.elapsed;
            }
            Some(_) => {}
        }
        self.tally.overflow = Some(self.tally.overflow.unwrap_or(0) + 1);
        let (place, reason) = match self.knobs.overflow {
            Overflow::Reject => return self.tally.refused(new.sent, RefuseReason::Full),
            Overflow::DropNewest => return self.tally.dropped(new.sent, DropReason::Newest),
            Overflow::DropOldest => (0, DropReason::Oldest),
            Overflow::Evict => (self.eviction_candidate(), DropReason::Evicted),
            other => unreachable!("{other}"),
        };
        let Some(&old) = self.queue.get(place) else {
            return self.tally.dropped(new.sent, reason); // without slots
        };
        let outranked = old.priority > new.priority && !self.is_expired(&old);
        if self.knobs.overflow == Overflow::Evict && outranked {
            return self.tally.dropped(new.sent, DropReason::Outranked);
        }
        self.remove(place);
        let loss = self.lose(old, reason);
        self.enqueue(new);
        Pushed::Displaced(old.sent, loss)
    }

    /// The place of the update that goes first: among the oldest of each priority one that has expired,
    /// else the oldest of the lowest priority.
    fn eviction_candidate(&self) -> usize {
        let mut oldest = Vec::new();
        for priority in Priority::ALL {
            let of_it = (0..self.queue.len()).filter(|&at| self.queue[at].priority == priority);
            oldest.extend(of_it.min_by_key(|&at| self.queue[at].rank));
        }
        let expired = oldest.iter().find(|&&at| self.is_expired(&self.queue[at]));
        expired.or(oldest.first()).copied().unwrap_or(0)
    }

    fn enqueue(&mut self, new: Waiting) {
        if self.queue.is_empty() {
            self.front_since = new.arrival;
        }
        if self.deadline.is_none() {
            self.deadline = Some(self.deadline_of(new.arrival));
            self.request_wake();
        }
        self.queue.push(new);
        self.peak = self.peak.max(self.queue.len());
        if self.queue.len() == self.knobs.batch_size.min(self.limit()) {
            self.request_wake();
        }
    }

    fn remove(&mut self, place: usize) -> Waiting {
        let removed = self.queue.remove(place);
        if place == 0 {
            self.front_since = self.queue.first().map_or(self.elapsed, |front| front.arrival);
        }
        removed
    }

    // Rule 3

    fn deadline_of(&self, arrival: Time) -> Time {
        let latest = arrival + self.interval();
        match (self.knobs.leading, self.last_flush) {
            (Leading::Delayed, _) => latest,
            (Leading::Immediate, None) => arrival,
            (Leading::Immediate, Some(last)) => latest.min(arrival.max(last + self.interval())),
        }
    }

    /// Rule 9: a gap waits while another one is on its way.
    fn gap_may_go(&self) -> bool {
        self.tally.unreported && self.on_its_way.is_none()
    }

    fn due(&self) -> Option<FlushReason> {
        let (len, limit) = (self.queue.len(), self.limit());
        let come = |deadline: Option<Time>| deadline.is_some_and(|at| at.min(END) <= self.elapsed);
        let gap = self.gap_may_go();
        if len > 0 && (len >= self.knobs.batch_size || len >= limit) {
            Some(FlushReason::Full)
        } else if len > 0 && self.left < self.flush_to || gap && self.gap_flush {
            Some(FlushReason::Flush)
        } else if self.closed && (len > 0 || gap) {
            Some(FlushReason::Close)
        } else if come(self.deadline) || gap && come(self.gap_deadline) {
            Some(FlushReason::Interval)
        } else {
            None
        }
    }

    /// When it next wants to be polled, in elapsed time; zero: at once.
    pub(crate) fn wanted(&self) -> Option<Time> {
        match self.due() {
            Some(FlushReason::Full | FlushReason::Flush | FlushReason::Close) => Some(0),
            _ => self.next_deadline(),
        }
    }

    fn next_deadline(&self) -> Option<Time> {
        let gap = self.gap_deadline.filter(|_| self.gap_may_go());
        let report = self.overflow_over.then_some(self.overflow_reported + 1_000_000);
        self.deadline.into_iter().chain(gap).chain(report).min().map(|at| at.min(END))
    }

    /// Decided: the end of an overflow is not reported within a second of the last report, but for that of
    /// a closed bus.
    fn report_overflow_end(&mut self) {
        let is_early =
            self.elapsed - self.overflow_reported < 1_000_000 && self.elapsed < END && !self.closed;
        if self.overflow_over
            && !is_early
            && let Some(lost) = self.tally.overflow.take()
        {
            self.overflow_over = false;
            self.overflow_reported = self.elapsed;
            self.tally.events.push(Event::Overflow(OverflowEvent::Ended { lost }));
        }
    }

    pub(crate) fn poll_at(&self) -> Option<u64> {
        self.wanted().map(|at| self.reading_at(at))
    }

    fn reading_at(&self, at: Time) -> u64 {
        let ahead = at.saturating_sub(self.elapsed);
        self.reading.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX))
    }

    // Rule 11

    pub(crate) fn reconfigure(&mut self, knobs: Knobs, reading: u64) -> Vec<(Sent, Loss)> {
        self.advance(reading);
        self.knobs = knobs;
        let mut left = Vec::new();
        while self.queue.len() > self.limit() {
            let place = match knobs.overflow {
                Overflow::Evict => self.eviction_candidate(),
                Overflow::DropOldest => 0,
                Overflow::DropNewest | Overflow::Reject => self.queue.len() - 1,
                other => unreachable!("{other}"),
            };
            let old = self.remove(place);
            left.push((old.sent, self.lose(old, DropReason::Shrunk)));
        }
        // rule 3: nothing waits longer than the interval, counted from the arrival of the oldest
        if !self.queue.is_empty() {
            let latest = self.front_since + self.interval();
            self.deadline = self.deadline.map(|at| at.min(latest));
        }
        let latest = self.elapsed + self.interval();
        self.gap_deadline = self.gap_deadline.map(|at| at.min(latest));
        self.request_wake();
        left
    }

    pub(crate) fn reconfigure_category(
        &mut self,
        category: usize,
        priority: Priority,
        ttl: Option<u64>,
    ) {
        if let Some(defaults) = self.defaults.get_mut(category) {
            *defaults = (priority, ttl);
        }
    }

    pub(crate) fn set_categories(&mut self, categories: usize) {
        self.categories = categories.clamp(7, CATEGORIES);
    }

    pub(crate) fn refuse(&mut self, reason: RefuseReason) {
        self.tally.ledger.sent += 1;
        self.tally.refuse(reason);
    }

    pub(crate) fn take_wake(&mut self) -> bool {
        std::mem::take(&mut self.wake)
    }

    /// Queued, the peak since the last call, and how long readers have waited for the front.
    pub(crate) fn depth(&mut self) -> (usize, usize, u64) {
        let oldest = if self.queue.is_empty() { 0 } else { self.elapsed - self.front_since };
        let peak = std::mem::replace(&mut self.peak, self.queue.len());
        (self.queue.len(), peak, micros(oldest))
    }

    pub(crate) fn ledger(&self) -> Ledger {
        let mut ledger = self.tally.ledger;
        ledger.queued = self.queue.len() as u64;
        ledger
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.closed && self.queue.is_empty() && !self.tally.unreported && self.open == 0
    }

    pub(crate) fn is_overflowing(&self) -> bool {
        self.tally.overflow.is_some() && !self.overflow_over
    }

    pub(crate) fn queued(&self) -> impl Iterator<Item = u32> {
        self.queue.iter().map(|waiting| waiting.sent.id)
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.tally.events)
    }

    fn request_wake(&mut self) {
        self.wake |= self.asleep;
        self.asleep = false;
    }

    /// Decided: an expired update that has to leave counts as expired.
    fn lose(&mut self, old: Waiting, reason: DropReason) -> Loss {
        let loss = if self.is_expired(&old) { Loss::Expired } else { Loss::Dropped(reason) };
        self.tally.lost(Some(old.sent.topic), loss);
        loss
    }
}

/// An age as it is compared.
fn micros(span: Time) -> u64 {
    age(u64::try_from(span).unwrap_or(u64::MAX))
}
