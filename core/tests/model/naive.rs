//! The rules of DESIGN.md, section 3, as plainly as they can be written: one list, searched from
//! end to end, and times as numbers. What the rules leave open is marked "decided".

use statusbus_core::{
    Category, DropReason, FlushReason, Leading, Ledger, Loss, Overflow, OverflowEdge, Priority,
    RefuseReason,
};

use crate::said::{CATEGORIES, Facts, Knobs};
use crate::seen::{Became, Heard};
use crate::tally::Tally;

mod output;

/// Where time stands still, and everything is due. What would expire behind it never does.
const END: u64 = (1 << 62) - 1;

#[derive(Clone, Copy)]
struct Waiting {
    facts: Facts,
    priority: Priority,
    arrival: u64,
    /// When the first of those came that it has replaced, one after the other.
    since: u64,
    expiry: Option<u64>,
    /// Grows with each update that comes to a priority: the smallest is the oldest of it.
    age: u64,
}

pub(crate) struct Naive {
    keyed: bool,
    ranked: bool,
    slots: usize,
    knobs: Knobs,
    categories: usize,
    defaults: [(Priority, Option<u64>); CATEGORIES],
    queue: Vec<Waiting>,
    ages: u64,
    elapsed: u64,
    reading: u64,
    tally: Tally,
    deadline: Option<u64>,
    gap_deadline: Option<u64>,
    /// A flush has asked for the gap.
    gap_flush: bool,
    last_flush: Option<u64>,
    seq: u64,
    /// Updates that have left from the front, and up to where a flush was asked for.
    left: u64,
    flush_to: u64,
    closed: bool,
    /// Batches that are in flight.
    unsettled: usize,
    asleep: bool,
    wake: bool,
    peak: usize,
}

impl Naive {
    pub(crate) fn new(keyed: bool, ranked: bool, slots: usize, knobs: Knobs) -> Self {
        let mut defaults = [(Priority::State, None); CATEGORIES];
        defaults[Category::PROGRESS.index()].0 = Priority::Progress;
        defaults[Category::ERROR.index()].0 = Priority::Terminal;
        Self {
            keyed,
            ranked,
            slots,
            knobs,
            categories: 7,
            defaults,
            queue: Vec::new(),
            ages: 0,
            elapsed: 0,
            reading: 0,
            tally: Tally::default(),
            deadline: None,
            gap_deadline: None,
            gap_flush: false,
            last_flush: None,
            seq: 0,
            left: 0,
            flush_to: 0,
            closed: false,
            unsettled: 0,
            asleep: false,
            wake: false,
            peak: 0,
        }
    }

    fn limit(&self) -> usize {
        self.knobs.limit.min(self.slots)
    }

    /// Rule 2: time is the sum of the steps forward.
    fn advance(&mut self, reading: u64) {
        // decided: time ends after 146,000 years
        let elapsed = self.elapsed.saturating_add(reading.saturating_sub(self.reading));
        self.elapsed = elapsed.min(END);
        self.reading = reading;
    }

    fn is_expired(&self, waiting: &Waiting) -> bool {
        waiting.expiry.is_some_and(|expiry| expiry <= self.elapsed)
    }

    // Rule 1

    pub(crate) fn push(&mut self, facts: Facts, reading: u64) -> Became {
        self.advance(reading);
        self.take_in(facts)
    }

    /// Rule 13: the reading is only taken if it is needed. Says whether it was.
    pub(crate) fn offer(&mut self, facts: Facts, reading: u64) -> (Became, bool) {
        let known = facts.about.1 < self.categories;
        let needed = known && self.last_reading(&facts).is_none();
        if needed {
            self.advance(reading);
        }
        (self.take_in(facts), needed)
    }

    fn take_in(&mut self, facts: Facts) -> Became {
        self.tally.ledger.sent += 1;
        if self.closed {
            return self.tally.refused(facts, RefuseReason::Closed);
        }
        if facts.about.1 >= self.categories {
            return self.tally.refused(facts, RefuseReason::UnknownCategory);
        }
        let (priority, ttl) = self.defaults[facts.about.1];
        let priority = facts.priority.unwrap_or(priority);
        let priority = if self.ranked { priority } else { Priority::State };
        let expiry = facts.ttl.or(ttl).and_then(|ttl| self.elapsed.checked_add(ttl));
        // decided: what would expire at the end of time never does
        let expiry = expiry.filter(|&expiry| expiry < u64::MAX);
        self.ages += 1;
        let (arrival, age) = (self.elapsed, self.ages);
        let new = Waiting { facts, priority, arrival, since: arrival, expiry, age };
        // Rule 4. Decided: of several with its key the newest is the one merged with, also if it
        // has expired.
        if self.keyed && facts.key.is_some() {
            let same = |old: &Waiting| (old.facts.about, old.facts.key) == (facts.about, facts.key);
            if let Some(place) = self.queue.iter().rposition(same) {
                let old = self.queue[place];
                if priority == Priority::Terminal {
                    self.queue.remove(place);
                    self.join(new);
                    return self.tally.coalesced(old.facts);
                }
                if priority >= old.priority {
                    // decided: one that is raised in place is the youngest of its new priority
                    let age = if priority > old.priority { new.age } else { old.age };
                    // decided: behind the front the core knows the last 71 minutes
                    let known = arrival.saturating_sub(u64::from(u32::MAX));
                    let since = if place == 0 { old.since } else { old.since.max(known) };
                    self.queue[place] = Waiting { age, since, ..new };
                    return self.tally.coalesced(old.facts);
                }
            }
        }
        if self.queue.len() < self.limit() {
            self.join(new);
            return Became::Queued;
        }
        self.push_full(new)
    }

    // Rule 5

    fn push_full(&mut self, new: Waiting) -> Became {
        // decided: one whose life is over when it comes takes nobody's place
        if self.is_expired(&new) {
            return self.tally.expired(new.facts);
        }
        if self.tally.overflow.is_none() {
            self.tally.heard.push(Heard::Overflow(OverflowEdge::Started));
        }
        self.tally.overflow = Some(self.tally.overflow.unwrap_or(0) + 1);
        let (place, reason) = match self.knobs.overflow {
            Overflow::Reject => return self.tally.refused(new.facts, RefuseReason::Full),
            Overflow::DropNewest => return self.tally.dropped(new.facts, DropReason::Newest),
            Overflow::DropOldest => (0, DropReason::Oldest),
            Overflow::Evict => (self.least(), DropReason::Evicted),
        };
        let Some(&old) = self.queue.get(place) else {
            return self.tally.dropped(new.facts, reason); // without slots
        };
        let outranked = old.priority > new.priority && !self.is_expired(&old);
        if self.knobs.overflow == Overflow::Evict && outranked {
            return self.tally.dropped(new.facts, DropReason::Outranked);
        }
        self.queue.remove(place);
        let loss = self.lose(old, reason);
        self.join(new);
        Became::Displaced(old.facts, loss)
    }

    /// The place of what goes first: of the oldest of each priority one that has expired, else the
    /// oldest of the lowest priority.
    fn least(&self) -> usize {
        let mut oldest = Vec::new();
        for priority in Priority::ALL {
            let of_it = (0..self.queue.len()).filter(|&at| self.queue[at].priority == priority);
            oldest.extend(of_it.min_by_key(|&at| self.queue[at].age));
        }
        let expired = oldest.iter().find(|&&at| self.is_expired(&self.queue[at]));
        expired.or(oldest.first()).copied().unwrap_or(0)
    }

    fn join(&mut self, new: Waiting) {
        if self.deadline.is_none() {
            self.deadline = Some(self.deadline_of(new.arrival));
            self.rouse();
        }
        self.queue.push(new);
        self.peak = self.peak.max(self.queue.len());
        if self.queue.len() == self.knobs.batch_size.min(self.limit()) {
            self.rouse();
        }
    }

    // Rule 3

    fn deadline_of(&self, arrival: u64) -> u64 {
        let latest = arrival.saturating_add(self.knobs.interval);
        match (self.knobs.leading, self.last_flush) {
            (Leading::Delayed, _) => latest,
            (Leading::Immediate, None) => arrival,
            (Leading::Immediate, Some(last)) => {
                latest.min(arrival.max(last.saturating_add(self.knobs.interval)))
            }
        }
    }

    fn due(&self) -> Option<FlushReason> {
        let (len, limit) = (self.queue.len(), self.limit());
        let come = |deadline: Option<u64>| deadline.is_some_and(|at| at.min(END) <= self.elapsed);
        let waits = len > 0 || self.tally.untold;
        if len > 0 && (len >= self.knobs.batch_size || len >= limit) {
            Some(FlushReason::Full)
        } else if len > 0 && self.left < self.flush_to || self.tally.untold && self.gap_flush {
            Some(FlushReason::Flush)
        } else if self.closed && waits {
            Some(FlushReason::Close)
        } else if come(self.deadline) || self.tally.untold && come(self.gap_deadline) {
            Some(FlushReason::Interval)
        } else {
            None
        }
    }

    /// When it next wants to be polled, in elapsed time; the beginning of time: at once.
    pub(crate) fn wanted(&self) -> Option<u64> {
        match self.due() {
            Some(FlushReason::Full | FlushReason::Flush | FlushReason::Close) => Some(0),
            _ => {
                let gap = self.gap_deadline.filter(|_| self.tally.untold);
                self.deadline.into_iter().chain(gap).min().map(|at| at.min(END))
            }
        }
    }

    pub(crate) fn poll_at(&self) -> Option<u64> {
        let wanted = self.wanted()?;
        Some(self.reading.saturating_add(wanted.saturating_sub(self.elapsed)))
    }

    // Rule 11

    pub(crate) fn reconfigure(&mut self, knobs: Knobs, reading: u64) -> Vec<(Facts, Loss)> {
        self.advance(reading);
        self.knobs = knobs;
        let mut left = Vec::new();
        while self.queue.len() > self.limit() {
            let place = match knobs.overflow {
                Overflow::Evict => self.least(),
                Overflow::DropOldest => 0,
                Overflow::DropNewest | Overflow::Reject => self.queue.len() - 1,
            };
            let old = self.queue.remove(place);
            left.push((old.facts, self.lose(old, DropReason::Shrunk)));
        }
        // rule 3: nothing waits longer than the interval, counted from the arrival of the oldest
        if let Some(oldest) = self.queue.first() {
            let latest = oldest.since.saturating_add(knobs.interval);
            self.deadline = self.deadline.map(|at| at.min(latest));
        }
        let latest = self.elapsed.saturating_add(knobs.interval);
        self.gap_deadline = self.gap_deadline.map(|at| at.min(latest));
        self.rouse();
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

    /// Queued, the peak since the last call, and how long the place at the front has been taken.
    pub(crate) fn depth(&mut self) -> (usize, usize, u64) {
        let oldest = self.queue.first().map_or(0, |oldest| self.elapsed - oldest.since);
        let peak = std::mem::replace(&mut self.peak, self.queue.len());
        (self.queue.len(), peak, oldest)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger { queued: self.queue.len() as u64, ..self.tally.ledger }
    }

    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.closed && self.queue.is_empty() && !self.tally.untold && self.unsettled == 0
    }

    pub(crate) fn is_overflowing(&self) -> bool {
        self.tally.overflow.is_some()
    }

    pub(crate) fn queued(&self) -> impl Iterator<Item = u32> {
        self.queue.iter().map(|waiting| waiting.facts.id)
    }

    /// Rule 13
    pub(crate) fn last_reading(&self, facts: &Facts) -> Option<u64> {
        let ttl = self.defaults.get(facts.about.1).and_then(|defaults| defaults.1);
        // decided: who finds the queue full looks for what has expired, and so needs the time too
        let full = self.queue.len() >= self.limit();
        let fresh = self.queue.is_empty() || full || facts.ttl.or(ttl).is_some();
        (!fresh).then_some(self.reading)
    }

    pub(crate) fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.tally.heard)
    }

    fn rouse(&mut self) {
        self.wake |= self.asleep;
        self.asleep = false;
    }

    /// Decided: what has to leave and has expired counts as expired.
    fn lose(&mut self, old: Waiting, reason: DropReason) -> Loss {
        let expired = self.is_expired(&old);
        let loss = if expired { Loss::Expired } else { Loss::Dropped(reason) };
        self.tally.lost(Some(old.facts.about), loss);
        loss
    }
}
